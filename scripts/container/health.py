"""`python -m scripts.container.health`: checks the service in this container; the images' HEALTHCHECK.

The variable BERT_SERVICE_PART names the service. Exit code 0: healthy; else 1, and a line has the reason. The checks
are cheap, for they run all the time: none of them imports Airflow or TensorFlow.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

SECONDS = 15.0
API = "http://{host}:8080/api/v2/monitor/health"


class UnhealthyError(Exception):
    """The service is not healthy; the text is the reason."""


def api_server(_environ: Mapping[str, str]) -> None:
    """Check that the API server answers, and reaches its database."""
    _require(_airflow_health("127.0.0.1"), "metadatabase")


def scheduler(_environ: Mapping[str, str]) -> None:
    """Ask the scheduler's own health page ([scheduler] enable_health_check), which has a status and no text."""
    _get("http://127.0.0.1:8974/health")


def dag_processor(environ: Mapping[str, str]) -> None:
    """Ask the API server for the DAG processor's heartbeat: it has no page of its own."""
    _require(_airflow_health(environ.get("BERT_SERVICE_API_HOST", "api-server")), "dag_processor")


def triggerer(environ: Mapping[str, str]) -> None:
    """Ask the API server for the triggerer's heartbeat: it has no page of its own."""
    _require(_airflow_health(environ.get("BERT_SERVICE_API_HOST", "api-server")), "triggerer")


def worker(environ: Mapping[str, str]) -> None:
    """Ping this container's Celery worker through the broker, and its node server's socket."""
    from celery import Celery

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(environ["AIRFLOW__BERT_SERVICE__NODE_SOCKET"]) != 0:
            raise UnhealthyError("the node server does not listen")
    name = f"celery@{socket.gethostname()}"
    app = Celery(broker=_broker(environ))
    if not app.control.ping(destination=[name], timeout=SECONDS / 2):
        raise UnhealthyError(f"{name} does not answer")


def model_server(environ: Mapping[str, str]) -> None:
    """Check that a version of the model is AVAILABLE. Before the first promotion there is none: 404 is healthy too."""
    name = environ["MODEL_NAME"]  # set in the image
    port = environ.get("MODEL_REST_PORT", "8501")
    try:
        found = json.loads(_get(f"http://127.0.0.1:{port}/v1/models/{name}"))
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return
    states = [version["state"] for version in found["model_version_status"]]
    if "AVAILABLE" not in states:
        raise UnhealthyError(f"no version of {name} is AVAILABLE, but {', '.join(states) or 'none is there'}")


CHECKS: Mapping[str, Callable[[Mapping[str, str]], None]] = {
    "api-server": api_server,
    "scheduler": scheduler,
    "dag-processor": dag_processor,
    "triggerer": triggerer,
    "worker": worker,
    "model-server": model_server,
}


def main(environ: Mapping[str, str]) -> int:
    """Check the service that the environment names; return the exit code."""
    service = environ.get("BERT_SERVICE_PART", "")
    if service not in CHECKS:
        print(f"BERT_SERVICE_PART is {service!r}; allowed: {', '.join(CHECKS)}. Set it for the container.")
        return 1
    try:
        CHECKS[service](environ)
    except (UnhealthyError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"{service}: {error}")
        return 1
    return 0


def _broker(environ: Mapping[str, str]) -> str:
    """Return the broker's address as Airflow finds it: the variable, or what the command in a variable prints."""
    if broker := environ.get("AIRFLOW__CELERY__BROKER_URL"):
        return broker
    command = shlex.split(environ["AIRFLOW__CELERY__BROKER_URL_CMD"])
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _airflow_health(host: str) -> object:
    return json.loads(_get(API.format(host=host)))


def _get(url: str) -> bytes:
    # Without the proxies that the environment may name: these are the stack's own addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=SECONDS) as answer:
        body: bytes = answer.read()
    return body


def _require(found: object, service: str) -> None:
    status = found.get(service, {}).get("status") if isinstance(found, dict) else None
    if status != "healthy":
        raise UnhealthyError(f"{service} is {status}")


if __name__ == "__main__":
    sys.exit(main(os.environ))
