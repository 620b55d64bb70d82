"""Waits until a model server, TensorFlow Serving or this project's, answers with a version."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request

from tfx_modules.promotion.exceptions import RefusedError

_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 5.0


def wait_until_served(url: str, version: int, timeout_seconds: float) -> float:
    """Wait until a version is available, and no larger one is.

    Args:
        url: the model's status over REST, ``http://HOST:PORT/v1/models/NAME``.
        version: the version that is to be served.
        timeout_seconds: how long to wait.

    Returns:
        How long it took, in seconds.

    Raises:
        RefusedError: the server did not answer with it in time; the ledger's event remains.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise RefusedError(f"the server's address is {url!r}; allowed: http(s)://HOST:PORT/v1/models/NAME. Correct it.")
    started = time.monotonic()
    while (found := _available(url)) != version:
        if time.monotonic() - started > timeout_seconds:
            raise RefusedError(
                f"{url} answers with {found or 'nothing'} and not with {version} after {timeout_seconds:.0f} s; the "
                "ledger and the served folder have changed. Look at the server's log."
            )
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - started


def _available(url: str) -> int | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_ANSWER_SECONDS) as response:
            statuses = json.load(response)["model_version_status"]
        return max((int(item["version"]) for item in statuses if item["state"] == "AVAILABLE"), default=None)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None  # not there yet, or restarting; the caller's time runs
