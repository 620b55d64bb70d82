"""What the package uses of Airflow beyond its public interface is known, and explained in the docs."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "airflow-versions.md"
PUBLIC_MODULES = {
    "airflow.configuration",
    "airflow.dag_processing.bundles.base",
    "airflow.listeners",
    "airflow.sdk",
    "airflow.sdk.exceptions",
    "airflow.sdk.log",
    "airflow.sdk.timezone",
    "airflow.sdk.types",
    "airflow.timetables.base",
    "airflow.timetables.interval",
}
PUBLIC_NAMES = {"airflow.plugins_manager.AirflowPlugin"}
INTERNAL_NAMES = {
    "airflow.api_fastapi.auth.managers.models.resource_details.DagAccessEntity",
    "airflow.api_fastapi.core_api.security.GetUserDep",
    "airflow.api_fastapi.core_api.security.requires_access_dag",
    "airflow.dag_processing.bundles.manager.DagBundlesManager",
    "airflow.dag_processing.manager.DagFileProcessorManager",
    "airflow.models.dagrun.DagRun",
    "airflow.models.dagrun.DagRunNote",
    "airflow.models.taskinstance.TaskInstance",
    "airflow.plugins_manager.get_import_errors",
    "airflow.plugins_manager.get_timetables_plugins",
    "airflow.sdk._shared.secrets_masker.redact",
    "airflow.sdk.definitions.param.ParamsDict",
    "airflow.serialization.definitions.dag.SerializedDAG",
}


def names_of_airflow(source: Path) -> Iterator[str]:
    """Names that a file imports from Airflow, with their modules; a provider's are its own interface."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in found if name.startswith("airflow.") and ".providers." not in name)


def is_public(name: str) -> bool:
    return name in PUBLIC_NAMES or name.rpartition(".")[0] in PUBLIC_MODULES


def test_the_names_outside_of_airflows_public_interface_are_exactly_those_that_are_listed() -> None:
    sources = [path for folder in ("plugins", "dags") for path in (ROOT / folder).rglob("*.py")]
    used = {name for path in sources for name in names_of_airflow(path) if not is_public(name)}
    assert used == INTERNAL_NAMES


@pytest.mark.parametrize("name", sorted(INTERNAL_NAMES))
def test_the_docs_name_each_of_them_and_this_airflow_has_it(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
    assert hasattr(importlib.import_module(module), attribute)
