"""Converts between TensorProto and arrays."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.specs import Array, Signature

# TensorFlow Serving answers with these fields, and clients read them by name; tf.make_tensor_proto would often
# write tensor_content instead.
_FIELDS: dict[int, tuple[str, Callable[[Array], Array]]] = {
    types_pb2.DT_FLOAT: ("float_val", np.ravel),
    types_pb2.DT_DOUBLE: ("double_val", np.ravel),
    types_pb2.DT_INT8: ("int_val", np.ravel),
    types_pb2.DT_UINT8: ("int_val", np.ravel),
    types_pb2.DT_INT16: ("int_val", np.ravel),
    types_pb2.DT_UINT16: ("int_val", np.ravel),
    types_pb2.DT_INT32: ("int_val", np.ravel),
    types_pb2.DT_INT64: ("int64_val", np.ravel),
    types_pb2.DT_UINT32: ("uint32_val", np.ravel),
    types_pb2.DT_UINT64: ("uint64_val", np.ravel),
    types_pb2.DT_BOOL: ("bool_val", np.ravel),
    types_pb2.DT_STRING: ("string_val", np.ravel),
    # 16 bits that protobuf has no type for.
    types_pb2.DT_HALF: ("half_val", lambda array: array.ravel().view(np.uint16)),
    types_pb2.DT_BFLOAT16: ("half_val", lambda array: array.ravel().view(np.uint16)),
}


# Lists are converted in pieces of so many values, between which other threads get their turn.
PIECE = 2**14
MAX_RANK = 32  # numpy's limit; a tensor of a real model has a handful
# A tensor may repeat its last value to fill its shape: some bytes could ask for any amount of memory.
MAX_REPEATED = 2**20


def read_tensors(protos: Any, signature: Signature) -> dict[str, Array]:
    """Convert a request's inputs.

    Args:
        protos: a map from name to TensorProto.
        signature: what the inputs are for.

    Raises:
        InvalidRequestError: names or types are not the signature's, or a tensor is malformed.
    """
    signature.check_names(protos)
    # Sorted, for a map has no order and the same request should always get the same error.
    return {name: _read(name, protos[name], signature) for name in sorted(protos)}


def _read(name: str, proto: tensor_pb2.TensorProto, signature: Signature) -> Array:
    dtype = _dtype_name(proto.dtype)
    expected = signature.inputs[name]
    if dtype != expected.dtype:
        raise InvalidRequestError(f"input {name!r} is {dtype}; signature {signature.name!r} takes {expected}")
    _check_size(name, proto)
    try:
        array = _array(proto)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidRequestError(f"input {name!r} is not a valid {dtype} tensor: {error}") from error
    return array


def _array(proto: tensor_pb2.TensorProto) -> Array:
    field = _FIELDS[proto.dtype][0] if proto.dtype in _FIELDS else ""
    if proto.tensor_content or proto.dtype == types_pb2.DT_STRING or not field or len(getattr(proto, field)) <= PIECE:
        made: Array = tf.make_ndarray(proto)
        return made
    dtype, values = np.dtype(tf.as_dtype(proto.dtype).as_numpy_dtype), getattr(proto, field)
    read = np.uint16 if field == "half_val" else dtype
    pieces = [np.fromiter(values[n : n + PIECE], dtype=read) for n in range(0, len(values), PIECE)]
    flat = np.concatenate(pieces).view(dtype)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    # As tf.make_ndarray: the last value stands for those that are not there.
    missing = max(0, math.prod(shape) - flat.size)
    filled: Array = np.concatenate([flat, np.repeat(flat[-1:], missing)]) if missing else flat
    return filled.reshape(shape)


def _check_size(name: str, proto: tensor_pb2.TensorProto) -> None:
    rank = len(proto.tensor_shape.dim)
    if rank > MAX_RANK:
        raise InvalidRequestError(f"input {name!r} has {rank} dimensions; at most {MAX_RANK} are taken")
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise InvalidRequestError(f"input {name!r} has shape {sizes}; every size must be known")
    if math.prod(sizes) > max(MAX_REPEATED, proto.ByteSize()):
        raise InvalidRequestError(
            f"input {name!r} has shape {sizes} but is sent in {proto.ByteSize()} bytes; send all of its values"
        )


def _dtype_name(number: int) -> str:
    return str(types_pb2.DataType.Name(number)) if number in types_pb2.DataType.values() else f"type {number}"


def write_tensor(name: str, array: Array) -> tensor_pb2.TensorProto:
    """Convert an output.

    Raises:
        InvalidRequestError: gRPC clients have no field for its type.
    """
    dtype = tf.as_dtype(tf.string if array.dtype == np.object_ else array.dtype)
    if dtype.as_datatype_enum not in _FIELDS:
        raise InvalidRequestError(f"output {name!r} is {dtype.name}, which this server does not send")
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    field, flat = _FIELDS[dtype.as_datatype_enum]
    values, repeated = flat(array), getattr(proto, field)
    for begin in range(0, len(values), PIECE):
        repeated.extend(values[begin : begin + PIECE].tolist())
    return proto
