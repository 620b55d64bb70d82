"""Implements Classify and Regress: the signatures that they need, and the conversion of outputs to answers.

Source of the rules: ``signature_defs.md``, and ``classifier.cc`` and ``regressor.cc`` in ``tensorflow/serving``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_modules.serving.exceptions import InvalidRequestError, SignatureFormError, UnsupportedMethodError
from tfx_modules.serving.specs import DEFAULT_SIGNATURE, Array, Arrays, PredictCall, Signature, bytes_array

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

_INPUT = "inputs"
_CLASSES, _SCORES, _VALUES = "classes", "scores", "outputs"


@dataclass(frozen=True)
class Task:
    """One signature that examples are given to.

    Attributes:
        method: ``CLASSIFY`` or ``REGRESS``; anything else is refused.
    """

    method: str
    signature_name: str = DEFAULT_SIGNATURE

    @property
    def api(self) -> str:
        """``Classify`` or ``Regress``."""
        return self.method.rpartition("/")[2].capitalize()


@dataclass(frozen=True)
class Classifications:
    """The answer of Classify: the same number of classes for every example.

    Attributes:
        labels: bytes [examples, classes]; empty ones where the model has none.
        scores: float32 [examples, classes]; zeros where the model has none.
    """

    labels: Array
    scores: Array


@dataclass(frozen=True)
class Regressions:
    """The answer of Regress.

    Attributes:
        values: float32 [examples].
    """

    values: Array


Result = Classifications | Regressions


def prepare(task: Task, signatures: Mapping[str, Signature], examples: Sequence[bytes]) -> PredictCall:
    """Return the call that answers a task.

    Args:
        task: what is asked.
        signatures: those of the model.
        examples: serialised tf.Examples.

    Raises:
        InvalidRequestError: no examples, no such signature, one for another method, or with too many tensors.
        SignatureFormError: the signature lacks the tensors that the method needs.
        UnsupportedMethodError: no such method.
    """
    if task.method not in _METHODS:
        raise UnsupportedMethodError(
            f"Unsupported signature method_name: {task.method}; allowed: {', '.join(sorted(_METHODS))}"
        )
    signature = signatures.get(task.signature_name)
    if signature is None:
        raise InvalidRequestError(
            f"No signature was found with the name: {task.signature_name}; "
            f"the model has {', '.join(sorted(signatures))}"
        )
    if signature.method != task.method:
        fitting = sorted(name for name, other in signatures.items() if other.method == task.method)
        raise InvalidRequestError(
            f"Expected signature method_name to be {task.method}. Was: {signature.method}; signature_name may be: "
            f"{', '.join(fitting) or 'none, the model has no such signature'}"
        )
    outputs = _METHODS[task.method].outputs(signature)
    if not examples:
        raise InvalidRequestError("Input is empty; give at least one example")
    return PredictCall(signature.name, {_INPUT: bytes_array(list(examples), (len(examples),))}, outputs)


def with_context(context: bytes, examples: Sequence[bytes], limit: int) -> list[bytes]:
    """Return examples with the context's features in each.

    Args:
        context: a serialised tf.Example; empty for none.
        examples: serialised tf.Examples. Of a feature that both have, the example's counts.
        limit: bytes that may come out; 0 = any number.

    Raises:
        InvalidRequestError: more would.
    """
    total = len(context) * len(examples) + sum(map(len, examples))
    if context and limit and total > limit:
        raise InvalidRequestError(
            f"{len(examples)} examples with a context of {len(context)} bytes in each are {total} bytes; at most "
            f"{limit} are taken (--max_uncompressed_bytes): send fewer examples at a time"
        )
    # A serialised proto followed by another is the two merged.
    return [context + example for example in examples]


def conclude(task: Task, outputs: Arrays, count: int) -> Result:
    """Make the answer of a task from the outputs of its call.

    Args:
        task: what was asked.
        outputs: what the model gave.
        count: the number of examples.

    Raises:
        InvalidRequestError: an output does not have the type or shape that the method prescribes.
    """
    return _METHODS[task.method].conclude(outputs, count)


def _classify_outputs(signature: Signature) -> tuple[str, ...]:
    wanted = f'the input "{_INPUT}", and of the outputs "{_CLASSES}" and "{_SCORES}" one or both'
    return _outputs_of(signature, (_CLASSES, _SCORES), counts=(1, 2), wanted=wanted)


def _regress_outputs(signature: Signature) -> tuple[str, ...]:
    return _outputs_of(signature, (_VALUES,), counts=(1,), wanted=f'the input "{_INPUT}" and the output "{_VALUES}"')


def _outputs_of(
    signature: Signature, names: tuple[str, ...], *, counts: tuple[int, ...], wanted: str
) -> tuple[str, ...]:
    message = (
        f"signature {signature.name!r} has inputs {sorted(signature.inputs)} and outputs {sorted(signature.outputs)}; "
        f"{signature.method} needs {wanted}; export it so, or use predict"
    )
    if len(signature.inputs) != 1 or len(signature.outputs) not in counts:
        raise InvalidRequestError(message)
    present = tuple(name for name in names if name in signature.outputs)
    if _INPUT not in signature.inputs or not present:
        raise SignatureFormError(message)
    return present


def _classifications(outputs: Arrays, count: int) -> Classifications:
    for name, dtype in ((_CLASSES, np.object_), (_SCORES, np.float32)):
        if name in outputs:
            _check_output(name, outputs[name], dtype, count, ranks=(2,))
    shapes = {outputs[name].shape for name in (_CLASSES, _SCORES) if name in outputs}
    if len(shapes) != 1:
        raise InvalidRequestError(f"outputs {_CLASSES!r} and {_SCORES!r} differ in their number of classes: {shapes}")
    (shape,) = shapes
    labels = outputs.get(_CLASSES)
    scores = outputs.get(_SCORES)
    return Classifications(
        labels=np.full(shape, b"", dtype=object) if labels is None else labels,
        scores=np.zeros(shape, dtype=np.float32) if scores is None else scores,
    )


def _regressions(outputs: Arrays, count: int) -> Regressions:
    values = outputs[_VALUES]
    _check_output(_VALUES, values, np.float32, count, ranks=(1, 2))
    if values.size != count:
        raise InvalidRequestError(f"output {_VALUES!r} has shape {list(values.shape)}, expected [{count}, 1]")
    return Regressions(values.reshape(count))


def _check_output(name: str, array: Array, dtype: type[np.generic], count: int, *, ranks: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.ndim not in ranks or array.shape[0] != count:
        wanted = "strings" if dtype is np.object_ else np.dtype(dtype).name
        raise InvalidRequestError(
            f"output {name!r} is {array.dtype} {list(array.shape)}; expected {wanted} of rank "
            f"{' or '.join(map(str, ranks))} with {count} rows, one per example"
        )


@dataclass(frozen=True)
class _Method:
    outputs: Callable[[Signature], tuple[str, ...]]
    conclude: Callable[[Arrays, int], Result]


_METHODS = {
    CLASSIFY: _Method(_classify_outputs, _classifications),
    REGRESS: _Method(_regress_outputs, _regressions),
}
