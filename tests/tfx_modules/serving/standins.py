"""Small real servers that refuse some requests before they answer, as busy TensorFlow Servings do."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc


@dataclass
class Seen:
    """What a stand-in was asked, and how many requests it still refuses."""

    address: str = ""
    refusals: int = 0
    status: int = 503
    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    specs: list[Any] = field(default_factory=list)

    def refuses(self) -> bool:
        self.refusals -= 1
        return self.refusals >= 0


@contextmanager
def rest_standin() -> Iterator[Seen]:
    """Says that every text is positive."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.paths.append(self.path)
            seen.keys.append(self.headers.get("Authorization", ""))
            if seen.refuses():
                self._send(seen.status, {"error": "too much to do"})
            else:
                rows = [{"label": "positive", "score": 1.0} for _ in document["instances"]]
                self._send(200, {"predictions": rows})

        def _send(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            del arguments

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802 - the proto's name
        self.seen.specs.append(request.model_spec)
        self.seen.keys += [value for name, value in context.invocation_metadata() if name == "authorization"]
        if self.seen.refuses():
            context.abort(self.seen.code, "too much to do")
        rows = request.inputs["text"].tensor_shape.dim[0].size
        response = predict_pb2.PredictResponse()
        response.outputs["label"].CopyFrom(tf.make_tensor_proto([b"positive"] * rows))
        # As tensor_content, which is the other of TensorFlow Serving's two ways to answer.
        response.outputs["score"].CopyFrom(tf.make_tensor_proto([1.0, *[0.5] * (rows - 1)], dtype=tf.float32))
        return response

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - the proto's name
        del context
        text = meta_graph_pb2.TensorInfo(dtype=tf.string.as_datatype_enum)
        text.tensor_shape.dim.add(size=-1)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        signatures.signature_def["serving_default"].inputs["text"].CopyFrom(text)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata[request.metadata_field[0]].Pack(signatures)
        return response


@contextmanager
def grpc_standin() -> Iterator[Seen]:
    """Says that every text is positive."""
    seen = Seen()
    server = grpc.server(ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Predictions(seen), server)
    seen.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield seen
    finally:
        server.stop(None).wait()
