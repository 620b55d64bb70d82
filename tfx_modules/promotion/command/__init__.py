"""``python -m tfx_modules.promotion``: reads the ledger, and changes which version is in service.

The environment has the ledger's address (BERT_SERVICE_LEDGER), which may hold a password, the pipeline's name
(BERT_SERVICE_PIPELINE) and the folder of its models (BERT_SERVICE_MODELS). People use ``bert-service models`` (in a
checkout ``scripts/bert models``), which sets them; the Airflow side's operators run it with ``--json``.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfx_modules.common.program import program
from tfx_modules.exceptions import PipelineError
from tfx_modules.promotion.command import approving, changing, contract, reading
from tfx_modules.promotion.command.answers import Answer, CommandContext
from tfx_modules.promotion.exceptions import RefusedError
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.repository import ModelRepository

LEDGER = "BERT_SERVICE_LEDGER"
PIPELINE = "BERT_SERVICE_PIPELINE"
MODELS = "BERT_SERVICE_MODELS"
PROGRAM = "bert-service models"


def main(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit code: 0 where the command found or did what was asked, else 1; 2 for a wrong command line.
    """
    flags = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        answer: Answer = flags.run(context_of(os.environ), flags)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(answer.value) if flags.json else answer.text)
    return 0 if answer.found or flags.json else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program(PROGRAM),
        description="Show which versions are and were in service, and why; put another version in service.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (reading, changing, contract, approving):
        module.add_commands(commands)
    for command in dict.fromkeys(commands.choices.values()):
        command.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def context_of(environ: Mapping[str, str]) -> CommandContext:
    """Return the ledger and the model repository that the environment names.

    Raises:
        RefusedError: a variable is missing.
        LedgerError: the ledger cannot be used.
    """
    ledger = open_ledger(_needed(environ, LEDGER), _needed(environ, PIPELINE))
    return CommandContext(ledger, ModelRepository(Path(_needed(environ, MODELS))))


def _needed(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise RefusedError(
            f"the environment variable {name} is missing; run {program(PROGRAM)}, which sets it, or set it."
        )
    return environ[name]
