"""The holdout: reviews that no model is ever trained on, and every candidate is compared with the champion on.

It is a CSV file with the columns ``review`` and ``sentiment`` (one of the task's labels; of a multilabel task a
list of them in JSON); a run names it with its digest, so that all nodes of the run read the same one.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.data import features
from tfx_modules.data.label_values import label_numbers
from tfx_modules.data.review_set import Label, ReviewSet, review_set
from tfx_modules.exceptions import HoldoutError
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

_KEY_BYTES = 16
_FIELDS = ("name", "path", "sha256")


@dataclass(frozen=True)
class Holdout:
    """The name, path and digest of a holdout's file."""

    name: str
    """With its version: ``sample-v1``."""
    path: str
    """A CSV file."""
    sha256: str
    """Digest of its content, hex."""


def parse(text: str) -> Holdout | None:
    """Read the runtime parameter ``holdout``.

    Args:
        text: JSON, ``{"name": "sample-v1", "path": "/abs/sample-v1.csv", "sha256": "..."}``, or ``{}`` for none.

    Returns:
        The holdout; None where the run has none.

    Raises:
        HoldoutError: the text has another form.
    """
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if fields == {}:
        return None
    well_formed = isinstance(fields, dict) and sorted(fields) == sorted(_FIELDS)
    if not well_formed or not all(isinstance(value, str) and value for value in fields.values()):
        raise HoldoutError(
            f"parameter holdout is {text[:500]!r}; allowed: JSON with the texts {', '.join(_FIELDS)}, or {{}} for "
            "none. Pass what refresh_data returned."
        )
    return Holdout(**fields)


def read(holdout: Holdout, task: TaskSettings = BINARY_SENTIMENT) -> ReviewSet:
    """Read a holdout, whose labels are the task's.

    Returns:
        Its reviews, in the file's order.

    Raises:
        HoldoutError: the file is not there, is another one, or has something else than labelled reviews.
    """
    content = _content(holdout)
    rows = list(_rows(holdout, content, task))
    if not rows:
        raise HoldoutError(f"holdout {holdout.path} has no reviews; one is needed at least. Put some below its header.")
    return review_set(holdout.name, rows, holdout.sha256, task)


def key(text: str) -> bytes:
    """Return a text's key, a digest that ignores white space and case."""
    normalised = " ".join(text.split()).casefold()
    return hashlib.sha256(normalised.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES]


def keys(texts: Iterable[str]) -> frozenset[bytes]:
    """Return the keys of a holdout's texts, which a row of a span is looked up in."""
    return frozenset(map(key, texts))


def _content(holdout: Holdout) -> bytes:
    try:
        content = Path(holdout.path).read_bytes()
    except OSError as error:
        raise HoldoutError(
            f"holdout {holdout.path} cannot be read ({error.strerror}); put it back, or name another in [bert_service] "
            "holdout, and clear refresh_data."
        ) from error
    if (found := hashlib.sha256(content).hexdigest()) != holdout.sha256:
        raise HoldoutError(
            f"holdout {holdout.path} has the SHA-256 {found}; allowed: {holdout.sha256}, which it had when "
            "refresh_data named it. Put that file back, or clear refresh_data to go on with this one."
        )
    return content


def _rows(holdout: Holdout, content: bytes, task: TaskSettings) -> Iterator[tuple[str, Label]]:
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        columns = lines.fieldnames or ()
        if twice := [name for name in (features.REVIEW, features.SENTIMENT) if list(columns).count(name) > 1]:
            raise HoldoutError(
                f"holdout {holdout.path} has the columns {', '.join(columns)}; allowed: {' and '.join(twice)} once. "
                "Correct its first line."
            )
        if not {features.REVIEW, features.SENTIMENT} <= set(columns):
            raise HoldoutError(
                f"holdout {holdout.path} has the columns {', '.join(columns) or 'of no header'}; needed: "
                f"{features.REVIEW}, {features.SENTIMENT}. Correct its first line."
            )
        for number, row in enumerate(lines, start=1):
            yield _row(holdout, number, row, task)
    except (UnicodeDecodeError, csv.Error) as error:
        raise HoldoutError(f"holdout {holdout.path} is no CSV in UTF-8: {error}. Write it so.") from error


def _row(holdout: Holdout, number: int, row: dict[str, str | None], task: TaskSettings) -> tuple[str, Label]:
    text, sentiment = row[features.REVIEW], row[features.SENTIMENT]
    numbers = label_numbers(sentiment or "", task)
    if not text or not text.strip() or not numbers:
        labels = f"a list in JSON of {', '.join(task.classes)}" if task.has_sets else " or ".join(task.classes)
        raise HoldoutError(
            f"holdout {holdout.path}, row {number}: the text has {len(text or '')} characters and the sentiment is "
            f"{sentiment!r}; allowed: a text, and {labels}. Correct or remove the row."
        )
    return text, numbers if task.has_sets else numbers[0]
