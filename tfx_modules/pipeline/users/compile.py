"""Compiles a user's pipeline, and keeps the code that its nodes run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tfx.dsl.compiler.compiler import Compiler

from tfx_modules.common.files import write_atomically
from tfx_modules.exceptions import PipelineFunctionError
from tfx_modules.node.launching.users_code import CODE
from tfx_modules.pipeline.code_versions import code_of_pipeline, with_code_versions
from tfx_modules.pipeline.compile import to_json
from tfx_modules.pipeline.sources import Sources
from tfx_modules.pipeline.supported import check_supported
from tfx_modules.pipeline.users.code import write_code
from tfx_modules.pipeline.users.defaults import with_empty_defaults
from tfx_modules.pipeline.users.exit_handlers import with_exit_handlers
from tfx_modules.pipeline.users.function import PipelineFunction, call
from tfx_modules.pipeline.users.module_files import with_module_paths

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline
    from tfx.proto.orchestration import pipeline_pb2

IR = "pipeline.json"
"""Name in the folder of a compiled pipeline; the Airflow side knows it too."""
_NO_WHEELS = "UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES"
"""TFX's variable: unless it is set, TFX makes wheels of module files with pip, and nodes unpack these."""


def compile_users_pipeline(function: PipelineFunction, folder: Path) -> None:
    """Compile the pipeline that a function makes, and write it with the user's modules that its nodes run.

    Args:
        function: It makes the pipeline.
        folder: An existing folder; ``pipeline.json`` and ``code`` are written into it.

    Raises:
        PipelineFunctionError: The function makes no pipeline that TFX can compile.
        UnsupportedPipelineError: The runner cannot run it.
        CodeVersionError: What code a node runs cannot be found out, or cannot be imported where nodes run.
    """
    os.environ[_NO_WHEELS] = "1"
    pipeline = call(function)
    ir = _compiled(pipeline, function)
    check_supported(ir)
    ir = with_exit_handlers(ir, pipeline)
    sources = Sources(users=function.code)
    versioned = with_code_versions(ir, sources)
    write_code(code_of_pipeline(ir, sources), sources, folder / CODE)
    write_atomically(folder / IR, to_json(with_module_paths(versioned, sources)))


def _compiled(pipeline: "Pipeline", function: PipelineFunction) -> "pipeline_pb2.Pipeline":
    try:
        return with_empty_defaults(Compiler().compile(pipeline), pipeline)
    # TFX raises errors of many kinds for what a pipeline should not have.
    except Exception as error:
        raise PipelineFunctionError(
            f"TFX's compiler cannot compile the pipeline of {function.name}() in {function.file} "
            f"({type(error).__name__}: {error}); allowed: what tfx.dsl.compiler takes. Correct the pipeline."
        ) from error
