"""Converts what a load raises: faults of the disk, which may pass, are told from faults of the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from tfx_modules.promotion.exceptions import ManifestError
from tfx_modules.serving.exceptions import ModelLoadError, ModelUnreadableError
from tfx_modules.serving.models.disk import check_readable

# What TensorFlow makes of EACCES, of too many open files, and of errors that it has no name for, such as EIO.
_DISK_ERRORS = (
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@contextmanager
def failures(folder: Path) -> Iterator[None]:
    """Convert what loading a SavedModel's folder raises.

    Raises:
        ModelUnreadableError: the disk does not give its files now.
        ModelLoadError: it cannot be loaded.
    """
    try:
        yield
    except ModelLoadError:
        raise
    # Which exceptions a damaged SavedModel raises is not documented: file, proto, key, attribute and value errors do.
    except Exception as error:
        of_disk = _fault_of_disk(error, folder)
        if of_disk:
            raise ModelUnreadableError(f"{folder} cannot be read: {of_disk}") from error
        if isinstance(error, ManifestError):
            raise ModelLoadError(str(error)) from error
        raise ModelLoadError(f"cannot load {folder}: {type(error).__name__}: {first_line(error)}") from error


def _fault_of_disk(error: Exception, folder: Path) -> str:
    """Return what the disk refuses; empty where it does not."""
    cause = error.__cause__ if isinstance(error, ManifestError) else error
    if isinstance(cause, OSError) and cause.errno is not None:  # TensorFlow raises OSErrors of its own, without
        return str(cause)
    if isinstance(error, _DISK_ERRORS):
        return first_line(error)
    try:
        check_readable(folder)  # TensorFlow says of some files that they are not there, when they could not be opened
    except OSError as still:
        return str(still)
    except ModelLoadError:
        pass
    return ""


def first_line(error: BaseException) -> str:
    """Return an error's first line."""
    return (str(error).strip() or repr(error)).splitlines()[0]
