"""What a user has typed to get to a command of this side."""

import os

VARIABLE = "BERT_SERVICE_PROGRAM"
"""Set by ``bert-service`` and ``scripts/bert``, which start the commands."""


def program(default: str) -> str:
    """Return the command's name for its help and messages.

    Args:
        default: the name where nobody has set the variable.
    """
    return os.environ.get(VARIABLE) or default
