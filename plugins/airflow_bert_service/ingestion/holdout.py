"""Finds the holdout: reviews that are never trained on, and that candidate and champion are compared on.

A holdout is a CSV file with the columns ``review`` and ``sentiment`` (the label), named with its version. Here it is
found, one of the user's own brought into that form, and its digest taken, so that all of the run's nodes read the same
bytes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from airflow_bert_service.files import sha256
from airflow_bert_service.ingestion.own_holdout import explaining_missing, normalised
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, Task
from airflow_bert_service.settings.settings import FeedName, Settings


@dataclass(frozen=True)
class Holdout:
    """A holdout: its file, and the digest of its current content."""

    name: str
    """With its version: ``sample-v1``."""
    path: str
    """Its file."""
    sha256: str
    """Digest of its content, hex."""


def find_holdout(settings: Settings, task: Task = BINARY_SENTIMENT) -> Holdout | None:
    """Find the holdout: the setting's, else the feed's own.

    The first call for the IMDB feed writes its holdout, and downloads the archive if it is not there yet. A feed's own
    holdout has the labels of binary sentiment. For a pipeline with others it is brought into its form, as one of the
    user's own is: the setting ``labels`` says which label is called ``positive``.

    Args:
        settings: The Airflow side's settings.
        task: The pipeline's.

    Returns:
        The holdout; None when the setting is empty and the feed has none.

    Raises:
        HoldoutError: The holdout is missing, has changed, or has a row that is no labelled review.
        SettingsError: The setting ``labels`` does not fit the task.
        FeedError: The archive that it is made of cannot be read.
        OSError: The disk fails.
    """
    if settings.holdout:
        return _holdout(settings.holdout.stem, normalised(settings.holdout, settings, task))
    find = _OWN.get(settings.feed)
    found = find(settings) if find else None
    if found is None or task.is_default:
        return found
    return _holdout(found.name, normalised(Path(found.path), settings, task))


def to_json(holdout: Holdout | None) -> str:
    """Return the holdout as JSON for the nodes; ``{}`` for none."""
    return json.dumps(asdict(holdout) if holdout else {})


def _holdout(name: str, file: Path) -> Holdout:
    with explaining_missing(file):
        return Holdout(name, str(file), sha256(file))


def _sample(settings: Settings) -> Holdout:
    return _holdout(settings.sample_holdout.stem, settings.sample_holdout)


def _imdb(settings: Settings) -> Holdout:
    # Imported here: each parse of the DAG file imports this module, and no parse reads an archive.
    from airflow_bert_service.feeds import imdb_holdout
    from airflow_bert_service.feeds.download.archive import local_archive

    folder = settings.imdb_holdout
    file = imdb_holdout.frozen(folder)
    if not file:
        archive = local_archive(settings.imdb_archive, settings.downloads, digest=settings.imdb_digest)
        file = imdb_holdout.freeze(folder, archive)
    return _holdout(folder.name, file)


_OWN: Mapping[str, Callable[[Settings], Holdout]] = {FeedName.SAMPLE: _sample, FeedName.IMDB: _imdb}
