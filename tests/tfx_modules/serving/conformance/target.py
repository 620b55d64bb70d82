"""Which server the suite asks.

``CONFORMANCE_REST=http://host:port`` and ``CONFORMANCE_GRPC=host:port`` name one that serves the model of ``model.py``;
without them the project's own is started. Expectations are TensorFlow Serving's: its documents, sources and tests,
named in each case.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.tfx_modules.serving.conformance.model import NAME

MODEL = f"/v1/models/{NAME}"


@dataclass(frozen=True)
class Target:
    """A server's addresses."""

    rest: str
    grpc: str


@dataclass(frozen=True)
class RestCase:
    """One request over REST and what is to be answered.

    Attributes:
        shows: what the case is about.
        source: where TensorFlow Serving says so.
        body: what is sent; bytes as they are, anything else as JSON.
        answer: the answer's JSON, where it is a good one.
        error: part of the message, where it is a refusal.
    """

    shows: str
    source: str
    body: Any = b""
    path: str = f"{MODEL}:predict"
    method: str = "POST"
    status: int = 200
    answer: Any = None
    error: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.shows} ({self.source})"


def same(got: Any, wanted: Any) -> bool:
    """Compare JSON strictly: 1, 1.0 and true differ, NaN is NaN; numbers agree to float32's digits."""
    if type(got) is not type(wanted):
        return False
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(same(g, w) for g, w in zip(got, wanted, strict=True))
    if isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(same(got[key], wanted[key]) for key in wanted)
    if isinstance(wanted, float):
        return bool(np.isclose(got, wanted, rtol=1e-6, atol=0, equal_nan=True))
    return bool(got == wanted)
