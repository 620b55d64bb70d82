"""Measure the scoring of many reviews: the scoring command's own code, other ways to share out the work, and Beam.

    .venv/tfx/bin/python -m benchmarks.batch_scoring --reviews imdb_5k.csv.gz --texts 20000
    .venv/tfx/bin/python -m benchmarks.batch_scoring --reviews imdb_5k.csv.gz --texts 100000 --only-day \
        --peers /tmp/peers/bin/python

The model is the default encoder with a head of random weights, for OpenVINO as the Trainer exports it (INT8; bfloat16
with AMX). The reviews are repeated until there are enough. With ``--engine tensorflow`` it carries nothing for
OpenVINO.

With ``--peers``, the Python of an environment with ``benchmarks/serving/requirements.txt``, the same encoder and head
are measured behind FastAPI (``benchmarks/serving/peer.py``), too: first each way with a few texts, then the whole day
with the fastest. Its clients share the machine with it, and send texts in requests of 32 or 64.
"""

import argparse
import datetime as dt
import itertools
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import apache_beam as beam
import numpy as np
from tensorflow.core.example import example_pb2
from tfx_bsl.public.beam import RunInference
from tfx_bsl.public.proto import model_spec_pb2

from benchmarks import batch_peers
from benchmarks.serving import models
from benchmarks.serving.peer_process import PEERS
from tfx_modules.beam.runner import pipeline_of
from tfx_modules.engines.openvino_library import MOST_INSTRUCTIONS
from tfx_modules.model import ends
from tfx_modules.promotion.events import Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, Champion, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.scoring import scorer
from tfx_modules.scoring.day import PIECE, score_day
from tfx_modules.scoring.file_formats import FileFormat
from tfx_modules.scoring.request import LIVE, ScoringRequest
from tfx_modules.scoring.rows import Text
from tfx_modules.scoring.scorer import Scorer
from tfx_modules.serving.flags.batching_flags import cores
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.specs import PredictCall, bytes_array
from tfx_modules.settings.settings import Precision

DAY = dt.date(2026, 11, 5)
NAME = "bert_sentiment"


