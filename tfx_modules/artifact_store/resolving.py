"""Tells resolver strategies which artifacts of earlier runs a node can still read."""

import logging

from tfx import types

from tfx_modules.artifact_store.current import current_staging
from tfx_modules.artifact_store.exceptions import DamagedArtifactError
from tfx_modules.artifact_store.staging import stored_as

_logger = logging.getLogger(__name__)


def is_readable(artifact: types.Artifact, what: str) -> bool:
    """Fetch an artifact of an earlier run, where it has to be; return whether a node can read it.

    A node whose input cannot be fetched fails, and one of an earlier run stays so in every run to come: a strategy
    leaves such an artifact out. An artifact that was made without a store is readable where there is none.

    Args:
        artifact: one that a strategy is about to choose.
        what: what it is, for the log, which says why it is left out.

    Raises:
        ArtifactStoreError: the store does not answer.
    """
    staging = current_staging()
    name = stored_as(artifact)
    if staging is None or not (staging.store or name):
        return True
    try:
        is_kept = staging.is_kept(artifact.uri, name)
        if is_kept:
            staging.fetch(artifact.uri, name)
    except DamagedArtifactError as error:
        _logger.warning("%s, %s, is left out: %s", what, artifact.uri, error)
        return False
    if not is_kept:
        here = f"not on this machine, and was made without {staging.kept_in}"
        where = f"no longer in {staging.kept_in}" if name else here
        _logger.warning("%s, %s, is %s; it is left out", what, artifact.uri, where)
    return is_kept
