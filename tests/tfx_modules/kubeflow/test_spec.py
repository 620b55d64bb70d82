"""The spec for Kubeflow Pipelines: reviewed as a file, and readable by Kubeflow Pipelines' own library."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfx_modules.exceptions import SettingsError, UnsupportedPipelineError
from tfx_modules.kubeflow import compile as compiling
from tfx_modules.kubeflow.options import Cluster, Resources, Secret
from tfx_modules.kubeflow.parts import check_can_run
from tfx_modules.settings.gate import ApprovalRule
from tfx_modules.settings.settings import PipelineSettings, Platform, ServingCheckSettings

GOLDEN = Path(__file__).parents[1] / "golden" / "bert-sentiment.kubeflow.yaml"
REGENERATE = "UPDATE_GOLDEN=1 .venv/tfx/bin/python -m pytest tests/tfx_modules/kubeflow/test_spec.py"
CLUSTER = Cluster(
    image="registry.example/bert-service-worker:1",
    gpu_image="registry.example/bert-service-worker:1-cuda",
    claim="bert-state",
    ledger=Secret("bert-ledger", "address"),
    environment={"AIRFLOW__BERT_SERVICE__FEED": "sample"},
    resources={"Trainer": Resources("8", "32Gi", 1), "Tuner": Resources("4")},
    pipeline_root="s3://bert/artifacts",
)
TASKS = {
    "refresh-data",
    "earlier-runs",
    "csv-example-gen",
    "statistics-gen",
    "schema-gen",
    "example-validator",
    "data-gate",
    "transform",
    "tuner",
    "trainer",
    "evaluator",
    "infra-validator",
    "pusher",
    "keep-for-later-runs",
}
READ_BY_KFP = """
import json, sys, yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

component = components.load_component_from_file(sys.argv[1])
with open(sys.argv[1]) as file:
    pipeline, platform = yaml.safe_load_all(file)
spec = json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
deployment = pipeline_spec_pb2.PipelineDeploymentConfig()
json_format.ParseDict(pipeline["deploymentSpec"], deployment)
json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
for executor in executors.values():
    json_format.ParseDict(executor, kubernetes.KubernetesExecutorConfig())
