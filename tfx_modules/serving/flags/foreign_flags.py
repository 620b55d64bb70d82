"""The flags of ``tensorflow_model_server`` that this server does not have, and what to do instead.

A flag that changes nothing here is taken and told of in the log, so that a command line of TensorFlow Serving's starts
this server, too. Every other one is refused. The names are those of TensorFlow Serving's ``main.cc`` (2.20).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tfx_modules.serving.exceptions import FlagError


@dataclass(frozen=True)
class ForeignFlag:
    """A flag that only TensorFlow Serving has.

    Attributes:
        instead: what to do here, as a sentence's end.
        harmless: the values with which it changes nothing here, as a regular expression; empty = none.
    """

    instead: str
    harmless: str = ""


_ANY = ".*"
_FALSE = "false|0"
_TRUE = "true|1|"
_EXPERIMENTAL = "leave it out: this server loads no TensorFlow Lite models"

FOREIGN_FLAGS: dict[str, ForeignFlag] = {
    "aspired_version_policy": ForeignFlag("leave it out: a version stays in service until the next one is loaded"),
    "enable_grpc_healthcheck_service": ForeignFlag("leave it out: gRPC's health service is always there", _ANY),
    "enable_per_model_batching_parameters": ForeignFlag(
        "leave it out: --batching_parameters_file holds for all models", _FALSE
    ),
    "enable_profiler": ForeignFlag("leave it out: there is no profiler service; ask the metrics", _FALSE),
    "enable_signature_method_name_check": ForeignFlag(
        "leave it out: Classify and Regress need signatures with their method_name", _TRUE
    ),
    "flush_filesystem_caches": ForeignFlag("leave it out: nothing is kept in the file system's cache on purpose", _ANY),
    "force_allow_any_version_labels_for_unavailable_models": ForeignFlag(
        "use --allow_version_labels_for_unavailable_models, which lets new labels name such versions", _FALSE
    ),
    "grpc_channel_arguments": ForeignFlag("use the flags --grpc_... of connections", ""),
    "grpc_max_threads": ForeignFlag("leave it out: an event loop takes the calls", _ANY),
    "grpc_socket_path": ForeignFlag("use --host and --port"),
    "load_retry_interval_micros": ForeignFlag("use --file_system_poll_wait_seconds: each poll tries again", _ANY),
    "max_num_load_retries": ForeignFlag("leave it out: each poll tries again what could not be loaded", _ANY),
    "mixed_precision": ForeignFlag("set export.precision in the pipeline's settings: the model is exported so"),
    "num_load_threads": ForeignFlag("leave it out: versions are loaded one after the other", _ANY),
    "num_request_iterations_for_warmup": ForeignFlag("leave it out: each warm-up request is replayed once", "0|1"),
    "num_tflite_interpreters_per_pool": ForeignFlag(_EXPERIMENTAL),
    "num_tflite_pools": ForeignFlag(_EXPERIMENTAL),
    "num_unload_threads": ForeignFlag("leave it out: versions are unloaded one after the other", _ANY),
    "per_process_gpu_memory_fraction": ForeignFlag(
        "set the environment variable TF_FORCE_GPU_ALLOW_GROWTH=true", r"0(\.0*)?"
    ),
    "platform_config_file": ForeignFlag("leave it out: there is one platform, tensorflow"),
    "prefer_tflite_model": ForeignFlag(_EXPERIMENTAL, _FALSE),
    "remove_unused_fields_from_bundle_metagraph": ForeignFlag("leave it out: it changes no answer", _ANY),
    "rest_api_num_threads": ForeignFlag("leave it out: an event loop takes the requests", _ANY),
    "saved_model_tags": ForeignFlag("export the model with the tag serve", "serve"),
    "skip_initialize_tpu": ForeignFlag("leave it out: this server uses no TPU", _ANY),
    "tensorflow_session_config_file": ForeignFlag(
        "use --tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism"
    ),
    "tensorflow_session_parallelism": ForeignFlag(
        "use --tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism", "0"
    ),
    "thread_pool_factory_config_file": ForeignFlag(
        "use --tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism"
    ),
    "use_alts_credentials": ForeignFlag("use --ssl_config_file for TLS", _FALSE),
    "version": ForeignFlag("ask `bert-service doctor` for versions"),
    "xla_cpu_compilation_enabled": ForeignFlag("set the environment variable TF_XLA_FLAGS=--tf_xla_auto_jit=2", _FALSE),
    "xla_gpu_compilation_enabled": ForeignFlag("set the environment variable TF_XLA_FLAGS=--tf_xla_auto_jit=2", _FALSE),
}
"""By name."""
_FLAG = re.compile(r"--?(?P<name>[a-z_0-9]+)(=(?P<value>.*))?", re.DOTALL)


def check_unknown(arguments: Iterable[str], known: Iterable[str]) -> list[str]:
    """Look at what the parser left over of a command line.

    Args:
        arguments: these texts, in their order.
        known: this server's flags, for the message.

    Returns:
        A line for the log for each flag that changes nothing here.

    Raises:
        FlagError: a flag is not supported, here or at all.
    """
    lines, refused = list[str](), list[str]()
    remaining = list(arguments)
    while remaining:
        text = remaining.pop(0)
        found = _FLAG.fullmatch(text)
        flag = FOREIGN_FLAGS.get(found["name"]) if found else None
        if found is None or flag is None:
            refused.append(text)
            continue
        value = found["value"]
        if value is None:  # `--flag value`, or a switch
            value = remaining.pop(0) if remaining and not remaining[0].startswith("--") else ""
        if flag.harmless and re.fullmatch(flag.harmless, value, re.IGNORECASE):
            lines.append(f"--{found['name']} is TensorFlow Serving's and does nothing here; {flag.instead}")
        else:
            shown = f"--{found['name']}={value}" if value else f"--{found['name']}"
            raise FlagError(f"{shown} is TensorFlow Serving's, and not supported here; {flag.instead}")
    if refused:
        raise FlagError(f"not supported: {' '.join(refused)}; supported flags: {', '.join(sorted(known))}")
    return lines
