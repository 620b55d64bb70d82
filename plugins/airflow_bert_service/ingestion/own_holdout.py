"""Reads a holdout of the user's own, whose columns and labels are those of the feed, and keeps it in the nodes' form.

The nodes read a CSV file with the columns ``review`` and ``sentiment``, which has the pipeline's labels. A holdout may
be one already, or have the names and the labels that the settings give for the feed.
"""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from airflow_bert_service.exceptions import FeedError, HoldoutError
from airflow_bert_service.feeds.readers.row_files import require_columns, table
from airflow_bert_service.feeds.readers.rows import Reason
from airflow_bert_service.feeds.readers.screening import is_encodable
from airflow_bert_service.files import make_folder, publishing
from airflow_bert_service.ingestion.sets_of_labels import label_sets
from airflow_bert_service.pipeline.labels import normal_label
from airflow_bert_service.pipeline.task import Task
from airflow_bert_service.settings.row_rules import labels_for
from airflow_bert_service.settings.settings import Settings

COLUMNS = ("review", "sentiment")
"""The columns of the nodes' form."""


def normalised(file: Path, settings: Settings, task: Task) -> Path:
    """Write a holdout in the nodes' form, unless that exists already.

    Args:
        file: The user's CSV file, in UTF-8.
        settings: With the names of the feed's columns, and what it calls the labels.
        task: The pipeline's, with the labels.

    Returns:
        The file in the nodes' form. Its folder has the digest of its content in its name, so it never changes.

    Raises:
        HoldoutError: The file is not there, may not be read, or has a row that is no labelled review.
        SettingsError: The setting ``labels`` does not fit the task.
        OSError: The disk fails.
    """
    with explaining_missing(file):
        content = file.read_bytes()
    lines = list(_rows(file, content, settings, task))
    if not lines:
        raise HoldoutError(f"holdout {file} has no reviews; allowed: one or more. Put some below its header.")
    folder = settings.own_holdouts
    make_folder(folder)
    kept = folder / f"{file.stem}-{_digest(lines)}.csv"
    if not kept.exists():
        with publishing(kept) as part, part.open("w", encoding="utf-8", newline="") as written:
            made = csv.writer(written, lineterminator="\n")
            made.writerow(COLUMNS)
            made.writerows(lines)
    return kept


def _digest(lines: list[tuple[str, str]]) -> str:
    return hashlib.sha256(repr(lines).encode()).hexdigest()[:16]


@contextmanager
def explaining_missing(file: Path) -> Iterator[None]:
    """Raise HoldoutError where a holdout is not there or may not be read.

    Other errors are the disk's, which may be over at the next try.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise HoldoutError(
            f"holdout {file} cannot be read ({error.strerror}). Put it there, or set [bert_service] holdout to a CSV "
            "file of labelled reviews."
        ) from error


def _rows(file: Path, content: bytes, settings: Settings, task: Task) -> Iterator[tuple[str, str]]:
    source = settings.source
    own = (source.text_column, *(source.label_columns or (source.sentiment_column,)))
    where = f"holdout {file}"
    try:
        header, records = table(BytesIO(content), (), where=where)
        if not header:
            return
        wanted = own if set(own) <= set(header) else COLUMNS
        require_columns(header, wanted, where=where)
    except FeedError as error:
        raise HoldoutError(str(error)) from error
    labels = {**{normal_label(label): label for label in task.labels}, **labels_for(task, settings.rules.labels)}
    sets = label_sets(settings, task, labels)
    places = [header.index(name) for name in wanted]
    for number, record in enumerate(records.records(), start=1):
        if isinstance(record, Reason) or len(record) != len(header):
            found = record.value if isinstance(record, Reason) else f"{len(record)} values"
            raise _bad(file, number, found, f"a line of CSV with the header's {len(header)} columns")
        text, *values = (record[place] for place in places)
        in_columns = dict(zip(wanted[1:], values, strict=True))
        label = in_columns if wanted == own and source.label_columns else values[0]
        if not text.strip() or "\0" in text or not is_encodable(text):
            raise _bad(file, number, f"the text {_shown(text)}", "a text in UTF-8, without NUL")
        sentiment = sets.read(label) if sets else labels.get(normal_label(label))
        if not sentiment:
            shown = _shown(str(sets.unknown(label) if sets else label))
            raise _bad(file, number, f"the label {shown}", f"one of {', '.join(sorted(labels))}")
        yield text, sentiment


def _shown(text: str) -> str:
    return ascii(text[:60]) if not text.isprintable() else repr(text[:60])


def _bad(file: Path, number: int, got: str, allowed: str) -> HoldoutError:
    return HoldoutError(f"holdout {file}, row {number} has {got}; allowed: {allowed}. Correct the row, or remove it.")
