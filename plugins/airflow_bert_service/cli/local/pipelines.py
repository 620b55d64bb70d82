"""Compiles the pipeline of a local run into the run's own folder: what a DAG uses is not touched."""

import shutil
from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, command, module_root_of
from airflow_bert_service.pipeline.compiler import compile_pipeline, compiled_pipeline, digest_file, is_fresh
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipeline.plan import PipelinePlan, parse_ir
from airflow_bert_service.pipeline.source_digest import SETTINGS
from airflow_bert_service.pipeline.users_compiler import compile_users_pipeline
from airflow_bert_service.pipeline.version import read_version, version_file
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.settings.settings import Settings

_FOLDER = "compiled_pipelines"


def own_settings(dags: Path) -> Settings:
    """Return the Airflow side's settings of the pipeline of some DAG files, as its DAG has them.

    Args:
        dags: The folder of the DAG files, or that of a further pipeline, which has a feed and rules of its own.

    Raises:
        SettingsError: There is no such folder, or a setting is not allowed.
    """
    if not dags.is_dir():
        raise SettingsError(
            f"the DAGs folder {dags} does not exist; allowed: a folder with DAG files of this project, or "
            f"FILE:FUNCTION for a pipeline of your own. Name it, or run `{command('init')}`, which makes it."
        )
    return pipeline_settings(dags)


def own_pipeline(dags: Path, local: Settings) -> PipelinePlan:
    """Compile this project's pipeline, unless it is fresh.

    Args:
        dags: As for :func:`own_settings`; a ``settings.toml`` there goes before the one in ``tfx_modules``.
        local: The local run's settings.

    Raises:
        SettingsError: The pipeline's settings cannot be read.
        CompileError: The pipeline cannot be compiled.
    """
    root = module_root_of(dags)
    # The compiler takes the settings that stand above the compiled pipeline; each pipeline of a DAGs folder has others.
    sources = local.state / _FOLDER / "sources" / pipeline_name(dags)
    sources.mkdir(parents=True, exist_ok=True)
    copied = sources / SETTINGS
    if (dags / SETTINGS).is_file():
        shutil.copyfile(dags / SETTINGS, copied)
    else:
        copied.unlink(missing_ok=True)
    ir = sources / "compiled" / compiled_pipeline(dags).name
    _take_over(compiled_pipeline(dags), ir, root / MODULES)
    if not is_fresh(ir, root / MODULES):
        print("Compiling the pipeline ...", flush=True)
        compile_pipeline(root, ir, local.tfx_python)
    name, nodes = parse_ir(ir.read_text(encoding="utf-8"), str(ir))
    return PipelinePlan(name, nodes, ir, root, read_version(ir))


def _take_over(compiled: Path, ir: Path, modules: Path) -> None:
    """Copy the compiled pipeline of the DAG files, where that is fresh and the local run's own is not."""
    if is_fresh(ir, modules) or not is_fresh(compiled, modules):
        return
    ir.parent.mkdir(parents=True, exist_ok=True)
    digest_file(ir).unlink(missing_ok=True)  # it is the last to be written, for a run may be killed meanwhile
    for path in (compiled, version_file(compiled), digest_file(compiled)):
        shutil.copyfile(path, ir.with_name(path.name))


def users_pipeline(function: str, code: Path | None, local: Settings) -> PipelinePlan:
    """Compile the pipeline that a function of a user's makes.

    Args:
        function: ``FILE:FUNCTION``.
        code: The folder of the pipeline's modules; None: the file's.
        local: The local run's settings.

    Raises:
        BertServiceError: The pipeline cannot be compiled.
    """
    print("Compiling the pipeline ...", flush=True)
    file, _, name = function.rpartition(":")
    folder = local.state / _FOLDER / f"{Path(file).stem}.{name}"
    return compile_users_pipeline(function, folder, code=code, tfx_python=local.tfx_python)
