"""``node-server``: starts the node server, which imports TFX once and forks a process for each node."""

import argparse
from collections.abc import Sequence

from airflow_bert_service.cli.places import become, tfx_environment
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import program
from airflow_bert_service.settings.settings import load_settings

_MODULE = "tfx_modules.node.server"


def main(arguments: Sequence[str]) -> int:
    """Replace this process with the node server, which listens on the socket of the setting ``node_socket``.

    Raises:
        SettingsError: The setting is empty, or there is no TFX environment.
    """
    parser = argparse.ArgumentParser(
        prog=f"{program()} node-server",
        description="Start the node server on the Unix socket of the setting node_socket, and run until a signal "
        "stops it. It saves each node the seconds that importing TFX takes.",
    )
    parser.parse_args(arguments)
    settings = load_settings()
    if settings.node_socket is None:
        raise SettingsError(
            "[bert_service] node_socket is empty; allowed: the path of a Unix socket, 107 bytes at most, in a folder "
            "of its own. Set it for Airflow's processes and for this command."
        )
    become(settings, _MODULE, ["--socket", str(settings.node_socket)], tfx_environment("node-server"))
