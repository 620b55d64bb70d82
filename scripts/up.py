"""`python -m scripts.up`: starts the stack, says where it is and stays until Ctrl-C.

Reads the make variables UI_PORT, REST_PORT, GRPC_PORT, FEED and IMDB_ARCHIVE from the environment.
"""

import os
import sys
import time
from collections.abc import Mapping

from scripts.stack.command import run_command, say
from scripts.stack.credentials import LOGIN_FILE, USER
from scripts.stack.environment import feed_settings
from scripts.stack.parts import MODEL
from scripts.stack.place import STATE_VARIABLE, find_place
from scripts.stack.ports import LOOPBACK, read_ports
from scripts.stack.signals import Interrupted, Interrupts
from scripts.stack.stack import Stack, running_stack
from scripts.stack.waiting import Pulse

ROUND_SECONDS = 0.5


def up(interrupts: Interrupts, environ: Mapping[str, str]) -> None:
    """Run the stack until a signal ends it.

    Raises:
        StackError: It cannot start, or a part died.
    """
    pulse = Pulse(say)
    place, ports = find_place(environ), read_ports(environ)
    pulse.say("Starting Airflow, the node server and the model server.")
    try:
        with running_stack(
            place, ports, feed_settings(environ), interrupts=interrupts, pulse=pulse, environ=environ
        ) as stack:
            stack.wait_for_airflow(pulse)
            stack.wait_for_model_server(pulse)
            pulse.say(where(stack))
            stack.wait_for_dag(MODEL, pulse)
            pulse.say(f"The DAG {MODEL} is there. Ctrl-C stops everything.")
            while True:
                stack.processes.check()
                time.sleep(ROUND_SECONDS)
    except Interrupted as interrupted:
        say(f"Stopped ({interrupted}).")


def where(stack: Stack) -> str:
    """Return the addresses, the place of the login and what to try, as lines for the terminal."""
    ports, place = stack.ports, stack.place
    prefix = "" if place == find_place({}) else f"{STATE_VARIABLE}={place.state} "
    airflow = f"{prefix}scripts/bert airflow"
    model = f"http://{LOOPBACK}:{ports.rest}/v1/models/{MODEL}"
    body = """'{"instances": ["A warm, funny film."]}'"""
    return "\n".join(
        [
            f"Airflow       http://{LOOPBACK}:{ports.ui}",
            f"  login       user {USER}, password in {place.secrets / LOGIN_FILE}",
            f"Model server  REST {model}",
            f"              gRPC {LOOPBACK}:{ports.grpc}",
            f"Logs          {place.logs}",
            "Try",
            f"  {airflow} dags unpause {MODEL}",
            f"  {airflow} dags trigger {MODEL} -l 2026-11-05",
            f"  {airflow} backfill create --dag-id {MODEL} --from-date 2026-11-03 --to-date 2026-11-05",
            f"  curl {model}:predict -d {body}",
        ]
    )


if __name__ == "__main__":
    sys.exit(run_command(lambda interrupts: up(interrupts, os.environ)))
