"""Returns the name by which the user has called a command of this side."""

import os

VARIABLE = "BERT_SERVICE_PROGRAM"
"""Set by ``bert-service`` and ``scripts/bert``, which start the commands."""


def program(default: str) -> str:
    """Return the command's name for its help and messages.

    Args:
        default: the name where the variable is not set.
    """
    return os.environ.get(VARIABLE) or default
