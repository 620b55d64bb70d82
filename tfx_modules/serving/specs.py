"""Frozen data that the layers pass to each other. Knows no protocol and no TensorFlow."""

import enum
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_modules.serving.exceptions import InvalidRequestError

DEFAULT_SIGNATURE = "serving_default"
MAX_LISTED = 20  # names that a message repeats of a request

Array = NDArray[Any]
Arrays = Mapping[str, Array]  # strings are arrays of objects, each of them bytes


class VersionState(enum.IntEnum):
    """TensorFlow Serving's states of a version; the numbers are those of its ``ModelVersionStatus.State``."""

    START = 10  # seen on disk
    LOADING = 20
    AVAILABLE = 30  # answers requests
    UNLOADING = 40  # takes no new requests; some are under way
    END = 50  # unloaded, or could not be loaded (then the status has an error)


@dataclass(frozen=True)
class VersionStatus:
    """One version's state.

    Attributes:
        error_code: a name of TensorFlow's ``error.Code``; ``OK`` when all is well.
    """

    version: int
    state: VersionState
    error_code: str = "OK"
    error_message: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """The model and version that a request names.

    Attributes:
        version: None is the newest that is available, unless there is a label.
        label: a name that stands for a version; not beside a version.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.label is not None:
            return f"Label({self.name}, {self.label})"
        return f"Latest({self.name})" if self.version is None else f"Specific({self.name}, {self.version})"


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a signature.

    Attributes:
        dtype: name in TensorFlow's ``DataType``, as ``DT_STRING``.
        shape: sizes, None where any size will do; None for a shape of any rank.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Return whether a tensor of this shape fits."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        sizes = ["?" if size is None else str(size) for size in self.shape]
        return f"{self.dtype} [{', '.join(sizes)}]"


@dataclass(frozen=True)
class Signature:
    """A function of a model: named tensors in, named tensors out.

    Attributes:
        method: the SignatureDef's ``method_name``, as ``tensorflow/serving/predict``.
    """

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method: str = ""

    def check(self, arrays: Arrays) -> None:
        """Check that the inputs have this signature's names and shapes.

        Raises:
            InvalidRequestError: they do not; says which are too many, missing or of another shape.
        """
        self.check_names(arrays)
        for name, info in self.inputs.items():
            if not info.accepts(arrays[name].shape):
                raise InvalidRequestError(
                    f"input {name!r} has shape {list(arrays[name].shape)}; signature {self.name!r} takes {info}"
                )

    def check_names(self, names: Collection[str]) -> None:
        """Check that these are the names of the inputs.

        Raises:
            InvalidRequestError: they are not; says which are too many or missing.
        """
        if set(names) != set(self.inputs):
            extra, missing = listed(set(names) - set(self.inputs)), listed(set(self.inputs) - set(names))
            raise InvalidRequestError(
                f"input size does not match signature: {len(names)}!={len(self.inputs)}. "
                f"Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
            )

    def check_filter(self, output_filter: tuple[str, ...]) -> None:
        """Check that an output filter names each output once, and only known ones.

        Raises:
            InvalidRequestError: it does not.
        """
        unknown = [name for name in output_filter if name not in self.outputs]
        if unknown:
            raise InvalidRequestError(
                f"output tensor alias not found in signature: {unknown[0]} "
                f"Outputs expected to be in the set {{{','.join(sorted(self.outputs))}}}."
            )
        if len(set(output_filter)) != len(output_filter):
            raise InvalidRequestError(f"duplicate output tensor alias: {first_repeated(output_filter)}")


@dataclass(frozen=True)
class PredictCall:
    """A call of a signature.

    Attributes:
        output_filter: the outputs that are wanted; empty = all.
    """

    signature_name: str
    inputs: Arrays
    output_filter: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class TimeLimit:
    """When a computation has to end.

    Attributes:
        deadline: the caller's, on the monotonic clock; None = whenever.
        seconds: how long it may take, once it has begun; None = as long as it likes.
    """

    deadline: float | None = None
    seconds: float | None = None

    def left(self) -> float | None:
        """Return the seconds that a computation has which begins now; None for any number."""
        until_deadline = None if self.deadline is None else self.deadline - time.monotonic()
        return min((limit for limit in (until_deadline, self.seconds) if limit is not None), default=None)


NO_LIMIT = TimeLimit()


def last(limits: Sequence[TimeLimit]) -> TimeLimit:
    """Return the limit of what is computed for several callers: it may go on while one of them waits."""
    deadlines = [limit.deadline for limit in limits if limit.deadline is not None]
    seconds = [limit.seconds for limit in limits if limit.seconds is not None]
    return TimeLimit(
        max(deadlines) if len(deadlines) == len(limits) else None,
        max(seconds) if len(seconds) == len(limits) else None,
    )


@dataclass(frozen=True)
class Computed:
    """A call that a model has answered.

    Attributes:
        seconds: how long that took, waiting for a thread included.
        api: what was asked for, in TensorFlow Serving's word: ``Predict``, ``Classify`` and so on.
    """

    spec: ModelSpec
    call: PredictCall
    outputs: Arrays
    seconds: float
    api: str = "Predict"


def bytes_array(values: list[bytes], shape: tuple[int, ...]) -> Array:
    """Return strings as an array of the shape; numpy's own conversion would cut trailing zero bytes off."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def size_of(array: Array) -> int:
    """Return an array's bytes; of strings, those of the strings."""
    if array.dtype != np.object_:
        return int(array.nbytes)
    return int(array.nbytes) + sum(map(len, array.ravel().tolist()))


def first_repeated(names: Iterable[str]) -> str | None:
    """Return the first name that was there before; None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def listed(names: Iterable[str]) -> str:
    """Return names for a message, with commas between, and how many more there are than it shows."""
    found = sorted(names)
    more = len(found) - MAX_LISTED
    return ",".join([*found[:MAX_LISTED], f"... {more} more"] if more > 0 else found)
