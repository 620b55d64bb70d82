"""A run's note: what the verdicts of its tasks make of the note that is there."""

from collections.abc import Sequence
from dataclasses import dataclass

AUTHOR = "plugin:bert_service"
"""Airflow's ``user_id`` of notes that are all ours. An edit in the UI or by the API makes the editor the author."""
LONGEST = 1000
"""Characters that Airflow keeps of a note."""
SHORTEST = 80
"""Fewer characters beside somebody's text are not used."""

_GAP = "\n\n"  # the UI shows notes as Markdown, where a single line end is a space


@dataclass(frozen=True)
class RunNote:
    """The note of a DAG run, as Airflow keeps it."""

    content: str
    author: str | None


@dataclass(frozen=True)
class RunNoteLine:
    """What a task has to say of its run."""

    task_id: str
    map_index: int
    """-1 for a task that is not mapped."""
    text: str

    def __str__(self) -> str:
        task = self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"
        return " ".join(f"{task}: {self.text}".split())


def note_with(before: RunNote | None, verdicts: Sequence[RunNoteLine]) -> RunNote | None:
    """Put verdicts on a note.

    A note of ours is written anew, so that it tells of the last try of each task. Somebody else's text is kept as it
    is: verdicts that it does not have yet are added below, shortened to the room that is left; where there is none, the
    note stays as it was.

    Args:
        before: The note that is there.
        verdicts: The verdicts, in the order in which they came.

    Returns:
        The note that there should be, of 1,000 characters at most; None: none.
    """
    text = _GAP.join(map(str, verdicts))
    if before is None or not before.content or before.author == AUTHOR:
        return RunNote(_shortened(text, LONGEST), AUTHOR) if text else None
    room = LONGEST - len(before.content) - len(_GAP)
    if not text or text in before.content or room < SHORTEST:
        return before
    return RunNote(before.content + _GAP + _shortened(text, room), before.author)


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"
