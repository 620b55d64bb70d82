"""Tries again what a store did not do, for some minutes: a short outage costs no training that is finished."""

import errno
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tfx_modules.exceptions import ArtifactStoreError

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds before each further try: about five minutes together."""
_LASTING = (ArtifactStoreError, ImportError, AttributeError, LookupError, TypeError, ValueError)
_LASTING_NAMES = frozenset(
    {
        "DefaultCredentialsError",
        "InvalidRegionError",
        "NoCredentialsError",
        "NoRegionError",
        "ParamValidationError",
        "PartialCredentialsError",
        "ProfileNotFound",
    }
)
"""Errors of the libraries of the stores, which are imported only where a store is used."""
_LOCAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EFBIG})
# The stores' libraries make such errors of answers: there is no such bucket, or the credentials may not.
_LASTING_NUMBERS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.EMSGSIZE,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOSYS,
        errno.ENOTDIR,
        errno.EPERM,
    }
)

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


def try_again(what: str, call: Callable[[], _T]) -> _T:
    """Call a function, and again after a growing wait as long as it fails with an error that a wait may mend.

    Args:
        what: what has not been done when it fails, for the log.
        call: asks the store; it may be called again after it has failed.

    Raises:
        Exception: the last try's, or one that no wait mends.
    """
    for number, wait in enumerate(WAITS, start=1):
        try:
            return call()
        # Each library has errors of its own.
        except Exception as error:
            if is_lasting(error):
                raise
            message = "%s: %s: %s; that was try %d of %d, and the next one is in %.0f s"
            _logger.warning(message, what, type(error).__name__, error, number, len(WAITS) + 1, wait)
        time.sleep(wait)
    return call()


def is_lasting(error: BaseException) -> bool:
    """Return whether no wait mends an error."""
    if isinstance(error, _LASTING) or any(kind.__name__ in _LASTING_NAMES for kind in type(error).__mro__):
        return True
    # Python makes FileNotFoundError and the like of what libraries raise without a number.
    kinds = (FileNotFoundError, PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)
    return (
        is_local(error)
        or isinstance(error, kinds)
        or _number(error) in _LASTING_NUMBERS
        or _is_refused_by_google(error)
    )


def is_local(error: BaseException) -> bool:
    """Return whether an error is one of this machine's disk."""
    # s3fs gives this number to every answer that it does not know, as a gateway's 502.
    is_broken = _number(error) == errno.EIO and getattr(error.__cause__, "response", None) is None
    return is_broken or _number(error) in _LOCAL


def _is_refused_by_google(error: BaseException) -> bool:
    """Return whether an error of gcsfs says that the credentials may not; it has no kind of its own."""
    return getattr(error, "code", None) in (401, 403) or (
        isinstance(error, OSError) and str(error).startswith("Forbidden")
    )


def _number(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None
