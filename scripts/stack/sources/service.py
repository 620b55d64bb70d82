"""Compares the sources on disk with what Airflow has in service.

A version is in service when Airflow pins new runs to it, and has read the DAG from its files since the stack started:
with plugin and airflow.cfg as they are now.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.errors import StackError
from scripts.stack.api import AirflowApi, DagState
from scripts.stack.paths import StackPaths
from scripts.stack.pipeline import pipeline_name
from scripts.stack.plugins import make_plugins_importable
from scripts.stack.sources.bundle import SourcesBundle, sources_bundle

if TYPE_CHECKING:
    from airflow_bert_service.bundle.status import SourcesStatus

SETTLED = dt.timedelta(seconds=10)
"""How long after a version is published import errors may still be those of the version before."""


class Stage(Enum):
    """How far the sources on disk are."""

    IN_SERVICE = "in service"
    """New runs use them."""
    PENDING = "pending"
    """They are being compiled, or Airflow has yet to read them."""
    REFUSED = "refused"
    """They cannot be compiled, or Airflow cannot import the DAG."""


@dataclass(frozen=True)
class Service:
    """The sources on disk and the version in service, at one moment."""

    stage: Stage
    dag_id: str
    wanted: str
    """The version of the sources on disk; empty where the stack's DAG bundles have no such versions."""
    served: str = ""
    """The version that a run would use that begins now; empty: none can begin, or its version is not known."""
    known: bool = False
    """Whether Airflow has ever read the DAG."""
    text: str = ""
    """What is missing, or why they are refused, or the version in service with its date."""

    def require(self) -> None:
        """Check that the sources are not refused.

        Raises:
            StackError: They are; the message holds the error.
        """
        if self.stage is Stage.REFUSED:
            raise StackError(self.text)

    @property
    def ready(self) -> str:
        """A line for people: new runs use the sources on disk."""
        which = f", in pipeline version {self.text}: the sources that are on disk now" if self.wanted else ""
        return f"Ready. The DAG {self.dag_id} is there{which}."

    @property
    def runs(self) -> str:
        """A line for people: which version runs use meanwhile."""
        if self.served:
            return f"Until then, runs that begin use version {self.served}."
        return "Until then, no run can begin."


class ServiceReader:
    """Reads what is on disk, what the DAG bundle has published, and what Airflow has read. It changes nothing.

    Args:
        paths: Where the stack lives.
        api: The running stack's.
        environ: The environment of its processes.
    """

    def __init__(self, paths: StackPaths, api: AirflowApi, environ: Mapping[str, str]) -> None:
        self._paths = paths
        self._api = api
        self._bundle = sources_bundle(paths, environ)

    def read(self) -> Service:
        """Compare; takes milliseconds, and one or two requests to the API server.

        Raises:
            StackError: The API does not answer, or the pipeline's settings cannot be read.
        """
        dag_id = pipeline_name((self._bundle.root if self._bundle else self._paths.root) / "dags")
        dag = self._api.dag(dag_id)
        if self._bundle is None or (dag is not None and dag.bundle != self._bundle.name):
            return self._without_versions(dag_id, dag)
        return self._with_versions(dag_id, dag, self._bundle)

    def _without_versions(self, dag_id: str, dag: DagState | None) -> Service:
        if dag is not None:
            return Service(Stage.IN_SERVICE, dag_id, "", known=True)
        if errors := self._api.import_errors():
            return Service(Stage.REFUSED, dag_id, "", text=_not_imported(dag_id, errors))
        return Service(Stage.PENDING, dag_id, "", text=f"Airflow to find the DAG {dag_id}")

    def _with_versions(self, dag_id: str, dag: DagState | None, bundle: SourcesBundle) -> Service:
        status = _status(bundle)
        if status is None:
            return Service(Stage.PENDING, dag_id, "", text="the sources to stay as they are for a moment")
        served = _served(dag)

        def service(stage: Stage, text: str) -> Service:
            return Service(stage, dag_id, status.wanted, served, known=dag is not None, text=text)

        if dag is not None and _is_from(dag, status.wanted, _modified(self._paths.session)):
            return service(Stage.IN_SERVICE, described(bundle, status.wanted))
        if status.failure:
            text = f"Version {status.wanted} of the sources is not in service. It does not compile:\n{status.failure}"
            return service(Stage.REFUSED, text)
        if not status.published:
            return service(Stage.PENDING, f"the pipeline to be compiled in version {status.wanted} of the sources")
        if errors := self._errors_since(bundle, dag):
            refused = service(Stage.REFUSED, "")
            text = f"Version {status.wanted} of the sources is not in service. {_not_imported(dag_id, errors)}"
            return replace(refused, text=f"{text}\nCorrect the file. {refused.runs}")
        return service(Stage.PENDING, f"Airflow to read the DAG {dag_id} in version {status.wanted} of the sources")

    def _errors_since(self, bundle: SourcesBundle, dag: DagState | None) -> dict[str, str]:
        """Return the import errors of the published version; those of an earlier one are replaced in seconds."""
        now = dt.datetime.now(dt.timezone.utc)
        published = bundle.store.put_in_service_at() or now
        since = max(published, _modified(self._paths.session))  # what an earlier stack has left is read anew
        if now - since < SETTLED:
            return {}
        errors = self._api.import_errors(since=since)
        return errors if dag is None else {name: text for name, text in errors.items() if name == dag.file}


def described(bundle: SourcesBundle, version: str) -> str:
    """Return a published version with the time at which it was compiled."""
    make_plugins_importable()
    from airflow_bert_service.bundle.snapshots import Version
    from airflow_bert_service.pipeline.compiler import ir_file
    from airflow_bert_service.pipeline.version import read_version

    return str(read_version(ir_file(bundle.store.root_of(Version(version)))) or version)


def _status(bundle: SourcesBundle) -> "SourcesStatus | None":
    make_plugins_importable()
    from airflow_bert_service.bundle.status import status_of

    try:
        return status_of(bundle.store, bundle.root)
    except FileNotFoundError:
        return None  # a file went away while it was read


def _served(dag: DagState | None) -> str:
    from airflow_bert_service.bundle.snapshots import Version

    return "" if dag is None or dag.stale else Version.parse(dag.version).served


def _is_from(dag: DagState, version: str, started: dt.datetime) -> bool:
    if dag.stale or dag.read_at is None or dag.read_at < started:
        return False
    # The path too: a file of the version before may have been read while Airflow took note of the new version.
    return dag.version == version and version in Path(dag.path).parts


def _modified(file: Path) -> dt.datetime:
    seconds = file.stat().st_mtime if file.exists() else 0.0
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)


def _not_imported(dag_id: str, errors: Mapping[str, str]) -> str:
    return "\n".join([f"Airflow cannot import the DAG {dag_id}.", *(f"{file}:\n{e}" for file, e in errors.items())])
