"""Which nodes run in a container of their own, and what it is made of, are settings; nothing here needs an engine."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.container import ALL_GPUS, ContainerMount
from airflow_bert_service.nodes.request import GpuUse
from airflow_bert_service.operators.node_container import TfxNodeDockerOperator
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.runs.mode import full_only
from airflow_bert_service.settings.settings import settings_from

from tests.plugins.compiled import compile_small
from tests.support.contracts import faults, golden

PLUGINS = Path(__file__).parents[3] / "plugins"
TEMPLATES = {"input_base": "a", "range_config": "b", "train_args": "c"}
TRAINER = {"container_nodes": "Trainer", "container_image": "bert-service/worker:local"}


def dag_with(folder: Path, keys: Mapping[str, str], **nodes: NodeSettings) -> DAG:
    settings = settings_from({"root": str(folder), **keys})
    config = AirflowPipelineConfig(nodes=nodes, parameters=TEMPLATES, settings=settings)
    return AirflowDagRunner(config).run(load_plan(compile_small(folder / "project")))


def trainer(dag: DAG) -> TfxNodeDockerOperator:
    task: Any = dag.get_task("Trainer")
    assert isinstance(task, TfxNodeDockerOperator)
    return task


def test_by_default_no_node_runs_in_a_container(tmp_path: Path) -> None:
    assert not [task for task in dag_with(tmp_path, {}).tasks if isinstance(task, TfxNodeDockerOperator)]


def test_the_named_nodes_do(tmp_path: Path) -> None:
    dag = dag_with(tmp_path, {**TRAINER, "container_nodes": "Trainer, StatisticsGen"})
    assert [task.task_id for task in dag.tasks if isinstance(task, TfxNodeDockerOperator)] == [
        "StatisticsGen",
        "Trainer",
    ]
    task = trainer(dag)
    assert (task.parameters, task.use_cache, task.gpu) == ({"train_args": "c"}, "True", GpuUse.WANTED)
    container = task.container
    assert (container.image, container.network, container.memory) == ("bert-service/worker:local", "", "")
    assert (container.gpus, container.engine) == (0, "")
    assert container.python == "/opt/bert-service/.venv/tfx/bin/python"


def test_a_folder_of_artifacts_elsewhere_is_mounted_and_has_to_be(tmp_path: Path) -> None:
    keys = {**TRAINER, "artifact_store": "s3://bucket/artifacts/", "artifact_folder": "/scratch/artifacts"}
    task = trainer(dag_with(tmp_path, keys))
    assert ContainerMount("/scratch/artifacts", Path("/scratch/artifacts")) in task.container.mounts
    environment = task.environment
    assert (environment.pipeline_root, environment.artifact_store) == (
        Path("/scratch/artifacts"),
        "s3://bucket/artifacts",
    )
    assert faults("node_request", {**golden("node_request"), "artifact_store": environment.artifact_store}) == []
    assert environment.artifact_copies_gb == 20
    with pytest.raises(SettingsError, match=r"where artifact_folder \(/scratch/artifacts\) is not writable"):
        dag_with(tmp_path / "other", {**keys, "container_mounts": f"/srv:{tmp_path}/other"})


def test_each_key_reaches_the_container(tmp_path: Path) -> None:
    state = tmp_path / "var"
    keys = {
        "container_python": "/usr/bin/python3.11",
        "container_mounts": f"bert_state:{state}, /data/encoders:/encoders:ro",
        "container_network": "backend",
        "container_memory": "8G",
        "container_gpus": "2",
        "container_engine": "tcp://127.0.0.1:2375",
    }
    container = trainer(dag_with(tmp_path, {**TRAINER, **keys})).container
    assert container.mounts == (
        ContainerMount("bert_state", state),
        ContainerMount("/data/encoders", Path("/encoders"), read_only=True),
    )
    assert (container.network, container.memory, container.gpus) == ("backend", "8g", 2)
    assert (container.python, container.engine) == ("/usr/bin/python3.11", "tcp://127.0.0.1:2375")


def test_gpus_are_asked_for_by_nodes_that_are_for_one(tmp_path: Path) -> None:
    dag = dag_with(tmp_path, {**TRAINER, "container_nodes": "StatisticsGen,Trainer", "container_gpus": "ALL"})
    asked = {task.task_id: task.container.gpus for task in dag.tasks if isinstance(task, TfxNodeDockerOperator)}
    assert asked == {"StatisticsGen": 0, "Trainer": ALL_GPUS}


def test_by_default_nodes_see_the_state_and_of_the_project_what_they_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    mounts = trainer(dag_with(tmp_path, TRAINER)).container.mounts
    assert [str(mount) for mount in mounts] == [
        f"{tmp_path}/var:{tmp_path}/var",
        f"{project}/tfx_modules:{project}/tfx_modules:ro",
        f"{project}/dags/compiled/small.json:{project}/dags/compiled/small.json:ro",
        f"{tmp_path}/data/holdout/sample-v1.csv:{tmp_path}/data/holdout/sample-v1.csv:ro",
    ]


def test_what_is_below_the_state_folder_is_not_mounted_twice(tmp_path: Path) -> None:
    keys = {"state": str(tmp_path), "holdout": "data/letters-v3.csv"}
    mounts = trainer(dag_with(tmp_path, {**TRAINER, **keys})).container.mounts
    assert [str(mount) for mount in mounts] == [f"{tmp_path}:{tmp_path}"]


def test_what_the_dag_file_says_of_a_node_holds_in_a_container_too(tmp_path: Path) -> None:
    settings = NodeSettings(retries=4, pool="one_job", pre_execute=full_only)
    dag = dag_with(tmp_path, {**TRAINER, "gpu_queue": "gpu"}, Trainer=settings)
    task: Any = dag.get_task("Trainer")
    assert (task.queue, task.pool, task.retries) == ("gpu", "one_job", 4)
    assert vars(task)["_pre_execute_hook"] is full_only  # Airflow's name for it


def test_airflow_can_keep_the_dag_and_no_password_is_in_it(tmp_path: Path) -> None:
    kept = json.dumps(
        DagSerialization.to_dict(dag_with(tmp_path, {**TRAINER, "metadata": "postgresql://tfx:secret@db/m"}))
    )
    assert "TfxNodeDockerOperator" in kept
    assert "secret" not in kept


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"container_image": "x"}, r"\[bert_service\] has container_image but no container_nodes; allowed.*leave all"),
        (
            {"container_gpus": "all", "container_memory": "1g"},
            r"has container_memory, container_gpus but no container_n",
        ),
        ({"container_nodes": "Trainer"}, r"container_nodes has Trainer, and container_image is empty.*Set it"),
        ({**TRAINER, "container_nodes": "Trainr"}, r"container_nodes has Trainr; allowed: nodes of .*small.*Trainer"),
        ({**TRAINER, "container_python": "python"}, r"container_python is 'python'; allowed: an absolute path"),
        ({**TRAINER, "container_mounts": "state"}, r"container_mounts has 'state'; allowed: SOURCE:TARGET and"),
        ({**TRAINER, "container_mounts": "./var:/var"}, r"container_mounts has './var:/var'; allowed"),
        ({**TRAINER, "container_mounts": "/var:/var:rw:z"}, r"container_mounts has '/var:/var:rw:z'; allowed"),
        ({**TRAINER, "container_memory": "much"}, r"container_memory is 'much'; allowed: a number with b, k, m or g"),
        ({**TRAINER, "container_memory": "0g"}, r"container_memory is '0g'; allowed"),
        ({**TRAINER, "container_gpus": "0"}, r"container_gpus is '0'; allowed: all, and numbers from 1"),
        ({**TRAINER, "container_gpus": "some"}, r"container_gpus is 'some'; allowed"),
        ({**TRAINER, "container_engine": "tcp://db"}, r"container_engine is 'tcp://db'; allowed: unix:///PATH and tcp"),
        ({**TRAINER, "container_engine": "/run/docker.sock"}, r"container_engine is '/run/docker.sock'; allowed"),
        (
            {"container_nodes": "StatisticsGen", "container_image": "x", "container_gpus": "1"},
            r"none of StatisticsGen is for a GPU; allowed: container_gpus with a node of gpu_nodes in container_nodes",
        ),
        (
            {**TRAINER, "container_mounts": "/data:/data"},
            r"container_mounts has /data:/data, where state \(.*/var\) is not writable.*Add SOURCE:/.*/var",
        ),
        (
            {**TRAINER, "state": "/srv/bert", "container_mounts": "/srv:/srv /srv/bert:/srv/bert:ro"},
            r"where state \(/srv/bert\) is not writable",
        ),
        (
            {**TRAINER, "metadata": "sqlite:////elsewhere/mlmd.db"},
            r"container_mounts has its default, where metadata \(/elsewhere/mlmd.db\) is not writable",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_the_dag_is_made(tmp_path: Path, keys: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        dag_with(tmp_path, keys)


PARSE = """
import sys
from pathlib import Path
from airflow_bert_service.dag.config import AirflowPipelineConfig
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.settings.settings import settings_from
compiled, *named = sys.argv[1:]
keys = {"container_nodes": named[0], "container_image": "x"} if named else {}
config = AirflowPipelineConfig(parameters=dict.fromkeys(("input_base", "range_config", "train_args"), "x"),
    settings=settings_from(keys))
AirflowDagRunner(config).run(load_plan(Path(compiled)))
print(sorted({"docker", "airflow.providers.docker.operators.docker"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("named", "imported"), [((), "[]"), (("Trainer",), "['docker']")])
def test_parsing_imports_docker_only_where_a_node_runs_in_a_container(
    tmp_path: Path, named: tuple[str, ...], imported: str
) -> None:
    command = [sys.executable, "-c", PARSE, str(compile_small(tmp_path)), *named]
    done = subprocess.run(command, cwd=PLUGINS, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip().splitlines()[-1:]) == (0, [imported]), done.stderr
