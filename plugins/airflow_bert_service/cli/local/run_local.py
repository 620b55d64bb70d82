"""``run-local``: runs the pipeline once, all nodes in one process, without Airflow's processes and database."""

import argparse
import datetime as dt
import getpass
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from airflow_bert_service.cli.local import ending, parameters, pipelines
from airflow_bert_service.cli.local.folder import DEFAULT, local_settings, new_run_id, used_alone
from airflow_bert_service.cli.local.parameters import RUN_TYPE
from airflow_bert_service.cli.local.steps import COMMAND, INTERRUPTED, LocalRun, nodes_up_to, run_nodes
from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.dag.parameters import USE_CACHE, node_parameters, run_parameters
from airflow_bert_service.dag.users_parameters import run_parameters_of
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.ingestion.refresh import WindowRefresh
from airflow_bert_service.installation import command, require_tfx_python
from airflow_bert_service.pipeline.task import pipeline_task
from airflow_bert_service.runs.data_date import PARAMETER, RunFacts, data_date
from airflow_bert_service.settings.settings import Settings, load_settings

_REFRESH = "refresh_data"
_KEPT = "Everything of this run is kept in {folder}; what is in service stays as it is."
_KEPT_OF_OTHERS = (
    "Metadata and artifacts of this run are kept in {folder}. What the components write elsewhere, as a Pusher of TFX "
    "does, they write there."
)
_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the pipeline; return the exit code: 0, 1 for a run that failed or was blocked, 130 after Ctrl-C.

    Raises:
        BertServiceError: The run cannot begin, its data cannot be refreshed, or the ledger cannot be used.
    """
    flags = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if flags.verbose else logging.WARNING, format="%(message)s", force=True)
    settings = load_settings()
    require_tfx_python(settings.tfx_python, SettingsError)
    is_users = flags.what is not None and ":" in flags.what and not Path(flags.what).is_dir()
    dags = None if is_users else Path(flags.what or dags_folder(settings)).absolute()
    local = local_settings(settings if dags is None else pipelines.own_settings(dags), flags.root)
    print((_KEPT_OF_OTHERS if dags is None else _KEPT).format(folder=local.state), flush=True)
    with used_alone(local.state):
        run = _users_run(flags, local) if dags is None else _own_run(flags, dags, local)
        print(f"Run {run.run_id}: {len(run.nodes)} nodes of {run.plan.id}, in one process", flush=True)
        code = run_nodes(local.tfx_python, run.plan.module_root, run.write_requests(), verbose=flags.verbose)
        return _end(run, code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command(COMMAND),
        description="Run the pipeline once, for debugging: refresh the data of a day's window, then run all nodes in "
        "one process, one after the other. Breakpoints work. It needs no Airflow process and no Airflow database. "
        "Everything is kept in a folder of its own: nothing that is in service changes.",
    )
    parser.add_argument(
        "what",
        nargs="?",
        metavar="DAGS_FOLDER | FILE:FUNCTION",
        help="folder of the DAG files, with the pipeline's settings (default: Airflow's); or the file and the function "
        "of a TFX pipeline of your own, like my_pipeline.py:create_pipeline",
    )
    parser.add_argument("--date", metavar="DAY", help="the run's data date, like 2026-11-05 (default: yesterday, UTC)")
    parser.add_argument(
        "--conf",
        default="{}",
        metavar="JSON",
        help="the run's parameters, as `airflow dags trigger --conf` takes them, like '{\"train_steps\": 20}'",
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="FOLDER",
        help="a folder of its own for metadata, ledger, artifacts and models; new, empty, or of earlier local runs "
        f"(default: {DEFAULT} below the setting state)",
    )
    parser.add_argument("--to-node", metavar="NODE", help="run this node and those that it needs, and no others")
    parser.add_argument(
        "--code",
        type=Path,
        metavar="FOLDER",
        help="folder that your own pipeline's imports count from (default: FILE's)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the libraries log, not only warnings")
    return parser


def _own_run(flags: argparse.Namespace, dags: Path, local: Settings) -> LocalRun:
    if flags.code is not None:
        raise SettingsError(
            f"--code is {flags.code}, and there is no FILE:FUNCTION; allowed: both, for a pipeline of your own. Name "
            "the function, or leave --code out."
        )
    conf = parameters.read_conf(flags.conf)
    if flags.date is not None:
        conf = {**conf, PARAMETER: _day(flags.date)}
    values = parameters.checked(run_parameters(make_feed(local).days_in_words), conf)
    now = dt.datetime.now(dt.timezone.utc)
    day = data_date(RunFacts(run_type="manual", run_after=now, data_date=values[PARAMETER]))
    plan = pipelines.own_pipeline(dags, local)
    nodes = nodes_up_to(plan, flags.to_node)
    began = time.monotonic()
    refreshed = WindowRefresh(local, pipeline_task(dags), _logger).refresh(day)
    print(
        f"Refreshed the data: {refreshed['days']} days up to {day}, {refreshed['rows']} reviews "
        f"({time.monotonic() - began:.1f} s)",
        flush=True,
    )
    run_id, user = new_run_id(now), _user()
    templates = {**node_parameters(local, plan.id, refresh_task_id=_REFRESH), "use_cache": USE_CACHE}
    made = parameters.rendered(templates, plan.id, run_id=run_id, parameters=values, refreshed=refreshed, user=user)
    return LocalRun(
        plan=plan,
        settings=local,
        run_id=run_id,
        nodes=nodes,
        values=made,
        use_cache=made["use_cache"] == str(True),
        refreshed=refreshed,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return RUN_TYPE  # a container's user may have a number alone


def _day(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise SettingsError(f"--date is {text!r}; allowed: a day like 2026-11-05. Correct it.") from error


def _users_run(flags: argparse.Namespace, local: Settings) -> LocalRun:
    if flags.date is not None:
        raise SettingsError(
            f"--date is {flags.date}, and the pipeline of {flags.what} is your own; allowed: --conf with values of its "
            "runtime parameters. Leave --date out."
        )
    conf = parameters.read_conf(flags.conf)
    plan = pipelines.users_pipeline(flags.what, flags.code, local)
    values = parameters.checked(run_parameters_of(plan, ()), conf)
    return LocalRun(
        plan=plan,
        settings=local,
        run_id=new_run_id(dt.datetime.now(dt.timezone.utc)),
        nodes=nodes_up_to(plan, flags.to_node),
        values={name: str(value) for name, value in values.items()},
        use_cache=True,
    )


def _end(run: LocalRun, code: int) -> int:
    if code == INTERRUPTED:
        print(f"{command(COMMAND)} was interrupted.", file=sys.stderr)
        return code
    if code != 0:
        ending.tell_failure(run, code)
    event = ending.recorded(run, _user(), code) if run.refreshed else None
    if event is not None:
        print(f"In the ledger: {event.line}")
    ending.tell_places(run)
    return 1 if code != 0 else 0
