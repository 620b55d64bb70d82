"""A refresh whose disk refuses a call, each call in turn: every span is whole, and a retry gives what it would have."""

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.ingestion import refreshing
from tests.support.faults import ALL, FAULTS, Faults, FaultyProgram, begun_anew, faults_library, faulty_program
from tests.support.memory import memory_folder
from tests.support.power_loss import lose_power, losses

__all__ = ["faults_library"]

EXAMPLES = int(os.environ.get("POWER_LOSSES", "40"))


def new(folder: Path) -> None:
    refreshing.deliver(folder)


def corrected(folder: Path) -> None:
    new(folder)
    refreshing.refresh(str(folder))
    refreshing.deliver(folder, correction="Corrected: ")


SITUATIONS = {"new days": new, "corrected days": corrected}
CASES = [("new days", "an error"), ("corrected days", "a full disk")]
if ALL:
    CASES = [(situation, fault) for situation in SITUATIONS for fault in FAULTS]


@pytest.fixture(scope="module")
def program(faults_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProgram]:
    with faulty_program(faults_library, tmp_path_factory.mktemp("program"), refreshing.__name__) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory, so that hundreds of refreshes take seconds."""
    with memory_folder() as made:
        yield made / "site"


def check_spans(folder: Path) -> dict[str, int]:
    """Every version of every day is whole, and differs from the one before. Return the number of versions."""
    found = {}
    for day in (folder / "state" / "spans").glob("2*"):
        versions = sorted(day.iterdir(), key=lambda path: int(path.name.removeprefix("v")))
        assert [path.name for path in versions] == [f"v{number}" for number in range(1, len(versions) + 1)]
        digests = [digest_of(version) for version in versions]
        assert len(set(digests)) == len(digests)
        if versions:
            found[day.name] = len(versions)
    return found


def digest_of(version: Path) -> str:
    manifest = json.loads((version / "manifest.json").read_text())
    digests = {
        name: hashlib.sha256((version / name).read_bytes()).hexdigest() for name in ("reviews.csv", "quarantine.jsonl")
    }
    assert (manifest["sha256"], manifest["quarantine_sha256"]) == tuple(digests.values())
    assert {path.name for path in version.iterdir()} == {"manifest.json", *digests}
    return str(manifest["sha256"])


@pytest.mark.parametrize(("situation", "fault"), CASES)
def test_each_call_fails_and_a_retry_succeeds(program: FaultyProgram, folder: Path, situation: str, fault: str) -> None:
    SITUATIONS[situation](folder)
    expected = expected_of(program, folder)
    error, and_later = FAULTS[fault]
    failed, log, first = set(), folder.with_name("log"), folder.with_name("first")
    for number in begun_anew(folder, first):
        log.unlink(missing_ok=True)
        faults = Faults(below=folder, fail_at=number, error=error, and_later=and_later, reads=ALL, log=log)
        ended = program.call(faults, "refresh", str(folder))
        if not ended.failed:
            break
        failed.add(ended.failed.split()[0])
        assert {"OSError", "FeedError"} & set(ended.raised) or ended.returned == expected, ended
        check_spans(folder)

        again = program.call(Faults(below=folder, log=log), "refresh", str(folder))

        assert again.returned == expected
        assert check_spans(folder) == expected["span_versions"]
        assert [path.name for path in (folder / "state" / "spans" / ".staging").iterdir()] == ["lock"]
        if not and_later:
            lose_power(log, folder, image=first)
            assert check_spans(folder) == expected["span_versions"]
    assert ended.returned == expected
    assert failed >= {"create", "write", "sync", "rename", "mkdir"}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_was_not_flushed_when_the_power_is_lost_is_gone_and_a_retry_succeeds(
    program: FaultyProgram, folder: Path, situation: str
) -> None:
    SITUATIONS[situation](folder)
    expected = expected_of(program, folder)
    log, image = folder.with_name("log"), folder.with_name("image")
    shutil.copytree(folder, image)
    assert program.call(Faults(below=folder, log=log), "refresh", str(folder)).returned == expected
    before = check_spans(image)

    for moment, is_last in losses(log, folder, image=image, examples=EXAMPLES):
        found = check_spans(folder)
        for day, version in expected["span_versions"].items():
            assert found.get(day, 0) in (before.get(day, 0), version), moment
        if is_last:
            assert found == expected["span_versions"]  # what was reported as written is not lost

        assert refreshing.refresh(str(folder)) == expected, moment
        assert check_spans(folder) == expected["span_versions"]


def test_a_clock_400_days_ahead_changes_nothing_but_the_moment_of_writing_and_a_day_to_come_is_missing(
    program: FaultyProgram, folder: Path
) -> None:
    new(folder)
    expected = expected_of(program, folder)
    ahead = Faults(below=folder, clock_ahead=400 * 24 * 3600)

    assert program.call(ahead, "refresh", str(folder)).returned == expected
    today = program.call(ahead, "refresh_today", str(folder))

    written = json.loads((folder / "state" / "spans" / "2026-11-05" / "v1" / "manifest.json").read_text())["written_at"]
    early = dt.datetime.fromisoformat(written) - dt.datetime.now(dt.timezone.utc)
    assert 399 <= early.days <= 400
    assert "MissingDayError" in today.raised
    day = dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=399)  # the window's first
    assert f"feed files has no reviews of {day}: there is no file" in today.message
    assert refreshing.refresh(str(folder)) == expected
    assert check_spans(folder) == expected["span_versions"]


def expected_of(program: FaultyProgram, folder: Path) -> dict[str, Any]:
    """What a refresh returns when nothing fails; the folder stays as it was."""
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    expected = program.call(Faults(below=folder), "refresh", str(folder)).returned
    shutil.rmtree(folder)
    kept.rename(folder)
    assert isinstance(expected, dict)
    assert expected["gaps"] == []
    return expected
