"""Parts of the stack are processes: started, watched, and stopped with all that they have started."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.stack.descendants import descendants
from tests.support.survivors import marked, marked_after, new_mark

ROOT = Path(__file__).parents[2]
KEEPER = Path(__file__).with_name("keeper.py")

SLEEPER = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
POLITE = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('put away', flush=True)))\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)"
)
WITH_OWN_SESSION = (
    "import subprocess, time\n"
    "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)"
)
DAEMON = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        time.sleep(600)\n"
    "    os._exit(0)\n"
    "os.wait()\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)"
)
ONE_THREAD_LEFT = (
    "import ctypes, threading, time\n"
    "def after_main():\n"
    "    while ') Z ' not in open('/proc/self/stat').read(): time.sleep(0.01)\n"
    "    print('ready', flush=True)\n"
    "    time.sleep(600)\n"
    "threading.Thread(target=after_main).start()\n"
    "ctypes.CDLL(None).pthread_exit(None)"
)

Keeper = subprocess.Popen[str]
Start = Callable[..., Keeper]


@pytest.fixture
def mark() -> Iterator[dict[str, str]]:
    chosen = new_mark()
    yield chosen
    for pid in marked(chosen):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def start(tmp_path: Path, mark: dict[str, str]) -> Iterator[Start]:
    started: list[Keeper] = []

    def start(**services: str) -> Keeper:
        keeper = subprocess.Popen(
            [sys.executable, str(KEEPER), str(tmp_path), json.dumps(services)],
            env={**os.environ, **mark, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(keeper)
        return keeper

    yield start
    for keeper in started:
        keeper.kill()
        keeper.communicate()


def wait_for_line(keeper: Keeper, line: str) -> None:
    assert keeper.stdout is not None
    assert keeper.stdout.readline().strip() == line


def wait_for_log(log: Path, text: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not log.exists() or text not in log.read_text():
        assert time.monotonic() < deadline, f"{text!r} never came to {log}"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_part(start: Start, mark: dict[str, str], number: signal.Signals) -> None:
    keeper = start(one=SLEEPER, two=SLEEPER)
    wait_for_line(keeper, "started")

    keeper.send_signal(number)

    assert keeper.wait(10) == 128 + number
    assert marked(mark) == {}


def test_a_part_may_put_things_away_before_it_ends(start: Start, tmp_path: Path) -> None:
    keeper = start(service=POLITE)
    wait_for_log(tmp_path / "part.log", "ready")

    keeper.terminate()

    keeper.wait(10)
    assert "put away" in (tmp_path / "part.log").read_text()


@pytest.mark.parametrize("code", [STUBBORN, WITH_OWN_SESSION, DAEMON], ids=["stubborn", "own session", "daemon"])
def test_nothing_is_left_of_parts_that_are_hard_to_end(
    start: Start, mark: dict[str, str], tmp_path: Path, code: str
) -> None:
    keeper = start(service=code)
    wait_for_log(tmp_path / "part.log", "ready")
    assert len(marked(mark)) >= 2

    keeper.terminate()

    assert keeper.wait(10) == 128 + signal.SIGTERM
    assert marked(mark) == {}


def test_a_process_whose_main_thread_alone_has_ended_counts_until_it_can_be_reaped() -> None:
    with subprocess.Popen([sys.executable, "-c", ONE_THREAD_LEFT], stdout=subprocess.PIPE, text=True) as process:
        wait_for_line(process, "ready")
        counted = process.pid in descendants(os.getpid())

        process.kill()
        assert counted
        while process.pid in descendants(os.getpid()):
            time.sleep(0.001)
        assert process.poll() == -signal.SIGKILL


def test_more_signals_do_not_disturb_the_stopping(start: Start, mark: dict[str, str], tmp_path: Path) -> None:
    keeper = start(service=STUBBORN)
    wait_for_log(tmp_path / "part.log", "ready")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        keeper.send_signal(number)
        time.sleep(0.1)

    assert keeper.wait(10) == 128 + signal.SIGTERM
    assert marked(mark) == {}


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_a_signal_at_any_moment_of_the_start_leaves_nothing(start: Start, mark: dict[str, str], seconds: float) -> None:
    keeper = start(**{f"part{number}": SLEEPER for number in range(8)})
    time.sleep(seconds)

    keeper.terminate()

    assert keeper.wait(10) != 0
    assert marked(mark) == {}


def test_parts_end_when_their_keeper_is_killed(start: Start, mark: dict[str, str], tmp_path: Path) -> None:
    keeper = start(service=POLITE)
    wait_for_log(tmp_path / "part.log", "ready")

    keeper.kill()
    keeper.wait(10)

    assert marked_after(mark, seconds=5) == {}


def test_a_part_that_dies_is_named_with_the_end_of_its_log(start: Start, mark: dict[str, str], tmp_path: Path) -> None:
    keeper = start(steady=SLEEPER, weak="import sys; print('no more memory'); sys.exit(3)")

    _, errors = keeper.communicate(timeout=10)

    assert keeper.returncode == 1
    assert "weak ended by itself (exit code 3)" in errors
    assert "no more memory" in errors
    assert str(tmp_path / "weak.log") in errors
    assert marked(mark) == {}


def test_a_part_that_is_killed_is_told_from_one_that_ended(start: Start) -> None:
    keeper = start(weak="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    _, errors = keeper.communicate(timeout=10)

    assert "weak ended by itself (killed by SIGKILL)" in errors
