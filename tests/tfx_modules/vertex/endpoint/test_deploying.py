"""The command that has an endpoint follow the ledger, against stand-ins for Vertex AI's API and Cloud Storage."""

from collections.abc import Callable

import pytest
from google.cloud import aiplatform_v1 as api

from tests.tfx_modules.vertex.endpoint.conftest import IMAGE, UP, Deploying
from tests.tfx_modules.vertex.registry import ENDPOINT, OWN_NAME, PARENT
from tfx_modules.promotion.manifest import PLACE


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


def test_a_rollback_target_stays_after_two_promotions_between_passes(deploying: Deploying) -> None:
    first = deploying.promote(5)
    assert deploying.run() == 0
    deploying.promote(6)
    third = deploying.promote(7)
    assert deploying.run() == 0
    assert deploying.deployed() == [deploying.files(first), deploying.files(third)]
    deploying.methods()
    deploying.site.roll_back(to=first)
    assert deploying.run() == 0
    assert deploying.methods()[0] == "UpdateEndpoint"


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
