"""A node command that follows the contract without TFX: the parameter `act` says what it does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXIT_CODES = {"complete": 0, "cached": 0, "reused": 0, "skipped": 0, "blocked": 1, "failed": 1}
REASONS = {
    "skipped": "the model is not blessed: accuracy 0.612 < floor 0.7",
    "blocked": "blocked: split train: review has 3 missing values",
    "failed": "out of memory",
}


def write_outcome(request: dict[str, Any], state: str, **changes: object) -> None:
    model = {
        "id": 5,
        "type": "Model",
        "uri": f"{request['pipeline_root']}/Trainer/model/7",
        "properties": {"pushed": 1},
    }
    outcome = {
        "format": 1,
        "node": request["node"],
        "state": state,
        "execution_id": 7,
        "outputs": {"model": [model]},
        "reason": REASONS.get(state, ""),
        **changes,
    }
    part = Path(request["outcome"] + ".part")
    part.write_text(json.dumps(outcome))
    part.rename(request["outcome"])


def hang(request: dict[str, Any]) -> None:
    if "stubborn" in request["parameters"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    part = Path(request["parameters"]["pids"] + ".part")
    part.write_text(f"{os.getpid()} {grandchild.pid}")
    part.rename(request["parameters"]["pids"])
    print("waiting", flush=True)
    time.sleep(600)


def leave_a_daemon(request: dict[str, Any]) -> None:
    daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(request["parameters"]["pids"]).write_text(str(daemon.pid))
    write_outcome(request, "complete")


def echo(request: dict[str, Any]) -> None:
    shown = {
        "request": request,
        "cwd": str(Path.cwd()),
        "environ": dict(os.environ),
        "session": os.getsid(0) == os.getpid(),
    }
    print("ECHO " + json.dumps(shown))
    print("größer ✓", file=sys.stderr)
    sys.stdout.buffer.write(b"\xff no UTF-8\r\nno line end")
    write_outcome(request, "complete")


def warn(request: dict[str, Any]) -> None:
    """Log as the node command does, and print."""
    print("2026-11-05T12:00:00Z WARNING no GPU", flush=True)
    print("2026-11-05T12:00:00Z ERROR Traceback (most recent call last):", flush=True)
    print("printed", flush=True)
    write_outcome(request, "complete")


def crash(_request: dict[str, Any]) -> None:
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def eat(_request: dict[str, Any]) -> None:
    """Take more and more memory, 4 GB at most."""
    print(len([b"x" * (16 << 20) for _ in range(256)]))


def end_badly_after_the_work(request: dict[str, Any]) -> None:
    write_outcome(request, "complete")
    sys.exit(134)


def report(request: dict[str, Any]) -> None:
    """Leave a page in the artifact's folder, as ExampleValidator does: `page`; end as `state` says."""
    folder = Path(request["pipeline_root"], request["node"], "anomalies", "7")
    if "page" in request["parameters"]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.html").write_text(request["parameters"]["page"])
    properties = {"stored_as": "abc"} if request.get("artifact_store") else {}
    anomalies = {"id": 5, "type": "ExampleAnomalies", "uri": str(folder), "properties": properties}
    state = request["parameters"]["state"]
    write_outcome(request, state, outputs={"anomalies": [anomalies]})
    sys.exit(EXIT_CODES[state])


def keep(request: dict[str, Any]) -> None:
    """Write what an exit handler is told into the pipeline's folder."""
    folder = Path(request["pipeline_root"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "final_status.json").write_text(request["parameters"]["final-status"])
    write_outcome(request, "complete")


ACTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "hang": hang,
    "daemon": leave_a_daemon,
    "echo": echo,
    "keep": keep,
    "crash": crash,
    "warn": warn,
    "eat": eat,
    "bad end": end_badly_after_the_work,
    "report": report,
    "quit": lambda _request: sys.exit(3),
    "no outcome": lambda _request: None,
    "other node": lambda request: write_outcome(request, "complete", node="Pusher"),
    "other format": lambda request: write_outcome(request, "complete", format=2),
    "other state": lambda request: write_outcome(request, "happy"),
    "not json": lambda request: Path(request["outcome"]).write_text("{"),
}


def main(path: str) -> int:
    request = json.loads(Path(path).read_text())
    act = request["parameters"]["act"]
    if act in ACTS:
        ACTS[act](request)
        return 0
    print(f"{request['node']} runs for {request['run_id']}")
    write_outcome(request, act)
    return EXIT_CODES[act]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
