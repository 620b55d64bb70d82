"""``init``: writes the DAG files and the settings of the pipeline, or of a further pipeline, into a DAGs folder."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, PIPELINES, command, is_checkout, program, project_root
from airflow_bert_service.pipeline.source_digest import SETTINGS
from airflow_bert_service.pipeline.task import BINARY, KINDS, MULTICLASS, Task
from airflow_bert_service.pipelines.new_pipeline import NewPipeline
from airflow_bert_service.pipelines.settings import DATA, RULES
from airflow_bert_service.settings.reading.declared import check_keys
from airflow_bert_service.settings.settings import FeedName, load_settings

_DECLARATIONS = "tfx_modules/settings/settings.py"
_HEAD = (
    "# Settings of the TFX pipeline. After a change, run: {compile}\n# Every setting is documented in {declarations}\n"
)


_ENCODER = "encoder.source"
"""The setting of the TFX side that ``--set`` knows."""
_NO_FOLDERS = ("package:", "preset:")
"""Beginnings of an encoder's source that is no folder."""
_OF_PIPELINES = ("dags_folder", "kind", "labels", "positive", "feed", "set")
"""Flags that are about a further pipeline."""


def main(arguments: Sequence[str]) -> int:
    """Write the files; return the exit code, 1 when one of them exists already.

    Raises:
        SettingsError: A file cannot be written; or the name or a value of a new pipeline is not allowed.
    """
    flags = _parser().parse_args(arguments)
    of_pipelines = [f"--{name.replace('_', '-')}" for name in _OF_PIPELINES if getattr(flags, name)]
    if flags.what is None or _is_folder(flags.what, may_be_name=bool(of_pipelines)):
        if of_pipelines:
            raise SettingsError(
                f"{', '.join(of_pipelines)} comes without the name of a pipeline; allowed: with a NAME. Name the new "
                "pipeline."
            )
        return _write_project(None if flags.what is None else Path(flags.what))
    return _write_pipeline(flags)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command("init"),
        description=f"Write the DAG files and the pipeline's settings, `{SETTINGS}`, into a DAGs folder; with NAME, "
        f"those of a further pipeline of that name into the folder `{PIPELINES}` in it. An existing file is never "
        "overwritten.",
    )
    parser.add_argument(
        "what",
        nargs="?",
        metavar="DAGS_FOLDER | NAME",
        help="folder to write to (default: Airflow's [core] dags_folder); a word without a slash that is no folder is "
        "the name of a further pipeline",
    )
    further = parser.add_argument_group("a further pipeline")
    further.add_argument("--dags-folder", type=Path, metavar="FOLDER", help="its DAGs folder (default: Airflow's)")
    further.add_argument("--kind", choices=KINDS, help=f"of its task (default: {MULTICLASS} with three labels or more)")
    further.add_argument(
        "--labels", type=_labels, metavar="LABEL,LABEL", help="its labels (default: negative,positive)"
    )
    further.add_argument("--positive", metavar="LABEL", help="of two labels, the one that the score is about")
    further.add_argument("--feed", choices=[feed.value for feed in FeedName], help="where its texts come from")
    further.add_argument(
        "--set",
        action="append",
        default=[],
        type=_pair,
        metavar="KEY=VALUE",
        help=f"a key of [bert_service] that this pipeline has for itself, or {_ENCODER}; may be repeated",
    )
    return parser


def _is_folder(word: str, *, may_be_name: bool) -> bool:
    return "/" in word or word in (".", "..") or (Path(word).is_dir() and not may_be_name)


def _write_pipeline(flags: argparse.Namespace) -> int:
    dags = (flags.dags_folder or dags_folder(load_settings())).absolute()
    data = {**({"feed": flags.feed} if flags.feed else {}), **dict(flags.set)}
    check_keys(data, sorted(DATA | RULES | {_ENCODER}))
    encoder = _encoder(data.pop(_ENCODER, ""))
    new = NewPipeline(name=flags.what, task=_task(flags), data=data, encoder=encoder)
    for path in new.write(dags, compile_command=_compile(flags.dags_folder)):
        print(f"Wrote {path}.")
    compile_it = f"`{_compile(flags.dags_folder)}`"
    if is_checkout() and flags.dags_folder is None:
        compile_it = f"`make up`, which compiles it, or {compile_it}"
    print(f"Next: edit the settings where you need to, then run {compile_it}.")
    return 0


def _task(flags: argparse.Namespace) -> Task:
    labels = flags.labels or Task.labels
    kind = flags.kind or (MULTICLASS if len(labels) > 2 else BINARY)
    if flags.positive:
        return Task(kind=kind, labels=labels, positive=flags.positive)
    positive = labels[-1] if kind == BINARY and flags.labels else Task.positive
    return Task(kind=kind, labels=labels, positive=positive)


def _encoder(source: str) -> str:
    """Return an encoder's folder with its whole path: the nodes that read it run elsewhere."""
    return source if not source or source.startswith(_NO_FOLDERS) else str(Path(source).absolute())


def _labels(text: str) -> tuple[str, ...]:
    return tuple(label.strip() for label in text.split(","))


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is no setting; allowed: KEY=VALUE, like files_pattern=/data/*.csv")
    return key.strip(), value.strip()


def _write_project(chosen: Path | None) -> int:
    folder = (chosen or dags_folder(load_settings())).absolute()
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
    print(f"Next: edit {folder / SETTINGS} where you need to, then run `{_compile(chosen)}`.")
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
    return command("compile") if folder is None else f"{program()} compile {folder}"
