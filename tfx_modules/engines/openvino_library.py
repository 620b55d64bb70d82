"""Imports OpenVINO: when it is needed, without its telemetry, and with AMX only where no model in INT8 is computed.

``import openvino`` imports its converter, which sends an event to its makers unless the user has declined, or the
package ``openvino_telemetry`` cannot be imported: then OpenVINO and NNCF use a stand-in of theirs, which does nothing.
Importing this module makes that import fail; there is no environment variable or option that does the same. So this
module comes before ``import openvino`` and ``import nncf``.

On processors with AMX, OpenVINO 2026.1 to 2026.4 can end the process with a segmentation fault when a model in INT8
has inputs of changing shapes (openvino#37577), as an encoder has. With the instructions of AVX-512 alone it does not;
nor does a model in bfloat16. OpenVINO has no option for that, but oneDNN, which has its kernels, reads the environment
variable ``ONEDNN_MAX_CPU_ISA`` once. So a process has one of two kinds of OpenVINO from its first use on:

- without AMX, the default: the Trainer makes and measures models in INT8. TensorFlow has a oneDNN of its own, which
  reads the same variable and should use AMX: it is set only until OpenVINO has read it.
- with AMX, after ``allow_amx``: the model server and batch scoring compute bfloat16 with it, and use no model in INT8
  (``unusable``).

The gate uses OpenVINO without AMX, for a process that has trained may have no other. Of what a version carries, it
takes what a server on this processor takes (``fastest_first``).
"""

import functools
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tfx_modules.exceptions import EngineFileError

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

MOST_INSTRUCTIONS = "ONEDNN_MAX_CPU_ISA"
"""oneDNN's environment variable. Where a user has set it, it stays as it is."""

_ALL_BUT_AMX = "AVX512_CORE_FP16"
_ALL = "DEFAULT"
_SETS = ("SSE", "AVX")
"""What names of sets of instructions begin with."""
_OF_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
_OF_AMX = "amx_tile"
_PROCESSOR = Path("/proc/cpuinfo")


def allow_amx() -> None:
    """Let this process' OpenVINO use AMX, where the processor has it and OpenVINO is not in use without it already."""
    if not openvino.cache_info().currsize:
        os.environ.setdefault(MOST_INSTRUCTIONS, _ALL)


def unusable(precision: str) -> str:
    """Return why this process cannot compute in a precision; empty where it can.

    Args:
        precision: one of ``description.PRECISIONS``.
    """
    if precision == "int8" and uses_amx():
        return (
            "int8 is not used together with AMX, for OpenVINO may then crash (openvino#37577). A model that is "
            f"trained on a processor with AMX has bfloat16, which is faster; or set {MOST_INSTRUCTIONS}={_ALL_BUT_AMX}"
        )
    if precision == "bfloat16" and not processor_flags() & _OF_BFLOAT16:
        return "this processor does not compute in bfloat16, for which it needs AMX or AVX512-BF16"
    return ""


def fastest_first(precision: str) -> int:
    """Return the place of a precision among those that a server on this processor takes, the fastest having the least.

    Args:
        precision: one of ``description.PRECISIONS``.
    """
    order = ("bfloat16", "int8", "float32") if _may_use_amx() else ("int8", "bfloat16", "float32")
    return order.index(precision)


@functools.cache
def processor_flags() -> frozenset[str]:
    """Return the flags of the processor that Linux lists, as ``amx_tile``; none on other systems."""
    try:
        lines = _PROCESSOR.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith("flags")), ()))


def uses_amx() -> bool:
    """Tell whether OpenVINO computes with AMX in this process; before it is first used, whether it will."""
    return MOST_INSTRUCTIONS in os.environ and _may_use_amx()


def _may_use_amx() -> bool:
    """Tell whether the processor has AMX, and nobody has limited oneDNN to less."""
    most = os.environ.get(MOST_INSTRUCTIONS, "").upper()
    return _OF_AMX in processor_flags() and ("AMX" in most or not most.startswith(_SETS))


@functools.cache
def openvino() -> Any:
    """Import OpenVINO; keep it from using AMX, unless that is allowed. This comes before any use of OpenVINO and NNCF.

    It may set an environment variable for a moment; a server calls it before it has other threads.

    Raises:
        EngineFileError: it is not installed, or does not run here.
    """
    try:
        library = importlib.import_module("openvino")
    # A broken installation raises ImportError, OSError, AttributeError, TypeError and others, from its Python code and
    # its libraries alike. Whatever it is, the model server starts nevertheless, and computes with TensorFlow.
    except Exception as error:
        raise EngineFileError(
            f"OpenVINO cannot be imported: {_reason(error)}. "
            "Install the package openvino, or serve with --engine=tensorflow."
        ) from error
    if MOST_INSTRUCTIONS in os.environ or _OF_AMX not in processor_flags():
        return library
    os.environ[MOST_INSTRUCTIONS] = _ALL_BUT_AMX
    try:
        _compute_something(library)
    except Exception as error:  # as above; RuntimeError and MemoryError are the usual ones here
        raise EngineFileError(
            f"OpenVINO does not run here: {_reason(error)}. Serve with --engine=tensorflow."
        ) from error
    finally:
        del os.environ[MOST_INSTRUCTIONS]
    return library


def _reason(error: Exception) -> str:
    """Return what an error says, with its class, since that of some errors is all they say."""
    return f"{type(error).__name__}: {error}".removesuffix(": ").rstrip(".")


def _compute_something(library: Any) -> None:
    """Multiply matrices, so that oneDNN has read its environment variables."""
    operations = importlib.import_module("openvino.opset13")
    given = operations.parameter([-1, 16], np.float32)
    product = operations.matmul(given, np.ones((16, 16), np.float32), transpose_a=False, transpose_b=False)
    model = library.Model([operations.result(product)], [given], "first")
    library.Core().compile_model(model, "CPU")([np.ones((1, 16), np.float32)])


def installed_version() -> str:
    """Return OpenVINO's version, as ``2026.4.1``.

    Raises:
        EngineFileError: it is not installed, or does not run here.
    """
    return str(openvino().get_version()).partition("-")[0]


def check_version(wrote: str) -> None:
    """Check that this OpenVINO is of the release that wrote an engine's files: major and minor are compared.

    Raises:
        EngineFileError: it is of another one, or not installed.
    """
    installed = installed_version()
    if installed.split(".")[:2] != wrote.split(".")[:2]:
        raise EngineFileError(
            f"the version's files are of OpenVINO {wrote}, and OpenVINO {installed} is installed; allowed: the same "
            "major and minor number. Install the other one, or export the model anew."
        )
