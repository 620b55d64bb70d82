"""Parses the flags of server and client."""

import argparse
import os
from typing import NoReturn

from tfx_modules.serving.exceptions import FlagError

_PROGRAM = "BERT_SERVICE_PROGRAM"  # as in tfx_modules.common.program, which the model server's image does not have


def program(default: str) -> str:
    """Return the command's name, as the user has typed it.

    Args:
        default: the name where neither ``bert-service`` nor ``scripts/bert`` has started the command.
    """
    return os.environ.get(_PROGRAM) or default


class FlagParser(argparse.ArgumentParser):
    """Raises where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            FlagError: always.
        """
        raise FlagError(message)
