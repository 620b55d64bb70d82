"""Limits the memory that the C library keeps after models were unloaded. Knows no model."""

import ctypes
import gc
import os

from tfx_modules.serving.flags.batching_flags import cores

_M_ARENA_MAX = -8  # of glibc's malloc.h


def bound_arenas() -> None:
    """Limit malloc's arenas to the number of cores, where the environment has no ``MALLOC_ARENA_MAX``.

    glibc would make eight times as many, and each keeps what versions have left in it: with the default encoder under
    load some 10 MB a version. To be called before there are threads.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None and "MALLOC_ARENA_MAX" not in os.environ:
        set_option(_M_ARENA_MAX, cores())


def release_memory() -> None:
    """Return memory to the system after a load or unload; graphs have reference cycles, and malloc keeps memory."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc's
        trim(0)