print(json.dumps({
    "name": component.name,
    "inputs": sorted(component.component_spec.inputs),
    "tasks": sorted(spec.root.dag.tasks),
    "executors": sorted(deployment.executors) == sorted(executors),
}))
"""


@pytest.fixture(scope="module")
def text(kfp_environment: Path) -> str:
    assert kfp_environment.is_dir()
    return compiling.to_yaml(compiling.compile_for_kubeflow(compiling.SETTINGS, CLUSTER))


@pytest.fixture(scope="module")
def spec(text: str) -> dict[str, Any]:
    pipeline, _ = yaml.safe_load_all(text)
    found: dict[str, Any] = pipeline
    return found


def container(spec: dict[str, Any], task: str) -> dict[str, Any]:
    found: dict[str, Any] = spec["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
    return found


def test_the_spec_is_the_reviewed_one_but_for_the_versions_of_the_code(text: str) -> None:
    text = re.sub(r"--code_version=[0-9a-f]{64}", "--code_version=DIGEST", text)
    text = re.sub(r"--pipeline_version=[0-9a-f]{16}", "--pipeline_version=DIGEST", text)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    same = text == GOLDEN.read_text(encoding="utf-8")
    assert same, f"the spec changed; if that is meant, run `{REGENERATE}` and review the difference"


def test_kubeflow_pipelines_own_library_reads_it(text: str, tmp_path: Path, in_kfp: Callable[..., str]) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    read = json.loads(in_kfp(READ_BY_KFP, str(file)))
    assert read["name"] == "bert-sentiment"
    assert read["inputs"] == ["data_date", "promote_older", "train_steps", "tune"]
    assert set(read["tasks"]) == TASKS
    assert read["executors"]


def test_names_are_those_that_kubeflow_pipelines_allows(spec: dict[str, Any]) -> None:
    names = [spec["pipelineInfo"]["name"], *spec["components"], *spec["root"]["dag"]["tasks"]]
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) for name in names)


def test_the_window_is_resolved_in_the_container_and_not_by_tfx_driver_of_one_span(spec: dict[str, Any]) -> None:
    assert "lifecycle" not in container(spec, "csv-example-gen")
    taken = spec["root"]["dag"]["tasks"]["csv-example-gen"]["inputs"]["parameters"]
    for name in ("input_base", "range_config", "span_versions", "holdout"):
        assert taken[name]["taskOutputParameter"] == {"producerTask": "refresh-data", "outputParameterKey": name}


def test_every_value_that_a_run_has_comes_from_the_refresh(spec: dict[str, Any]) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    others = [task.get("inputs", {}).get("parameters", {}) for name, task in tasks.items() if name != "refresh-data"]
    assert not [source for given in others for source in given.values() if "componentInputParameter" in source]
    outputs = spec["components"]["comp-refresh-data"]["outputDefinitions"]["parameters"]
    assert sorted(outputs) == [
        "holdout",
        "input_base",
        "promotion",
        "push_destination",
        "range_config",
        "span_versions",
        "train_args",
        "tune",
    ]


def test_costly_nodes_wait_for_the_gate_on_data(spec: dict[str, Any]) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    assert all("data-gate" in tasks[name]["dependentTasks"] for name in ("tuner", "trainer"))
    assert tasks["data-gate"]["dependentTasks"] == ["example-validator"]


def test_tasks_that_look_at_the_volume_are_not_cached(spec: dict[str, Any]) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    uncached = {name for name, task in tasks.items() if not task["cachingOptions"]}
    assert uncached == {"refresh-data", "earlier-runs", "keep-for-later-runs"}


def test_a_node_gets_its_resources_and_the_image_for_gpus(spec: dict[str, Any]) -> None:
    trainer, tuner, pusher = (container(spec, name) for name in ("trainer", "tuner", "pusher"))
    assert trainer["image"] == CLUSTER.gpu_image
    assert trainer["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert (trainer["resources"]["memoryLimit"], trainer["resources"]["resourceMemoryLimit"]) == (34.359738368, "32Gi")
    assert (tuner["image"], tuner["resources"]) == (CLUSTER.image, {"cpuLimit": 4.0, "resourceCpuLimit": "4"})
    assert "resources" not in pusher


def test_the_same_code_makes_the_same_bytes_and_each_node_has_a_version_of_its_own(
    text: str, spec: dict[str, Any]
) -> None:
    assert compiling.to_yaml(compiling.compile_for_kubeflow(compiling.SETTINGS, CLUSTER)) == text
    versions = {container(spec, name)["args"][-1] for name in TASKS - {"refresh-data"}}
    assert all(re.fullmatch(r"--code_version=[0-9a-f]{64}", version) for version in versions)
    assert len(versions) > 5


@pytest.mark.usefixtures("kfp_environment")
def test_resources_of_an_unknown_node_are_refused() -> None:
    wrong = replace(CLUSTER, resources={"Trainr": Resources("1")})
    with pytest.raises(SettingsError, match=r"--resources names Trainr; allowed: CsvExampleGen, DataGate, .*Trainer"):
        compiling.compile_for_kubeflow(compiling.SETTINGS, wrong)


def test_what_needs_airflow_or_a_docker_engine_is_refused_by_name() -> None:
    settings = PipelineSettings()
    settings = replace(
        settings,
        gate=replace(settings.gate, approval=ApprovalRule.REQUIRED),
        serving_check=ServingCheckSettings(platform=Platform.LOCAL_DOCKER),
    )
    with pytest.raises(UnsupportedPipelineError) as refused:
        check_can_run(settings)
    assert 'gate.approval is "required" (node Approval)' in str(refused.value)
    assert 'serving_check.platform is "local_docker" (node InfraValidator)' in str(refused.value)


def test_without_kfp_the_command_says_where_it_comes_from(tmp_path: Path) -> None:
    output = tmp_path / "spec.yaml"
    arguments = ["-o", str(output), "--image", "worker:1", "--claim", "bert-state", "--kfp", str(tmp_path)]
    command = [sys.executable, "-m", "tfx_modules.kubeflow.compile", *arguments]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the library kfp is neither in the TFX environment nor in" in done.stderr
    assert "`make setup-kubeflow`" in done.stderr
    assert not output.exists()
