import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.promotion.conftest import DAMAGES, Site, accepts, change_a_file, refuses
from tfx_modules.promotion import manifest
from tfx_modules.promotion.events import Event, EventKind
from tfx_modules.promotion.exceptions import ChampionUnusableError, ManifestError, ModelRepositoryError, PromotionError
from tfx_modules.promotion.promoter import MOST_TURNS, Champion, GateResult, settle
from tfx_modules.promotion.repository import ModelRepository


def outcome(event: Event) -> tuple[str, int | None]:
    return event.kind.value, event.version


def test_versions_are_made_of_data_date_and_sequence(site: Site) -> None:
    events = [site.promote(site.candidate(day, name)) for day, name in ((3, "a"), (4, "a"), (4, "b"), (5, "a"))]

    assert [outcome(event) for event in events] == [
        ("promoted", 2026110301),
        ("promoted", 2026110401),
        ("promoted", 2026110402),
        ("promoted", 2026110501),
    ]
    assert [event.champion for event in events] == [None, 2026110301, 2026110401, 2026110402]
    assert site.served == 2026110501


def test_a_model_of_an_older_date_is_judged_and_recorded_and_not_promoted(site: Site) -> None:
    site.promote(site.candidate(5))

    event = site.promote(site.candidate(4))

    assert outcome(event) == ("superseded", None)
    assert event.reason == "data date 2026-11-04 is before 2026-11-05 of 2026110501 in service; as good as 2026110501"
    assert site.served == 2026110501


def test_an_older_date_is_promoted_where_it_is_asked_for_and_is_then_the_largest_served(site: Site) -> None:
    site.promote(site.candidate(5))

    event = site.promote(site.candidate(4, older=True))

    assert outcome(event) == ("promoted", 2026110401)
    assert site.repository.served_versions() == {2026110401}
    assert outcome(site.promote(site.candidate(5, "b"))) == ("promoted", 2026110502)
    assert site.served == 2026110502


def test_a_model_that_is_worse_is_blocked_with_the_judge_s_words(site: Site) -> None:
    site.promote(site.candidate(4))

    event = site.promote(site.candidate(5), refuses)

    assert (outcome(event), event.reason) == (("blocked", None), "worse than 2026110401")
    assert site.served == 2026110401


def test_what_earlier_gates_found_is_the_reason_and_nobody_judges(site: Site) -> None:
    candidate = replace(site.candidate(5), objections=("accuracy 0.6 < floor 0.7", "could not be served"))

    event = site.promote(candidate, lambda _: pytest.fail("was judged"))

    assert (outcome(event), event.reason) == (("blocked", None), "accuracy 0.6 < floor 0.7; could not be served")


def test_a_run_keeps_its_verdict_however_often_it_is_pushed(site: Site) -> None:
    first = site.promote(site.candidate(5))
    site.promote(site.candidate(6))

    again = site.promote(site.candidate(5), refuses)

    assert again == first
    assert (len(site.ledger.events()), site.served) == (2, 2026110601)


def test_the_same_bytes_as_in_service_change_nothing(site: Site) -> None:
    site.promote(site.candidate(5, content="same"))

    event = site.promote(site.candidate(5, "b", content="same"))

    assert outcome(event) == ("unchanged", None)
    assert event.reason == "the model is the same, byte for byte, as 2026110501, which is in service"


def test_the_same_bytes_trained_on_newer_data_are_promoted_like_others(site: Site) -> None:
    site.promote(site.candidate(5, content="same"))

    assert outcome(site.promote(site.candidate(6, content="same"))) == ("promoted", 2026110601)


def test_the_same_bytes_as_what_was_rolled_back_do_not_come_back(site: Site) -> None:
    site.promote(site.candidate(4))
    site.promote(site.candidate(5, content="rude"))
    site.roll_back()

    event = site.promote(site.candidate(5, "b", content="rude"))

    assert outcome(event) == ("blocked", None)
    assert event.reason == "the model is the same, byte for byte, as 2026110501, which was rolled back"


