"""The server is built in layers, and light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_modules.serving import exceptions

FOLDER = Path(exceptions.__file__).parent
CORE = [
    "exceptions",
    "specs",
    *(f"models/{name}" for name in ("disk", "labels", "manager", "model", "model_config", "registry", "watcher")),
    *(f"inference/{name}" for name in ("classify_regress", "dataplane", "rows", "workers")),
    *(f"batching/{name}" for name in ("batcher", "merging", "parameters_file", "queues")),
    *(f"observability/{name}" for name in ("metrics", "observation", "prediction_log")),
    *(f"security/{name}" for name in ("admission", "api_keys", "bytes_under_way")),
    *(f"flags/{name}" for name in ("batching_flags", "config_files", "request_flags", "text_protos")),
]


def imported(module: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_protocol(module: str) -> None:
    frontends = ("http", "starlette", "uvicorn", "grpc", "tensorflow_serving", "tfx_modules.serving.rest")
    assert not [name for name in imported(module) if name.startswith((*frontends, "tfx_modules.serving.grpc"))]


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_server_imports_none_of_the_pipelines_libraries() -> None:
    heavy = {"tfx", "apache_beam", "tensorflow_model_analysis", "tensorflow_transform", "keras_hub", "keras_tuner"}
    assert not heavy & modules_after("import tfx_modules.serving.server")


def test_those_who_only_use_a_server_do_not_import_tensorflow() -> None:
    statement = (
        "import tfx_modules.serving.client.command, tfx_modules.serving.process, tfx_modules.serving.flags.server_flags"
    )
    assert not {"tensorflow", "grpc", "numpy", "starlette"} & modules_after(statement)


def test_every_error_that_a_client_is_told_has_a_status() -> None:
    kinds = exceptions.RequestError.__subclasses__()
    assert len(kinds) >= 6
    assert all(exceptions.status_of(kind("x")) is not exceptions.UNKNOWN for kind in kinds)
