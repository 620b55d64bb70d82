"""Loads a version and runs its signatures, on arrays. Knows no protocol and no other version."""

import logging
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfx_modules.engines.description import Variant
from tfx_modules.exceptions import EngineFileError
from tfx_modules.promotion import manifest
from tfx_modules.serving.exceptions import InvalidRequestError, ModelLoadError, SignatureNotFoundError
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.disk import check_readable
from tfx_modules.serving.models.engines.engine import Engine, Runs
from tfx_modules.serving.models.engines.failures import failures, first_line
from tfx_modules.serving.models.engines.openvino_runs import load_openvino, usable_variants
from tfx_modules.serving.models.engines.saved_model import (
    DEFAULT_THREADS,
    SavedModel,
    SignatureDefs,
    Threads,
    callable_of,
)
from tfx_modules.serving.models.engines.tensorflow_runs import TensorFlowRuns
from tfx_modules.serving.specs import NO_LIMIT, Array, PredictCall, Signature, TensorInfo, TimeLimit, bytes_array

_logger = logging.getLogger(__name__)


class ServedModel:
    """A loaded version. Safe to call from several threads at once.

    Attributes:
        signatures: by name.
        signature_defs: the same as TensorFlow's own protos, for the metadata.
    """

    def __init__(self, runs: Runs, signature_defs: SignatureDefs) -> None:
        self.signature_defs = signature_defs
        self.signatures = {name: _signature(name, proto) for name, proto in callable_of(signature_defs).items()}
        self._runs = runs

    @property
    def engine(self) -> Engine:
        """What computes the answers."""
        return self._runs.engine

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
        outputs = dict(zip(sorted(signature.outputs), self._runs.run(signature.name, given, limit), strict=True))
        wanted = call.output_filter or tuple(sorted(signature.outputs))
        return {name: _array(outputs[name]) for name in wanted}


class VersionFiles:
    """A version's files, which have been checked, and from which it can be loaded with any engine it has."""

    def __init__(
        self, folder: Path, threads: Threads = DEFAULT_THREADS, *, allow_side_effect_ops: bool = False
    ) -> None:
        """Check the files; where they have a manifest, or the version was promoted, compare them with that.

        Args:
            folder: a version's.
            threads: how many there are for TensorFlow, where this is the process' first model.
            allow_side_effect_ops: load it also where its graph could read and write files, or run code.

        Raises:
            ForbiddenOpError: the graph has such ops, and they are not allowed. Nothing of it has run.
            ModelUnreadableError: files cannot be read now.
            ModelLoadError: the folder is incomplete, damaged, or other than its manifest says.
        """
        self.folder = folder
        self._threads = threads
        self._allow = allow_side_effect_ops
        with failures(folder):
            check_readable(folder)
            manifest.check(folder, manifest.promoted_digest(folder))
            self._saved = SavedModel(folder, allow_side_effect_ops=allow_side_effect_ops)
        if not callable_of(self._saved.signature_defs):
            raise ModelLoadError(f"cannot load {folder}: it has no signatures; export with signatures={{...}}")

    def with_tensorflow(self) -> ServedModel:
        """Load the SavedModel.

        Raises:
            ModelUnreadableError: files cannot be read now.
            ModelLoadError: it is damaged, or uses ops that neither TensorFlow nor TensorFlow Text has.
        """
        definitions = self._saved.signature_defs
        with failures(self.folder):
            return ServedModel(
                TensorFlowRuns(self._saved.session(self._threads), callable_of(definitions)), definitions
            )

    def variants(self) -> tuple[Variant, ...]:
        """Return what the version carries for OpenVINO and this process can use, the fastest first.

        Returns:
            Nothing where it carries nothing.

        Raises:
            EngineFileError: it is damaged, OpenVINO is missing or of another version, or nothing is usable here.
            ModelUnreadableError: files cannot be read now.
        """
        return usable_variants(self.folder)

    def fastest_variant(self) -> Variant:
        """Return the fastest variant that the version carries for OpenVINO and this process can use.

        Raises:
            EngineFileError: there is none; and as ``variants``.
        """
        variants = self.variants()
        if not variants:
            raise EngineFileError(
                f'{self.folder} carries nothing for OpenVINO. Export it with export.engines = ["openvino"], or serve '
                "it with --engine=auto or --engine=tensorflow."
            )
        return variants[0]

    def with_openvino(self, variant: Variant) -> ServedModel:
        """Load a variant.

        Raises:
            EngineFileError: its files cannot be used.
            ForbiddenOpError: their graph could do more than compute.
            ModelUnreadableError: files cannot be read now.
        """
        definitions = self._saved.signature_defs
        signatures = callable_of(definitions)
        runs = load_openvino(self.folder, variant, signatures, self._threads, allow_side_effect_ops=self._allow)
        return ServedModel(runs, definitions)


def load_model(
    folder: Path,
    threads: Threads = DEFAULT_THREADS,
    *,
    allow_side_effect_ops: bool = False,
    engine: EngineChoice = EngineChoice.TENSORFLOW,
) -> ServedModel:
    """Load a version; where it has a manifest, or was promoted, its files are compared with that first.

    Args:
        folder: a version's.
        threads: how many there are to compute with, where this is the process' first model.
        allow_side_effect_ops: load it also where its graph could read and write files, or run code.
        engine: what computes. AUTO, without a server that measures: the fastest variant that the version carries, or
            TensorFlow where it carries none that can be used here.

    Raises:
        ForbiddenOpError: the graph has such ops, and they are not allowed. Nothing of it has run.
        ModelUnreadableError: files cannot be read now.
        ModelLoadError: the folder is incomplete, damaged, other than its manifest says, or uses ops that neither
            TensorFlow nor TensorFlow Text has; or it has nothing usable for the engine.
    """
    files = VersionFiles(folder, threads, allow_side_effect_ops=allow_side_effect_ops)
    if engine is EngineChoice.TENSORFLOW:
        return files.with_tensorflow()
    try:
        if engine is EngineChoice.OPENVINO or files.variants():
            return files.with_openvino(files.fastest_variant())
    except EngineFileError as error:
        if engine is EngineChoice.OPENVINO:
            raise ModelLoadError(f"cannot load {folder} with OpenVINO: {error}") from error
        _logger.warning("%s is computed with TensorFlow: %s", folder, error)
    return files.with_tensorflow()


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
        raise InvalidRequestError(f"input {name!r} cannot be made {info}: {first_line(error)}") from error


def _array(value: Array | bytes) -> Array:
    # A string without dimensions comes as bytes, from which numpy would make an array that drops zero bytes.
    return bytes_array([value], ()) if isinstance(value, bytes) else np.asarray(value)
