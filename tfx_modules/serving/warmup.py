"""Replays a version's warm-up requests before it becomes available, as TensorFlow Serving does.

The first request of a length costs a multiple of the later ones: TensorFlow prepares its kernels then. The requests are
``assets.extra/tf_serving_warmup_requests``, a TFRecord file of ``PredictionLog``, as ``saved_model_warmup.md`` has it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import input_pb2, predict_pb2, prediction_log_pb2

from tfx_modules.serving.exceptions import InvalidRequestError, ModelUnreadableError, RequestError, WarmupError
from tfx_modules.serving.grpc.examples import read_examples
from tfx_modules.serving.grpc.tensors import read_tensors
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.specs import DEFAULT_SIGNATURE, PredictCall, bytes_array

PLACE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000

_logger = logging.getLogger(__name__)


def calls_of(model: ServedModel, folder: Path) -> Iterator[list[PredictCall]]:
    """Yield the calls of each request of a version's folder; nothing where there is no file.

    Raises:
        WarmupError: the file is damaged or has too many records, or one does not fit the model.
        ModelUnreadableError: the file cannot be read now.
    """
    path = folder / PLACE
    try:
        if not path.is_file():
            return
    except OSError as error:
        raise ModelUnreadableError(f"the warm-up file {path} cannot be read: {error}") from error
    for count, log in enumerate(_read(path), 1):
        if count > MAX_RECORDS:
            raise WarmupError(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}; keep fewer")
        try:
            yield _calls(model, log)
        except RequestError as error:
            raise _failed(count, path, error) from error


def warm_up(model: ServedModel, folder: Path) -> int:
    """Replay the requests of a version's folder.

    Returns:
        How many there were; 0 where there is no file.

    Raises:
        WarmupError: the file is damaged or has too many records, or the model fails on one of them.
        ModelUnreadableError: the file cannot be read now.
    """
    start, count = time.monotonic(), 0
    for count, calls in enumerate(calls_of(model, folder), 1):
        try:
            for call in calls:
                model.predict(call)
        except RequestError as error:
            raise _failed(count, folder / PLACE, error) from error
    if count:
        _logger.info("%d warm-up requests of %s took %.2f s", count, folder, time.monotonic() - start)
    return count


def _failed(record: int, path: Path, error: RequestError) -> WarmupError:
    return WarmupError(f"the model fails on warm-up record {record} of {path}: {error}")


def _read(path: Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield prediction_log_pb2.PredictionLog.FromString(record)
    except tf.errors.DataLossError as error:
        raise WarmupError(f"the warm-up file {path} is damaged, or not in TFRecord format: {error.message}") from error
    except tf.errors.OpError as error:  # it was withdrawn meanwhile, or the disk refuses it
        raise ModelUnreadableError(f"the warm-up file {path} cannot be read: {error.message}") from error
    except DecodeError as error:
        raise WarmupError(f"Failed to parse warmup record: {path} holds one that is not a PredictionLog") from error


def _calls(model: ServedModel, log: prediction_log_pb2.PredictionLog) -> list[PredictCall]:
    kind = log.WhichOneof("log_type")
    if kind in _CALLS:
        return _CALLS[kind](model, getattr(log, kind).request)
    if kind == "session_run_log":
        raise InvalidRequestError(f"Unsupported log_type for warmup: {kind}; allowed: {', '.join(_CALLS)}")
    _logger.warning("skipping a warm-up record with %s", kind or "no request")  # TensorFlow Serving skips these, too
    return []


def _predict(model: ServedModel, request: predict_pb2.PredictRequest) -> list[PredictCall]:
    signature = model.signature(request.model_spec.signature_name or DEFAULT_SIGNATURE)
    return [PredictCall(signature.name, read_tensors(request.inputs, signature), tuple(request.output_filter))]


def _examples(model: ServedModel, request: Any) -> list[PredictCall]:
    """Classify and Regress: a signature with one input, for serialised examples."""
    return [_call_of_examples(model, request.model_spec.signature_name, request.input)]


def _multi_inference(model: ServedModel, request: Any) -> list[PredictCall]:
    return [_call_of_examples(model, task.model_spec.signature_name, request.input) for task in request.tasks]


def _call_of_examples(model: ServedModel, signature_name: str, given: input_pb2.Input) -> PredictCall:
    signature = model.signature(signature_name or DEFAULT_SIGNATURE)
    if len(signature.inputs) != 1:
        raise InvalidRequestError(f"signature {signature.name!r} has {len(signature.inputs)} inputs; examples need 1")
    examples = read_examples(given)
    return PredictCall(signature.name, {next(iter(signature.inputs)): bytes_array(examples, (len(examples),))})


_CALLS: dict[str, Callable[[ServedModel, Any], list[PredictCall]]] = {
    "predict_log": _predict,
    "classify_log": _examples,
    "regress_log": _examples,
    "multi_inference_log": _multi_inference,
}
