"""What the data date and verdicts make of a run's note."""

import datetime as dt

from airflow_bert_service.runs.note import (
    AUTHOR,
    LONGEST,
    REFUSED,
    SHORTEST,
    RunNote,
    RunNoteLine,
    dated,
    note_of_beginning,
    note_with,
)
from hypothesis import given
from hypothesis import strategies as st

BLOCKED = RunNoteLine("ExampleValidator", -1, "blocked: 12 of 300 reviews have no text")
LINE = "ExampleValidator: blocked: 12 of 300 reviews have no text"
DAY = dated(dt.date(2026, 11, 5))
PROMOTED = RunNoteLine("notify_promotion", -1, "promoted: version 3")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=1200)
verdicts = st.lists(st.builds(RunNoteLine, st.just("Task"), st.integers(-1, 3), texts), max_size=3)
human_notes = st.builds(RunNote, st.text(min_size=1, max_size=LONGEST), st.sampled_from([None, "anna"]))


def test_a_run_without_verdicts_gets_no_note() -> None:
    assert note_with(None, []) is None


def test_a_verdict_is_a_line_that_names_its_task() -> None:
    assert note_with(None, [BLOCKED]) == RunNote(LINE, AUTHOR)
    assert str(RunNoteLine("Trainer", 2, "blocked:\n  no\tdata")) == "Trainer[2]: blocked: no data"


def test_a_verdict_with_somebody_s_words_loads_nothing_and_leads_nowhere() -> None:
    said = "blocked: rejected by anna: ![](https://other.example/a.png) <b>[here](https://other.example)</b>"
    shown = "blocked: rejected by anna: !\\[\\](https://other.example/a.png) \\<b\\>\\[here\\](https://other.example)\\</b\\>"
    assert str(RunNoteLine("notify_promotion", -1, said)) == f"notify_promotion: {shown}"


def test_verdicts_keep_their_order() -> None:
    note = note_with(None, [BLOCKED, PROMOTED])
    assert note is not None
    assert note.content.splitlines() == [LINE, "", "notify_promotion: promoted: version 3"]


def test_a_note_of_ours_tells_of_the_last_try_only() -> None:
    first = note_with(None, [BLOCKED])
    assert note_with(first, [PROMOTED]) == RunNote("notify_promotion: promoted: version 3", AUTHOR)
    assert note_with(first, []) is None


def test_a_run_that_begins_has_its_data_date_and_keeps_it_below_the_verdicts() -> None:
    begun = note_of_beginning(None, DAY)
    assert begun == RunNote("data date: 2026-11-05", AUTHOR)
    ended = note_with(begun, [BLOCKED])
    assert ended == RunNote(f"{LINE}\n\ndata date: 2026-11-05", AUTHOR)
    assert note_with(ended, [PROMOTED]) == RunNote(
        "notify_promotion: promoted: version 3\n\ndata date: 2026-11-05", AUTHOR
    )
    assert note_with(ended, []) == begun
    assert note_of_beginning(ended, DAY) == begun, "it was cleared, and runs again"


def test_the_line_of_the_beginning_names_the_version_of_the_sources() -> None:
    begun = note_of_beginning(None, dated(dt.date(2026, 11, 5), "pipeline version: 18e906e37d2adc3c"))
    line = "data date: 2026-11-05; pipeline version: 18e906e37d2adc3c"
    assert begun == RunNote(line, AUTHOR)
    assert note_with(begun, [BLOCKED]) == RunNote(f"{LINE}\n\n{line}", AUTHOR)


def test_a_run_that_is_going_to_fail_says_why_until_its_tasks_do() -> None:
    begun = note_of_beginning(None, f"{REFUSED}no such parameter")
    assert begun == RunNote("refused: no such parameter", AUTHOR)
    failed = RunNoteLine("notify_promotion", -1, "failed: task refresh_data failed: no such parameter")
    assert note_with(begun, [failed]) == RunNote(str(failed), AUTHOR)
    assert note_with(begun, [BLOCKED]) == RunNote(f"refused: no such parameter\n\n{LINE}", AUTHOR)
    assert len(note_of_beginning(None, REFUSED + "x" * 2000).content) == LONGEST


def test_a_long_verdict_leaves_space_for_the_data_date() -> None:
    ended = note_with(note_of_beginning(None, DAY), [RunNoteLine("Trainer", -1, "x" * LONGEST)])
    assert ended is not None
    assert len(ended.content) == LONGEST
    assert ended.content.endswith("x…\n\ndata date: 2026-11-05")


def test_the_data_date_comes_below_somebody_elses_text_once_where_there_is_space() -> None:
    begun = note_of_beginning(RunNote("Try this day.", "anna"), DAY)
    assert begun == RunNote("Try this day.\n\ndata date: 2026-11-05", "anna")
    assert note_of_beginning(begun, DAY) == begun
    assert note_with(begun, [BLOCKED]) == RunNote(f"Try this day.\n\ndata date: 2026-11-05\n\n{LINE}", "anna")
    full = RunNote("x" * (LONGEST - 10), "anna")
    assert note_of_beginning(full, DAY) == full


def test_somebody_elses_text_stays_and_the_verdict_comes_below_once() -> None:
    before = RunNote("Tried again after the outage.", "anna")
    after = note_with(before, [BLOCKED])
    assert after == RunNote(f"Tried again after the outage.\n\n{LINE}", "anna")
    assert note_with(after, [BLOCKED]) == after
    assert note_with(after, []) == after


def test_an_emptied_note_is_nobodys() -> None:
    assert note_with(RunNote("", "anna"), [BLOCKED]) == RunNote(LINE, AUTHOR)


def test_a_note_that_is_almost_full_stays_as_it_is() -> None:
    full = RunNote("x" * (LONGEST - SHORTEST - 1), "anna")
    assert note_with(full, [BLOCKED]) == full


@given(human_notes, verdicts)
def test_nothing_that_somebody_wrote_is_lost_and_the_note_is_never_too_long(
    before: RunNote, said: list[RunNoteLine]
) -> None:
    after = note_with(before, said)
    assert after is not None
    assert after.content.startswith(before.content)
    assert after.author == before.author
    assert len(after.content) <= LONGEST
    assert note_with(after, said) == after


@given(verdicts)
def test_our_own_note_fits_and_begins_with_the_first_verdict(said: list[RunNoteLine]) -> None:
    note = note_with(None, said)
    assert (note is None) is (not said)
    if note is not None:
        assert len(note.content) <= LONGEST
        assert note.content.startswith(str(said[0])[: LONGEST - 1].rstrip())
