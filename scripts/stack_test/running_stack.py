"""Defines the test's stack: a Compose project with ports, images and secrets of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.compose_backup import compose_command
from scripts.compose_secrets import ensure_secrets
from scripts.stack.pipeline import checkout_pipeline
from scripts.stack.ports import free_port
from scripts.stack_test.bases import image_of
from scripts.stack_test.engine import Engine

PROJECT = "bert-service-test"
MODEL_SERVER = "embedded-server"
DATA = ("postgres", "redis")
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
WORKERS = ("worker-cpu", "worker-gpu")
SERVICES = (*DATA, *AIRFLOW, *WORKERS, MODEL_SERVER)
"""All but tf-serving, whose image comes from a registry: the project's own server stands in for it."""
STAND_INS = {"postgres": "bert-service-test/postgres", "redis": "bert-service-test/redis"}


@dataclass(frozen=True)
class TestStack:
    """The Compose project, ports and folders of the test's stack."""

    engine: Engine
    folder: Path
    """Secrets, backups and the figures; not in git."""
    ui_port: int
    rest_port: int

    @property
    def password(self) -> str:
        """Of the user admin."""
        return (self.folder / "secrets" / "admin_password").read_text().strip()


def make_test_stack(root: Path, state: Path, environ: Mapping[str, str]) -> TestStack:
    """Choose ports, make secrets, and find the Compose client.

    Raises:
        StackError: There is no Compose client.
    """
    folder = state / "stack-test"
    ensure_secrets(folder / "secrets")
    ui, rest, grpc = (free_port() for _ in range(3))
    variables = {
        "COMPOSE_PROJECT_NAME": PROJECT,
        "BERT_SECRETS": str(folder / "secrets"),
        "BERT_SERVING_CONFIG": str(folder / "serving"),
        "BERT_PYTHON_IMAGE": image_of("3.12"),
        "BERT_TFX_PYTHON_IMAGE": image_of("3.11"),
        **{f"BERT_{name.upper()}_IMAGE": f"bert-service-test/{name}" for name in ("airflow", "worker", "serving")},
        **{f"BERT_{name.upper()}_IMAGE": image for name, image in STAND_INS.items()},
        "BERT_MODEL_NAME": checkout_pipeline(),
        "BERT_MODEL_SERVERS": f"http://{MODEL_SERVER}:8501",
        "BERT_UI_PORT": str(ui),
        "BERT_EMBEDDED_REST_PORT": str(rest),
        "BERT_EMBEDDED_GRPC_PORT": str(grpc),
        "BERT_WORKER_GRACE": "10m",
        # The schedule then makes no run: the test's own are the only ones.
        "BERT_LAST_DAY": "2026-11-08",
    }
    engine = Engine(root, {**environ, **variables}, compose_command(), profiles=(MODEL_SERVER,))
    return TestStack(engine, folder, ui, rest)


def with_node_containers(test_stack: TestStack) -> TestStack:
    """Return the same stack with ``docker-compose.node-containers.yaml`` on top."""
    environ = test_stack.engine.environ
    socket = environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    variables = {
        "COMPOSE_FILE": "docker-compose.yaml:docker-compose.node-containers.yaml",
        "BERT_CONTAINER_IMAGE": environ["BERT_WORKER_IMAGE"],
        "BERT_DOCKER_SOCKET": socket,
        "BERT_DOCKER_GROUP": str(Path(socket).stat().st_gid),
    }
    return replace(test_stack, engine=replace(test_stack.engine, environ={**environ, **variables}))
