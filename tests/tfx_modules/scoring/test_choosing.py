"""Which version scores a day: the one in service now, the one at the day's end, or the one that is named."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tfx_modules.promotion.conftest import DAMAGES, Site, site
from tfx_modules.promotion.exceptions import ManifestError, RefusedError
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.scoring.choosing import choose
from tfx_modules.scoring.file_formats import FileFormat
from tfx_modules.scoring.request import ScoringRequest

__all__ = ["site"]


def request(where: Site, model: str | int, day: int = 5) -> ScoringRequest:
    return ScoringRequest(
        day=dt.date(2026, 11, day),
        model=model,
        file_format=FileFormat.JSONL,
        ledger=f"sqlite:///{where.folder}/ledger/ledger.db",
        name="bert",
        models=where.repository.served,
        scores=where.folder / "scores",
    )


@pytest.fixture
def used(site: Site) -> Site:
    """The model of the 3rd goes into service at noon of the 4th, that of the 4th in the last second of the 5th.

    On the 7th, the first is put back in service.
    """
    moments = iter(
        dt.datetime(2026, 11, day, hour, minute, second, tzinfo=dt.UTC)
        for day, hour, minute, second in [(4, 12, 0, 0), (5, 23, 59, 59), (7, 0, 0, 0)]
    )
    ledger = open_ledger(f"sqlite:///{site.folder}/ledger/ledger.db", "bert", lambda: next(moments))
    timed = Site(site.folder, ledger, site.repository)
    timed.promote(timed.candidate(3))
    timed.promote(timed.candidate(4))
    timed.roll_back()
    return timed


@pytest.mark.parametrize(
    ("model", "day", "version"),
    [
        ("live", 5, 2026110301),
        ("live_on_date", 4, 2026110301),
        ("live_on_date", 5, 2026110401),
        ("live_on_date", 6, 2026110401),
        ("live_on_date", 7, 2026110301),
        (2026110401, 4, 2026110401),
    ],
)
def test_the_version_of_a_day(used: Site, model: str | int, day: int, version: int) -> None:
    chosen = choose(request(used, model, day))

    assert chosen.version == version
    assert chosen.folder == used.repository.folder(version)
    assert chosen.digest == used.ledger.service().digest_of(version)
    assert len(chosen.digest) == 64


def test_a_day_before_the_first_version_is_told_when_that_came(used: Site) -> None:
    message = (
        r"no version of bert was in service at the end of 2026-11-03 \(UTC\), by the ledger at .*: the first one came "
        r"into service at 2026-11-04 12:00:00 UTC\. Score the day with the version that is in service now \(model: live"
    )
    with pytest.raises(RefusedError, match=message):
        choose(request(used, "live_on_date", 3))


def test_a_version_that_never_was_in_service_is_refused(used: Site) -> None:
    with pytest.raises(RefusedError, match="2026110402 was never in service; were: 2026110301, 2026110401"):
        choose(request(used, 2026110402))


@pytest.mark.parametrize("model", ["live", "live_on_date", 2026110401])
def test_before_the_first_promotion_nothing_is_scored(site: Site, model: str | int) -> None:
    with pytest.raises(RefusedError, match=r"no version of bert was ever in service.*Trigger the DAG bert"):
        choose(request(site, model))


@pytest.mark.parametrize(("damage", "message"), DAMAGES.items())
def test_a_version_whose_files_are_others_is_refused(used: Site, damage: Callable[[Path], None], message: str) -> None:
    damage(used.repository.folder(2026110401))
    with pytest.raises(ManifestError, match=message):
        choose(request(used, 2026110401))
