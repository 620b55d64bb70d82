"""Loads a SavedModel and runs its signatures, on arrays. Knows no protocol and no other version."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops that a model with its tokenizer inside uses
from tensorflow.core.framework import tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model import loader_impl

from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ManifestError
from tfx_modules.serving.exceptions import (
    DeadlineError,
    InferenceError,
    InvalidRequestError,
    ModelLoadError,
    ModelUnreadableError,
    SignatureNotFoundError,
)
from tfx_modules.serving.models.disk import check_readable
from tfx_modules.serving.models.op_check import check_ops
from tfx_modules.serving.specs import NO_LIMIT, Array, PredictCall, Signature, TensorInfo, TimeLimit, bytes_array

SERVING_TAG = "serve"
# TensorFlow's own signatures, which nobody may call: what initialises a model, and what trains it.
_INTERNAL = "__saved_model_"

_v1: Any = tf.compat.v1
# What TensorFlow makes of EACCES, of too many open files, and of errors that it has no name for, such as EIO.
_DISK_ERRORS = (
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@dataclass(frozen=True)
class Threads:
    """The numbers of threads that TensorFlow computes with; 0 = one for each of the machine's cores.

    Those of ``inter_op`` are for one run of a model.
    All models of a process share them: the first that is loaded decides.
    """

    intra_op: int = 0
    inter_op: int = 0


class ThreadPools:
    """The pools of threads in which TensorFlow begins operations, by their numbers.

    Each run of a model gets one of its own, so that no run's operations wait behind those of another.

    Attributes:
        count: how many there are. More runs than that share them.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = threading.Lock()
        self._runs = [0] * count

    @contextmanager
    def least_busy(self) -> Iterator[int]:
        """Use the pool that has the fewest runs for as long as the block lasts; yield its number."""
        with self._lock:
            number = min(range(self.count), key=self._runs.__getitem__)
            self._runs[number] += 1
        try:
            yield number
        finally:
            with self._lock:
                self._runs[number] -= 1


_POOLS = ThreadPools(8)


class ServedModel:
    """A loaded version. Safe to call from several threads at once; TensorFlow releases the GIL while it computes.

    It is a graph in a session, as in TensorFlow Serving. Functions of TensorFlow 2, which are the other way, hold many
    copies of a graph's constants, and are never freed as a whole.

    Attributes:
        signatures: by name.
        signature_defs: the same as TensorFlow's own protos, for the metadata.
    """

    def __init__(self, session: Any, signature_defs: Mapping[str, meta_graph_pb2.SignatureDef]) -> None:
        self.signature_defs = signature_defs
        callable_ = {name: proto for name, proto in signature_defs.items() if not name.startswith(_INTERNAL)}
        self.signatures = {name: _signature(name, proto) for name, proto in callable_.items()}
        self._runs = {name: _run_of(session, proto) for name, proto in callable_.items()}
        self._session = session  # holds the graph and the variables

    def signature(self, name: str) -> Signature:
        """Return a signature.

        Raises:
            SignatureNotFoundError: there is none of that name.
        """
        if name not in self.signatures:
            raise SignatureNotFoundError(
                f'Serving signature key "{name}" not found; the model has {", ".join(sorted(self.signatures))}.'
            )
        return self.signatures[name]

    def check(self, call: PredictCall) -> Signature:
        """Check that a call fits the model; return its signature.

        Raises:
            SignatureNotFoundError, InvalidRequestError: it does not.
        """
        signature = self.signature(call.signature_name)
        signature.check(call.inputs)
        signature.check_filter(call.output_filter)
        return signature

    def predict(self, call: PredictCall, limit: TimeLimit = NO_LIMIT) -> dict[str, Array]:
        """Compute a signature's outputs.

        Raises:
            SignatureNotFoundError, InvalidRequestError: the call does not fit the model.
            DeadlineError: the time is over; no operation is begun any more.
            InferenceError: the model failed.
        """
        signature = self.check(call)
        given = [_fitting(name, call.inputs[name], info) for name, info in sorted(signature.inputs.items())]
        outputs = dict(zip(sorted(signature.outputs), self._run(signature.name, given, limit), strict=True))
        wanted = call.output_filter or tuple(sorted(signature.outputs))
        return {name: _array(outputs[name]) for name in wanted}

    def _run(self, name: str, given: list[Array], limit: TimeLimit) -> list[Array | bytes]:
        seconds = limit.left()
        if seconds is not None and seconds <= 0:
            raise DeadlineError(f"the request's time was over before signature {name!r} was begun; ask less at a time")
        milliseconds = 0 if seconds is None else math.ceil(seconds * 1000)
        try:
            with _POOLS.least_busy() as pool:
                options = _v1.RunOptions(timeout_in_ms=milliseconds, inter_op_thread_pool=pool)
                result: list[Array | bytes] = self._runs[name](*given, options=options)
        except tf.errors.DeadlineExceededError as error:
            raise DeadlineError(
                f"signature {name!r} was ended after {seconds:.3g} s, when the request's time was over (its deadline, "
                "--rest_api_timeout_in_ms or --max_compute_time_in_ms); ask less at a time"
            ) from error
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise InvalidRequestError(f"signature {name!r} rejects the input: {_reason(error.message)}") from error
        except UnicodeDecodeError as error:  # an op quotes bytes of the input
            said = error.object.decode(errors="backslashreplace")
            raise InvalidRequestError(f"signature {name!r} rejects the input: {_reason(said)}") from error
        except tf.errors.OpError as error:
            raise InferenceError(f"signature {name!r} failed: {_reason(error.message)}") from error
        return result


