"""``compile``: compiles the pipeline for DAG files in a plain DAGs folder.

A stack with the DAG bundle takes the result over too, which saves its own first compilation.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, command, module_root_of, program
from airflow_bert_service.pipeline.compiler import COMPILED, compile_pipeline, compiled_pipeline, is_fresh
from airflow_bert_service.settings.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Compile the pipeline unless it is up to date; return the exit code.

    Raises:
        BertServiceError: The pipeline cannot be compiled, its name is not allowed, or the folder cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog=f"{program()} compile",
        description="Compile the pipeline into the folder `compiled` beside the DAG files. The pipeline's settings are "
        "read from `settings.toml` beside them, where there is one.",
    )
    parser.add_argument("dags_folder", nargs="?", type=Path, help="folder of the DAG files (default: Airflow's)")
    parser.add_argument("--force", action="store_true", help="compile even when nothing has changed")
    flags = parser.parse_args(arguments)
    settings = load_settings()
    dags = (flags.dags_folder or dags_folder(settings)).absolute()
    _check_folder(dags)
    ir, root = compiled_pipeline(dags), module_root_of(dags)
    if not flags.force and is_fresh(ir, root / MODULES):
        print(f"The compiled pipeline {ir} is up to date.")
        return 0
    compile_pipeline(root, ir, settings.tfx_python)
    print(f"Compiled the pipeline into {ir}.")
    return 0


def _check_folder(dags: Path) -> None:
    """Check that there is a folder, and that the compiled pipeline can be written into it."""
    if not dags.is_dir():
        raise SettingsError(
            f"the DAGs folder {dags} does not exist; allowed: a folder with DAG files of this project. Name it, or run "
            f"`{command('init')}`, which makes it."
        )
    folder = dags / COMPILED if (dags / COMPILED).is_dir() else dags
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"the folder {folder} is not writable by this user; allow it, or name another DAGs folder.")
