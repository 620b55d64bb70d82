"""Asks a model server for the score of each label of texts, over REST.

The signature ``classify`` answers all labels with their scores, of two labels and of several; Predict would name one
label of two, and no other. But Classify does not say which labels a text has where it may have any number of them. So
the model's metadata are read first: a signature with the output ``chosen`` is asked by Predict, which says it.
"""

import http.client
import json
import math
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.clients.rest import Connections, ask_within, trouble_of

SIGNATURE = "classify"
SETS_SIGNATURE = "serving_default"
"""What is asked where a text may have several labels; its output ``chosen`` says which."""
CHOSEN = "chosen"
FEATURE = "review"
"""The name of the text in the tf.Examples that the pipeline's models take."""
MOST_BYTES = 4 << 20
"""The largest answer; one of 64 texts with 50 long labels has 2 MB."""
_MOST_OF_AN_ERROR = 64 << 10
_LONGEST_MESSAGE = 300
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
    has_sets: bool = False
    """Whether a text may have several labels, or none: then Predict is asked, and else Classify."""

    @property
    def has_number(self) -> bool:
        """Whether the version is chosen by its number."""
        return self.version.isascii() and self.version.isdecimal()

    @property
    def address(self) -> str:
        """Where the request goes to."""
        return self._address(":predict" if self.has_sets else ":classify")

    @property
    def metadata(self) -> str:
        """Where the signatures of the model are."""
        return self._address("/metadata")

    def _address(self, end: str) -> str:
        version = ""
        if self.version:
            version = f"/{'versions' if self.has_number else 'labels'}/{quote(self.version, safe='')}"
        parts = urlsplit(self.model)
        return parts._replace(path=f"{parts.path.rstrip('/')}{version}{end}").geturl()

    @property
    def body(self) -> Mapping[str, Any]:
        """What is sent, as JSON."""
        if self.has_sets:
            return {"signature_name": SETS_SIGNATURE, "instances": list(self.texts)}
        return {"signature_name": SIGNATURE, "examples": [{FEATURE: text} for text in self.texts]}


@dataclass(frozen=True)
class Scores:
    """What a model says about one text."""

    by_label: Mapping[str, float]
    """The probability of each label, 0 to 1, in the order of the model's labels."""
    chosen: tuple[str, ...] | None = None
    """The labels that the model says the text has, where it may have several, or none; else None."""

    @property
    def has_sets(self) -> bool:
        """Whether a text may have several of the labels, or none: the model's task is a multilabel one."""
        return self.chosen is not None

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
        return (self.label,) if self.chosen is None else self.chosen

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

    @property
    def has_sets(self) -> bool:
        """Whether a text may have several labels, or none."""
        return any(one.has_sets for one in self.scores)


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

    def answer(address: str, body: bytes | None = None) -> bytes:
        sent = urllib.request.Request(address, body, headers)  # noqa: S310 (a setting)
        with connections.opener(_NoRedirects()).open(sent, timeout=seconds) as response:
            content: bytes = response.read(MOST_BYTES + 1)
        return content

    try:
        asked = replace(request, has_sets=_has_sets(answer(request.metadata)))
        started = time.perf_counter()
        content = answer(asked.address, json.dumps(asked.body).encode())
        milliseconds = (time.perf_counter() - started) * 1000
        found = (_sets if asked.has_sets else _scores)(content, len(request.texts))
        return Classified(scores=found, milliseconds=milliseconds)
    except urllib.error.HTTPError as error:
        problem = _refusal(error, request)
    except TimeoutError:
        return _late(seconds)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        problem = "its answer has no scores of labels for each text"
    except (OSError, http.client.HTTPException) as error:
        problem = trouble_of(error)
    return Classified(problem=without_credentials(problem, of=request.model))


def _late(seconds: float) -> Classified:
    return Classified(problem=f"no answer within {seconds:g} s")


def _has_sets(content: bytes) -> bool:
    """Whether metadata are those of a model that says which of several labels a text has."""
    signatures = json.loads(content)["metadata"]["signature_def"]["signature_def"]
    return CHOSEN in signatures.get(SETS_SIGNATURE, {}).get("outputs", {})


def _scores(content: bytes, count: int) -> tuple[Scores, ...]:
    """Read the answer to Classify."""
    results = json.loads(content)["results"]
    return _checked([Scores({_shown(label): _probability(score) for label, score in row}) for row in results], count)


def _sets(content: bytes, count: int) -> tuple[Scores, ...]:
    """Read the answer to Predict of a model whose texts have any number of labels."""
    return _checked([_set(row) for row in json.loads(content)["predictions"]], count)


def _set(row: Mapping[str, Any]) -> Scores:
    labels = [_shown(label) for label in row["labels"]]
    by_label = dict(zip(labels, map(_probability, row["scores"]), strict=True))
    return Scores(by_label, tuple(label for label, there in zip(labels, row[CHOSEN], strict=True) if there))


def _checked(found: Sequence[Scores], count: int) -> tuple[Scores, ...]:
    labels = {tuple(one.by_label) for one in found}
    if len(found) != count or len(labels) != 1 or () in labels:
        raise ValueError("not an answer of the same labels for each text")
    return tuple(found)


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
