"""Compare the model server of this checkout with that of another one, for example of the last release.

    git worktree add /tmp/before v0.9
    .venv/tfx/bin/python -m benchmarks.serving.checkouts --before /tmp/before --model VERSION_FOLDER

Both servers serve the same version's folder, and stay up all the time. Clients ask them in turns, so that whatever
slows the machine for a while slows both. A ratio is the median of the rounds' ratios: this checkout's figure over the
other one's. The server's processor time for a text is the steadiest: what else runs on the machine hardly changes it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving.load import Ask, grpc_asker, measure, rest_asker

MODEL = "measured"
ADDRESSES = """
import sys
from pathlib import Path
from tfx_modules.serving.process import ModelServerProcess
with ModelServerProcess(model_base_path=Path(sys.argv[1]), model_name=sys.argv[2], flags=sys.argv[3:]) as server:
    print(server.rest_url.removeprefix("http://"), server.grpc_address, server.pid, flush=True)
    sys.stdin.read()
"""
FIGURES = ("texts/s", "p50 ms of one client", "processor ms/text")
ENOUGH = 200  # each client begins at another text
TEXTS = {
    "10 words": ["a warm and funny film about people who love the cinema"] * ENOUGH,
    "144 words": ["a warm and funny film about people who love the cinema, which I would like to see again " * 8]
    * ENOUGH,
}


@dataclass(frozen=True)
class Served:
    """A checkout's server.

    Attributes:
        connect: what opens a connection, by protocol.
        pid: the server's process.
    """

    connect: dict[str, Callable[[], Ask]]
    pid: int

    def measure(self, protocol: str, texts: list[str], *, clients: int, seconds: float) -> tuple[float, float, float]:
        """Return texts a second at saturation, one client's median milliseconds, and processor milliseconds a text."""
        before = self._processor_seconds()
        found = measure(self.connect[protocol], texts, clients=clients, seconds=seconds)
        processor = (self._processor_seconds() - before) / found.answered
        return found.throughput, found.percentiles[0], processor * 1000

    def _processor_seconds(self) -> float:
        after_name = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, see proc(5)


@contextmanager
def served(checkout: Path, python: Path, base: Path, flags: list[str]) -> Iterator[Served]:
    """Run a checkout's server."""
    command = [str(python), "-c", ADDRESSES, str(base), MODEL, *flags]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        words = process.stdout.readline().split() if process.stdout else []
        if not words:
            sys.exit(f"the model server of {checkout} did not start")
        rest, grpc, pid = words
        path = f"/v1/models/{MODEL}:predict"
        connect = {
            "REST": rest_asker(rest, path, lambda prediction: float(prediction["score"])),
            "gRPC": grpc_asker(grpc, MODEL),
        }
        yield Served(connect, int(pid))
        process.communicate()  # closes its standard input, whereupon it stops the server


def main() -> None:
    """Measure both servers in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout's folder")
    parser.add_argument(
        "--before-python", type=Path, default=Path(sys.executable), help="its interpreter (default: this one's)"
    )
    parser.add_argument("--model", type=Path, required=True, help="a version's folder, with saved_model.pb")
    parser.add_argument("--clients", type=int, default=16, help="clients at saturation (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="seconds for each figure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: %(default)s)")
    arguments, flags = parser.parse_known_args()
    checkouts = {
        "before": (arguments.before.resolve(), arguments.before_python.absolute()),
        "now": (Path(__file__).resolve().parents[2], Path(sys.executable)),
    }
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        (Path(name) / "1").symlink_to(arguments.model.resolve(), target_is_directory=True)
        servers = {
            side: stack.enter_context(served(checkout, python, Path(name), flags))
            for side, (checkout, python) in checkouts.items()
        }
        print(f"texts | protocol | {' | '.join(f'{figure} before | now | ratio' for figure in FIGURES)}", flush=True)
        for kind, texts in TEXTS.items():
            for protocol in ("REST", "gRPC"):
                found = np.array(
                    [
                        round_of(servers, turn, protocol, texts, clients=arguments.clients, seconds=arguments.seconds)
                        for turn in range(arguments.rounds)
                    ]
                )  # round, side, figure
                before, now = np.median(found[:, 0], axis=0), np.median(found[:, 1], axis=0)
                ratio = np.median(found[:, 1] / found[:, 0], axis=0)
                cells = [f"{b:.1f} | {n:.1f} | {r:.3f}" for b, n, r in zip(before, now, ratio, strict=True)]
                print(f"{kind} | {protocol} | {' | '.join(cells)}", flush=True)


def round_of(
    servers: dict[str, Served], turn: int, protocol: str, texts: list[str], *, clients: int, seconds: float
) -> list[tuple[float, float, float]]:
    """Measure both servers, in another order each turn; return the figures of the one before and of this one."""
    found = {
        side: servers[side].measure(protocol, texts, clients=clients, seconds=seconds)
        for side in (sorted(servers) if turn % 2 else sorted(servers, reverse=True))
    }
    return [found["before"], found["now"]]


if __name__ == "__main__":
    main()
