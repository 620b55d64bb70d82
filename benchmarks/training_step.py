r"""Compare the Trainer's step with PyTorch's, or with that of another checkout, for example with an older TensorFlow.

    .venv/tfx/bin/python -m benchmarks.training_step --peers /tmp/peers/bin/python --reviews imdb_5k.csv.gz

    git worktree add /tmp/before v0.9 && make -C /tmp/before setup
    .venv/tfx/bin/python -m benchmarks.training_step --before /tmp/before \
        --before-python /tmp/before/.venv/tfx/bin/python

All train the settings' default encoder: the checkouts by the Trainer's own code, PyTorch (``--peers``, the Python of an
environment with ``benchmarks/serving/requirements.txt``) by ``training/peer_process.py``. The batches are of random
tokens, without padding, and with ``--reviews`` also of a file's reviews, each side's as that side makes them: the
Trainer's by length buckets, PyTorch's at random and padded to the longest of a batch, and sorted by length
(``grouped``). A few batches stand for all.

Each side has a process, which stays up all the time and computes only in its turn, so that whatever slows the machine
for a while slows all. A ratio is the median of the rounds' ratios: this checkout's examples/s over the other side's.
GFLOP/s are those of the whole encoder's products, forward and backward, whatever a side leaves out of them; the peak is
that of a large product in the precision that the side trains in, the greatest in all sides and rounds.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving import models
from benchmarks.training import workloads
from benchmarks.training.processes import Took, Trainer, peer, trainer
from benchmarks.training.workloads import Workload
from tfx_modules.model.batches import BatchShape
from tfx_modules.settings.settings import TrainingSettings

NOW, BEFORE = "this checkout", "before"
KINDS = ("float32", "bfloat16", "float32-compiled", "bfloat16-compiled")
WARM_UP_STEPS = 2
SAMPLE = 5
LAYERS, WIDTH, INNER = 6, 384, 1536
HEAD = "workload | side | examples/s | processor ms/example | GFLOP/s | of the peak | times as fast is this checkout"


@dataclass(frozen=True)
class Side:
    """A process, and the workloads that it has besides random tokens, by name."""

    process: Trainer
    precision: str
    mixes: Mapping[str, Workload] = field(default_factory=dict)


def gflop(tokens: int) -> float:
    """Return what a text of so many tokens takes: the products of all layers, and twice as many for the gradients."""
    dense = 4 * WIDTH**2 + 2 * WIDTH * INNER
    attention = 2 * tokens * WIDTH
    return 3 * 2 * LAYERS * tokens * (dense + attention) / 1e9


def in_turns(works: Mapping[str, tuple[Trainer, Path | tuple[int, int]]], rounds: int) -> dict[str, list[Took]]:
    """Have each side train once a round, in another order each round."""
    found: dict[str, list[Took]] = {name: [] for name in works}
    for turn in range(rounds):
        for name in sorted(works, reverse=turn % 2 == 0):
            process, work = works[name]
            found[name].append(process.train_on(work) if isinstance(work, Path) else process.train(*work))
    return found


def row(workload: str, side: str, rates: list[float], ours: list[float], *more: str) -> str:
    """Return a line of the table: medians, and the median of the ratios of the rounds."""
    ratio = statistics.median(n / other for n, other in zip(ours, rates, strict=True))
    return " | ".join((workload, side, f"{statistics.median(rates):.2f}", *more, f"{ratio:.3f}"))


def without_padding(
    sides: Mapping[str, Side], peaks: Mapping[str, float], flags: argparse.Namespace, length: int
) -> Iterator[str]:
    """Measure batches of random tokens; yield the table's lines."""
    for side in sides.values():
        side.process.train(length, WARM_UP_STEPS)
    found = in_turns({name: (side.process, (length, flags.steps)) for name, side in sides.items()}, flags.rounds)
    examples = flags.steps * flags.batch_size
    rates = {name: [examples / took.clock for took in all_taken] for name, all_taken in found.items()}
    for name, side in sides.items():
        processor = statistics.median(1000 * took.processor / examples for took in found[name])
        speed = statistics.median(rates[name]) * gflop(length)
        more = (f"{processor:.1f}", f"{speed:.0f}", f"{speed / peaks[side.precision]:.0%}")
        yield row(f"{length} tokens", name, rates[name], rates[NOW], *more)


