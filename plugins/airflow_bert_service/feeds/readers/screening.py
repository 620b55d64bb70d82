"""Checks rows one by one, and rejects those that cannot be used. It never raises for a row, and keeps none.

Checks that need the whole day (an id twice, a text with both labels) are in
:mod:`airflow_bert_service.ingestion.span_writer`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from airflow_bert_service.feeds.readers.label_sets import LabelSets
from airflow_bert_service.feeds.readers.reviews import LONGEST_ID, LONGEST_REVIEW, Review
from airflow_bert_service.feeds.readers.rows import RawRow, Reason
from airflow_bert_service.pipeline.labels import normal_label

EXCERPT = 200
"""Characters of a bad row's text, and of its id, that are kept."""
OF_DATE = (Reason.NO_DATE, Reason.OTHER_DAY)
"""Reasons for which a row's date is kept."""


class Rejected(NamedTuple):
    """A row that cannot be used, with the reason, and enough of the row for a user to find it."""

    number: int
    """Row number within the delivery; the first data row is 1."""
    reason: Reason
    id: str
    """The id as far as it could be read; its beginning where it is long."""
    where: str
    """File and row, or archive and member, for people."""
    excerpt: str
    """The beginning of the text, as far as it could be read."""
    label: str = ""
    """The beginning of the label, if that is the reason."""
    date: str = ""
    """The beginning of the date, if that is the reason."""
    sentiment: str = ""
    """The pipeline's label, as spans have it; empty where it is unknown or was not read."""


def screen(
    rows: Iterable[RawRow], *, day: dt.date, labels: Mapping[str, str], sets: LabelSets | None = None
) -> Iterator[Review | Rejected]:
    """Check rows one by one.

    Args:
        rows: The rows.
        day: Their day.
        labels: The pipeline's label by what the feed calls it, as ``normal_label`` writes it.
        sets: Reads the labels of rows that may have several, or none; None: a row has one.

    Yields:
        For every row, in order, a review, or the rejected row.
    """
    for row in rows:
        number, id_, text, label, where, reason, _ = row
        sentiment = None
        if reason is None:
            if sets:
                sentiment = sets.read(label)
            else:  # most labels are written as the setting has them
                sentiment = (labels.get(label) if isinstance(label, str) else None) or labels.get(normal_label(label))
            reason = _fault(id_, text) or (Reason.UNKNOWN_LABEL if sentiment is None else None)
            if reason is None and isinstance(text, str) and sentiment is not None:
                yield Review(id_, day, text, sentiment, number, where)
                continue
            if sets and reason is Reason.UNKNOWN_LABEL:
                row = row._replace(sentiment=sets.unknown(label))
        yield rejected(row, reason or Reason.WRONG_COLUMNS, sentiment)


def fault_of_text(row: RawRow) -> Reason | None:
    """Return why a row's text cannot be scored; None: it can. It needs no label, and an id only if it has one."""
    return row.problem or _fault(row.id if row.id.strip() else str(row.number), row.text)


def rejected(row: RawRow | Review, reason: Reason, sentiment: str | None = None) -> Rejected:
    """Return what is kept of a row or a review that is rejected.

    Args:
        row: The row.
        reason: Why.
        sentiment: The pipeline's label, as spans have it; None: it is unknown, or the review has it.
    """
    label = date = ""
    if isinstance(row, RawRow) and reason is Reason.UNKNOWN_LABEL:
        label = _shown(row.sentiment)
    elif isinstance(row, RawRow) and reason in OF_DATE:
        date = _shown(row.date)
    known = row.sentiment if isinstance(row, Review) else sentiment or ""
    return Rejected(row.number, reason, _excerpt(row.id), row.where, _excerpt(row.text), label, date, known)


def _fault(id_: str, text: object) -> Reason | None:
    if not isinstance(text, str) or not text or text.isspace():
        return Reason.NO_TEXT
    if not id_ or id_.isspace():
        return Reason.NO_ID
    if len(text) > LONGEST_REVIEW or len(id_) > LONGEST_ID:
        return Reason.TOO_LONG
    if "\0" in text or "\0" in id_:
        return Reason.NUL
    if not (text.isascii() and id_.isascii()) and not (is_encodable(text) and is_encodable(id_)):
        return Reason.BAD_ENCODING
    return None


def is_encodable(text: str) -> bool:
    """Tell whether a text is UTF-8; other bytes, and halves of pairs that JSON can spell, come as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    return _excerpt(value if isinstance(value, str) else repr(value))


def _excerpt(text: object) -> str:
    beginning = text[:EXCERPT] if isinstance(text, str) else ""
    return beginning.encode(errors="replace").decode()
