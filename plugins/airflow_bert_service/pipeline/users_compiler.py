"""Compiles the pipeline that a function of a user's makes, and publishes it as a new version in a folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from airflow_bert_service.exceptions import BertServiceError, CompileError
from airflow_bert_service.files import locked, publishing
from airflow_bert_service.installation import MODULES, module_root_above
from airflow_bert_service.pipeline.compiler import Compilation
from airflow_bert_service.pipeline.name import ALLOWED
from airflow_bert_service.pipeline.plan import PipelinePlan, parse_ir
from airflow_bert_service.pipeline.source_digest import sources_digest
from airflow_bert_service.pipeline.users_pipeline import (
    CURRENT,
    DIGESTS,
    IR,
    VERSION,
    current_version,
    digests_of,
    load_pipeline,
    write_digests,
)
from airflow_bert_service.pipeline.version import compiled_at, version_file, write_version

KEPT = 3
"""Versions that stay: nodes that run when a new one is published go on with theirs."""
_MODULE = "pipeline.users"
# Matches every name, as a glob and as a regular expression (`dag_ignore_file_syntax`).
_IGNORE_ALL = "# Modules of a compiled pipeline: no DAG files.\n[!.]*\n"


def compile_users_pipeline(function: str, folder: Path, *, code: Path | None, tfx_python: Path) -> PipelinePlan:
    """Compile the pipeline of a function; a new version appears complete, and becomes the current one.

    Args:
        function: ``FILE:FUNCTION``; a relative path counts from this process's working folder.
        folder: The pipeline's own folder; it is made.
        code: The folder of the pipeline's modules; None: the file's.
        tfx_python: The TFX environment's interpreter.

    Returns:
        The pipeline, as DAG files read it.

    Raises:
        CompileError: The TFX side could not compile it, the folder cannot be written, has another pipeline, or the
            pipeline's name cannot be a DAG's. What was there before stays.
        CompiledPipelineError: The folder is in other use.
    """
    folder = folder.absolute()
    try:
        current_version(folder)  # raises before the minute that compiling may take
        _build(function, folder, code, tfx_python)
    except OSError as error:
        raise CompileError(
            # Where several files of a copy fail, the error names no single one.
            f"{error.filename or folder} cannot be written ({error.strerror or error}); allowed: a folder that "
            "this user can write to, with room on its disk. Name another one, or run the command as a user who can. "
            "The environment variable TMPDIR names the folder for what is unfinished."
        ) from error
    return load_pipeline(folder)


def _build(function: str, folder: Path, code: Path | None, tfx_python: Path) -> None:
    """Make a version, and publish it.

    Raises:
        OSError: One of the two folders cannot be written.
    """
    root = module_root_above(folder)
    # Not in the folder itself: a DAG bundle that watches it would publish what is unfinished.
    with tempfile.TemporaryDirectory(prefix="bert-service-") as building:
        version = Path(building, "version")
        _compile(function, version, root=root, code=code, tfx_python=tfx_python)
        _check_name(version / IR, folder)
        (version / ".airflowignore").write_text(_IGNORE_ALL, encoding="ascii")
        digests = digests_of(version, root / MODULES)
        write_digests(version, digests)
        write_version(version / IR, digests.version, compiled_at(version / IR))
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            _publish(version, folder, digests.version)


def _compile(function: str, version: Path, *, root: Path, code: Path | None, tfx_python: Path) -> None:
    version.mkdir()
    arguments = [function, "--output", str(version), "--working-folder", str(Path.cwd())]
    compilation = Compilation(
        root=root,
        ir=version / IR,
        tfx_python=tfx_python,
        command=(_MODULE, *arguments, *(["--code", str(code)] if code else [])),
        what=f"the pipeline of {function}",
    )
    try:
        compilation.start()
        compilation.result()
    finally:
        compilation.stop()


def _check_name(ir: Path, folder: Path) -> None:
    name = _name_of(ir)
    if not ALLOWED.fullmatch(name):
        raise CompileError(
            f"the pipeline's name is {name!r}; allowed: 1 to 64 letters, digits, _ and -, beginning with a letter, "
            "since the DAG has it. Change pipeline_name."
        )
    there = current_version(folder)
    if there is not None and (there / IR).is_file() and _name_of(there / IR) != name:
        raise CompileError(
            f"{folder} has the pipeline {_name_of(there / IR)!r}, and the new one is {name!r}; allowed: a folder for "
            "each pipeline. Name another folder; or remove this one, where the pipeline was renamed."
        )


def _name_of(ir: Path) -> str:
    try:
        return parse_ir(ir.read_text(encoding="utf-8"), str(ir))[0]
    except BertServiceError as error:
        raise CompileError(str(error)) from error


def _publish(version: Path, folder: Path, name: str) -> None:
    """Put a version into the folder in one step, make it the current one, and remove old ones."""
    target = folder / name
    if not _is_whole(target, version):
        part, edited = folder / f".{name}", folder / f".{name}.edited"
        for path in (part, edited):
            shutil.rmtree(path, ignore_errors=True)  # of a process that was killed
        shutil.copytree(version, part)
        if target.exists():
            target.rename(edited)
        part.rename(target)
        shutil.rmtree(edited, ignore_errors=True)
    os.utime(target)
    with publishing(folder / CURRENT) as part:
        part.write_text(f"{name}\n", encoding="ascii")
    versions = sorted(_versions(folder), key=lambda path: path.stat().st_mtime)
    for old in versions[:-KEPT]:
        shutil.rmtree(old)


def _is_whole(there: Path, version: Path) -> bool:
    """Whether a version is in the folder already, and nobody edited it."""
    without = {version_file(there / IR).name}  # it says when the version was compiled
    return there.is_dir() and sources_digest(there, without=without) == sources_digest(version, without=without)


def _versions(folder: Path) -> Iterator[Path]:
    """Yield the versions in a folder: what others put there, and links, stay."""
    for path in folder.iterdir():
        if VERSION.fullmatch(path.name) and (path / DIGESTS).is_file() and not path.is_symlink():
            yield path
