"""`python -m airflow_bert_service.cli.compile [--force]`, which is `make compile`: compile the pipeline for a plain DAGs folder.

A stack with the DAG bundle takes the result over too, which saves its own first compilation.
"""

import argparse
import sys
from collections.abc import Sequence

from airflow_bert_service.exceptions import BertServiceError
from airflow_bert_service.pipeline.compiler import MODULES, compile_pipeline, ir_file, is_fresh
from airflow_bert_service.settings.settings import Settings, load_settings


def main(arguments: Sequence[str]) -> int:
    """Compile where that is needed; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m airflow_bert_service.cli.compile", description=__doc__)
    parser.add_argument("--force", action="store_true", help="compile although the sources did not change")
    options = parser.parse_args(arguments)
    try:
        _compile(load_settings(), force=options.force)
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _compile(settings: Settings, *, force: bool) -> None:
    ir = ir_file(settings.root)
    if not force and is_fresh(ir, settings.root / MODULES):
        print(f"{ir}: up to date")
        return
    compile_pipeline(settings.root, ir, settings.tfx_python)
    print(f"{ir}: compiled")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
