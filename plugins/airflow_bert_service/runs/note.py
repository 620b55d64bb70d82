"""Makes a run's note: data date and pipeline version when it begins, and the verdicts of its tasks when it ends."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_bert_service.markdown import escaped

AUTHOR = "plugin:bert_service"
"""Airflow's ``user_id`` of notes that are all ours. An edit in the UI or by the API makes the editor the author."""
LONGEST = 1000
"""Characters that Airflow keeps of a note."""
SHORTEST = 80
"""Fewer characters beside somebody's text are not used."""

REFUSED = "refused: "
"""What the note of a run begins with whose conf cannot be used."""

_GAP = "\n\n"  # the UI shows notes as Markdown, where a single line end is a space
_DATA_DATE = "data date: "
_COMPARED = 200  # characters of a reason by which a verdict that has it is recognised: tasks cut long ones off


@dataclass(frozen=True)
class RunNote:
    """The note of a DAG run, as Airflow keeps it."""

    content: str
    author: str | None


@dataclass(frozen=True)
class RunNoteLine:
    """A task's line for the run's note."""

    task_id: str
    map_index: int
    """-1 for a task that is not mapped."""
    text: str

    def __str__(self) -> str:
        task = self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"
        # Comments of people and texts of data are among them, and the UI shows notes as Markdown.
        return f"{task}: {escaped(self.text)}"


def dated(day: dt.date, sources: str = "") -> str:
    """Return what the note of a run with a data date begins with.

    Args:
        day: The run's data date.
        sources: The version of the sources that it uses, in words; empty: it is not known.
    """
    return "; ".join(filter(None, [f"{_DATA_DATE}{day}", sources]))


def note_of_beginning(before: RunNote | None, text: str) -> RunNote:
    """Put what is known of a run at its beginning into its note.

    A note that this plugin wrote is replaced: its verdicts are of tries before. A user's text is kept, and the line is
    added below where there is space for it.

    Args:
        before: The run's current note; None: it has none.
        text: The data date and the pipeline version (:func:`dated`), or :data:`REFUSED` and why the run will fail, as
            Markdown.

    Returns:
        The new note, of 1,000 characters at most.
    """
    text = _shortened(text, LONGEST)
    if before is None or _is_ours(before):
        return RunNote(text, AUTHOR)
    if text in before.content or len(before.content) + len(_GAP) + len(text) > LONGEST:
        return before
    return RunNote(before.content + _GAP + text, before.author)


def note_with(before: RunNote | None, verdicts: Sequence[RunNoteLine]) -> RunNote | None:
    """Merge verdicts into a note.

    A note that this plugin wrote is replaced, so that it has the last try of each task; only the line of the beginning
    stays: the data date, and why the run was refused where no verdict says so. A user's text is kept: verdicts that it
    does not have yet are added below, shortened to the space that is left; where there is none, the note stays as it
    was.

    Args:
        before: The run's current note.
        verdicts: The verdicts, in the order in which they came.

    Returns:
        The new note, of 1,000 characters at most; None: the run has no note.
    """
    text = _GAP.join(map(str, verdicts))
    if before is None or _is_ours(before):
        parts = before.content.split(_GAP) if before else []
        dates = [part for part in parts if part.startswith(_DATA_DATE)][:1]
        unsaid = [part for part in parts[:1] if _is_unsaid(part, text)]
        # The verdicts come first: a run's page in the UI shows the first line of its note, and no other.
        shown = _shortened(
            _GAP.join([*unsaid, *filter(None, [text])]), LONGEST - sum(len(_GAP) + len(part) for part in dates)
        )
        whole = _GAP.join([*filter(None, [shown]), *dates])
        return RunNote(whole, AUTHOR) if whole else None
    room = LONGEST - len(before.content) - len(_GAP)
    if not text or text in before.content or room < SHORTEST:
        return before
    return RunNote(before.content + _GAP + _shortened(text, room), before.author)


def _is_unsaid(heading: str, verdicts: str) -> bool:
    """Whether a note's first part says why the run was refused, and no verdict does."""
    return heading.startswith(REFUSED) and heading.removeprefix(REFUSED)[:_COMPARED] not in verdicts


def _is_ours(note: RunNote) -> bool:
    return not note.content or note.author == AUTHOR


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"
