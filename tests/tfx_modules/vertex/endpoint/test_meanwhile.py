"""What an endpoint goes through while Vertex AI works on it for minutes: changes, rollbacks, errors, a killed pass."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tests.tfx_modules.vertex.endpoint.conftest import UP, Deploying
from tfx_modules.common.files import locked
from tfx_modules.vertex.endpoint import following


def test_a_version_that_is_rolled_back_while_it_is_deployed_never_gets_traffic(deploying: Deploying) -> None:
    first = deploying.promote(5)
    assert deploying.run() == 0
    deploying.promote(6)
    deploying.methods()
    deploying.registry.at_change["DeployModel"] = deploying.site.roll_back
    assert deploying.run() == 0
    assert deploying.methods() == ["UploadModel", "DeployModel", "UndeployModel"]
    assert deploying.serving() == deploying.deployed() == [deploying.files(first)]


def test_what_vertex_ai_takes_long_for_is_waited_for(deploying: Deploying) -> None:
    version = deploying.promote(5)
    deploying.registry.looks = 1
    assert deploying.run() == 0
    assert deploying.serving() == [deploying.files(version)]


def test_what_does_not_end_is_told_and_goes_on(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploying.registry.looks = 99
    deploying.promote(5)
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.2)
    assert deploying.run() == 1
    assert "/operations/1 at Vertex AI has not ended after 0.1 s, and goes on" in capsys.readouterr().err


def test_a_deployment_that_fails_leaves_the_traffic_where_it_is(
    deploying: Deploying, capsys: pytest.CaptureFixture[str]
) -> None:
    first = deploying.promote(5)
    assert deploying.run() == 0
    second = deploying.promote(6)

    def fail() -> None:
        deploying.registry.failure = "the model server exited unexpectedly"

    deploying.registry.at_change["DeployModel"] = fail
    assert deploying.run() == 1
    assert "the model server exited unexpectedly" in capsys.readouterr().err
    assert deploying.serving() == [deploying.files(first)]
    deploying.registry.failure = ""
    deploying.methods()
    assert deploying.run() == 0
    assert deploying.methods() == UP[1:]  # it is in the registry already
    assert deploying.serving() == [deploying.files(second)]


def test_an_endpoint_that_somebody_else_changes_meanwhile_is_left_alone(
    deploying: Deploying, capsys: pytest.CaptureFixture[str]
) -> None:
    deploying.promote(5)

    def change() -> None:
        deploying.registry.endpoint.etag = "8"

    deploying.registry.at_change["UpdateEndpoint"] = change
    assert deploying.run() == 1
    assert "the endpoint was changed meanwhile" in capsys.readouterr().err
    assert deploying.run() == 0


def test_a_change_since_the_endpoint_was_read_is_not_overwritten(
    deploying: Deploying, capsys: pytest.CaptureFixture[str]
) -> None:
    first = deploying.promote(5)
    assert deploying.run() == 0
    deploying.promote(6)
    assert deploying.run() == 0
    deploying.site.roll_back()

    def change() -> None:
        deploying.registry.endpoint.etag = "99"

    deploying.registry.after_read = change
    assert deploying.run() == 1
    assert "the endpoint was changed meanwhile" in capsys.readouterr().err
    assert deploying.serving() != [deploying.files(first)]


def test_a_rollback_since_the_endpoint_was_read_is_followed(deploying: Deploying) -> None:
    first = deploying.promote(5)
    assert deploying.run() == 0
    deploying.promote(6)
    assert deploying.run() == 0
    deploying.registry.after_read = deploying.site.roll_back
    deploying.methods()
    assert deploying.run() == 0
    assert deploying.methods() == ["UpdateEndpoint", "UndeployModel"]
    assert deploying.serving() == [deploying.files(first)]


@pytest.mark.parametrize("refused", [False, True])
def test_a_rollback_is_followed_while_another_version_is_deployed(
    deploying: Deploying, refused: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = deploying.promote(5), deploying.promote(6)
    deploying.site.roll_back()
    assert deploying.run() == 0
    deploying.site.roll_back(to=second)
    deploying.copy(second)
    assert deploying.run() == 0
    deploying.promote(7)
    registry = deploying.registry
    registry.looks, registry.refuses_changes_meanwhile = 9, refused
    registry.at_change["DeployModel"] = lambda: deploying.site.roll_back(to=first)
    running: list[bool] = []
    registry.at_change["UpdateEndpoint"] = lambda: running.append(registry.is_busy)
    deploying.methods()
    capsys.readouterr()
    assert deploying.run() == 0
    methods = deploying.methods()
    assert (running, methods[:3]) == ([True], UP)
    assert (methods.count("UpdateEndpoint") > 1) == refused
    told = capsys.readouterr().out
    assert (f"{first} gets traffic when " in told, told.count("the endpoint is being changed")) == (refused, refused)
    assert told.index(f"{first} has all traffic") < told.index("undeployed ")
    assert deploying.serving() == [deploying.files(first)]


def test_a_promotion_is_followed_while_another_version_is_undeployed(deploying: Deploying) -> None:
    first = deploying.promote(5)
    assert deploying.run() == 0
    deploying.promote(6)
    assert deploying.run() == 0
    third = deploying.promote(7)
    registry = deploying.registry
    registry.looks = 9
    registry.at_change["UndeployModel"] = deploying.site.roll_back
    running: list[bool] = []

    def watch() -> None:
        registry.at_change["UpdateEndpoint"] = lambda: running.append(registry.is_busy)

    registry.at_change["UpdateEndpoint"] = watch
    assert deploying.run() == 0
    assert running == [True]
    assert deploying.files(first) not in deploying.deployed()
    assert deploying.files(third) not in deploying.serving()


@pytest.mark.parametrize("method", UP[:2])
@pytest.mark.parametrize("shows_early", [False, True])
def test_what_a_killed_pass_has_begun_is_waited_for_and_not_done_twice(
    deploying: Deploying,
    method: str,
    shows_early: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deploying.promote(5)
    assert deploying.run() == 0
    version = deploying.promote(6)
    deploying.methods()
    deploying.registry.shows_early = shows_early

    def begin() -> None:
        deploying.registry.looks = 6

    def end(seconds: float) -> None:
        del seconds
        raise KeyboardInterrupt

    deploying.registry.at_change[method] = begin
    with monkeypatch.context() as patched:
        patched.setattr(following, "time", SimpleNamespace(sleep=end, monotonic=time.monotonic))
        assert deploying.run() == 130
    deploying.registry.looks = 0
    capsys.readouterr()
    assert deploying.run() == 0
    assert deploying.methods() == UP
    assert "which an earlier pass or somebody else has begun" in capsys.readouterr().out
    assert deploying.serving() == [deploying.files(version)]


def test_a_version_that_comes_back_after_the_same_pass_has_undeployed_it_is_deployed_again(
    deploying: Deploying,
) -> None:
    deploying.promote(5)
    assert deploying.run() == 0
    third = deploying.promote(6)
    registry = deploying.registry
    registry.at_change["UpdateEndpoint"] = deploying.site.roll_back
    registry.at_change["UndeployModel"] = lambda: deploying.site.roll_back(to=third)
    assert deploying.run() == 0
    assert deploying.methods().count("DeployModel") == 3
    assert deploying.serving() == [deploying.files(third)]


def test_one_pass_at_a_time_works_on_an_endpoint(deploying: Deploying, capsys: pytest.CaptureFixture[str]) -> None:
    deploying.promote(5)
    with locked(deploying.lock("7002")):
        assert deploying.run() == 0  # another endpoint's pass is not waited for
    capsys.readouterr()
    deploying.promote(6)
    with ThreadPoolExecutor(1) as threads:
        with locked(deploying.lock("7001")):
            later = threads.submit(deploying.run)
            told = ""
            while "waiting for another pass" not in told:
                assert not later.done()
                time.sleep(0.05)
                told += capsys.readouterr().out
            deploying.methods()
        assert later.result() == 0
    assert told.splitlines() == ["waiting for another pass on this machine, which works on the same endpoint"]
    assert deploying.methods() == UP
