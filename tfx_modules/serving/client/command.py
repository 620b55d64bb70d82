"""The client's command: predict, status and metadata, over REST or gRPC, of any TensorFlow Serving."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tfx_modules.serving.client.files import read_texts
from tfx_modules.serving.client.flags import Given, parse
from tfx_modules.serving.client.model_client import ModelClient
from tfx_modules.serving.client.specs import Prediction
from tfx_modules.serving.exceptions import ClientError, FlagError

SHOWN = 60  # characters of a text that are repeated


def main(arguments: Sequence[str]) -> int:
    """Ask and print; 0, or with a line of error 2 for wrong flags and 1 for anything else."""
    try:
        given = parse(arguments)
        with ModelClient(given.server, given.model, given.retry_policy) as client:
            for line in _COMMANDS[given.command](client, given):
                print(line, flush=True)
    except (ClientError, FlagError) as error:
        print(f"client: {error}", file=sys.stderr)
        return 2 if isinstance(error, FlagError) else 1
    except BrokenPipeError:  # the reader of the pipe has closed it
        sys.stderr.close()  # else Python complains about what it could not write
        return 1
    return 0


def _predict(client: ModelClient, given: Given) -> Iterable[str]:
    texts = given.texts if given.file is None else read_texts(given.file, given.column)
    for prediction in client.predict_batches(texts, given.batch_size):
        yield _as_json(prediction) if given.json else _as_text(prediction)


def _as_json(prediction: Prediction) -> str:
    return json.dumps({"text": prediction.text, "outputs": dict(prediction.outputs)}, ensure_ascii=False)


def _as_text(prediction: Prediction) -> str:
    start = " ".join(prediction.text.split())
    shown = start if len(start) <= SHOWN else f"{start[: SHOWN - 3]}..."
    if {"label", "score"} <= set(prediction.outputs):
        return f"{prediction.label:<8}  {prediction.score:.3f}  {shown}"
    if prediction.has_sets:
        scores = prediction.scores
        told = ", ".join(f"{label} {scores[label]:.3f}" for label in prediction.chosen)
        return f"{told or 'no label'}  {shown}"
    return f"{json.dumps(dict(prediction.outputs), ensure_ascii=False)}  {shown}"


def _status(client: ModelClient, given: Given) -> Iterable[str]:
    for report in client.status():
        if given.json:
            yield json.dumps({"version": report.version, "state": report.state, "error": report.error})
        else:
            yield f"{report.version}  {report.state}  {report.error}".rstrip()


def _metadata(client: ModelClient, given: Given) -> Iterable[str]:
    signatures = client.metadata()
    if given.json:
        yield json.dumps(signatures)
        return
    for name, signature in sorted(signatures.items()):
        yield f"{name}: {_tensors(signature.get('inputs', {}))} -> {_tensors(signature.get('outputs', {}))}"


def _tensors(infos: dict[str, Any]) -> str:
    return ", ".join(f"{name} {info['dtype']} {_shape(info['tensor_shape'])}" for name, info in sorted(infos.items()))


def _shape(shape: dict[str, Any]) -> str:
    if shape.get("unknown_rank"):
        return "of any shape"
    return f"[{', '.join(str(dim['size']) for dim in shape.get('dim', ()))}]"


_COMMANDS: dict[str, Callable[[ModelClient, Given], Iterable[str]]] = {
    "predict": _predict,
    "status": _status,
    "metadata": _metadata,
}
