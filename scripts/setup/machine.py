"""Checks, before anything is installed, that the locked packages have wheels for this machine."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass

from scripts.errors import SetupError
from scripts.setup.environments import Environment

# The newest `manylinux` tag among the wheels of an environment that have no older one: pyarrow 18 is manylinux_2_28.
# A test of the TFX side compares it with the wheels that are installed.
GLIBC = {"tfx": (2, 28)}
PROCESSORS = ("x86_64",)  # tfx_bsl, TFDV and ML Metadata are published for no other


@dataclass(frozen=True)
class Machine:
    """What decides which wheels a machine can have."""

    processor: str
    """As `uname -m` prints it."""
    libc: str
    """Name and version of the C library, like `glibc 2.36`; empty where it is not glibc."""


def this_machine() -> Machine:
    """Look at the machine that set-up runs on."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):  # musl does not know the name
        libc = None
    return Machine(platform.machine(), libc or "")


def check_machine(environment: Environment, machine: Machine) -> None:
    """Check that an environment's packages can be installed.

    Raises:
        SetupError: The processor or the C library is one that there are no wheels for.
    """
    if environment.name not in GLIBC:
        return
    oldest = GLIBC[environment.name]
    needed = "glibc {}.{} or newer (Debian 10, Ubuntu 20.04, RHEL 8 and later) on {}".format(*oldest, *PROCESSORS)
    found = re.fullmatch(r"glibc (\d+)\.(\d+).*", machine.libc)
    if machine.processor in PROCESSORS and found and tuple(int(part) for part in found.groups()) >= oldest:
        return
    raise SetupError(
        f"The {environment.name} environment cannot be built on this machine, which has "
        f"{machine.libc or 'a C library that is not glibc'} on {machine.processor}; allowed: {needed}. "
        "TensorFlow, tfx_bsl and pyarrow are published for nothing else. Nothing was installed. Use such a machine, "
        "or the container stack (docs/how-to/container-stack.md)."
    )
