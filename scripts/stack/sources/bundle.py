"""Finds the DAG bundle that publishes the sources, as Airflow's processes are configured."""

import configparser
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.errors import StackError
from scripts.stack.paths import StackPaths
from scripts.stack.plugins import make_plugins_importable

if TYPE_CHECKING:
    from airflow_bert_service.bundle.snapshots import SnapshotStore

VARIABLE = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
_SECTION, _KEY = "dag_processor", "dag_bundle_config_list"
_CLASS = "PipelineDagBundle"


@dataclass(frozen=True)
class SourcesBundle:
    """A DAG bundle of this project: where its sources are, and where it publishes their versions."""

    name: str
    root: Path
    """The folder that holds ``dags`` and ``tfx_modules``."""
    folder: Path
    """Where its versions are."""

    @property
    def store(self) -> "SnapshotStore":
        """Its versions."""
        make_plugins_importable()
        from airflow_bert_service.bundle.snapshots import SnapshotStore

        return SnapshotStore(self.folder)


def sources_bundle(paths: StackPaths, environ: Mapping[str, str]) -> SourcesBundle | None:
    """Return the stack's DAG bundle with versions; None: it is configured with bundles of other classes.

    Args:
        paths: Where the stack lives.
        environ: The environment of Airflow's processes; its variable goes before airflow.cfg.

    Raises:
        StackError: The configuration is no list of bundles.
    """
    text = environ.get(VARIABLE) or _configured(paths.root / "airflow.cfg")
    try:
        for bundle in json.loads(text):
            if str(bundle["classpath"]).rpartition(".")[2] == _CLASS:
                kwargs = bundle.get("kwargs") or {}
                state = Path(kwargs.get("state") or paths.state)
                root = Path(kwargs.get("root") or paths.root)
                return SourcesBundle(bundle["name"], root, state / "bundles" / bundle["name"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackError(
            f"[{_SECTION}] {_KEY} is {text!r} ({type(error).__name__}: {error}); allowed: a JSON list of DAG bundles, "
            f"each with name and classpath. Correct airflow.cfg, or the variable {VARIABLE}."
        ) from error
    return None


def _configured(file: Path) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file, encoding="utf-8")
    return parser.get(_SECTION, _KEY, fallback="[]")
