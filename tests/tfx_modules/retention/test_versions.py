"""Which versions go, of any history; and real folders of models."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.promotion.conftest import Site, site
from tests.tfx_modules.retention.records import NOW, Records, places, remove_all_but, tree
from tfx_modules.promotion.events import Draft, EventKind
from tfx_modules.promotion.history import Service
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.versions import UNFINISHED, doomed

__all__ = ["site"]

NUMBERS = [2026110100 + number for number in range(1, 9)]
LATER = NOW + dt.timedelta(days=2)


@st.composite
def services(draw: st.DrawFn) -> Service:
    past = draw(st.lists(st.sampled_from(NUMBERS[1:]), max_size=8))
    rolled_back = draw(st.frozensets(st.sampled_from(past))) - set(past[-1:]) if past else frozenset()
    pinned = draw(st.frozensets(st.sampled_from(past))) if past else frozenset()
    return Service(live=past[-1] if past else None, past=tuple(past), rolled_back=rolled_back, pinned=pinned)


ages = st.dictionaries(st.sampled_from(NUMBERS), st.timedeltas(dt.timedelta(0), dt.timedelta(days=9)))


@given(services(), ages, st.integers(0, 4))
def test_the_live_the_previous_and_pinned_versions_never_go(
    service: Service, ages: dict[int, dt.timedelta], keep: int
) -> None:
    gone = doomed(service, ages, keep)

    assert not gone.keys() & {service.live, service.previous, *service.pinned}
    left = {number: age for number, age in ages.items() if number not in gone}
    assert doomed(service, left, keep) == {}
    known = [number for number in sorted(ages) if number in service.past]
    if keep:
        assert set(known[-keep:]) <= left.keys()
    else:
        assert set(known) <= left.keys()


@given(services(), ages, st.integers(0, 4))
def test_what_was_never_in_service_goes_when_it_is_a_day_old_and_smaller_than_the_live_version(
    service: Service, ages: dict[int, dt.timedelta], keep: int
) -> None:
    gone = doomed(service, ages, keep)

    for number in ages.keys() - set(service.past):
        left = service.live is not None and number < service.live and ages[number] > UNFINISHED
        assert (number in gone) == left


def _promote_days(site: Site, *days: int) -> None:
    for day in days:
        site.promote(site.candidate(day))


def _retain(site: Site, *, dry_run: bool = False, now: dt.datetime = NOW, **rules: int) -> list[str]:
    where = places(site.folder)
    ledger = f"sqlite:///{site.folder}/ledger/ledger.db"
    where = type(where)(**{**vars(where), "ledger": ledger})
    return [item.name for item in remove_all_but(where, dry_run=dry_run, now=now, **rules)]


def test_old_versions_go_and_a_rollback_still_finds_the_one_before(site: Site) -> None:
    _promote_days(site, 1, 2, 3, 4, 5)
    with site.ledger.exclusive() as held:
        held.append(Draft(kind=EventKind.PINNED, reason="ours", actor="somebody", version=2026110101))
    cards = {version: site.repository.card_of(version) for version in site.repository.versions()}
    cards[2026110101].parent.mkdir()
    for card in cards.values():
        card.write_text("as it was")

    gone = _retain(site, keep_versions=1)

    assert gone == ["2026110201"]
    assert [version for version, card in cards.items() if not card.exists()] == [2026110201]
    assert site.repository.versions() == {2026110101, 2026110301, 2026110401, 2026110501}
    assert _retain(site, keep_versions=1) == []
    assert site.roll_back().version == 2026110401


def test_versions_that_were_withdrawn_count_too(site: Site) -> None:
    _promote_days(site, 1, 2, 3, 4)
    site.roll_back(2026110201)

    # 4, which was left, is the newest; 3 is what a rollback goes to.
    assert _retain(site, keep_versions=1) == ["2026110101"]
    assert site.served == 2026110201


def test_a_dry_run_says_what_would_go_and_leaves_it(site: Site) -> None:
    _promote_days(site, 1, 2, 3, 4)
    before = tree(site.folder)

    assert _retain(site, dry_run=True, keep_versions=1) == ["2026110101"]
    assert tree(site.folder) == before


def test_what_killed_pushes_have_left_goes_after_a_day(site: Site) -> None:
    _promote_days(site, 1)
    site.repository.stage(site.candidate(2).model, "killed while it copied")
    staged, _ = site.repository.stage(site.candidate(2).model, "killed before it was promoted")
    site.publish(staged, 2026103101)

    assert _retain(site) == []
    number, name = _retain(site, now=LATER)

    assert (number, name.startswith(".staging-")) == ("2026103101", True)
    assert site.repository.versions() == {2026110101}
    assert list(site.repository.withdrawn.iterdir()) == []


def test_what_a_killed_node_has_left_of_a_card_goes_after_a_day(site: Site) -> None:
    _promote_days(site, 1)
    card = site.repository.card_of(2026110101)
    card.parent.mkdir()
    card.write_text("the card")
    left = card.with_name(f".{card.name}.0123abcd")
    left.write_text("half of the ca")
    (card.parent / ".aside").mkdir()

    assert _retain(site) == []
    assert _retain(site, now=LATER, dry_run=True) == [left.name]
    assert left.exists()
    assert _retain(site, now=LATER) == [left.name]
    assert sorted(path.name for path in card.parent.iterdir()) == [".aside", card.name]


def test_what_a_version_that_stays_came_from_stays_however_old(site: Site, tmp_path: Path) -> None:
    records = Records(f"sqlite:///{tmp_path}/mlmd.db", tmp_path / "pipeline")
    trained = [records.node("Trainer", f"run-{day}-a", age=40) for day in (1, 2, 3, 4)]
    _promote_days(site, 1, 2, 3, 4)

    gone = _retain(site, keep_versions=1, keep_artifact_days=30)

    assert gone == ["2026110101", "run-1-a"]
    assert [made.folder.exists() for made in trained] == [False, True, True, True]


def test_what_the_versions_of_another_pipeline_came_from_stays_too(site: Site, tmp_path: Path) -> None:
    records = Records(f"sqlite:///{tmp_path}/mlmd.db", tmp_path / "pipeline")
    trained = [records.node("Trainer", f"run-{day}-a", age=40, pipeline="films") for day in (1, 2, 3)]
    _promote_days(site, 1, 2, 3)
    renamed = replace(places(site.folder), ledger=f"sqlite:///{site.folder}/ledger/ledger.db", name="films")
    renamed = replace(renamed, models=site.folder / "models" / "films")

    gone = [item.name for item in remove_all_but(renamed, keep_versions=1, keep_artifact_days=30)]

    assert gone == ["run-1-a"], "the live and the previous version of `bert` keep theirs"
    assert [made.folder.exists() for made in trained] == [False, True, True]
    assert site.repository.versions() == {2026110101, 2026110201, 2026110301}


def test_a_ledger_that_does_not_know_what_is_served_is_refused(site: Site, tmp_path: Path) -> None:
    _promote_days(site, 1)

    with pytest.raises(
        RetentionError, match=r"nothing is in service, and .* has versions 2026110101; allowed: a ledger"
    ):
        remove_all_but(places(tmp_path), keep_versions=1)
