"""Gives the running node's staging to resolver strategies, which TFX makes itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from tfx_modules.artifact_store.staging import LocalStaging, Staging
from tfx_modules.artifact_store.store import ArtifactStore

_GIGABYTE = 10**9
_staging: ContextVar[LocalStaging | None] = ContextVar("the staging of the running node", default=None)


@contextmanager
def using(address: str, root: Path, most_gigabytes: int) -> Iterator[LocalStaging]:
    """Set what :func:`current_staging` returns.

    Args:
        address: the store's; empty: artifacts are in the pipeline's folder alone.
        root: the pipeline's folder on this machine.
        most_gigabytes: the limit of its copies; 0: none.
    """
    made = Staging(root, ArtifactStore(address), most_gigabytes * _GIGABYTE) if address else LocalStaging(root)
    with made as staging:
        token = _staging.set(staging)
        try:
            yield staging
        finally:
            _staging.reset(token)


def current_staging() -> LocalStaging | None:
    """Return the running node's staging; None: no node runs here."""
    return _staging.get()
