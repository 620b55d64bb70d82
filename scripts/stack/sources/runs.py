"""Makes commands that begin runs of the DAG wait until the sources on disk are in service."""

from collections.abc import Mapping, Sequence

from scripts.errors import NotReadyError, StackError
from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.lock import is_running
from scripts.stack.paths import StackPaths
from scripts.stack.plugins import make_plugins_importable
from scripts.stack.sources.bundle import sources_bundle
from scripts.stack.sources.service import ServiceReader, Stage
from scripts.stack.waiting import ProgressReporter, wait_until

WAIT_SECONDS = 180.0
COMMANDS = frozenset({("dags", "trigger"), ("dags", "test"), ("dags", "unpause"), ("backfill", "create")})
"""Sub-commands of `airflow` after which runs of a DAG begin."""
HELP = frozenset({"-h", "--help"})


def begins_runs(arguments: Sequence[str]) -> bool:
    """Whether a command of Airflow makes runs begin.

    Args:
        arguments: The command, without the word `airflow`.
    """
    return tuple(arguments[:2]) in COMMANDS and not HELP.intersection(arguments)


def wait_for_sources(
    paths: StackPaths, environment: Mapping[str, str], arguments: Sequence[str], progress: ProgressReporter
) -> None:
    """Wait until a run of the pipeline's DAG would use the sources on disk. A rollback, and other DAGs, do not wait.

    Without a stack nothing compiles the sources. It says then which version the run is going to use.

    Args:
        paths: Where the stack lives.
        environment: The environment of Airflow's commands.
        arguments: The command, without the word `airflow`.
        progress: Where to say what is waited for.

    Raises:
        StackError: The sources cannot come into service, or have not in time; nothing was begun.
    """
    if not {paths.pipeline, f"--dag-id={paths.pipeline}"}.intersection(arguments):
        return
    if not is_running(paths):
        _say_which(paths, environment, progress)
        return
    url = environment["AIRFLOW__API__BASE_URL"]
    with AirflowApi(url, user=USER, password=ensure_credentials(paths.secrets).password) as api:
        _wait(api, ServiceReader(paths, api, environment), " ".join(arguments[:2]), progress)


def _wait(api: AirflowApi, reader: ServiceReader, command: str, progress: ProgressReporter) -> None:
    begun = False

    def missing() -> str:
        nonlocal begun
        if not api.health():
            return "Airflow's API server, which the stack starts"
        service = reader.read()
        if service.stage is Stage.PENDING and not begun:
            progress.say(f"Waiting for {service.text}. `airflow {command}` follows.")
            begun = True
        service.require()
        if service.stage is Stage.IN_SERVICE and begun:
            progress.say(service.ready)
        return service.text if service.stage is Stage.PENDING else ""

    try:
        wait_until(missing, seconds=WAIT_SECONDS, progress=progress)
    except NotReadyError as error:
        raise NotReadyError(f"`airflow {command}` was not executed. {error} Look at what `make up` prints.") from error
    except StackError as error:
        raise StackError(f"`airflow {command}` was not executed. {error}") from error


def _say_which(paths: StackPaths, environment: Mapping[str, str], progress: ProgressReporter) -> None:
    bundle = sources_bundle(paths, environment)
    if bundle is None:
        return
    make_plugins_importable()
    from airflow_bert_service.bundle.status import status_of

    status = status_of(bundle.store, bundle.root)
    if not status.published:
        now = status.served or "none"
        progress.say(
            f"No stack runs on {paths.state}, so nothing compiles the sources: those on disk are version "
            f"{status.wanted}, and the version in service is {now}, which this command is going to use. To use those "
            "on disk, start `make up`, wait until it says Ready, and repeat the command."
        )
