"""Computes signatures with OpenVINO: the encoder, between the two ends of the graph, which TensorFlow computes."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfx_modules.engines import description
from tfx_modules.engines.description import Variant
from tfx_modules.engines.openvino_encoder import OpenVinoEncoder
from tfx_modules.engines.openvino_library import check_version, fastest_first, unusable
from tfx_modules.exceptions import EngineFileError
from tfx_modules.serving.exceptions import (
    ForbiddenOpError,
    InferenceError,
    ModelLoadError,
    ModelUnreadableError,
    RequestError,
)
from tfx_modules.serving.flags.engine_flag import EngineChoice
from tfx_modules.serving.models.engines.engine import Engine
from tfx_modules.serving.models.engines.failures import failures, first_line
from tfx_modules.serving.models.engines.saved_model import SavedModel, SignatureDefs, Threads, callable_of
from tfx_modules.serving.models.engines.tensorflow_runs import TensorFlowRuns, ended, left
from tfx_modules.serving.specs import NO_LIMIT, Array, TimeLimit, size_of

_LOGITS = "logits"
_TRIED_ROWS = 3
_SHORT_BYTES = 8192
"""Of texts: TensorFlow makes ids of so many in 5 ms."""


class OpenVinoRuns:
    """An encoder in OpenVINO with the ends of each signature in a session."""

    def __init__(self, ends: TensorFlowRuns, encoder: OpenVinoEncoder, engine: Engine) -> None:
        self.engine = engine
        self._ends = ends
        self._encoder = encoder

    def run(self, signature: str, given: Sequence[Array], limit: TimeLimit) -> Sequence[Array | bytes]:
        """Compute a signature; see ``engine.Runs``. The encoder looks at the clock before each pass."""
        seconds = left(limit, signature)
        whole = limit if seconds is None else TimeLimit(deadline=time.monotonic() + seconds)

        def go_on() -> None:
            remaining = whole.left()
            if remaining is not None and remaining <= 0:
                raise ended(signature, seconds or 0.0)

        is_short = sum(map(size_of, given)) <= _SHORT_BYTES
        part = f"{signature}/{description.IDS}"
        ids = self._ends.run_part(part, given, whole, of=signature, is_short=is_short)[0]
        try:
            logits = self._encoder.logits(np.asarray(ids), go_on)
        except (RuntimeError, MemoryError) as error:
            raise InferenceError(f"signature {signature!r} failed: {first_line(error)}") from error
        go_on()
        part = f"{signature}/{description.OUTPUTS}"
        return self._ends.run_part(part, [logits], whole, of=signature, is_short=is_short)


def usable_variants(folder: Path) -> tuple[Variant, ...]:
    """Return what a version carries for OpenVINO that this process can use, the fastest first.

    Returns:
        Nothing where it carries nothing.

    Raises:
        EngineFileError: it is damaged, of another version of OpenVINO than the installed one, or nothing of it is
            usable here.
        ModelUnreadableError: the disk does not give it now.
    """
    try:
        found = description.read(folder)
    except OSError as error:
        raise ModelUnreadableError(f"{folder / description.PLACE} cannot be read: {error}") from error
    if found is None:
        return ()
    check_version(found.openvino)
    reasons = {variant: unusable(variant.precision) for variant in found.variants}
    usable = tuple(variant for variant, reason in reasons.items() if not reason)
    if not usable:
        raise EngineFileError("; ".join(reasons.values()))
    return tuple(sorted(usable, key=lambda variant: fastest_first(variant.precision)))


def load_openvino(
    folder: Path, variant: Variant, signatures: SignatureDefs, threads: Threads, *, allow_side_effect_ops: bool
) -> OpenVinoRuns:
    """Load a version's encoder, and the ends of all its signatures.

    Args:
        folder: the version's.
        variant: one of its description's.
        signatures: the version's, which may be called.
        threads: TensorFlow's.
        allow_side_effect_ops: as for the version's own graph.

    Raises:
        EngineFileError: they cannot be loaded, or do not fit the signatures: an engine computes all of them, or none.
        ForbiddenOpError: the graph of the ends could do more than compute.
        ModelUnreadableError: the disk does not give the files now.
    """
    place = folder / description.PLACE
    ends = place / description.ENDS
    try:
        with failures(ends):
            saved = SavedModel(ends, allow_side_effect_ops=allow_side_effect_ops)
            parts = callable_of(saved.signature_defs)
            _check_ends(signatures, parts, ends)
            runs = TensorFlowRuns(saved.session(threads), parts)
    except (ForbiddenOpError, ModelUnreadableError):
        raise
    except ModelLoadError as error:
        raise EngineFileError(str(error)) from error
    encoder = OpenVinoEncoder(place / variant.file, precision=variant.precision)
    _try_outputs(signatures, runs, encoder, place)
    return OpenVinoRuns(runs, encoder, Engine(EngineChoice.OPENVINO, variant.precision))


def _check_ends(signatures: SignatureDefs, parts: SignatureDefs, folder: Path) -> None:
    """Check that each signature has both its ends, with the same inputs and outputs."""
    for name, signature in signatures.items():
        ids, outputs = (parts.get(f"{name}/{part}") for part in (description.IDS, description.OUTPUTS))
        if ids is None or outputs is None:
            raise ModelLoadError(
                f"{folder} lacks an end of signature {name!r}; it has {', '.join(sorted(parts))}. "
                "Export the model anew."
            )
        fits = (
            _types(ids.inputs) == _types(signature.inputs)
            and _types(outputs.outputs) == _types(signature.outputs)
            and _types(ids.outputs) == {description.IDS: types_pb2.DT_INT32}
            and _types(outputs.inputs) == {_LOGITS: types_pb2.DT_FLOAT}
        )
        if not fits:
            raise ModelLoadError(
                f"{folder} has ends of signature {name!r} with other inputs or outputs. Export the model anew."
            )


def _try_outputs(signatures: SignatureDefs, ends: TensorFlowRuns, encoder: OpenVinoEncoder, place: Path) -> None:
    """Check that the ends make outputs of the signatures' shapes from logits as the encoder gives them."""
    logits = np.zeros((_TRIED_ROWS, encoder.classes) if encoder.classes else _TRIED_ROWS, np.float32)
    for name, signature in signatures.items():
        try:
            found = ends.run_part(f"{name}/{description.OUTPUTS}", [logits], NO_LIMIT, of=name)
        except (RequestError, ValueError) as error:
            raise EngineFileError(
                f"the ends and the encoder in {place} do not fit each other: {first_line(error)}. "
                "Export the model anew."
            ) from error
        for output, value in zip(sorted(signature.outputs), found, strict=True):
            shape, expected = np.shape(value), tf.TensorShape(signature.outputs[output].tensor_shape)
            if not expected.is_compatible_with(shape):
                raise EngineFileError(
                    f"the ends and the encoder in {place} do not fit each other: output {output!r} of signature "
                    f"{name!r} has the shape {list(shape)}; allowed: {expected}. Export the model anew."
                )


def _types(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, int]:
    return {name: info.dtype for name, info in infos.items()}
