"""``init``: writes the DAG files and the pipeline's settings into a DAGs folder."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, command, project_root
from airflow_bert_service.pipeline.source_digest import SETTINGS
from airflow_bert_service.settings.settings import load_settings

_DECLARATIONS = "tfx_modules/settings/settings.py"
_HEAD = (
    "# Settings of the TFX pipeline. After a change, run: {compile}\n# Every setting is documented in {declarations}\n"
)


def main(arguments: Sequence[str]) -> int:
    """Write the files; return the exit code, 1 when one of them exists already.

    Raises:
        SettingsError: A file cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog=command("init"),
        description=f"Write the DAG files and the pipeline's settings, `{SETTINGS}`, into a DAGs folder. An existing "
        "file is never overwritten.",
    )
    parser.add_argument(
        "dags_folder", nargs="?", type=Path, help="folder to write to (default: Airflow's [core] dags_folder)"
    )
    flags = parser.parse_args(arguments)
    folder = (flags.dags_folder or dags_folder(load_settings())).absolute()
    files = _files(folder)
    if there := [str(path) for path in files if path.exists()]:
        print(
            f"{', '.join(there)} exists already; allowed: a folder without these files. Remove them, or name another "
            "folder. Nothing was written.",
            file=sys.stderr,
        )
        return 1
    try:
        _write(folder, files)
    except OSError as error:
        raise SettingsError(
            f"{error.filename} cannot be written ({error.strerror}); allowed: a DAGs folder that this user can write "
            "to. Name another folder, or run the command as a user who can."
        ) from error
    print(f"Next: edit {folder / SETTINGS} where you need to, then run `{_compile(flags.dags_folder)}`.")
    return 0


def _write(folder: Path, files: Mapping[Path, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        print(f"Wrote {path}.")


def _files(folder: Path) -> Mapping[Path, str]:
    root = project_root()
    dags = {folder / path.name: path.read_text(encoding="utf-8") for path in sorted((root / "dags").glob("*.py"))}
    settings = (root / MODULES / SETTINGS).read_text(encoding="utf-8")
    head = _HEAD.format(compile=_compile(folder), declarations=root / _DECLARATIONS)
    return {**dags, folder / SETTINGS: head + settings}


def _compile(folder: Path | None) -> str:
    return command("compile") if folder is None else f"{command('compile')} {folder}"
