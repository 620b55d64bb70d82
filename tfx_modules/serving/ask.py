"""``python -m tfx_modules.serving.ask``: asks a model server, or a TensorFlow Serving, about reviews.

Prints a line per text: label, score, and how the text begins. Over REST it needs nothing but the standard library; over
gRPC it imports TensorFlow's protos, which takes seconds.
"""

import argparse
import http.client
import json
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from tfx_modules.serving.exceptions import AskError

SHOWN = 60  # characters of a text that are repeated
TIMEOUT_SECONDS = 60.0
OK = 200


@dataclass(frozen=True)
class Answer:
    """What the model says of one text.

    Attributes:
        score: probability of positive, 0 to 1.
    """

    label: str
    score: float
    text: str

    def __str__(self) -> str:
        start = " ".join(self.text.split())
        shown = start if len(start) <= SHOWN else f"{start[: SHOWN - 3]}..."
        return f"{self.label:<8}  {self.score:.3f}  {shown}"


def ask_rest(host: str, port: int, model_name: str, texts: Sequence[str]) -> list[Answer]:
    """Ask over REST.

    Raises:
        AskError: no connection, a refusal, or an answer without label and score.
    """
    body = json.dumps({"instances": [{"text": text} for text in texts]})
    document = _post(host, port, f"/v1/models/{model_name}:predict", body)
    try:
        rows = [(row["label"], float(row["score"])) for row in document["predictions"]]
    except (KeyError, TypeError, ValueError) as error:
        raise AskError(f"the answer lacks 'label' and 'score': {json.dumps(document)[:200]}") from error
    return [Answer(label, score, text) for (label, score), text in zip(rows, texts, strict=True)]


def _post(host: str, port: int, path: str, body: str) -> Any:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", path, body.encode(), {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise AskError(f"no answer from http://{host}:{port}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    try:
        document = json.loads(content)
    except ValueError as error:
        raise AskError(f"http://{host}:{port} answered {response.status} with something else than JSON") from error
    if response.status != OK:
        raise AskError(f"http://{host}:{port} answered {response.status}: {document.get('error', document)}")
    return document


def ask_grpc(host: str, port: int, model_name: str, texts: Sequence[str]) -> list[Answer]:
    """Ask over gRPC.

    Raises:
        AskError: no connection, a refusal, or an answer without label and score.
    """
    # What TensorFlow and a library of Google's say at import is of no use to somebody who asks about reviews.
    warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import grpc
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode() for text in texts])
    tensor.tensor_shape.dim.add(size=len(texts))
    request = predict_pb2.PredictRequest(inputs={"text": tensor})
    request.model_spec.name = model_name
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            outputs = stub.Predict(request, timeout=TIMEOUT_SECONDS).outputs
        except grpc.RpcError as error:
            raise AskError(f"{address} answered {error.code().name}: {error.details()}") from error
    if "label" not in outputs or "score" not in outputs:
        raise AskError(f"the answer lacks 'label' and 'score'; it has {', '.join(sorted(outputs))}")
    labels, scores = outputs["label"].string_val, outputs["score"].float_val
    return [Answer(label.decode(), score, text) for label, score, text in zip(labels, scores, texts, strict=True)]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise AskError(message)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m tfx_modules.serving.ask", description=__doc__, allow_abbrev=False)
    edge = parser.add_mutually_exclusive_group(required=True)
    edge.add_argument("--rest_api_port", type=int, metavar="P", help="ask over REST")
    edge.add_argument("--port", type=int, metavar="P", help="ask over gRPC")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--model_name", required=True)
    parser.add_argument("text", nargs="+")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Ask and print; 0, or 1 with a one-line error."""
    try:
        given = _parse(arguments)
        ask, port = (ask_grpc, given.port) if given.rest_api_port is None else (ask_rest, given.rest_api_port)
        for answer in ask(given.host, port, given.model_name, given.text):
            print(answer)
    except AskError as error:
        print(f"ask: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
