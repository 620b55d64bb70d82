"""What the command shows to people of the version of the sources that made a model."""

import json
from dataclasses import replace

import pytest

from tests.tfx_modules.promotion.conftest import Site
from tfx_modules.promotion import command

PIPELINE = "18e906e37d2adc3c"


@pytest.fixture
def promoted(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A version of a pipeline whose version is not known, and one of a known one; then a rollback to the first."""
    monkeypatch.setenv(command.LEDGER, f"sqlite:///{site.folder}/ledger/ledger.db")
    monkeypatch.setenv(command.PIPELINE, "bert")
    monkeypatch.setenv(command.MODELS, str(site.repository.served))
    site.promote(site.candidate(3))
    site.promote(replace(site.candidate(4), pipeline_version=PIPELINE))
    return site


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert command.main(words) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("promoted")
def test_the_history_names_it_before_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    header, first, second = shown(capsys, "history").splitlines()
    assert header.split("  ")[0] == "WHEN (UTC)"
    columns = [header.index(name) for name in ("WHEN", "WHAT", "VERSION", "DATA DATE", "WHO", "PIPELINE", "WHY")]
    assert columns == sorted(columns)
    place = header.index("PIPELINE")
    assert [line[place : header.index("WHY")].strip() for line in (first, second)] == ["", PIPELINE]


def test_the_version_in_service_names_it_also_after_a_rollback(
    promoted: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"2026-10-22 to 2026-11-04, pipeline version {PIPELINE}\n" in shown(capsys, "live")
    promoted.roll_back(2026110301)
    assert "pipeline version" not in shown(capsys, "live")
    promoted.roll_back(2026110401)
    assert f", pipeline version {PIPELINE}\n" in shown(capsys, "live")
    (period,) = json.loads(shown(capsys, "live", "--json"))
    assert (period["version"], period["pipeline_version"]) == (2026110401, PIPELINE)


@pytest.mark.usefixtures("promoted")
def test_what_was_decided_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "why", "2026110401").rstrip().endswith(f"(pipeline version {PIPELINE})")
    assert "pipeline version" not in shown(capsys, "why", "2026110301")
