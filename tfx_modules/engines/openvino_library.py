"""Imports OpenVINO: when it is needed, and without its telemetry.

``import openvino`` imports its converter, which sends an event to its makers unless the user has declined, or the
package ``openvino_telemetry`` cannot be imported: then OpenVINO and NNCF use a stand-in of theirs, which does nothing.
Importing this module makes that import fail; there is no environment variable or option that does the same. So this
module comes before ``import openvino`` and ``import nncf``.
"""

import importlib
import sys
from typing import Any

from tfx_modules.exceptions import EngineFileError

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def openvino() -> Any:
    """Import OpenVINO.

    Raises:
        EngineFileError: it is not installed, or does not run here.
    """
    try:
        return importlib.import_module("openvino")
    except (ImportError, OSError) as error:
        raise EngineFileError(
            f"OpenVINO cannot be imported: {error}. Install the package openvino, or serve with --engine=tensorflow."
        ) from error


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
