"""Asks a model server for the score of each label of texts: TensorFlow Serving's Classify, over REST.

The signature ``classify`` answers all labels with their scores in one form, whatever the pipeline's task is. Predict
would name one label of two, and no other.
"""

import http.client
import json
import math
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.clients.rest import Connections, ask_within, trouble_of

SIGNATURE = "classify"
FEATURE = "review"
"""The name of the text in the tf.Examples that the pipeline's models take."""
MOST_BYTES = 4 << 20
"""The largest answer; one of 64 texts with 50 long labels has 2 MB."""
_MOST_OF_AN_ERROR = 64 << 10
_LONGEST_MESSAGE = 300
THRESHOLD = 0.5
"""From this probability on a text has a label of a multilabel task, as the model's own output ``chosen`` says."""
_SHARES = 1e-4
"""By how much the sum of the probabilities of one label of several may differ from 1: rounding makes less."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class ClassifyRequest:
    """A request to one version of a model."""

    model: str = field(repr=False)
    """The address of the model's status, ``http://HOST:PORT/v1/models/NAME``."""
    version: str = ""
    """A version's number, or a label that the server has for one; empty: the one that the server takes then."""
    texts: tuple[str, ...] = field(repr=False)
    key: str = field(default="", repr=False)
    """The API key; empty: none is sent."""

    @property
    def has_number(self) -> bool:
        """Whether the version is chosen by its number."""
        return self.version.isascii() and self.version.isdecimal()

    @property
    def address(self) -> str:
        """Where the request goes to."""
        chosen = ""
        if self.version:
            chosen = f"/{'versions' if self.has_number else 'labels'}/{quote(self.version, safe='')}"
        parts = urlsplit(self.model)
        return parts._replace(path=f"{parts.path.rstrip('/')}{chosen}:classify").geturl()

    @property
    def body(self) -> Mapping[str, Any]:
        """What is sent, as JSON."""
        return {"signature_name": SIGNATURE, "examples": [{FEATURE: text} for text in self.texts]}


@dataclass(frozen=True)
class Scores:
    """What a model says about one text."""

    by_label: Mapping[str, float]
    """The probability of each label, 0 to 1, in the order of the model's labels."""
    has_sets: bool = False
    """Whether a text may have several of the labels, or none: the model's task is a multilabel one."""

    @property
    def label(self) -> str:
        """The most probable label. Of two that are equal, it is the second: that of a score of 0.5."""
        labels = list(self.by_label)
        return max(reversed(labels) if len(labels) == 2 else labels, key=self.by_label.__getitem__)

    @property
    def score(self) -> float:
        """The probability of that label."""
        return self.by_label[self.label]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model gives: the most probable one, or any number of them, or none."""
        if not self.has_sets:
            return (self.label,)
        return tuple(label for label, score in self.by_label.items() if score >= THRESHOLD)

    @property
    def answer(self) -> str:
        """The same in words."""
        return ", ".join(self.labels) or "no label"


@dataclass(frozen=True, kw_only=True)
class Classified:
    """What a model server answered."""

    scores: tuple[Scores, ...] = ()
    """Of each text, in their order."""
    milliseconds: float = 0.0
    """From the connection to the last byte of the answer."""
    problem: str = ""
    """Why there is no answer; empty: there is one."""


def classify(request: ClassifyRequest, seconds: float) -> Classified:
    """Ask a model server; it is not asked again, and redirects are not followed: they would take the key elsewhere.

    Args:
        request: What is asked.
        seconds: How long all of it may take.
    """
    (answer,) = ask_within(seconds, [partial(_ask, request, seconds)])
    return answer or _late(seconds)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Let the redirect be the answer."""


def _ask(request: ClassifyRequest, seconds: float, connections: Connections) -> Classified:
    headers = {"Content-Type": "application/json"}
    if request.key:
        headers["Authorization"] = f"Bearer {request.key}"
    sent = urllib.request.Request(request.address, json.dumps(request.body).encode(), headers)  # noqa: S310 (a setting)
    started = time.perf_counter()
    try:
        with connections.opener(_NoRedirects()).open(sent, timeout=seconds) as response:
            content = response.read(MOST_BYTES + 1)
        milliseconds = (time.perf_counter() - started) * 1000
        return Classified(scores=_scores(content, len(request.texts)), milliseconds=milliseconds)
    except urllib.error.HTTPError as error:
        problem = _refusal(error, request)
    except TimeoutError:
        return _late(seconds)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        problem = "its answer has no scores of labels for each text"
    except (OSError, http.client.HTTPException) as error:
        problem = trouble_of(error)
    return Classified(problem=without_credentials(problem, of=request.model))


def _late(seconds: float) -> Classified:
    return Classified(problem=f"no answer within {seconds:g} s")


def _scores(content: bytes, count: int) -> tuple[Scores, ...]:
    results = json.loads(content)["results"]
    found = tuple(Scores({_shown(label): _probability(score) for label, score in row}) for row in results)
    labels = {tuple(one.by_label) for one in found}
    if len(found) != count or len(labels) != 1 or () in labels:
        raise ValueError("not an answer of the same labels for each text")
    # Classify does not say which task a model has. Probabilities of which one label holds add up to 1. Those of a
    # multilabel task do so by chance at most, and then nearly always because one label holds: the answer is the same.
    has_sets = any(abs(sum(one.by_label.values()) - 1) > _SHARES for one in found)
    return tuple(replace(one, has_sets=True) for one in found) if has_sets else found


def _probability(score: Any) -> float:
    value = float(score)
    if not math.isfinite(value):
        raise ValueError("not a number")
    return value


def _refusal(error: urllib.error.HTTPError, request: ClassifyRequest) -> str:
    said = _message(error)
    told = f": {said}" if said else ""
    which = f"version {request.version}" if request.has_number else f"the label {request.version}"
    plain = {
        401: "it refuses the API key" if request.key else "it wants an API key",
        403: "it does not take requests from this server",
        404: f"it does not serve {which if request.version else 'the model'} now",
        408: "the request took too long to reach it",
        413: "the texts are too large for it",
        429: f"it has too much to do just now{'' if said else '; ask again in a moment'}",  # else it says what to do
        503: "it cannot answer just now; ask again in a moment",
        504: "it ended the request, which took too long for it",
    }
    if error.code in plain:
        return f"{plain[error.code]}{told}"
    if 300 <= error.code < 400:
        return f"it answers from another address (HTTP status {error.code}), which is not asked"
    return f"{'it refuses the request' if error.code == 400 else f'HTTP status {error.code}'}{told}"


def _message(error: urllib.error.HTTPError) -> str:
    """Return what the server says of its refusal, in one line; empty: nothing that can be read."""
    with suppress(OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        with error:
            said = json.loads(error.read(_MOST_OF_AN_ERROR))["error"]
        return " ".join(_shown(said).split())[:_LONGEST_MESSAGE]
    return ""


def _shown(said: Any) -> str:
    """Return a text that can be written as UTF-8: JSON can have halves of characters, which cannot."""
    return _SURROGATE.sub("\ufffd", str(said))
