"""Prints what TensorFlow's graph of a version spends its time on, for one text by one client.

    .venv/tfx/bin/python -m benchmarks.serving.graph_profile VERSION_FOLDER --words 126 --threads 2

Operations are timed by TensorFlow's own trace of a session's run. A row has the operations of a kind: their number, the
sum of each one's least time of all runs, and of products the achieved GFLOP/s, beside what one large product reaches
with the same threads in the same run. All sessions of a process share their threads, so that a call has one number of
them.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_modules.serving.models.engines.saved_model import SavedModel, Threads

_v1: Any = tf.compat.v1

KINDS: Mapping[str, tuple[str, ...]] = {
    "products with weights": ("FusedMatMul", "MatMul"),
    "products of attention": ("FusedBatchMatMulV2", "BatchMatMulV2"),
    "softmax": ("Softmax",),
    "layer norm": ("LayerNorm", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"),
    "sums and scales": ("AddV2", "Add", "Mul", "Sub", "BiasAdd"),
    "GELU apart": ("Erf", "Erfc", "Tanh", "Gelu"),
    "copies": ("Transpose", "ConcatV2", "Pack", "Unpack", "Slice", "StridedSlice", "GatherV2", "ResourceGather"),
}
"""Names of operations by kind, without what oneDNN's have before them."""
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf"})
LABEL = re.compile(r".* = (?P<operation>\w+)\((?P<inputs>.*)\)", re.DOTALL)
"""How the trace names an operation: ``NAME = TYPE(INPUT, ...)``."""
OTHERS = "all others, with the tokenizer"
PEAK_SIZE = 1024


@dataclass
class Operation:
    """An operation over all runs: its kind, the least of its times, and what it computes."""

    kind: str
    seconds: float
    flops: float


@dataclass
class Profile:
    """The runs of a signature."""

    operations: dict[str, Operation] = field(default_factory=dict)
    """By the names of nodes."""
    traced: list[float] = field(default_factory=list)
    """Seconds of each run with the trace."""


def kind_of(operation: str) -> str:
    """Return the kind of an operation by its type."""
    name = operation.removeprefix("_Mkl").removeprefix("Native").removeprefix("_")
    return next((kind for kind, names in KINDS.items() if name in names), OTHERS)


def profile(session: Any, fetches: Any, given: Mapping[Any, Any], runs: int) -> Profile:
    """Trace runs."""
    options = _v1.RunOptions(trace_level=_v1.RunOptions.FULL_TRACE)
    found = Profile()
    for _ in range(runs):
        metadata = _v1.RunMetadata()
        began = time.perf_counter()
        session.run(fetches, given, options=options, run_metadata=metadata)
        found.traced.append(time.perf_counter() - began)
        _add(found, [stat for device in metadata.step_stats.dev_stats for stat in device.node_stats])
    return found


def _add(found: Profile, stats: Sequence[Any]) -> None:
    shapes = {
        (stat.node_name, output.slot): [dim.size for dim in output.tensor_description.shape.dim]
        for stat in stats
        for output in stat.output
    }
    for stat in stats:
        label = LABEL.fullmatch(stat.timeline_label)
        operation = label["operation"] if label else ""
        if operation in CALLS:
            continue
        flops = 0.0
        if label and operation.endswith(("MatMul", "MatMulV2")):
            name, _, slot = label["inputs"].partition(",")[0].strip().partition(":")
            inner = shapes.get((name, int(slot or 0)), [0])[-1]
            flops = 2.0 * inner * float(np.prod(shapes[stat.node_name, 0]))
        seconds = (stat.op_end_rel_nanos - stat.op_start_rel_nanos) * 1e-9
        known = found.operations.setdefault(stat.node_name, Operation(kind_of(operation), seconds, flops))
        known.seconds = min(known.seconds, seconds)


def peak(threads: Threads) -> float:
    """Return the GFLOP/s that one large product of matrices reaches, the best of some."""
    config = _v1.ConfigProto(
        intra_op_parallelism_threads=threads.intra_op, inter_op_parallelism_threads=threads.inter_op
    )
    with tf.Graph().as_default(), _v1.Session(config=config) as session:
        matrix = _v1.get_variable("matrix", [PEAK_SIZE, PEAK_SIZE], initializer=_v1.ones_initializer())
        session.run(_v1.global_variables_initializer())
        run = session.make_callable(tf.linalg.matmul(matrix, matrix).op)
        best = min(timed(run, 60)[0])
    return 2e-9 * PEAK_SIZE**3 / best


def timed(run: Callable[[], object], runs: int) -> tuple[list[float], float]:
    """Return the seconds of runs, and the processor's seconds for one."""
    run()
    seconds, processor = [], time.process_time()
    for _ in range(runs):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return seconds, (time.process_time() - processor) / runs


def show(version: Path, text: str, intra_op: int, runs: int) -> None:
    """Print the table for a number of threads of an operation."""
    threads = Threads(intra_op, 2)
    model = SavedModel(version, allow_side_effect_ops=False)
    signature = model.signature_defs["serving_default"]
    session = model.session(threads)
    (source,) = (info.name for info in signature.inputs.values())
    fetches = [info.name for info in signature.outputs.values()]
    given = {source: [text.encode()]}
    session.run(fetches, given)
    seconds, processor = timed(lambda: session.run(fetches, given), runs)
    found = profile(session, fetches, given, runs)
    best = peak(threads)
    print(
        f"threads of an operation: {intra_op}; a run: least {min(seconds) * 1e3:.1f} ms, median "
        f"{statistics.median(seconds) * 1e3:.1f} ms, processor {processor * 1e3:.1f} ms; with the trace: median "
        f"{statistics.median(found.traced) * 1e3:.1f} ms; one large product: {best:.0f} GFLOP/s"
    )
    print("kind | operations | ms | GFLOP/s | of the large product")
    operations = found.operations.values()
    totals = {kind: sum(one.seconds for one in operations if one.kind == kind) for kind in [*KINDS, OTHERS]}
    for kind, total in sorted(totals.items(), key=lambda entry: -entry[1]):
        count = sum(one.kind == kind for one in operations)
        flops = sum(one.flops for one in operations if one.kind == kind)
        speed = flops / total * 1e-9 if flops else 0.0
        reached = f"{speed:.0f} | {speed / best:.0%}" if flops else " | "
        print(f"{kind} | {count} | {total * 1e3:.2f} | {reached}")
    print(f"all | {len(operations)} | {sum(totals.values()) * 1e3:.2f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=Path, help="version folder of a model")
    parser.add_argument("--words", type=int, default=126, help="words of the text, a WordPiece each; two are added")
    parser.add_argument("--threads", type=int, default=1, help="threads of an operation (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=30, help="runs for each figure (default: %(default)s)")
    flags = parser.parse_args()
    show(flags.version, " ".join(["good"] * flags.words), flags.threads, flags.runs)


if __name__ == "__main__":
    main()
