"""Merges calls into a batch, and splits its outputs again. Pure functions of arrays."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate, pairwise

import numpy as np

from tfx_modules.serving.exceptions import InferenceError
from tfx_modules.serving.specs import Array, Arrays, PredictCall, Signature, TensorInfo


def rows_of(signature: Signature, call: PredictCall) -> int | None:
    """Return how many rows a call has; None for one that has to be computed by itself.

    Rows are the first dimension, which all inputs and all outputs must leave open. Only then does the signature look as
    if it took each row for itself.
    """
    outputs = call.output_filter or tuple(signature.outputs)
    infos = [*signature.inputs.values(), *(signature.outputs[name] for name in outputs)]
    if not call.inputs or not all(_takes_rows(info) for info in infos):
        return None
    (rows, *others) = {array.shape[0] for array in call.inputs.values()}
    return rows if rows and not others else None


def _takes_rows(info: TensorInfo) -> bool:
    return bool(info.shape) and info.shape is not None and info.shape[0] is None


def kind_of(call: PredictCall, *, padded: bool) -> Hashable:
    """Return what calls must have in common to be put together: signature, outputs, types, and shapes of a row.

    Args:
        call: the call.
        padded: shapes of a row may differ in their sizes.
    """
    forms = ((name, a.dtype.str, a.ndim if padded else a.shape[1:]) for name, a in sorted(call.inputs.items()))
    return (call.signature_name, call.output_filter, tuple(forms))


def parts_of(call: PredictCall, rows: int, most: int) -> list[PredictCall]:
    """Cut a call into ones of ``most`` rows and a rest."""
    if rows <= most:
        return [call]
    return [
        PredictCall(call.signature_name, {name: a[n : n + most] for name, a in call.inputs.items()}, call.output_filter)
        for n in range(0, rows, most)
    ]


def merge(calls: Sequence[PredictCall], rows: int) -> PredictCall:
    """Merge calls of one kind.

    Args:
        calls: one at least.
        rows: that the result has; what the calls do not have is filled up with copies of the first row.
    """
    first = calls[0]
    inputs = {name: _joined([call.inputs[name] for call in calls], rows) for name in first.inputs}
    return PredictCall(first.signature_name, inputs, first.output_filter)


def _joined(arrays: Sequence[Array], rows: int) -> Array:
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        largest = np.max([list(shape) for shape in shapes], axis=0).tolist()
        arrays = [_padded(array, largest) for array in arrays]
    missing = rows - sum(len(array) for array in arrays)
    return np.concatenate([*arrays, np.repeat(arrays[0][:1], missing, axis=0)] if missing else arrays)


def _padded(array: Array, shape: Sequence[int]) -> Array:
    grown = np.empty((len(array), *shape), array.dtype)
    grown[...] = array.flat[0] if array.size else (b"" if array.dtype == object else 0)
    grown[tuple(slice(size) for size in array.shape)] = array
    return grown


def split(outputs: Arrays, counts: Sequence[int], rows: int) -> list[Arrays]:
    """Split the outputs into each call's rows.

    Args:
        outputs: of the merged call.
        counts: rows of each call.
        rows: of the merged call.

    Raises:
        InferenceError: an output does not have these rows.
    """
    wrong = sorted(name for name, array in outputs.items() if array.ndim == 0 or len(array) != rows)
    if wrong:
        raise InferenceError(
            f"output {wrong[0]!r} has the shape {list(outputs[wrong[0]].shape)} for {rows} rows that were computed "
            "together; the model does not take each row for itself: serve it without --enable_batching"
        )
    slices = pairwise(accumulate(counts, initial=0))
    return [{name: array[begin:end] for name, array in outputs.items()} for begin, end in slices]


def join(parts: Iterable[Arrays]) -> Arrays:
    """Join the outputs of a call's parts."""
    first, *others = parts
    if not others:
        return first
    return {name: np.concatenate([first[name], *(part[name] for part in others)]) for name in first}