def main() -> None:
    """Measure, and print each figure at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=Path, required=True, help="CSV, gzipped, with the column review")
    parser.add_argument("--texts", type=int, default=20_000, help="of the whole day (default: %(default)s)")
    parser.add_argument("--few", type=int, default=PIECE, help="texts of the other figures (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=128, help="most WordPieces of a text (default: %(default)s)")
    parser.add_argument("--engine", choices=("openvino", "tensorflow"), default="openvino", help="what computes")
    parser.add_argument("--version", type=Path, help="folder of an exported version, in place of one made for this")
    parser.add_argument("--beam", action="store_true", help="measure Beam too, which computes with TensorFlow alone")
    parser.add_argument("--peers", help="Python of the peers' environment: measure FastAPI, too")
    parser.add_argument(
        "--kinds", nargs="+", choices=PEERS, default=list(batch_peers.KINDS), help="peers (default: %(default)s)"
    )
    parser.add_argument("--only-day", action="store_true", help="leave out the other ways to share out the work")
    flags = parser.parse_args()
    reviews = models.read_reviews(flags.reviews)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        version = flags.version or _exported(folder, flags.tokens, reviews if flags.engine == "openvino" else ())
        # In a process of its own, with AMX as the scoring command has it: this one has OpenVINO without AMX, with which
        # models in INT8 are made.
        os.environ.setdefault(MOST_INSTRUCTIONS, "DEFAULT")
        measuring = multiprocessing.get_context("spawn").Process(
            target=_measure, args=(flags, folder, version, reviews)
        )
        measuring.start()
        measuring.join()
    if measuring.exitcode:
        raise SystemExit(f"the process that measures ended with {measuring.exitcode}")


def _measure(flags: argparse.Namespace, folder: Path, version: Path, reviews: Sequence[str]) -> None:
    few = list(itertools.islice(itertools.cycle(reviews), flags.few))
    if not flags.only_day:
        _print_ways(version, few)
    if flags.beam:
        for workers in (1, cores()):
            seconds = _timed(partial(_with_beam, version, few, workers))
            print(f"Beam's RunInference, {workers} workers, {len(few)} texts: {seconds:.1f} s", flush=True)
    texts = list(itertools.islice(itertools.cycle(reviews), flags.texts))
    _print_day(folder, version, texts)
    if flags.peers:
        batch_peers.print_peers(flags.peers, flags.kinds, flags.reviews, folder, few, texts, flags.tokens)


def _exported(folder: Path, tokens: int, reviews: Sequence[str]) -> Path:
    models.write(folder, [tokens], Precision.FLOAT32, reviews)
    return folder / f"tokens{tokens}" / "1"


def _print_ways(version: Path, texts: Sequence[str]) -> None:
    began = time.monotonic()
    model = load_model(version, engine=EngineChoice.AUTO)
    print(f"{model.engine}: loaded in {time.monotonic() - began:.1f} s", flush=True)
    rows = [Text(number, None, text) for number, text in enumerate(texts, start=1)]
    for threads, batch in itertools.product((1, cores()), (16, 64, 256)):
        scorer.BATCH = batch
        with Scorer(model, threads) as made:
            made.score(rows[: 4 * batch])  # what is computed first, prepares
            _print_rate(f"{threads} threads, batches of {batch}", len(rows), partial(made.score, rows))
    scorer.BATCH = 64
    _print_rate(f"{cores()} threads, batches of 64 as they come", len(texts), partial(_as_they_come, model, texts))


def _print_rate(what: str, count: int, work: Callable[[], object]) -> None:
    began = time.process_time()
    seconds = _timed(work)
    used = 1000 * (time.process_time() - began) / count
    print(f"{what}: {count / seconds:.1f} texts/s, {used:.1f} ms of a processor a text", flush=True)


def _as_they_come(model: ServedModel, texts: Sequence[str]) -> None:
    values = [text.encode() for text in texts]
    batches = [values[start : start + 64] for start in range(0, len(values), 64)]
    with ThreadPoolExecutor(cores()) as threads:
        calls = [PredictCall(ends.TEXTS, {"text": bytes_array(batch, (len(batch),))}) for batch in batches]
        list(threads.map(model.predict, calls))


def _with_beam(version: Path, texts: Sequence[str], workers: int) -> None:
    """Do what TFX's BulkInferrer does: tf.Examples through the SavedModel, on Beam."""
    saved = model_spec_pb2.SavedModelSpec(model_path=str(version), signature_name=[ends.EXAMPLES])
    spec = model_spec_pb2.InferenceSpecType(saved_model_spec=saved)
    arguments = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing"] if workers > 1 else []
    with pipeline_of(arguments) as pipeline:
        examples = pipeline | beam.Create(list(map(_example, texts))) | beam.Reshuffle()
        examples | RunInference(spec) | beam.combiners.Count.Globally()


def _example(text: str) -> example_pb2.Example:
    made = example_pb2.Example()
    made.features.feature["review"].bytes_list.value.append(text.encode())
    return made


def _print_day(folder: Path, version: Path, texts: Sequence[str]) -> None:
    request = _promoted(folder, version)
    began = time.monotonic()
    report = score_day(request, (Text(number, str(number), text) for number, text in enumerate(texts, start=1)))
    print(
        f"a day of {report.rows} texts with {report.provenance.engine}: {report.seconds:.1f} s, "
        f"{report.rows / report.seconds:.1f} texts/s; {time.monotonic() - began:.1f} s with loading; "
        f"{report.file.stat().st_size:,} bytes",
        flush=True,
    )
    scores = [json.loads(line)["score"] for line in report.file.read_text(encoding="utf-8").splitlines()]
    first = " ".join(f"{score:.3f}" for score in scores[:4])
    print(f"its mean score is {np.mean(scores):.4f}, its first scores {first}", flush=True)


def _promoted(folder: Path, version: Path) -> ScoringRequest:
    address = f"sqlite:///{folder}/ledger/ledger.db"
    models_folder = folder / "models" / NAME
    run = Run(dag_id=NAME, run_id="run", data_date=DAY, first_day=DAY)
    candidate = Candidate(run=run, model=version, actor="benchmark", older=False)
    promoter = Promoter(open_ledger(address, NAME), ModelRepository(models_folder), blocks_on_damage=True)
    promoter.promote(candidate, _accept)
    return ScoringRequest(
        day=DAY,
        model=LIVE,
        file_format=FileFormat.JSONL,
        ledger=address,
        name=NAME,
        models=models_folder,
        scores=folder / "scores",
    )


def _accept(champion: Champion | None) -> GateResult:
    del champion
    return GateResult(passed=True, reason="the benchmark's")


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
