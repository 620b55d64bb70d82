"""What can go wrong with retention; ``tfx_modules.exceptions`` draws the tree that this is a branch of."""

from tfx_modules.exceptions import PipelineError


class RetentionError(PipelineError):
    """What is to go cannot be told or removed; what has gone already is gone."""
