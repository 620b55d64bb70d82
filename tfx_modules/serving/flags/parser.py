"""What the command lines of server and client have in common."""

import argparse
from typing import NoReturn

from tfx_modules.serving.exceptions import FlagError


class FlagParser(argparse.ArgumentParser):
    """Raises where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            FlagError: always.
        """
        raise FlagError(message)