def load_model(folder: Path, threads: Threads = Threads(), *, allow_side_effect_ops: bool = False) -> ServedModel:
    """Load a SavedModel; where it has a manifest, or was promoted, its files are compared with that first.

    Args:
        folder: a version's.
        threads: how many there are to compute with, where this is the process' first model.
        allow_side_effect_ops: load it also where its graph could read and write files, or run code.

    Raises:
        ForbiddenOpError: the graph has such ops, and they are not allowed. Nothing of it has run.
        ModelUnreadableError: files cannot be read now.
        ModelLoadError: the folder is incomplete, damaged, other than its manifest says, or uses ops that neither
            TensorFlow nor TensorFlow Text has.
    """
    with _failures(folder):
        check_readable(folder)
        manifest.check(folder, manifest.promoted_digest(folder))
        model = _load(folder, threads, allow_side_effect_ops=allow_side_effect_ops)
    if not model.signatures:
        raise ModelLoadError(f"cannot load {folder}: it has no signatures; export with signatures={{...}}")
    return model


@contextmanager
def _failures(folder: Path) -> Iterator[None]:
    """Convert what a load raises: faults of the disk, which may pass, are told from faults of the model."""
    try:
        yield
    except ModelLoadError:
        raise
    # Which exceptions a damaged SavedModel raises is not documented: file, proto, key, attribute and value errors do.
    except Exception as error:
        of_disk = _fault_of_disk(error, folder)
        if of_disk:
            raise ModelUnreadableError(f"{folder} cannot be read: {of_disk}") from error
        if isinstance(error, ManifestError):
            raise ModelLoadError(str(error)) from error
        raise ModelLoadError(f"cannot load {folder}: {type(error).__name__}: {_first_line(error)}") from error


def _fault_of_disk(error: Exception, folder: Path) -> str:
    """Return what the disk refuses; empty where it does not."""
    cause = error.__cause__ if isinstance(error, ManifestError) else error
    if isinstance(cause, OSError) and cause.errno is not None:  # TensorFlow raises OSErrors of its own, without
        return str(cause)
    if isinstance(error, _DISK_ERRORS):
        return _first_line(error)
    try:
        check_readable(folder)  # TensorFlow says of some files that they are not there, when they could not be opened
    except OSError as still:
        return str(still)
    except ModelLoadError:
        pass
    return ""


def _load(folder: Path, threads: Threads, *, allow_side_effect_ops: bool) -> ServedModel:
    config = _v1.ConfigProto(
        intra_op_parallelism_threads=threads.intra_op, inter_op_parallelism_threads=threads.inter_op
    )
    for number in range(_POOLS.count):  # named, so that all models of a process share them
        name = f"run_{number}_{threads.inter_op}"
        config.session_inter_op_thread_pool.add(num_threads=threads.inter_op, global_name=name)
    # As tf.compat.v1.saved_model.loader.load, which would parse the file anew: what is checked is what runs.
    loader = loader_impl.SavedModelLoader(str(folder))
    loaded = loader.get_meta_graph_def_from_tags([SERVING_TAG])
    if not allow_side_effect_ops:
        check_ops(loaded, folder)
    graph = tf.Graph()
    with graph.as_default():
        session = _v1.Session(graph=graph, config=config)
        saver, _ = loader.load_graph(graph, [SERVING_TAG])
        loader.restore_variables(session, saver)
        loader.run_init_ops(session, [SERVING_TAG])
    # Copies, for the originals would keep the whole graph in memory once more.
    return ServedModel(session, {name: _copy(definition) for name, definition in loaded.signature_def.items()})


def _run_of(session: Any, signature: meta_graph_pb2.SignatureDef) -> Callable[..., Any]:
    """Return what takes a signature's inputs and gives its outputs, each in the order of their names."""
    # Looked up now: names that the graph lacks are the model's fault, and not each request's.
    inputs, outputs = (
        [session.graph.get_tensor_by_name(infos[name].name) for name in sorted(infos)]
        for infos in (signature.inputs, signature.outputs)
    )
    run: Callable[..., Any] = session.make_callable(outputs, feed_list=inputs)
    return run


def _copy(definition: meta_graph_pb2.SignatureDef) -> meta_graph_pb2.SignatureDef:
    copied = meta_graph_pb2.SignatureDef()
    copied.CopyFrom(definition)
    return copied


def _signature(name: str, definition: meta_graph_pb2.SignatureDef) -> Signature:
    return Signature(
        name=name,
        inputs={key: _tensor_info(info) for key, info in definition.inputs.items()},
        outputs={key: _tensor_info(info) for key, info in definition.outputs.items()},
        method=definition.method_name,
    )


def _tensor_info(info: meta_graph_pb2.TensorInfo) -> TensorInfo:
    return TensorInfo(types_pb2.DataType.Name(info.dtype), _shape(info.tensor_shape))


def _shape(shape: tensor_shape_pb2.TensorShapeProto) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def _fitting(name: str, array: Array, info: TensorInfo) -> Array:
    """Return an input in the type that the signature has; text as it is."""
    dtype = tf.as_dtype(types_pb2.DataType.Value(info.dtype))
    if dtype == tf.string and array.dtype == object:
        return array
    try:
        return np.asarray(tf.constant(array, dtype=dtype))
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"input {name!r} cannot be made {info}: {_first_line(error)}") from error


def _array(value: Array | bytes) -> Array:
    # A string without dimensions comes as bytes, from which numpy would make an array that drops zero bytes.
    return bytes_array([value], ()) if isinstance(value, bytes) else np.asarray(value)


def _reason(message: str) -> str:
    """Return what an op said, on one line, without the traceback before it and the node's name after it."""
    said = message.partition("\n\t [[")[0]
    _, traced, after = said.rpartition("\nNode: ")
    return " ".join((after.partition("\n")[2] if traced else said).split()) or "TensorFlow gave no reason"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]
