"""Reads and checks API keys."""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from tfx_modules.serving.exceptions import FlagError, UnauthenticatedError

SHORTEST = 16  # characters


class ApiKeys:
    """The API keys of this server. Several, so that a new one can be given out before the old one is withdrawn.

    Attributes:
        digests: the keys' SHA-256.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.digests = frozenset(_digest(key) for key in keys)

    def shares_one_with(self, other: "ApiKeys") -> bool:
        """Return whether a key is among those of both."""
        return not self.digests.isdisjoint(other.digests)

    def has(self, authorization: str, api_key: str) -> bool:
        """Return whether a request carries one of the keys; the arguments are those of ``check``."""
        try:
            self.check(authorization, api_key)
        except UnauthenticatedError:
            return False
        return True

    def check(self, authorization: str, api_key: str) -> None:
        """Check that a request carries one of the keys.

        Args:
            authorization: the header ``Authorization``, as ``Bearer KEY``; empty where there is none.
            api_key: the header ``X-API-Key``; empty where there is none.

        Raises:
            UnauthenticatedError: it does not.
        """
        scheme, _, token = authorization.partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else api_key
        if not given:
            raise UnauthenticatedError("no API key; send the header 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")
        # Digests have one length and all are compared, so that the time tells nothing of the keys.
        if not sum(hmac.compare_digest(_digest(given), digest) for digest in self.digests):
            raise UnauthenticatedError("the API key is not one of this server's")


def read_api_keys(file: Path, flag: str = "--api_key_file") -> ApiKeys:
    """Read keys, one a line; blank lines and those that begin with ``#`` are none.

    Args:
        file: the file.
        flag: the flag that names it, for errors.

    Raises:
        FlagError: the file cannot be read, has no key, or one that is too short or cannot be sent.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise FlagError(f"{flag}={file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FlagError(f"{flag}={file} is not a text file") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise FlagError(f"{flag}={file} has no key; give one a line")
    if any(len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key for key in keys):
        raise FlagError(
            f"{flag}={file} has a key that is shorter than {SHORTEST} characters, or has others than "
            "ASCII letters, digits and signs; make one with: openssl rand -hex 32"
        )
    return ApiKeys(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
