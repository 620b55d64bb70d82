"""`python -m scripts.up`: starts the stack, prints its addresses, and runs until Ctrl-C.

Reads the make variables UI_PORT, REST_PORT, GRPC_PORT, FEED and IMDB_ARCHIVE from the environment.
"""

import os
import sys
import time
from collections.abc import Mapping

from scripts.stack.command import run_command, say
from scripts.stack.credentials import LOGIN_FILE, MODEL_SERVER_KEY_FILE, USER
from scripts.stack.environment import feed_settings
from scripts.stack.paths import STATE_VARIABLE, find_paths
from scripts.stack.pipeline import further_pipelines
from scripts.stack.ports import LOOPBACK, read_ports
from scripts.stack.services import model_address
from scripts.stack.signals import Interrupted, Interrupts
from scripts.stack.sources.watch import SourcesWatch
from scripts.stack.stack import Stack, running_stack
from scripts.stack.waiting import ProgressReporter

ROUND_SECONDS = 0.5


def up(interrupts: Interrupts, environ: Mapping[str, str]) -> None:
    """Run the stack until a signal ends it.

    Raises:
        StackError: The stack cannot start, a service died, or the sources are refused and there is no version of them
            from before.
    """
    progress = ProgressReporter(say)
    paths, ports = find_paths(environ), read_ports(environ)
    progress.say("Starting Airflow, the node server and the model server.")
    try:
        with running_stack(
            paths, ports, feed_settings(environ), interrupts=interrupts, progress=progress, environ=environ
        ) as stack:
            stack.wait_for_airflow(progress)
            stack.wait_for_model_server(progress)
            progress.say(where(stack))
            service = stack.wait_for_dag(progress)
            if not service.known:
                service.require()
            watch = SourcesWatch(stack.sources.read, progress.say)
            watch.tell(service)
            progress.say("Ctrl-C stops everything.")
            while True:
                stack.processes.check()
                watch.look()
                time.sleep(ROUND_SECONDS)
    except Interrupted as interrupted:
        say(f"Stopped ({interrupted}).")


def where(stack: Stack) -> str:
    """Return the addresses, the file of the login and commands to try, as lines for the terminal."""
    ports, paths = stack.ports, stack.paths
    prefix = "" if paths == find_paths({}) else f"{STATE_VARIABLE}={paths.state} "
    airflow = f"{prefix}scripts/bert airflow"
    dag_id = paths.pipeline
    model = model_address(ports, dag_id)
    body = """'{"instances": ["A warm, funny film."]}'"""
    key = f'"Authorization: Bearer $(cat {paths.secrets / MODEL_SERVER_KEY_FILE})"'
    return "\n".join(
        [
            f"Airflow       http://{LOOPBACK}:{ports.ui}",
            f"  login       user {USER}, password in {paths.secrets / LOGIN_FILE}",
            f"Model server  REST {model}",
            *(f"              REST {model_address(ports, name)}" for name in further_pipelines(paths.root / "dags")),
            f"              gRPC {LOOPBACK}:{ports.grpc}",
            f"  key         in {paths.secrets / MODEL_SERVER_KEY_FILE}",
            f"Logs          {paths.logs}",
            "Try",
            f"  {airflow} dags unpause {dag_id}",
            f"  {airflow} dags trigger {dag_id} -l 2026-11-05",
            f"  {airflow} backfill create --dag-id {dag_id} --from-date 2026-11-03 --to-date 2026-11-05",
            f"  curl -H {key} {model}:predict -d {body}",
        ]
    )


if __name__ == "__main__":
    sys.exit(run_command(lambda interrupts: up(interrupts, os.environ)))
