"""What one retention may remove at most, and clocks that cannot be right."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.promotion.conftest import Site, site
from tests.tfx_modules.retention.records import DAY, KEEP_ALL, NOW, Records, places, tree
from tests.tfx_modules.retention.test_command import request, run
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.limits import FEW, Newest, clock_objection, share_objection
from tfx_modules.retention.plan import Item, ItemKind
from tfx_modules.retention.request import RetentionRules
from tfx_modules.retention.retention import retain

__all__ = ["site"]

HALF = replace(KEEP_ALL, keep_artifact_days=30, keep_max_removed_share=0.5)


def _item(kind: ItemKind, count: int) -> Item:
    return Item(kind=kind, name="something", age=DAY, size=1, reason="because", count=count)


@given(
    going=st.dictionaries(st.sampled_from(ItemKind), st.integers(1, 40)),
    staying=st.integers(0, 40),
    share=st.floats(0.01, 1.0),
)
def test_a_plan_is_objected_to_exactly_where_a_kind_exceeds_the_share_and_is_no_few(
    going: dict[ItemKind, int], staying: int, share: float
) -> None:
    items = [_item(kind, count) for kind, count in going.items()]
    totals = {kind: count + staying for kind, count in going.items()}

    text = share_objection(items, totals, replace(KEEP_ALL, keep_max_removed_share=share))

    for kind, count in going.items():
        assert (f"{kind.value} {count} of {count + staying}" in text) == (
            count > FEW and count > share * (count + staying)
        )


def _runs(records: Records, old: int, young: int) -> None:
    for number in range(old):
        records.node("Gen", f"old-{number}", age=40)
    for number in range(young):
        records.node("Gen", f"young-{number}", age=1)


def test_more_than_the_share_is_refused_with_the_counts_and_nothing_goes(records: Records, tmp_path: Path) -> None:
    _runs(records, old=12, young=11)
    before = tree(tmp_path)

    with pytest.raises(RetentionError) as caught:
        retain(HALF, places(tmp_path), dry_run=False, now=NOW)

    assert str(caught.value) == (
        "more would go at once than keep_max_removed_share = 0.5 allows: run 12 of 23; allowed: that share of a kind, "
        "or 10. Nothing was removed. Look at what would go with `bert-service retention --dry-run`; where all of it "
        "may go, add --max-removed-share 1.0 (in the form of the DAG: max_removed_share)."
    )
    assert tree(tmp_path) == before
    assert len(records.executions()) == 23


def test_a_dry_run_shows_what_would_go_and_what_is_objected_to(records: Records, tmp_path: Path) -> None:
    _runs(records, old=12, young=11)

    would = retain(HALF, places(tmp_path), dry_run=True, now=NOW)

    assert len(would.items) == 12
    assert would.objections[0].startswith("more would go at once than keep_max_removed_share = 0.5 allows: run 12 of")


def test_the_share_itself_may_go_and_by_hand_all_of_it(records: Records, tmp_path: Path) -> None:
    _runs(records, old=12, young=12)
    assert len(retain(HALF, places(tmp_path), dry_run=True, now=NOW).objections) == 0
    all_of_it = replace(HALF, keep_max_removed_share=1.0)

    gone = retain(replace(all_of_it, keep_artifact_days=1), places(tmp_path), dry_run=False, now=NOW, trust_clock=True)

    assert len(gone.items) == 24


def test_a_few_things_may_all_go(records: Records, tmp_path: Path) -> None:
    _runs(records, old=FEW, young=0)
    records.node("Gen", "running", age=1)

    assert len(retain(HALF, places(tmp_path), dry_run=False, now=NOW).items) == FEW


def test_days_of_reviews_and_logs_are_counted_by_versions_and_files(tmp_path: Path) -> None:
    for day in range(1, 7):
        for version in (1, 2):
            (tmp_path / "spans" / f"2026-01-{day:02}" / f"v{version}").mkdir(parents=True)
    for number in range(11):
        log = tmp_path / "logs" / "dag_id=bert" / "old" / f"attempt={number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("a line")
        os.utime(log, ((NOW - 40 * DAY).timestamp(),) * 2)
    rules = replace(HALF, keep_span_days=90, keep_log_days=30)
    later = NOW + 400 * DAY

    (text,) = retain(rules, places(tmp_path), dry_run=True, now=later, trust_clock=True).objections

    assert "span 12 of 12, log 11 of 11" in text


DAYS = RetentionRules(
    keep_versions=5,
    keep_span_days=0,
    keep_span_versions=0,
    keep_artifact_days=30,
    keep_score_days=0,
    keep_log_days=40,
    keep_max_removed_share=0.5,
)
NOTHING = Newest(event=None, execution=None, span=None)


@pytest.mark.parametrize(
    ("newest", "message"),
    [
        (NOTHING, ""),
        (replace(NOTHING, event=NOW + dt.timedelta(minutes=9)), ""),
        (replace(NOTHING, event=NOW + dt.timedelta(minutes=11)), "the newest event of the ledger was written at"),
        (replace(NOTHING, execution=NOW + dt.timedelta(hours=23)), ""),
        (replace(NOTHING, execution=NOW + dt.timedelta(hours=25)), "the newest execution in ML Metadata was written"),
        (replace(NOTHING, span=NOW + 400 * DAY), "the newest day of reviews was written at"),
        (replace(NOTHING, event=NOW - 400 * DAY, span=NOW - 39 * DAY), ""),
        (
            replace(NOTHING, event=NOW - 400 * DAY, span=NOW - 41 * DAY),
            "nothing was written since the newest day of reviews at",
        ),
    ],
)
def test_a_clock_that_jumped_is_told(newest: Newest, message: str) -> None:
    text = clock_objection(newest, DAYS, NOW)

    assert text.startswith(message)
    assert bool(text) == bool(message)
    if text:
        assert f"this machine's clock says {NOW:%Y-%m-%d %H:%M} UTC. Nothing was removed. Correct the clock" in text
        assert text.endswith("run `bert-service retention --trust-clock` (in the form of the DAG: trust_clock).")


def test_without_ages_nothing_goes_by_age_and_a_long_pause_is_none_of_the_clocks() -> None:
    assert clock_objection(replace(NOTHING, event=NOW - 4000 * DAY), KEEP_ALL, NOW) == ""


@pytest.mark.parametrize("days", [-400, 400])
def test_with_a_clock_that_jumped_nothing_goes_until_somebody_trusts_it(
    site: Site, records: Records, tmp_path: Path, days: int
) -> None:
    records.node("Gen", "run-4-a", age=1)
    for day in (1, 2, 3, 4):
        site.promote(site.candidate(day))
    where = replace(places(tmp_path), ledger=f"sqlite:///{tmp_path}/ledger/ledger.db")
    rules, now = replace(HALF, keep_versions=1), NOW + days * DAY
    before = tree(tmp_path)

    with pytest.raises(RetentionError, match=r"Nothing was removed\. Correct the clock"):
        retain(rules, where, dry_run=False, now=now)

    assert tree(tmp_path) == before
    assert [item.name for item in retain(rules, where, dry_run=False, now=now, trust_clock=True).items] == [
        "2026110101"
    ]


def test_the_command_takes_both_exceptions_by_hand(records: Records, tmp_path: Path) -> None:
    _runs(records, old=12, young=0)
    text = request(tmp_path)

    refused = run(text)
    shown = run(text, "--dry-run")
    clock = run(text, "--max-removed-share", "1.0")
    done = run(text, "--max-removed-share", "1.0", "--trust-clock")

    (line,) = refused.stderr.splitlines()
    assert (refused.returncode, clock.returncode) == (1, 1)
    assert "run 12 of 12" in line
    assert "--trust-clock" in line
    assert shown.stdout.count("Retention would refuse to: ") == 2
    assert "more would go" not in clock.stderr
    assert "Removed: run 12" in done.stdout


@pytest.mark.parametrize("share", ["0", "1.5", "half"])
def test_another_share_is_a_wrong_argument(tmp_path: Path, share: str) -> None:
    done = run(request(tmp_path), "--max-removed-share", share)

    assert done.returncode == 2
    assert "--max-removed-share" in done.stderr


def test_the_command_adopts_and_prints_before_and_after(site: Site, tmp_path: Path) -> None:
    site.promote(site.candidate(1))
    (tmp_path / "spans").mkdir()
    text = request(tmp_path, ledger=f"sqlite:///{tmp_path}/ledger/ledger.db")
    with site.ledger.exclusive() as held:
        mine = str(held.environment.id)

    would, done = run(text, "adopt", "--dry-run"), run(text, "adopt")

    assert would.stdout.splitlines()[-1] == "Nothing was changed."
    assert done.stdout.splitlines() == [
        f"{'BEFORE':<36}  {'AFTER':<36}  PLACE",
        f"{mine}  {mine}  the ledger at sqlite:///{tmp_path}/ledger/ledger.db",
        f"{mine}  {mine}  the folder {tmp_path}/models/bert",
        f"{'not there':<36}  {'at its first use':<36}  the folder {tmp_path}/pipeline",
        f"{'none':<36}  {mine}  the folder {tmp_path}/spans",
        f"{'not there':<36}  {'at its first use':<36}  the ML Metadata store at sqlite:///{tmp_path}/mlmd.db",
        "",
        "These places are of one environment now.",
    ]
    assert (tmp_path / "spans" / ".environment").read_text() == f"{mine}\n"
