r"""Compare the Trainer's step of this checkout with that of another one, for example with an older TensorFlow.

    git worktree add /tmp/before v0.9 && make -C /tmp/before setup
    .venv/tfx/bin/python -m benchmarks.training_step --before /tmp/before \
        --before-python /tmp/before/.venv/tfx/bin/python

Both train the settings' default encoder on batches of random tokens, without padding, by the Trainer's own code. Each
has a process, which stays up all the time and computes only in its turn, so that whatever slows the machine for a while
slows both. A ratio is the median of the rounds' ratios: this checkout's figure over the other one's. The time to
compile is measured once for each process, and includes one pass of each program.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TRAINER = Path(__file__).with_name("trainer_process.py")
WARM_UP_STEPS = 2


@dataclass(frozen=True)
class Took:
    """How long something took.

    Attributes:
        clock: seconds.
        processor: seconds of all cores.
    """

    clock: float
    processor: float


@dataclass(frozen=True)
class Trainer:
    """A checkout's process, which trains when it is asked to."""

    asks: IO[str]
    answers: IO[str]

    def prepare(self, batch_size: int, lengths: list[int]) -> Took:
        """Compile the programs of the lengths."""
        return self._ask({"batch_size": batch_size, "lengths": lengths})

    def train(self, length: int, steps: int) -> Took:
        """Train on batches of a length that was prepared."""
        return self._ask({"length": length, "steps": steps})

    def _ask(self, question: dict[str, object]) -> Took:
        print(json.dumps(question), file=self.asks, flush=True)
        return self.answer()

    def answer(self) -> Took:
        """Wait for the process; the first answer comes by itself, when it has built the classifier."""
        line = self.answers.readline()
        if not line:
            sys.exit("the process of a checkout has ended; standard error has the reason")
        return Took(**json.loads(line))


@contextmanager
def trainer(checkout: Path, python: Path) -> Iterator[Trainer]:
    """Run a checkout's process; its log goes to standard error."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(
        [str(python), str(TRAINER)],
        cwd=checkout,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            sys.exit(f"the process of {checkout} did not start")
        try:
            ready = Trainer(process.stdin, process.stdout)
            ready.answer()
            yield ready
        finally:
            process.stdin.close()  # whereupon it ends


def row(name: str, before: list[float], now: list[float]) -> str:
    """Return a line of the table: medians, and the median of the ratios of the rounds."""
    ratio = statistics.median(n / b for b, n in zip(before, now, strict=True))
    return f"{name} | {statistics.median(before):.2f} | {statistics.median(now):.2f} | {ratio:.3f}"


def measure(sides: dict[str, Trainer], length: int, *, batch_size: int, steps: int, rounds: int) -> Iterator[str]:
    """Train in turns, in another order each round; yield the table's lines."""
    for one in sides.values():
        one.train(length, WARM_UP_STEPS)
    found: dict[str, list[Took]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sorted(sides, reverse=turn % 2 == 0):
            found[side].append(sides[side].train(length, steps))
    examples = steps * batch_size
    before, now = found["before"], found["now"]
    yield row(f"{length} tokens, examples/s", [examples / t.clock for t in before], [examples / t.clock for t in now])
    yield row(
        f"{length} tokens, processor ms/example",
        [1000 * took.processor / examples for took in before],
        [1000 * took.processor / examples for took in now],
    )


def main() -> None:
    """Measure both checkouts in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout's folder")
    parser.add_argument(
        "--before-python", type=Path, default=Path(sys.executable), help="its interpreter (default: this one's)"
    )
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 128], help="tokens (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="examples of a step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="steps for each figure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    flags = parser.parse_args()
    checkouts = {
        "before": (flags.before.resolve(), flags.before_python.absolute()),
        "now": (Path(__file__).resolve().parents[1], Path(sys.executable)),
    }
    with ExitStack() as stack:
        sides = {name: stack.enter_context(trainer(*where)) for name, where in checkouts.items()}
        prepared = {name: side.prepare(flags.batch_size, flags.lengths) for name, side in sides.items()}
        before, now = prepared["before"], prepared["now"]
        print("figure | before | now | ratio")
        print(row("seconds to compile", [before.clock], [now.clock]))
        print(row("processor seconds to compile", [before.processor], [now.processor]), flush=True)
        for length in flags.lengths:
            lines = measure(sides, length, batch_size=flags.batch_size, steps=flags.steps, rounds=flags.rounds)
            print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()
