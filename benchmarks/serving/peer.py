"""Serves the encoder with FastAPI and PyTorch, ONNX Runtime or OpenVINO, for comparison; imports nothing of ours.

    python benchmarks/serving/peer.py KIND PORT ENCODER_FOLDER HEAD.npz REVIEWS.csv.gz [--batch] [--threads N]

KIND is one of ``ENCODERS``; OpenVINO's are for latency or for throughput, by its own hints. REVIEWS are what INT8 is
calibrated with. ``POST /TOKENS`` with ``{"instances": [text, ...]}``
answers ``{"predictions": [score, ...]}``; texts are cut at TOKENS WordPieces. Texts of one request are padded to their
longest. With ``--batch``, requests that arrive while the model computes are computed together, up to 32.
"""

import argparse
import asyncio
import csv
import functools
import gzip
import itertools
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fastapi
import numpy as np
import torch
import transformers
import uvicorn

MOST = 32

Encode = Callable[[dict[str, Any]], Any]
"""From ids, mask and types [rows, tokens] to the [CLS] vectors [rows, width]."""


def torch_encoder(folder: str, *, bfloat16: bool) -> Encode:
    """Hugging Face's model, in PyTorch."""
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()

    def encode(inputs: dict[str, Any]) -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            made = model(**{name: torch.from_numpy(values) for name, values in inputs.items()})
        return made.last_hidden_state[:, 0].float().numpy()

    return encode


def onnx_encoder(folder: str, *, int8: bool) -> Encode:
    """The same model in ONNX Runtime, its graph optimised, with as many threads as PyTorch has."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as work:
        path = _exported(folder, Path(work))
        if int8:
            from onnxruntime.quantization import quantize_dynamic

            quantize_dynamic(path, path := Path(work) / "int8.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def encode(inputs: dict[str, Any]) -> Any:
        return session.run(["hidden"], inputs)[0][:, 0]

    return encode


def openvino_encoder(folder: str, reviews: str, *, int8: bool, hint: str) -> Encode:
    """The same model in OpenVINO, read from ONNX; in INT8 after NNCF's quantisation with 100 reviews."""
    import openvino

    core = openvino.Core()
    with tempfile.TemporaryDirectory() as work:
        model = core.read_model(_exported(folder, Path(work)))
    if int8:
        model = _quantised(model, folder, reviews)
    options: dict[str, Any] = {"PERFORMANCE_HINT": hint, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(model, "CPU", options)
    mine = threading.local()

    def encode(inputs: dict[str, Any]) -> Any:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        return mine.request.infer(inputs)["hidden"][:, 0]

    return encode


def _quantised(model: Any, folder: str, reviews: str) -> Any:
    import nncf

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with gzip.open(reviews, "rt", encoding="utf-8", newline="") as lines:
        texts = [row["review"] for row in itertools.islice(csv.DictReader(lines), 100)]
    rows = [dict(tokenizer([text], truncation=True, max_length=512, return_tensors="np")) for text in texts]
    return nncf.quantize(model, nncf.Dataset(rows), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))


def _exported(folder: str, work: Path) -> Path:
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    sample = tuple(torch.ones((2, 16), dtype=torch.int64) for _ in names)
    axes = {name: {0: "rows", 1: "tokens"} for name in [*names, "hidden"]}
    path = work / "encoder.onnx"
    torch.onnx.export(
        _Hidden(model), sample, str(path), input_names=names, output_names=["hidden"], dynamic_axes=axes, dynamo=False
    )
    return path


class _Hidden(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        """Return the last layer's vectors."""
        found = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return found.last_hidden_state


ENCODERS: dict[str, Callable[[str, str], Encode]] = {
    "torch": lambda folder, _: torch_encoder(folder, bfloat16=False),
    "torch-bfloat16": lambda folder, _: torch_encoder(folder, bfloat16=True),
    "onnx": lambda folder, _: onnx_encoder(folder, int8=False),
    "onnx-int8": lambda folder, _: onnx_encoder(folder, int8=True),
    "openvino-latency": functools.partial(openvino_encoder, int8=False, hint="LATENCY"),
    "openvino-throughput": functools.partial(openvino_encoder, int8=False, hint="THROUGHPUT"),
    "openvino-int8-latency": functools.partial(openvino_encoder, int8=True, hint="LATENCY"),
    "openvino-int8-throughput": functools.partial(openvino_encoder, int8=True, hint="THROUGHPUT"),
}
"""By kind; from the encoder's folder and the reviews."""


class Scorer:
    """Scores texts with tokenizer, encoder and head."""

    def __init__(self, kind: str, folder: str, head: str, reviews: str) -> None:
        self._encode = ENCODERS[kind](folder, reviews)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        weights = np.load(head)
        self._kernel, self._bias = weights["kernel"][:, 0], weights["bias"][0]

    def score(self, texts: Sequence[str], tokens: int) -> list[float]:
        """Return the probabilities of positive."""
        inputs = dict(
            self._tokenizer(list(texts), truncation=True, max_length=tokens, padding=True, return_tensors="np")
        )
        logits = self._encode({name: values.astype(np.int64) for name, values in inputs.items()}) @ self._kernel
        found: list[float] = (1 / (1 + np.exp(-(logits + self._bias)))).tolist()
        return found


class Together:
    """Batches the requests that wait; it computes one batch at a time, which uses all cores."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._waiting: list[tuple[list[str], int, asyncio.Future[list[float]]]] = []
        self._pool = ThreadPoolExecutor(1)
        self._running = False

    async def score(self, texts: list[str], tokens: int) -> list[float]:
        """Wait for the texts' scores."""
        answer: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, tokens, answer))
        if not self._running:
            self._running = True
            asyncio.get_running_loop().create_task(self._run())
        return await answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            texts = [text for entry in batch for text in entry[0]]
            scores = iter(await loop.run_in_executor(self._pool, self._scorer.score, texts, batch[0][1]))
            for asked, _, answer in batch:
                answer.set_result([next(scores) for _ in asked])
        self._running = False


def make_app(scorer: Scorer, *, batch: bool) -> Any:
    """Make the application."""
    together = Together(scorer)

    async def predict_together(tokens: int, body: dict[str, Any]) -> Any:
        return {"predictions": await together.score(body["instances"], tokens)}

    def predict(tokens: int, body: dict[str, Any]) -> Any:
        return {"predictions": scorer.score(body["instances"], tokens)}

    app = fastapi.FastAPI()
    app.add_api_route("/{tokens}", predict_together if batch else predict, methods=["POST"])
    return app


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=ENCODERS)
    parser.add_argument("port", type=int)
    parser.add_argument("encoder")
    parser.add_argument("head")
    parser.add_argument("reviews")
    parser.add_argument("--batch", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that an operation computes with")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    scorer = Scorer(flags.kind, flags.encoder, flags.head, flags.reviews)
    scorer.score(["warm up"], 128)
    app = make_app(scorer, batch=flags.batch)
    uvicorn.run(app, host="127.0.0.1", port=flags.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
