"""What holds at every moment, whatever has gone wrong, and what holds when a push has come to its end."""

from collections import Counter
from pathlib import Path

from tests.tfx_modules.promotion.pushing import ledger_of, repository_of
from tfx_modules.common import carried
from tfx_modules.promotion import history, manifest
from tfx_modules.promotion.events import VERDICTS
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.repository import ModelRepository


def check_always(folder: Path, pipeline: str = "bert") -> history.Service:
    """Each run has one verdict at most; versions are whole; what a server takes was put in service.

    Returns:
        What is in service by the ledger.
    """
    repository = repository_of(folder, pipeline)
    for version in repository.versions():
        assert manifest.check(repository.folder(version)), f"version {version} has no manifest"
    check_copies(repository)
    events = ledger_of(folder, pipeline).events() if (folder / "ledger" / "ledger.db").exists() else []
    verdicts = Counter(event.run.run_id for event in events if event.kind in VERDICTS and event.run)
    assert set(verdicts.values()) <= {1}
    service = history.service(events)
    served = repository.served_versions()
    assert served <= set(service.past)
    assert served or len(service.past) <= 1, "a server that had a version has none"
    return service


def check_copies(repository: ModelRepository) -> None:
    """What was copied of a version for TFLite is what the version carries."""
    for copy, version in folders.copied(repository).items():
        source = repository.folder(version) / carried.PLACES[carried.TFLITE]
        assert manifest.describe(copy) == manifest.describe(source), f"{copy} is not {source}"


def check_settled(folder: Path, pipeline: str = "bert") -> None:
    """What is served is what the ledger says; nothing is left of what went wrong."""
    service, repository = check_always(folder, pipeline), repository_of(folder, pipeline)
    assert service.live is not None
    assert max(repository.served_versions()) == service.live
    assert repository.staged() == []
    assert max(folders.copied(repository).values(), default=service.live) == service.live
    assert folders.unfinished(repository) == []
