"""Asks model servers which versions they serve, over REST as TensorFlow Serving has it."""

import http.client
import json
import urllib.error
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.clients.rest import Connections, ask_within, trouble_of

SECONDS = 1.5
"""How long servers have to answer; they are asked at the same time."""
_MOST_BYTES = 1 << 20
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """What a model server says about a model."""

    address: str
    """Where it was asked, without credentials."""
    states: tuple[tuple[int, str], ...] = ()
    """Versions with their states, like ``AVAILABLE`` or ``LOADING``; the largest version first."""
    problem: str = ""
    """Why there is no answer; empty: there is one."""

    @property
    def served(self) -> int | None:
        """The version that answers requests which name none: the largest one that is available; None: there is none."""
        return next((version for version, state in self.states if state == "AVAILABLE"), None)


def ask_servers(addresses: Sequence[str], seconds: float = SECONDS) -> tuple[ServerStatus, ...]:
    """Ask model servers for the state of a model, all at the same time.

    Args:
        addresses: Of the model's status, ``http://HOST:PORT/v1/models/NAME``.
        seconds: How long all of it may take; a server that has not answered by then has a problem.

    Returns:
        What each of them says, in the order of the addresses.
    """
    found = ask_within(seconds, [partial(_ask, address, seconds) for address in addresses])
    late = f"no answer within {seconds:g} s"
    return tuple(
        answer or ServerStatus(address=without_credentials(address), problem=late)
        for address, answer in zip(addresses, found, strict=True)
    )


def _ask(address: str, seconds: float, connections: Connections) -> ServerStatus:
    shown = without_credentials(address)
    opener = connections.opener()
    try:
        with opener.open(address, timeout=seconds) as response:
            return ServerStatus(address=shown, states=_states(json.loads(response.read(_MOST_BYTES))))
    except urllib.error.HTTPError as error:
        problem = "it has no version of the model" if error.code == _NOT_FOUND else f"HTTP status {error.code}"
    except TimeoutError:
        problem = f"no answer within {seconds:g} s"
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        problem = "the answer is not the state of a model"
    except (OSError, http.client.HTTPException) as error:
        problem = trouble_of(error)
    return ServerStatus(address=shown, problem=without_credentials(problem, of=address))


def _states(answer: Any) -> tuple[tuple[int, str], ...]:
    found = [(int(item["version"]), str(item["state"])) for item in answer["model_version_status"]]
    return tuple(sorted(found, reverse=True))
