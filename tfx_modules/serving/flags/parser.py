"""Parses the flags of server and client."""

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
