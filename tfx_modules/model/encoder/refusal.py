"""The error of an encoder's folder that is not supported."""

from collections.abc import Sequence
from pathlib import Path

from tfx_modules.exceptions import EncoderError

_MOST_NAMED = 3


def refused(folder: Path, got: str, allowed: str) -> EncoderError:
    """Return the error of a folder that has something else than what is allowed."""
    return EncoderError(
        f"encoder {folder} has {got}; allowed: {allowed}. Use such an encoder: change [encoder] source of the settings."
    )


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many there are more."""
    more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])
