"""``compile``: compiles the pipeline for DAG files in a plain DAGs folder, or one that a function of a user's makes.

A stack with the DAG bundle takes the result over too, which saves its own first compilation.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.exceptions import BertServiceError, CompileError, SettingsError
from airflow_bert_service.installation import MODULES, command, module_root_of, program
from airflow_bert_service.pipeline.compiler import compile_pipeline, compiled_pipeline, is_fresh
from airflow_bert_service.pipeline.folders import COMPILED, further_folders, pipeline_folders
from airflow_bert_service.pipeline.users_compiler import compile_users_pipeline
from airflow_bert_service.pipelines.settings import check_settings
from airflow_bert_service.settings.settings import Settings, load_settings


def main(arguments: Sequence[str]) -> int:
    """Compile the pipeline unless it is up to date; return the exit code.

    Raises:
        BertServiceError: The pipeline cannot be compiled, its name is not allowed, or the folder cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog=f"{program()} compile",
        description="Compile the pipeline into the folder `compiled` beside the DAG files, and so each pipeline in the "
        "folder `bert_pipelines` beside them. A pipeline's settings are read from `settings.toml` beside its DAG file, "
        "where there is one. With --output, compile a TFX pipeline of your own, which a function of a Python file "
        "returns.",
    )
    parser.add_argument(
        "what",
        nargs="?",
        metavar="DAGS_FOLDER | FILE:FUNCTION",
        help="folder of the DAG files (default: Airflow's); with --output, the file and the function, like "
        "my_pipeline.py:create_pipeline, which can be called without arguments",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="the folder of your own pipeline; it is made"
    )
    parser.add_argument(
        "--code",
        type=Path,
        metavar="FOLDER",
        help="folder that your own pipeline's imports count from (default: FILE's)",
    )
    parser.add_argument(
        "--force", action="store_true", help="compile even when nothing has changed; with --output it always compiles"
    )
    flags = parser.parse_args(arguments)
    settings = load_settings()
    if flags.output is not None:
        return _compile_function(flags.what, flags.output, flags.code, settings)
    _check_own(flags.what, flags.code)
    dags = Path(flags.what or dags_folder(settings)).absolute()
    _check_folder(dags)
    if not further_folders(dags):
        _compile(dags, settings, force=flags.force)
        return 0
    return max(_compile_one_of_several(folder, settings, force=flags.force) for folder in pipeline_folders(dags))


def _compile(folder: Path, settings: Settings, *, force: bool) -> None:
    check_settings(folder)  # compiling reads none of them, and who has made a mistake there should hear of it
    ir, root = compiled_pipeline(folder), module_root_of(folder)
    if not force and is_fresh(ir, root / MODULES):
        print(f"The compiled pipeline {ir} is up to date.")
        return
    compile_pipeline(root, ir, settings.tfx_python)
    print(f"Compiled the pipeline into {ir}.")


def _compile_one_of_several(folder: Path, settings: Settings, *, force: bool) -> int:
    """Compile a pipeline; return the exit code: what is wrong with one must not keep the others from being compiled."""
    try:
        _compile(folder, settings, force=force)
    except BertServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _compile_function(function: str | None, folder: Path, code: Path | None, settings: Settings) -> int:
    if function is None:
        raise CompileError(f"--output {folder} comes without a pipeline; allowed: FILE:FUNCTION before it. Name one.")
    plan = compile_users_pipeline(function, folder, code=code, tfx_python=settings.tfx_python)
    print(f"Compiled the pipeline {plan.id}, version {plan.path.parent.name}, into {folder}.")
    return 0


def _check_own(what: str | None, code: Path | None) -> None:
    """Check that nothing of a user's own pipeline is given."""
    is_function = what is not None and ":" in what and not Path(what).is_dir()
    if is_function or code is not None:
        raise CompileError(
            f"{what if is_function else f'--code {code}'} is of a pipeline of your own, and there is no --output; "
            "allowed: FILE:FUNCTION with --output FOLDER. Name the folder that the compiled pipeline goes into."
        )


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
