"""The spec for Vertex AI: every node is a custom job that does what the container on Kubeflow Pipelines does."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import aiplatform_v1

from tests.tfx_modules.kubeflow.spec_run import SpecRun
from tests.tfx_modules.kubeflow.test_nodes import DAYS, Volume
from tfx_modules.exceptions import SettingsError
from tfx_modules.kubeflow.spec import Document
from tfx_modules.vertex.options import Machine, Place, Run
from tfx_modules.vertex.request import make_request
from tfx_modules.vertex.service import checked
from tfx_modules.vertex.spec import custom_jobs, make_spec


@pytest.fixture(scope="module")
def spec(compiled: Document, place: Place) -> Document:
    return make_spec(compiled, place, caches=True)


def pool(spec: Document, task: str) -> dict[str, Any]:
    (found,) = custom_jobs(spec)[task]["job_spec"]["worker_pool_specs"]
    return dict(found)


def started(spec: Document, task: str, executor_input: str) -> dict[str, Any]:
    """Return the container that Vertex AI starts: the launcher's arguments, with what stands for placeholders."""
    container = spec["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
    # An escaped text is what stands between the quotes of JSON.
    arguments = [item.replace("{{$.json_escape[1]}}", json.dumps(executor_input)[1:-1]) for item in container["args"]]
    job = json.loads(arguments[arguments.index("--payload") + 1])
    return dict(job["job_spec"]["worker_pool_specs"][0]["container_spec"])


def test_each_node_s_custom_job_does_what_its_container_would(compiled: Document, spec: Document) -> None:
    tasks = compiled["root"]["dag"]["tasks"]
    assert set(custom_jobs(spec)) == set(tasks)
    told = json.dumps({"inputs": {"parameterValues": {"a": 'quo"te\\ und Ümlaut\n'}}})
    for task in tasks:
        expected = compiled["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
        found = started(spec, task, told)
        assert found["command"] == expected["command"]
        assert found["args"] == [told if item == "{{$}}" else item for item in expected["args"]]
        assert found["env"] == expected["env"]
        assert told in found["args"]


def test_no_placeholder_is_left_that_vertex_ai_does_not_fill_in(spec: Document) -> None:
    for executor in spec["deploymentSpec"]["executors"].values():
        found = re.findall(r"\{\{.*?\}\}", " ".join(executor["container"]["args"]))
        assert found == ["{{$.json_escape[1]}}", "{{$.outputs.parameters['gcp_resources'].output_file}}"]


def test_nodes_run_on_their_machines_with_the_state_folder_in_the_network(spec: Document, place: Place) -> None:
    assert pool(spec, "trainer")["machine_spec"] == {
        "machine_type": "n1-standard-8",
        "accelerator_type": "NVIDIA_TESLA_T4",
        "accelerator_count": 1,
    }
    assert pool(spec, "trainer")["container_spec"]["image_uri"] == place.gpu_image
    assert pool(spec, "tuner")["machine_spec"] == {"machine_type": "n1-highmem-4"}
    assert pool(spec, "pusher")["machine_spec"] == {"machine_type": "n1-standard-4"}
    assert pool(spec, "pusher")["container_spec"]["image_uri"] == place.image
    for task, job in custom_jobs(spec).items():
        assert job["job_spec"]["service_account"] == place.service_account
        assert job["job_spec"]["network"] == place.network
        assert job["labels"] == {"team": "reviews"}
        mount = {"server": "10.0.0.2", "path": "/bert", "mount_point": "bert-state"}
        assert pool(spec, task)["nfs_mounts"] == [mount]
        variables = {item["name"]: item["value"] for item in pool(spec, task)["container_spec"]["env"]}
        assert variables["BERT_SERVICE_STATE"] == "/mnt/nfs/bert-state"
        assert variables["BERT_SERVICE_LEDGER"] == place.ledger


def test_google_s_launcher_can_read_every_custom_job(spec: Document) -> None:
    for job in custom_jobs(spec).values():
        # It hands the fields to the client by name, in the case that they have there.
        assert aiplatform_v1.CustomJob(job) == aiplatform_v1.CustomJob.from_json(json.dumps(job))


def test_the_same_is_cached_as_on_kubeflow_pipelines_or_nothing(
    compiled: Document, spec: Document, place: Place
) -> None:
    options = {task: found["cachingOptions"] for task, found in compiled["root"]["dag"]["tasks"].items()}
    assert {task: found["cachingOptions"] for task, found in spec["root"]["dag"]["tasks"].items()} == options
    without = make_spec(compiled, place, caches=False)
    assert {str(found["cachingOptions"]) for found in without["root"]["dag"]["tasks"].values()} == {"{}"}


def test_what_was_compiled_is_not_changed_and_the_same_makes_the_same(compiled: Document, place: Place) -> None:
    before = json.dumps(compiled)
    assert make_spec(compiled, place, caches=True) == make_spec(compiled, place, caches=True)
    assert json.dumps(compiled) == before


def test_a_machine_of_an_unknown_node_is_refused(compiled: Document, place: Place) -> None:
    with pytest.raises(SettingsError, match=r"--machine names Trainr; allowed: csv-example-gen, .*trainer"):
        make_spec(compiled, replace(place, machines={"Trainr": Machine("n1-standard-8")}), caches=True)


def test_a_gpu_that_the_api_does_not_have_is_refused(compiled: Document, place: Place) -> None:
    wrong = replace(place, machines={"Trainer": Machine("n1-standard-8", "NVIDIA_TESLA_T5", 1)})
    request = make_request(compiled, wrong, Run(job_id="november", parameters={}))
    with pytest.raises(SettingsError, match=r"the custom job of trainer is none .*NVIDIA_TESLA_T5.* AcceleratorType"):
        checked(request)


def test_a_field_that_the_api_does_not_have_is_refused(compiled: Document, place: Place) -> None:
    request = make_request(compiled, place, Run(job_id="november", parameters={}))
    request["pipelineJob"]["serviceAcount"] = "bert"
    with pytest.raises(SettingsError, match="the pipeline job is none that Vertex AI's API knows"):
        checked(request)


def test_a_node_runs_with_what_its_custom_job_says(compiled: Document, place: Place, tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    for day in DAYS:
        volume.write(day, 1, 30)
    spec = make_spec(compiled, place, caches=True)
    for task in compiled["root"]["dag"]["tasks"]:
        spec["deploymentSpec"]["executors"][f"exec-{task}"]["container"] = started(spec, task, "{{$}}")
    made = SpecRun(spec, tmp_path / "run", volume.values("run-1", dict.fromkeys(DAYS, 1))).run("csv-example-gen")
    assert sorted(Path(made["examples"]["uri"]).rglob("*.gz"))
