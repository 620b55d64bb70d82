"""Compare the model server of this checkout with that of another one, for example of the last release.

    git worktree add /tmp/before v0.9
    .venv/tfx/bin/python -m benchmarks.serving.checkouts --before /tmp/before --model VERSION_FOLDER

Both servers serve the same version's folder, and stay up all the time. Clients ask them in turns, so that whatever
slows the machine for a while slows both. A figure is the median of the rounds' ratios: texts a second of this checkout
over those of the other one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.serving.load import Ask, grpc_asker, measure, rest_asker

MODEL = "measured"
ADDRESSES = """
import sys
from pathlib import Path
from tfx_modules.serving.process import ModelServerProcess
with ModelServerProcess(model_base_path=Path(sys.argv[1]), model_name=sys.argv[2], flags=sys.argv[3:]) as server:
    print(server.rest_url.removeprefix("http://"), server.grpc_address, flush=True)
    sys.stdin.read()
"""
ENOUGH = 200  # each client begins at another text
TEXTS = {
    "10 words": ["a warm and funny film about people who love the cinema"] * ENOUGH,
    "144 words": ["a warm and funny film about people who love the cinema, which I would like to see again " * 8]
    * ENOUGH,
}


@contextmanager
def served(checkout: Path, base: Path, flags: list[str]) -> Iterator[dict[str, Callable[[], Ask]]]:
    """Run a checkout's server; give what opens a connection, by protocol."""
    command = [sys.executable, "-c", ADDRESSES, str(base), MODEL, *flags]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        words = process.stdout.readline().split() if process.stdout else []
        if not words:
            sys.exit(f"the model server of {checkout} did not start")
        rest, grpc = words
        path = f"/v1/models/{MODEL}:predict"
        yield {
            "REST": rest_asker(rest, path, lambda prediction: float(prediction["score"])),
            "gRPC": grpc_asker(grpc, MODEL),
        }
        process.communicate()  # closes its standard input, whereupon it stops the server


def main() -> None:
    """Measure both servers in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout's folder")
    parser.add_argument("--model", type=Path, required=True, help="a version's folder, with saved_model.pb")
    parser.add_argument("--clients", type=int, default=16, help="clients at saturation (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="seconds for each figure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: %(default)s)")
    arguments, flags = parser.parse_known_args()
    checkouts = {"before": arguments.before.resolve(), "now": Path(__file__).resolve().parents[2]}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        (Path(name) / "1").symlink_to(arguments.model.resolve(), target_is_directory=True)
        servers = {
            side: stack.enter_context(served(checkout, Path(name), flags)) for side, checkout in checkouts.items()
        }
        print("texts | protocol | texts/s before | now | ratio | p50 ms before | now | ratio", flush=True)
        for kind, texts in TEXTS.items():
            for protocol in ("REST", "gRPC"):
                found = [
                    {
                        side: measure(
                            servers[side][protocol], texts, clients=arguments.clients, seconds=arguments.seconds
                        )
                        for side in (sorted(servers) if turn % 2 else sorted(servers, reverse=True))
                    }
                    for turn in range(arguments.rounds)
                ]
                throughput = np.array([[both["before"].throughput, both["now"].throughput] for both in found])
                alone = np.array([[both["before"].percentiles[0], both["now"].percentiles[0]] for both in found])
                cells = [
                    f"{np.median(values[:, 0]):.1f} | {np.median(values[:, 1]):.1f} | "
                    f"{np.median(values[:, 1] / values[:, 0]):.3f}"
                    for values in (throughput, alone)
                ]
                print(f"{kind} | {protocol} | {' | '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
