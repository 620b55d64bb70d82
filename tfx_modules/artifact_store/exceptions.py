"""Errors of the artifact store that callers tell apart."""

from tfx_modules.exceptions import ArtifactStoreError


class DamagedArtifactError(ArtifactStoreError):
    """The store answers, and what it has of an artifact is incomplete, or is not what the node has stored."""
