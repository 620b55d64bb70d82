import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tfx_modules.promotion.conftest import DAMAGES, Site
from tfx_modules.promotion import history
from tfx_modules.promotion.events import EventKind, Run
from tfx_modules.promotion.exceptions import ManifestError, ModelRepositoryError, RefusedError
from tfx_modules.promotion.rollback import RollbackRequest, roll_back
from tfx_modules.settings.task import PLACE, TaskKind, TaskSettings, to_json


def promoted(site: Site, *days: int) -> Site:
    for day in days:
        site.promote(site.candidate(day))
    return site


def test_the_version_before_is_back_in_service(site: Site) -> None:
    event = promoted(site, 3, 4, 5).roll_back()

    assert (event.kind, event.version, event.champion) == (EventKind.ROLLED_BACK, 2026110401, 2026110501)
    assert (event.reason, event.actor) == ("from 2026110501 to 2026110401: it is rude", "somebody")
    assert site.repository.served_versions() == {2026110301, 2026110401}


def test_the_reason_says_where_clients_get_other_labels(site: Site) -> None:
    promoted(site, 3)
    own = site.candidate(4)
    (own.model / "assets.extra").mkdir()
    (own.model / PLACE).write_text(to_json(TaskSettings(labels=("ham", "spam"), positive="spam")))
    site.promote(own)

    assert site.roll_back().reason == (
        "from 2026110401 to 2026110301: it is rude; clients get other labels: negative, positive (score of positive) "
        "instead of ham, spam (score of spam)"
    )


def test_the_reason_says_where_clients_get_labels_from_another_score_on(site: Site) -> None:
    for day, threshold in ((3, 0.5), (4, 0.3)):
        sets = site.candidate(day)
        (sets.model / "assets.extra").mkdir()
        task = TaskSettings(kind=TaskKind.MULTILABEL, labels=("billing", "fault"), threshold=threshold)
        (sets.model / PLACE).write_text(to_json(task))
        site.promote(sets)

    assert site.roll_back().reason.endswith("; clients get labels from a score of 0.5 on, and not from 0.3 on")


def test_a_version_can_be_named(site: Site) -> None:
    promoted(site, 3, 4, 5).roll_back(2026110301)

    assert site.repository.served_versions() == {2026110301}


def test_one_rollback_after_the_other_goes_further_back(site: Site) -> None:
    promoted(site, 3, 4, 5)

    assert [site.roll_back().version, site.roll_back().version] == [2026110401, 2026110301]
    with pytest.raises(RefusedError, match=r"no version to go back to from 2026110301 that was not left"):
        site.roll_back()


def test_a_rollback_that_leaves_another_version_than_is_in_service_changes_nothing(site: Site) -> None:
    promoted(site, 3, 4, 5)
    leaving = RollbackRequest(actor="anna", reason="it is rude", to=2026110301, leaving=2026110501)
    roll_back(site.ledger, site.repository, leaving)

    for to in (2026110301, 2026110401):
        again = RollbackRequest(actor="berta", reason="so it is", to=to, leaving=2026110501)
        with pytest.raises(RefusedError, match=r"2026110301 is in service and not 2026110501, which the rollback was"):
            roll_back(site.ledger, site.repository, again)

    assert site.repository.served_versions() == {2026110301}
    assert site.ledger.service().live == 2026110301


def test_a_run_rolls_back_once_however_often_its_task_is_tried(site: Site) -> None:
    promoted(site, 3, 4, 5)
    request = RollbackRequest(actor="somebody", reason="it is rude", asker=("bert_rollback", "manual__1"))

    first, again = (roll_back(site.ledger, site.repository, request) for _ in range(2))

    assert first == again
    assert (first.version, site.served) == (2026110401, 2026110401)
    assert first.run == Run(
        dag_id="bert_rollback", run_id="manual__1", data_date=dt.date(2026, 11, 4), first_day=dt.date(2026, 10, 22)
    )


def test_the_version_left_is_no_baseline_and_does_not_come_back_by_itself(site: Site) -> None:
    promoted(site, 4, 5).roll_back()

    event = site.promote(site.candidate(5, "b"))

    assert (event.version, event.champion) == (2026110502, 2026110401)
    assert site.roll_back().version == 2026110401
    assert site.ledger.service().rolled_back == {2026110501, 2026110502}


def test_putting_back_what_a_rollback_left_undoes_it(site: Site) -> None:
    promoted(site, 4, 5).roll_back()

    site.roll_back(2026110501)

    assert (site.served, site.ledger.service().rolled_back) == (2026110501, frozenset())


@pytest.mark.parametrize(
    ("version", "why"), [(2026110601, "was never in service; were: 2026110401"), (2026110501, "is in service already")]
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(site: Site, version: int, why: str) -> None:
    promoted(site, 4, 5)

    with pytest.raises(RefusedError, match=why):
        site.roll_back(version)

    assert len(site.ledger.events()) == 2


def test_before_the_first_promotion_there_is_nothing_to_go_back_to(site: Site) -> None:
    never = r"no version of \w+ was ever in service, by the ledger at \S+; versions in service are in \S+\. Trigger"
    for version in (None, 2026110401):
        with pytest.raises(RefusedError, match=never):
            site.roll_back(version)


def test_a_version_whose_files_have_changed_or_are_gone_is_refused(site: Site) -> None:
    promoted(site, 3, 4, 5)
    (site.repository.folder(2026110401) / "saved_model.pb").write_text("4 b")
    site.remove(2026110301)

    with pytest.raises(ManifestError, match=r"saved_model.pb \(changed\)"):
        site.roll_back()
    with pytest.raises(
        ModelRepositoryError, match=r"2026110301 has no folder .* Name a version that is there: 2026110401"
    ):
        site.roll_back(2026110301)
    assert (len(site.ledger.events()), site.served) == (3, 2026110501)


@pytest.mark.parametrize(("damage", "told"), DAMAGES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_version_that_is_not_the_one_that_was_promoted_is_refused(
    site: Site, damage: Callable[[Path], None], told: str
) -> None:
    promoted(site, 3, 4)
    damage(site.repository.folder(2026110301))

    with pytest.raises(ManifestError, match=told):
        site.roll_back()
    assert (len(site.ledger.events()), site.served) == (2, 2026110401)


def test_what_was_in_service_at_any_time(site: Site) -> None:
    promoted(site, 3, 4).roll_back()
    events = site.ledger.events()
    at = [event.at for event in events]

    serving_periods = history.serving_periods(events)

    assert [(period.event.version, period.until) for period in serving_periods] == [
        (2026110301, at[1]),
        (2026110401, at[2]),
        (2026110301, None),
    ]
    for period, after in itertools.pairwise(serving_periods):
        assert period.until == after.event.at
    assert history.service(events, at[1]).live == 2026110401
    assert history.service(events, at[0] - dt.timedelta(seconds=1)).live is None
