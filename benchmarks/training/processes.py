"""Runs processes that train when they are asked to, each in its turn."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TRAINER = Path(__file__).with_name("trainer_process.py")
PEER = Path(__file__).with_name("peer_process.py")
PEAK_GFLOP = 3 * 2 * 4096**3 / 1e9
"""What a process computes when it is asked for its peak."""


@dataclass(frozen=True)
class Took:
    """How long something took.

    Attributes:
        clock: seconds.
        processor: seconds of all cores.
        precision: what the process trains in; only in the first answer.
    """

    clock: float
    processor: float
    precision: str = ""


@dataclass(frozen=True)
class Trainer:
    """A process that trains when it is asked to."""

    asks: IO[str]
    answers: IO[str]
    precision: str = ""

    def prepare(self, batch_size: int, lengths: Sequence[int]) -> Took:
        """Compile the programs of the lengths."""
        return self._ask({"batch_size": batch_size, "lengths": list(lengths)})

    def train(self, length: int, steps: int) -> Took:
        """Train on random batches of a length that was prepared."""
        return self._ask({"length": length, "steps": steps})

    def train_on(self, file: Path) -> Took:
        """Train on the batches of a file."""
        return self._ask({"file": str(file)})

    def peak(self) -> float:
        """Multiply large matrices; return the GFLOP/s."""
        return PEAK_GFLOP / self._ask({"peak": True}).clock

    def _ask(self, question: dict[str, object]) -> Took:
        print(json.dumps(question), file=self.asks, flush=True)
        return _answer(self.answers)


def _answer(answers: IO[str]) -> Took:
    line = answers.readline()
    if not line:
        sys.exit("a process that trains has ended; standard error has the reason")
    return Took(**json.loads(line))


@contextmanager
def trainer(checkout: Path, python: Path) -> Iterator[Trainer]:
    """Run a checkout's process; its log goes to standard error."""
    with _process([str(python), str(TRAINER)], checkout) as made:
        yield made


@contextmanager
def peer(python: Path, folder: Path, kind: str, threads: int) -> Iterator[Trainer]:
    """Run PyTorch's process for an encoder's folder."""
    with _process([str(python), str(PEER), str(folder), kind], PEER.parent, OMP_NUM_THREADS=str(threads)) as made:
        yield made


@contextmanager
def _process(command: list[str], folder: Path, **more: str) -> Iterator[Trainer]:
    environment = {**os.environ, "PYTHONPATH": str(folder), **more}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            sys.exit(f"{' '.join(command)} did not start")
        try:
            first = _answer(process.stdout)  # it has built the classifier
            yield Trainer(process.stdin, process.stdout, first.precision)
        finally:
            process.stdin.close()  # whereupon it ends
