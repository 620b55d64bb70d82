"""A client for the few calls of Airflow's REST API (v2) that the stack needs."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from scripts.errors import StackError

SECONDS = 60.0
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True)
class TaskState:
    """The state of a task of a DAG run at the moment of the request."""

    task_id: str
    state: str
    """Airflow's name of it; ``none`` for a task that nobody has looked at yet."""
    seconds: float
    """How long it has run; 0 where it has not."""
    try_number: int
    queue: str = ""
    """Of the executor."""
    pool: str = ""
    hostname: str = ""
    """Where it runs or ran, as that machine calls itself; empty where it has not."""

    @property
    def ended(self) -> bool:
        """Whether this run is over for the task."""
        return self.state in ENDED


@dataclass(frozen=True)
class DagState:
    """A DAG as Airflow has read it last."""

    paused: bool
    stale: bool
    """Whether Airflow does not find it any more; no run can begin then."""
    bundle: str
    """Name of its DAG bundle."""
    version: str
    """The bundle's version, which new runs get; empty for bundles without versions."""
    file: str
    """Path of its file in the bundle."""
    path: str
    """Path of the file that it was read from."""
    read_at: dt.datetime | None
    """When it was read."""


class AirflowApi:
    """Client of Airflow's REST API, as one user. It has only the calls that the demo and the tests need."""

    def __init__(self, url: str, *, user: str, password: str) -> None:
        # Without the proxies that the environment may name: the server is on loopback.
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        self._login = {"username": user, "password": password}

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close its connections."""
        self._client.close()

    def health(self) -> dict[str, str]:
        """Return the status of each of Airflow's components; empty while the server does not answer."""
        try:
            answer = self._client.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return {}
        if answer.status_code != httpx.codes.OK:
            return {}
        return {name: str(service["status"]) for name, service in answer.json().items() if service}

    def is_paused(self, dag_id: str) -> bool | None:
        """Whether the DAG is paused; None while the DAG processor has not found it."""
        dag = self.dag(dag_id)
        return dag.paused if dag else None

    def dag(self, dag_id: str) -> DagState | None:
        """Return a DAG; None while the DAG processor has never found it."""
        answer = self._ask("GET", f"/dags/{dag_id}", allowed=(httpx.codes.NOT_FOUND,))
        if answer.status_code != httpx.codes.OK:
            return None
        found = answer.json()
        return DagState(
            paused=bool(found["is_paused"]),
            stale=bool(found["is_stale"]),
            bundle=found["bundle_name"] or "",
            version=found["bundle_version"] or "",
            file=found["relative_fileloc"] or "",
            path=found["fileloc"],
            read_at=dt.datetime.fromisoformat(found["last_parsed_time"]) if found["last_parsed_time"] else None,
        )

    def import_errors(self, since: dt.datetime | None = None) -> dict[str, str]:
        """Return the traceback of each DAG file that cannot be imported, by file.

        Args:
            since: Leave out errors of files that were read before; None: all.
        """
        found = self._ask("GET", "/importErrors").json()["import_errors"]
        return {
            str(error["filename"]): str(error["stack_trace"])
            for error in found
            if since is None or dt.datetime.fromisoformat(error["timestamp"]) > since
        }

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Pause or unpause a DAG, as its toggle in the UI does."""
        self._ask("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, object], *, logical_date: str | None = None) -> None:
        """Start a DAG run, without a logical date or with one in ISO 8601."""
        json = {"dag_run_id": run_id, "logical_date": logical_date, "conf": dict(conf)}
        self._ask("POST", f"/dags/{dag_id}/dagRuns", json=json)

    def backfill_dates(self, dag_id: str, first: str, last: str) -> list[str]:
        """Return the logical dates of the runs that a backfill would make; it makes none.

        Args:
            dag_id: The DAG's.
            first: Where it begins, in ISO 8601, as the form in the UI sends it.
            last: Where it ends, likewise.
        """
        json = {"dag_id": dag_id, "from_date": first, "to_date": last, "run_backwards": False}
        found = self._ask("POST", "/backfills/dry_run", json=json).json()["backfills"]
        return [str(run["logical_date"]) for run in found]

    def has_open_backfill(self, dag_id: str) -> bool:
        """Whether Airflow has yet to close a backfill of the DAG; it refuses another until then."""
        found = self._ask("GET", "/backfills", params={"dag_id": dag_id}).json()["backfills"]
        return any(backfill["completed_at"] is None for backfill in found)

    def runs(self, dag_id: str, *states: str) -> list[dict[str, Any]]:
        """Return the DAG's runs that are in one of the states, all where none is given; oldest first."""
        query = {"state": list(states), "limit": 100, "order_by": "run_after"}
        found: list[dict[str, Any]] = self._ask("GET", f"/dags/{dag_id}/dagRuns", params=query).json()["dag_runs"]
        return found

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        return str(self._ask("GET", _run(dag_id, run_id)).json()["state"])

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a DAG run failed, which ends its running tasks."""
        self._ask("PATCH", _run(dag_id, run_id), json={"state": "failed"})

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the tasks of a DAG run."""
        found = self._ask("GET", f"{_run(dag_id, run_id)}/taskInstances", params={"limit": 100}).json()
        return [
            TaskState(
                task["task_id"],
                task["state"] or "none",
                _seconds(task),
                task["try_number"],
                queue=task["queue"] or "",
                pool=task["pool"],
                hostname=task["hostname"] or "",
            )
            for task in found["task_instances"]
        ]

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._ask("GET", path, params={"deserialize": "false", "stringify": "false"}).json()["value"]

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """Return the addresses behind a task's buttons, by their texts; None for one that leads nowhere."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/links"
        found: dict[str, str | None] = self._ask("GET", path).json()["extra_links"]
        return found

    def _ask(self, method: str, path: str, allowed: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        if "Authorization" not in self._client.headers:
            token = self._send("POST", "/auth/token", json=self._login).json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        return self._send(method, f"/api/v2{path}", allowed, **options)

    def _send(self, method: str, path: str, allowed: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise StackError(f"Airflow's API does not answer {method} {path}: {error!r}") from error
        if answer.is_error and answer.status_code not in allowed:
            raise StackError(f"Airflow's API answered {method} {path} with {answer.status_code}: {answer.text[:500]}")
        return answer


def _seconds(task: Mapping[str, Any]) -> float:
    """Return how long a task ran, or has been running."""
    if task["state"] == "running" and task["start_date"]:
        return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(task["start_date"])).total_seconds()
    return float(task["duration"] or 0.0)


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
