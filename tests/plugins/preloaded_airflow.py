"""Runs scripts in a process that has imported Airflow, and has made the API that `dag.test()` asks: a fork of it each.

Both take ten seconds of a processor, and are the same for all scripts.
"""

import asyncio
import json
import os
import runpy
import signal
import sys
from pathlib import Path

import httpx
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.supervisor import in_process_api_server

__all__ = ["run", "task_runner"]

LONGEST_SECONDS = 300


async def _make_routes() -> None:
    """Ask the API for what it does not have: it makes its routes at the first request."""
    transport = httpx.ASGITransport(app=in_process_api_server().app)
    async with httpx.AsyncClient(transport=transport, base_url="http://in-process") as client:
        await client.get("/nothing")


asyncio.run(_make_routes())


def run(printed: str, errors: str, environment: str, script: str, *arguments: str) -> None:
    """Run a script as Python's command line does; it ends this process where it takes too long.

    Args:
        printed: The file that takes what it prints.
        errors: The file that takes what it prints as errors.
        environment: Its environment variables, as JSON.
        script: The file.
        arguments: The script's.
    """
    signal.alarm(LONGEST_SECONDS)
    for descriptor, file in ((1, printed), (2, errors)):
        with Path(file).open("wb") as opened:
            os.dup2(opened.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(json.loads(environment))
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
