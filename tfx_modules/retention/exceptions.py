"""The errors of retention, a branch of the tree in ``tfx_modules.exceptions``."""

from tfx_modules.exceptions import PipelineError


class RetentionError(PipelineError):
    """What is to be removed cannot be listed or removed; what was removed before stays removed."""
