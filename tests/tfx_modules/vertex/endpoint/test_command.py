"""The command line, and passes one after the other."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.tfx_modules.vertex.endpoint.conftest import Deploying


def waiting(monkeypatch: pytest.MonkeyPatch, *turns: Callable[[], object]) -> None:
    """Do something between two passes, and end after the last one as Ctrl-C does."""
    left = list(turns)

    def wait(seconds: float) -> None:
        assert seconds == 30
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr("tfx_modules.vertex.endpoint.__main__.time", SimpleNamespace(sleep=wait))


def test_a_copy_that_is_not_there_yet_is_waited_for(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = deploying.promote(5)
    deploying.storage.objects.clear()
    waiting(monkeypatch, *[lambda: None] * 11, lambda: deploying.copy(version))
    assert deploying.run("--every", "30") == 130
    told = capsys.readouterr()
    assert told.out.count(f"waiting: version {version} is not at gs://models/bert/{version}, or not complete") == 1
    assert "The next try" not in told.err
    assert deploying.serving() == [deploying.files(version)]


def test_a_first_pass_that_fails_for_once_is_repeated(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = deploying.promote(5)
    registry = deploying.registry
    registry.failure = "no machines of this type are free"
    waiting(monkeypatch, lambda: setattr(registry, "failure", ""))
    assert deploying.run("--every", "30") == 130
    assert "no machines of this type are free" in capsys.readouterr().err
    assert deploying.serving() == [deploying.files(version)]


@pytest.mark.parametrize("flags", [("--endpoint", "7002"), ("--project", "her-project")])
def test_a_first_pass_that_is_refused_ends_the_command(
    deploying: Deploying, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploying.promote(5)
    waiting(monkeypatch)
    assert deploying.run("--every", "30", *flags) == 1


def test_passes_go_on_after_errors_until_ten_in_a_row(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = deploying.promote(5)
    waits = 0

    def wait(seconds: float) -> None:
        nonlocal waits
        assert seconds == 30
        waits += 1
        if waits == 1:
            deploying.promote(6)
        if waits > 1:
            deploying.registry.failure = "no machines of this type are free"
            deploying.promote(6 + waits)

    monkeypatch.setattr("tfx_modules.vertex.endpoint.__main__.time", SimpleNamespace(sleep=wait))
    assert deploying.run("--every", "30") == 1
    assert waits == 11
    told = capsys.readouterr()
    assert told.err.count("The next try is in 30 s") == 9
    assert told.out.count("has all traffic") == 2
    assert deploying.files(version) in deploying.deployed()


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("--endpoint", "projects/1/endpoints/2", "is no endpoint here; allowed: its id"),
        ("--artifact-uri", "gs://bucket", "is no address here; allowed: gs://BUCKET/FOLDER"),
        ("--artifact-uri", "s3://bucket/models", "is no address here"),
        ("--image", "docker.io/bert/serving:1", "is no image here; allowed: one in Artifact Registry"),
        ("--model-id", "Bert", "is no model id here"),
        ("--min-replica-count", "0", "is no number of machines; allowed: 1 to 1000"),
        ("--keep", "-1", "is no number of versions; allowed: 0 to 9"),
        ("--every", "soon", "is no time between passes; allowed: 1 to 86400"),
    ],
)
def test_a_wrong_command_line_is_refused(
    deploying: Deploying, flag: str, value: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        deploying.run(flag, value)
    assert told in capsys.readouterr().err


def test_fewer_machines_at_most_than_at_least_are_refused(
    deploying: Deploying, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploying.run("--min-replica-count", "2", "--max-replica-count", "1") == 1
    assert "--max-replica-count is 1; allowed: from --min-replica-count on, which is 2" in capsys.readouterr().err
