"""The command that has an endpoint follow the ledger, against stand-ins for Vertex AI's API and Cloud Storage."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from google.cloud import aiplatform_v1 as api

from tests.tfx_modules.vertex.endpoint.conftest import IMAGE, Deploying
from tests.tfx_modules.vertex.registry import ENDPOINT, OWN_NAME, PARENT
from tfx_modules.promotion.manifest import PLACE
from tfx_modules.vertex.endpoint import following

UP = ["UploadModel", "DeployModel", "UpdateEndpoint"]
"""What brings a version into service that Vertex AI does not know."""


def test_the_version_in_service_is_uploaded_deployed_and_gets_all_traffic(
    deploying: Deploying, capsys: pytest.CaptureFixture[str]
) -> None:
    version = deploying.promote(5)
    assert deploying.run("--machine-type", "n1-standard-4", "--max-replica-count", "3") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"uploading {version} from gs://models/bert/{version}",
        f"deploying {version}; this takes minutes",
        f"deployed {version}",
        f"{version} has all traffic",
    ]
    assert deploying.serving() == [deploying.files(version)]

    (_, upload), (_, deploy), (_, update) = deploying.registry.changes
    digest = deploying.site.ledger.service().digest_of(version)
    assert (upload.parent, upload.model_id, upload.parent_model) == (PARENT, "bert", "")
    assert upload.model.artifact_uri == f"gs://models/bert/{version}"
    container = upload.model.container_spec
    assert (container.image_uri, list(container.command)) == (IMAGE, ["python", "-m", "tfx_modules.serving.vertex"])
    assert {item.name: item.value for item in container.env} == {
        "MODEL_NAME": "bert",
        "BERT_SERVICE_VERSION": str(version),
        "BERT_SERVICE_DIGEST": digest,
    }
    assert (container.predict_route, container.health_route) == ("/v1/models/bert:predict", "/v1/models/bert/metadata")
    assert [port.container_port for port in container.ports] == [8080]
    assert (container.startup_probe.http_get.path, container.startup_probe.http_get.port) == (
        "/v1/models/bert/metadata",
        8080,
    )
    resources = deploy.deployed_model.dedicated_resources
    assert resources.machine_spec.machine_type == "n1-standard-4"
    assert (resources.min_replica_count, resources.max_replica_count) == (1, 3)
    assert dict(update.endpoint.traffic_split) == {deploy.deployed_model.id: 100}


def test_a_second_pass_changes_nothing(deploying: Deploying, capsys: pytest.CaptureFixture[str]) -> None:
    deploying.promote(5)
    assert deploying.run() == 0
    capsys.readouterr()
    deploying.methods()
    assert deploying.run() == 0
    assert (deploying.methods(), capsys.readouterr().out) == ([], "")


@pytest.mark.parametrize(
    "flags",
    [
        ("--image", IMAGE.replace(":1", ":2")),
        ("--artifact-uri", "gs://models/copies/bert"),
        ("--model-id", "reviews"),
    ],
)
def test_a_version_is_uploaded_and_deployed_anew_when_something_else_serves_it(
    deploying: Deploying, flags: tuple[str, ...]
) -> None:
    version = deploying.promote(5)
    deploying.copy(version, "models/copies/bert")
    assert deploying.run("--keep", "9") == 0
    deploying.methods()
    assert deploying.run("--keep", "9", *flags) == 0
    (_, upload), (_, deploy), *_ = deploying.registry.changes
    assert flags[1] in (
        upload.model.container_spec.image_uri,
        upload.model.artifact_uri.removesuffix(f"/{version}"),
        upload.model_id,
    )
    assert deploy.deployed_model.model_version_id == upload.model.version_id
    assert deploying.methods() == [*UP, "UndeployModel"]
    assert deploying.serving() == deploying.deployed() == [deploying.files(version)]
    assert deploying.run("--keep", "9", *flags) == 0
    assert deploying.methods() == []


def test_a_rollback_is_followed_at_once_also_to_what_another_image_serves(deploying: Deploying) -> None:
    deploying.promote(5)
    assert deploying.run() == 0
    deploying.promote(6)
    another = ("--image", IMAGE.replace(":1", ":2"))
    assert deploying.run(*another) == 0
    deploying.methods()
    deploying.site.roll_back()
    assert deploying.run(*another) == 0
    assert deploying.methods() == ["UpdateEndpoint", *UP, "UndeployModel", "UndeployModel"]


def test_promotions_and_rollbacks_are_followed(deploying: Deploying) -> None:
    first, second = deploying.promote(5), deploying.promote(6)
    for version in (first, second):
        deploying.copy(version)
    assert deploying.run() == 0
    third = deploying.promote(7)
    deploying.methods()
    assert deploying.run() == 0
    assert deploying.methods() == UP  # the version before stays, for a rollback
    assert deploying.deployed() == [deploying.files(second), deploying.files(third)]
    assert [model.version_id for model in deploying.registry.models[f"{OWN_NAME}/models/bert"]] == ["1", "2"]

    deploying.site.roll_back()
    assert deploying.run() == 0
    assert deploying.methods() == ["UpdateEndpoint", "UndeployModel"]  # seconds, and then what was withdrawn goes
    assert deploying.serving() == deploying.deployed() == [deploying.files(second)]

    deploying.site.roll_back(to=third)
    deploying.storage.objects.clear()
    assert deploying.run("--keep", "0") == 0
    assert deploying.methods() == ["DeployModel", "UpdateEndpoint", "UndeployModel"]  # it was uploaded before
    assert deploying.serving() == deploying.deployed() == [deploying.files(third)]


def test_a_model_of_an_older_day_that_is_not_promoted_changes_nothing(deploying: Deploying) -> None:
    newer = deploying.promote(6)
    assert deploying.run() == 0
    deploying.methods()
    deploying.site.promote(deploying.site.candidate(5))
    assert deploying.run() == 0
    assert (deploying.methods(), deploying.serving()) == ([], [deploying.files(newer)])


def test_what_others_have_deployed_stays_and_loses_its_traffic(deploying: Deploying) -> None:
    resources = api.DedicatedResources()
    others = api.DeployedModel(
        id="99", model=f"{OWN_NAME}/models/bert", display_name="by hand", dedicated_resources=resources
    )
    deploying.registry.endpoint = api.Endpoint(
        name=ENDPOINT, deployed_models=[others], traffic_split={"99": 100}, etag="7"
    )
    version = deploying.promote(5)
    assert deploying.run("--keep", "0") == 0
    assert deploying.registry.deployed[0] == "by hand"
    assert deploying.serving() == [deploying.files(version)]


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


def not_promoted(deploying: Deploying) -> None:
    del deploying


def not_copied(deploying: Deploying) -> None:
    deploying.promote(5)
    deploying.storage.objects.clear()


def another_model_copied(deploying: Deploying) -> None:
    first, second = deploying.promote(5), deploying.promote(6)
    objects = deploying.storage.objects
    objects[f"models/bert/{second}/{PLACE}"] = objects[f"models/bert/{first}/{PLACE}"]


def half_a_manifest_copied(deploying: Deploying) -> None:
    version = deploying.promote(5)
    deploying.storage.objects[f"models/bert/{version}/{PLACE}"] = b'{"files": '


def a_model_of_others(deploying: Deploying) -> None:
    deploying.promote(5)
    name = f"{OWN_NAME}/models/bert"
    deploying.registry.models[name] = [api.Model(name=name, version_id="1", labels={"team": "others"})]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (not_promoted, "no version of bert was ever in service"),
        (not_copied, "2026110501, or not complete: there is no assets.extra/manifest.json; run `copy-models --to`"),
        (another_model_copied, "has another model than version 2026110601: the digest of its manifest is "),
        (half_a_manifest_copied, "cannot be read (JSONDecodeError"),
        (a_model_of_others, "is a model with the label bert-service-environment=none; allowed: one that this command"),
    ],
)
def test_what_is_refused_changes_nothing(
    deploying: Deploying, prepare: Callable[[Deploying], None], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(deploying)
    assert deploying.run() == 1
    assert reason in capsys.readouterr().err
    assert deploying.methods() == []


def test_an_endpoint_that_is_not_there_is_told(deploying: Deploying, capsys: pytest.CaptureFixture[str]) -> None:
    deploying.promote(5)
    assert deploying.run("--endpoint", "7002") == 1
    told = capsys.readouterr().err
    assert f"answers: 404 there is no endpoint {PARENT}/endpoints/7002" in told
    assert "Look at project, region, endpoint and image" in told


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
            deploying.storage.objects.clear()
            deploying.site.promote(deploying.site.candidate(6 + waits))

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
