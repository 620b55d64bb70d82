"""Reads TensorFlow Serving's file of batching parameters."""

from tfx_modules.serving.flags.batching_flags import BatchingFlags, BatchingParameters
from tfx_modules.serving.flags.text_protos import read_text_proto

_WRAPPED = (
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
    "thread_pool_name",
)


def read_parameters(flags: BatchingFlags) -> BatchingParameters | None:
    """Return how requests are put together; None when they are not.

    Raises:
        FlagError: the file cannot be read, is no BatchingParameters, or has values that are not allowed.
    """
    if not flags.enable_batching:
        return None
    if flags.batching_parameters_file is None:
        return BatchingParameters()
    proto = read_text_proto("--batching_parameters_file", flags.batching_parameters_file, "BatchingParameters")
    given = {name: getattr(proto, name).value for name in _WRAPPED if proto.HasField(name)}
    return BatchingParameters(
        **given,
        allowed_batch_sizes=tuple(proto.allowed_batch_sizes),
        pad_variable_length_inputs=proto.pad_variable_length_inputs,
    )