def of_reviews(sides: Mapping[str, Side], flags: argparse.Namespace, mean: float) -> Iterator[str]:
    """Measure batches of reviews, of so many tokens each on average; yield the table's lines."""
    mixes = {(name, mix): work for name, side in sides.items() for mix, work in side.mixes.items()}
    works = {" ".join(filter(None, key)): (sides[key[0]].process, work.file, work) for key, work in mixes.items()}
    for process, file, _ in works.values():
        process.train_on(file)  # compiles what is not yet, and warms up
    found = in_turns({name: (process, file) for name, (process, file, _) in works.items()}, flags.rounds)
    rates = {name: [works[name][2].real / mean / took.clock for took in taken] for name, taken in found.items()}
    for name, (_, _, work) in works.items():
        examples = work.real / mean
        processor = statistics.median(1000 * took.processor / examples for took in found[name])
        padding = f"{1 - work.real / work.padded:.0%} of its tokens are padding"
        yield row(f"reviews up to {flags.tokens}", name, rates[name], rates[NOW], f"{processor:.1f}", padding, "")


def mixes_of(folder: Path, flags: argparse.Namespace) -> tuple[Workload, dict[str, Workload], float]:
    """Write this checkout's batches of reviews and PyTorch's; return them and the reviews' mean length."""
    texts = workloads.tokenise(models.read_reviews(flags.reviews), flags.tokens)
    settings = TrainingSettings()
    buckets = tuple(flags.length_buckets or settings.length_buckets)
    shape = BatchShape(flags.batch_size, flags.tokens, buckets, settings.seed)
    mine = workloads.sample(folder / "ours.npz", workloads.ours(texts, shape), SAMPLE)
    theirs = {
        mix: workloads.sample(folder / f"{mix}.npz", make(texts, flags.batch_size, settings.seed), SAMPLE)
        for mix, make in (("random", workloads.random), ("grouped", workloads.grouped))
    }
    return mine, theirs, statistics.fmean(map(len, texts))


def start(stack: ExitStack, flags: argparse.Namespace, folder: Path) -> tuple[dict[str, Side], float]:
    """Start a process for each side; return them, and the mean length of the reviews (0 without)."""
    mine, theirs, mean = mixes_of(folder, flags) if flags.reviews else (None, {}, 0.0)
    lengths = sorted({*flags.lengths, *(mine.lengths if mine else ())})
    checkouts = {NOW: (Path(__file__).resolve().parents[1], Path(sys.executable))}
    if flags.before:
        checkouts[BEFORE] = (flags.before.resolve(), flags.before_python.absolute())
    sides = {}
    for name, where in checkouts.items():
        process = stack.enter_context(trainer(*where))
        took = process.prepare(flags.batch_size, lengths)
        print(f"{name}: {process.precision}; programs of {lengths} tokens compiled in {took.clock:.1f} s", flush=True)
        sides[name] = Side(process, process.precision, {"": mine} if mine else {})
    for kind in flags.kinds if flags.peers else ():
        process = stack.enter_context(peer(flags.peers.absolute(), models.encoder_folder(), kind, flags.threads))
        process.prepare(flags.batch_size, lengths)
        sides[f"PyTorch {kind}"] = Side(process, kind.partition("-")[0], theirs)
    return sides, mean


def peaks_of(sides: Mapping[str, Side]) -> dict[str, float]:
    """Measure a large product in each precision; return the greatest GFLOP/s by precision."""
    found: dict[str, float] = {}
    for _ in range(2):
        for side in sides.values():
            found[side.precision] = max(found.get(side.precision, 0.0), side.process.peak())
    for precision, speed in found.items():
        print(f"peak of a large product in {precision}: {speed:.0f} GFLOP/s", flush=True)
    return found


def main() -> None:
    """Measure all sides in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout's folder")
    parser.add_argument(
        "--before-python", type=Path, default=Path(sys.executable), help="its interpreter (default: this one's)"
    )
    parser.add_argument("--peers", type=Path, help="the Python of PyTorch's environment")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=["float32", "bfloat16"], help="PyTorch's (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch (default: %(default)s)")
    parser.add_argument("--reviews", type=Path, help="CSV, gzipped, with the column review")
    parser.add_argument("--tokens", type=int, default=256, help="at most in a review (default: %(default)s)")
    parser.add_argument(
        "--length-buckets", type=int, nargs="+", help="the Trainer's, for the reviews (default: the settings')"
    )
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 128], help="tokens (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="examples of a step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="steps for each figure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    flags = parser.parse_args()
    if flags.length_buckets and not flags.reviews:
        parser.error("--length-buckets are those of reviews; give --reviews, too")
    if any(not 0 < length < flags.tokens for length in flags.length_buckets or ()):
        parser.error(f"--length-buckets: got {flags.length_buckets}; allowed: lengths between 0 and {flags.tokens}")
    if not (flags.before or flags.peers):
        parser.error("nothing to compare with; give --peers or --before")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sides, mean = start(stack, flags, Path(folder))
        peaks = peaks_of(sides)
        print(HEAD)
        for length in flags.lengths:
            print(*without_padding(sides, peaks, flags, length), sep="\n", flush=True)
        if flags.reviews:
            print(*of_reviews(sides, flags, mean), sep="\n", flush=True)


if __name__ == "__main__":
    main()