def overtaken_by(site: Site, *days: int) -> Callable[[Champion | None], GateResult]:
    """A judge during whose work another run is promoted, once for each day."""
    waiting = list(days)

    def judge(champion: Champion | None) -> GateResult:
        if waiting:
            site.promote(site.candidate(waiting.pop(0), "other"))
        return accepts(champion)

    return judge


def test_a_candidate_whose_champion_is_replaced_meanwhile_is_judged_against_the_new_one(site: Site) -> None:
    site.promote(site.candidate(3))

    event = site.promote(site.candidate(6), overtaken_by(site, 4, 5))

    assert (outcome(event), event.champion, event.reason) == (
        ("promoted", 2026110601),
        2026110501,
        "as good as 2026110501",
    )


def test_a_candidate_that_is_overtaken_by_newer_data_is_superseded(site: Site) -> None:
    site.promote(site.candidate(3))

    event = site.promote(site.candidate(5), overtaken_by(site, 6))

    assert outcome(event) == ("superseded", None)
    assert site.served == 2026110601


def test_a_candidate_that_is_always_overtaken_gives_up_with_an_error_and_no_trace(site: Site) -> None:
    days = [1 + turn // 2 for turn in range(2 * MOST_TURNS)]

    def judge(champion: Champion | None) -> GateResult:
        site.promote(site.candidate(days.pop(0), f"other-{len(days)}"))
        return accepts(champion)

    with pytest.raises(PromotionError, match=rf"others were promoted {MOST_TURNS} times"):
        site.promote(site.candidate(28), judge)

    assert not any(event.run and event.run.data_date.day == 28 for event in site.ledger.events())
    assert not list(site.repository.withdrawn.glob(".*"))


@pytest.mark.parametrize(("damage", "told"), DAMAGES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_damaged_champion_blocks_until_its_files_are_put_back(
    site: Site, damage: Callable[[Path], None], told: str
) -> None:
    site.promote(site.candidate(4))
    folder = site.repository.folder(2026110401)
    shutil.copytree(folder, site.folder / "backup")
    damage(folder)

    event = site.promote(site.candidate(5), lambda _: pytest.fail("was judged"))

    assert outcome(event) == ("blocked", None)
    assert event.reason.startswith("the version in service, 2026110401, is damaged, and no model is compared with it: ")
    assert re.search(told, event.reason)
    assert event.reason.endswith(
        "Put the model's own files back, or roll back to another version. To go on without comparing, set "
        'gate.damaged_champion = "floors".'
    )
    assert outcome(site.promote(site.candidate(6), refuses)) == ("blocked", None)

    shutil.rmtree(folder)
    shutil.copytree(site.folder / "backup", folder)
    assert outcome(site.promote(site.candidate(6, "b"))) == ("promoted", 2026110601)


def test_a_champion_whose_folder_is_gone_blocks_until_somebody_rolls_back(site: Site) -> None:
    for day in (3, 4):
        site.promote(site.candidate(day))
    shutil.rmtree(site.repository.folder(2026110401))

    for _ in range(2):
        with pytest.raises(ModelRepositoryError, match=r"2026110401 is in service by the ledger, and has no folder"):
            site.promote(site.candidate(5))
    event = site.ledger.events()[-1]
    assert outcome(event) == ("blocked", None)
    assert "version 2026110401 has no folder" in event.reason

    site.roll_back()
    assert outcome(site.promote(site.candidate(6))) == ("promoted", 2026110601)


def test_with_the_setting_a_damaged_champion_is_not_compared_with_and_the_reason_says_so(site: Site) -> None:
    site.promote(site.candidate(4))
    change_a_file(site.repository.folder(2026110401))

    event = site.promote(site.candidate(5), blocks_on_damage=False)

    assert outcome(event) == ("promoted", 2026110501)
    assert event.reason.startswith("the first one; not compared with 2026110401: ")
    assert "saved_model.pb (changed)" in event.reason


def test_a_champion_that_is_being_moved_is_no_damaged_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.promote(site.candidate(4))
    place = site.repository.folder(2026110401)
    looks = []

    def moved_at_first(_: ModelRepository, version: int) -> Path:
        looks.append(version)
        if len(looks) == 1:
            raise ModelRepositoryError("it was in neither folder at that moment")
        return place

    monkeypatch.setattr(ModelRepository, "folder", moved_at_first)

    assert site.promote(site.candidate(5)).reason == "as good as 2026110401"


def test_a_damaged_copy_of_the_champions_digest_does_not_open_the_gate(site: Site) -> None:
    site.promote(site.candidate(4))
    (site.repository.served / manifest.DIGESTS / "2026110401").write_text("nonsense")

    def judge(champion: Champion | None) -> GateResult:
        assert champion
        assert manifest.promoted_digest(champion.folder)  # as whoever loads it asks
        return accepts(champion)

    assert site.promote(site.candidate(5), judge).reason == "as good as 2026110401"


def test_a_champion_that_is_moved_while_it_is_judged_is_judged_where_it_is_then(site: Site) -> None:
    site.promote(site.candidate(4))
    asked = []

    def judge(champion: Champion | None) -> GateResult:
        assert champion
        asked.append(champion.folder.parent)
        if len(asked) == 1:
            champion.folder.rename(site.repository.withdrawn / champion.folder.name)
            raise ChampionUnusableError("its files are gone")
        return accepts(champion)

    assert site.promote(site.candidate(5), judge).reason == "as good as 2026110401"
    assert asked == [site.repository.served, site.repository.withdrawn]


def test_a_champion_that_the_judge_cannot_use_is_not_compared_with(site: Site) -> None:
    site.promote(site.candidate(4))

    def judge(champion: Champion | None) -> GateResult:
        if champion:
            raise ChampionUnusableError("it cannot be loaded")
        return accepts(None)

    assert site.promote(site.candidate(5), judge).reason == (
        "the first one; not compared with 2026110401: it cannot be loaded"
    )


def test_a_promoted_model_has_a_manifest_and_the_ledger_its_digest(site: Site) -> None:
    event = site.promote(site.candidate(5))

    described = manifest.check(site.repository.served / "2026110501")
    assert described is not None
    assert (described.digest, described.size) == (event.model_digest, event.metrics["bytes"])


def test_models_that_others_put_there_are_left_alone_unless_they_would_be_served(site: Site) -> None:
    for version in (1764000000, 9999999999):
        (site.repository.served / str(version)).mkdir(parents=True)

    site.promote(site.candidate(5))

    assert site.repository.served_versions() == {1764000000, 2026110501}
    assert site.repository.versions() == {1764000000, 2026110501, 9999999999}


@pytest.mark.parametrize("judge", [accepts, refuses])
def test_nothing_is_left_of_a_push_but_its_version(site: Site, judge: Callable[[Champion | None], GateResult]) -> None:
    kind = site.promote(site.candidate(5), judge).kind

    assert list(site.repository.withdrawn.iterdir()) == []
    assert (site.repository.versions() == {2026110501}) == (kind is EventKind.PROMOTED)


def test_the_digests_of_promoted_versions_are_beside_them_and_settling_writes_them_anew(site: Site) -> None:
    events = [site.promote(site.candidate(day)) for day in (4, 5)]
    folders = {event.version: site.repository.folder(event.version) for event in events if event.version}
    expected = {event.version: event.model_digest for event in events}
    assert {version: manifest.promoted_digest(folder) for version, folder in folders.items()} == expected
    beside = site.repository.served / manifest.DIGESTS

    (beside / "2026110401").unlink()
    (beside / "2026110501").write_text("nonsense")
    with pytest.raises(ManifestError, match=r"2026110501 holds 'nonsense'; allowed: the digest .* models settle`"):
        manifest.promoted_digest(folders[2026110501])

    settle(site.ledger, site.repository)
    assert {version: manifest.promoted_digest(folder) for version, folder in folders.items()} == expected

    site.remove(2026110401)
    settle(site.ledger, site.repository)
    assert [path.name for path in beside.iterdir()] == ["2026110501"]
