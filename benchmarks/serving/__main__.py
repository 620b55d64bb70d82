"""Compare the model server with FastAPI in front of PyTorch, ONNX Runtime and OpenVINO.

    python3.11 -m venv /tmp/peers && /tmp/peers/bin/pip install -r benchmarks/serving/requirements.txt
    .venv/tfx/bin/python -m benchmarks.serving --peers /tmp/peers/bin/python --reviews imdb_test_2k.csv.gz

The same encoder and head everywhere, texts from the same reviews, cut at the same number of WordPieces, one after the
other on the same cores, each server by itself. Workloads: reviews of at least 128 WordPieces cut to 128; of at least
256, cut to 256; and reviews as they are, up to the encoder's 512. One text a request: first one client, then many at
the same time; with ``--rows``, as many texts a request. The clients share the machine with the server, and are the same
for all.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import models
from benchmarks.serving.load import Ask, Measured, grpc_asker, measure, rest_asker
from benchmarks.serving.peer_process import PEERS, Peer
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.settings.settings import Precision

LENGTHS = (128, 256, 512)
MIX = 512
OPENVINO = "openvino"
"""This server with OpenVINO; with TensorFlow it has the precision that the graph is exported in."""
SERVERS = (*PEERS, Precision.BFLOAT16.value, Precision.FLOAT32.value, OPENVINO)
BATCHING = "max_batch_size { value: 32 } num_batch_threads { value: %d }"
"""With OpenVINO, one batch computes on all cores; in TensorFlow, an operation has one thread on two cores."""


@dataclass(frozen=True)
class Workload:
    """The workload that every server is measured with."""

    folder: Path
    models: Path
    """Where the models of this server are."""
    texts: Mapping[int, Sequence[str]]
    """The texts, by the number of WordPieces that they are cut at."""
    clients: int
    seconds: float
    reviews: Path
    """The file that the texts are from."""
    rows: int
    """Texts of each request."""
    threads: int
    """Threads that an operation computes with; 0: one for each core."""


def texts_by_length(reviews: Sequence[str]) -> dict[int, list[str]]:
    """Choose reviews by length; for the mix, all."""
    counts = models.count_tokens(reviews, MIX)
    chosen = {
        tokens: [text for text, count in zip(reviews, counts, strict=True) if count >= tokens] for tokens in LENGTHS
    }
    return {**chosen, MIX: list(reviews)}


def write_models(folder: Path, kinds: Sequence[str], reviews: Sequence[str]) -> None:
    """Export this server's models, where they are not there yet."""
    for kind in (kind for kind in kinds if not (folder / kind / models.CONFIG).exists()):
        (folder / kind).mkdir(parents=True)
        precision = Precision.FLOAT32 if kind == OPENVINO else Precision(kind)
        models.write(folder / kind, LENGTHS, precision, reviews if kind == OPENVINO else ())


def ours(workload: Workload, kind: str, *, batching: bool) -> Iterator[tuple[str, int, Measured]]:
    """Measure this server over both protocols."""
    engine = OPENVINO if kind == OPENVINO else "tensorflow"
    flags = [f"--model_config_file={workload.models / kind / models.CONFIG}", f"--engine={engine}"]
    if batching:
        parameters = workload.folder / "batching.config"
        parameters.write_text(BATCHING % (1 if kind == OPENVINO else 2))
        flags += ["--enable_batching", f"--batching_parameters_file={parameters}"]
    if workload.threads:
        flags.append(f"--tensorflow_intra_op_parallelism={workload.threads}")
    name = f"this server, {kind}, {'batching' if batching else 'no batching'}"
    with ModelServerProcess(model_base_path=workload.folder, model_name="unused", flags=flags) as server:
        rest = server.rest_url.removeprefix("http://")
        for tokens, texts in workload.texts.items():
            model = f"tokens{tokens}"
            path = f"/v1/models/{model}:predict"
            by_rest = rest_asker(rest, path, lambda prediction: float(prediction["score"]))
            for protocol, connect in (("REST", by_rest), ("gRPC", grpc_asker(server.grpc_address, model))):
                yield f"{name}, {protocol}", tokens, _measure(connect, texts, workload)


def peer(workload: Workload, python: str, kind: str, *, batching: bool) -> Iterator[tuple[str, int, Measured]]:
    """Measure a peer over REST."""
    name = f"FastAPI, {kind}, {'batching' if batching else 'no batching'}, REST"
    chosen = Peer(python, kind, workload.folder / "head.npz", workload.reviews, workload.threads)
    with chosen.running(batching=batching) as address:
        for tokens, texts in workload.texts.items():
            connect = rest_asker(address, f"/{tokens}", float)
            yield name, tokens, _measure(connect, texts, workload)


def _measure(connect: Callable[[], Ask], texts: Sequence[str], workload: Workload) -> Measured:
    return measure(connect, texts, clients=workload.clients, seconds=workload.seconds, rows=workload.rows)


def main() -> None:
    """Measure all servers, and print each result at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="Python of the peers' environment")
    parser.add_argument("--reviews", type=Path, required=True, help="CSV, gzipped, with the column review")
    parser.add_argument("--clients", type=int, default=16, help="clients at saturation (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", default=list(SERVERS), choices=SERVERS, help="servers to measure (default: all)"
    )
    parser.add_argument("--seconds", type=float, default=8, help="seconds for each figure (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=1, help="texts of each request (default: %(default)s)")
    parser.add_argument(
        "--models", type=Path, help="folder of this server's models; written where they are missing (default: anew)"
    )
    parser.add_argument("--threads", type=int, default=0, help="threads of an operation (default: one for each core)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models.write_head(folder / "head.npz")
        reviews = models.read_reviews(flags.reviews)
        kept = flags.models or folder
        write_models(kept, [kind for kind in flags.only if kind not in PEERS], reviews)
        texts = texts_by_length(reviews)
        workload = Workload(folder, kept, texts, flags.clients, flags.seconds, flags.reviews, flags.rows, flags.threads)
        print("server | tokens | p50 ms | p95 | p99 | texts/s | p99 ms at saturation | first scores", flush=True)
        for name, tokens, measured in _all(workload, flags.peers, flags.only):
            times = " | ".join(f"{value:.1f}" for value in measured.percentiles)
            scores = " ".join(f"{score:.3f}" for score in measured.scores[:4])
            length = "mix" if tokens == MIX else tokens
            print(
                f"{name} | {length} | {times} | {measured.throughput:.1f} | {measured.slowest:.0f} | {scores}",
                flush=True,
            )


def _all(workload: Workload, python: str, only: Sequence[str]) -> Iterator[tuple[str, int, Measured]]:
    for server in only:
        for batching in (False, True):
            if server in PEERS:
                yield from peer(workload, python, server, batching=batching)
            else:
                yield from ours(workload, server, batching=batching)


if __name__ == "__main__":
    main()
