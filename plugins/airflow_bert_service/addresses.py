"""Takes credentials out of addresses, in whatever text they are."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import unquote

HIDDEN = "***"
SHORTEST = 3
"""Characters of what is hidden wherever it stands; a shorter text would be found in words."""
PLACEHOLDER = "user:password"
"""How messages show what an address may look like; it stays."""
# Libraries that log the addresses they ask, whole or as path and query.
_LIBRARIES = (
    "httpx",
    "httpcore",
    "urllib3",
    "urllib3.connectionpool",
    "requests",
    "aiohttp.client",
    "fsspec",
    "fsspec.http",
)

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:/{2,})(?P<rest>\S*)")
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::\d*)?")
_PATH = re.compile(r"(?P<path>(?:^|(?<=[\s\"'=(]))/[^\s?#]*)\?\S*")


def without_credentials(text: str, *, of: str = "") -> str:
    """Return a text with user, password, query and fragment of every address in it replaced by ``***``.

    A password that is not quoted as addresses ask for (it has ``/``, ``?``, ``#``, ``@`` or a blank) goes, too, at the
    cost of what stands between it and the ``@`` after it.

    Args:
        text: An address, or a message that has some.
        of: An address whose credentials go wherever they are in the text: a library may name them alone.
    """
    for secret in secrets_of(of):
        text = text.replace(secret, HIDDEN)
    shown, rest = "", text
    while found := _ADDRESS.search(rest):
        shown += rest[: found.end("scheme")]
        rest = rest[found.end("scheme") :]
        part, rest = _part(found["rest"], rest)
        shown += part
    return shown + rest


def secrets_of(address: str) -> list[str]:
    """Return what an address has of user, password and query, as it stands there and unquoted; the longest first."""
    rest = address.partition("://")[2]
    user = rest.rpartition("@")[0]
    query = re.split(r"[?#]", rest.rpartition("@")[2], maxsplit=1)[1:]
    parts = [
        user,
        user.partition(":")[2],
        *query,
        *(part.partition("=")[2] for text in query for part in text.split("&")),
    ]
    found = {form for part in parts for form in (part, unquote(part)) if len(form) >= SHORTEST}
    return sorted(found - {PLACEHOLDER}, key=len, reverse=True)


def place_of(address: str) -> str:
    """Return what is shown of one address, perhaps a relative one: without credentials, query and fragment."""
    return re.split(r"[?#]", without_credentials(address), maxsplit=1)[0]


def _part(token: str, rest: str) -> tuple[str, str]:
    """Return what is shown of an address after its scheme, and the text after the address."""
    authority = re.split(r"[/?#]", token, maxsplit=1)[0]
    is_host = "@" not in authority and _HOST.fullmatch(authority.rstrip(".,;:!)\"'")) is not None
    if "@" in authority or ":" in token.rpartition("@")[0]:
        return _after_user(token), rest[len(token) :]
    line = rest.partition("\n")[0]
    if not is_host and "@" in line:  # a password with a blank in it
        end = line.rindex("@") + 1
        host = re.match(r"\S*", line[end:])
        length = end + (host.end() if host else 0)
        return _after_user(rest[:length]), rest[length:]
    return _without_query(token), rest[len(token) :]


def _after_user(token: str) -> str:
    if token.partition("@")[0] == PLACEHOLDER and token.count("@") == 1:
        return _without_query(token)
    return f"{HIDDEN}@{_without_query(token.rpartition('@')[2])}"


def _without_query(token: str) -> str:
    shown, mark, hidden = re.match(r"([^?#]*)([?#]?)(.*)", token, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{shown}{mark}{HIDDEN}" if mark and hidden else shown + mark


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _PATH.sub(rf"\g<path>?{HIDDEN}", without_credentials(record.getMessage()))
        record.args = ()
        return True


@contextmanager
def quiet_libraries(names: Iterable[str] = _LIBRARIES) -> Iterator[None]:
    """Keep the libraries that speak HTTP from logging credentials for as long as the block lasts."""
    hiding = _Filter()
    with ExitStack() as stack:
        for name in names:
            logger = logging.getLogger(name)
            logger.addFilter(hiding)
            stack.callback(logger.removeFilter, hiding)
        yield
