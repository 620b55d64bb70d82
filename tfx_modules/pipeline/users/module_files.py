"""Names the module files of components as modules: nodes import them from the copy of the user's code."""

from tfx.components import Evaluator, Trainer, Transform, Tuner
from tfx.proto.orchestration import pipeline_pb2
from tfx.utils import import_utils

from tfx_modules.exceptions import CodeVersionError
from tfx_modules.pipeline.sources import Sources

_FILE, _PATH = "module_file", "module_path"
_COMPONENTS = (Evaluator, Trainer, Transform, Tuner)
"""Components of TFX with a module file; their executors take the module's name in its place."""


def with_module_paths(ir: pipeline_pb2.Pipeline, sources: Sources) -> pipeline_pb2.Pipeline:
    """Return the pipeline with the property ``module_path``, a dotted name, in the place of each ``module_file``.

    TFX does the same where it packs a module file into a wheel. The file's path is the compiling machine's, and the
    file may change after that; the module is the one of the copied code.

    Args:
        ir: The compiled pipeline; it is not changed.
        sources: Where the code is; it has all module files, which the code versions have checked.

    Raises:
        CodeVersionError: A component that is none of TFX's takes a ``module_file``.
    """
    made = pipeline_pb2.Pipeline()
    made.CopyFrom(ir)
    for item in made.nodes:
        parameters = item.pipeline_node.parameters.parameters
        file = parameters[_FILE].field_value.string_value if _FILE in parameters else ""
        module = sources.users_module(file) if file else None
        if module is None:
            continue
        info, known = item.pipeline_node.node_info, ", ".join(one.__name__ for one in _COMPONENTS)
        if not _takes_module_path(info.type.name):
            raise CodeVersionError(
                f"node {info.id} has a module_file, which its component {info.type.name} would read from the file as "
                f"it is when the node runs; allowed: module_file with {known}, "
                f"and components derived from these. Give the module's name, {module}, in another property."
            )
        del parameters[_FILE]
        parameters[_PATH].field_value.string_value = module
    return made


def _takes_module_path(component: str) -> bool:
    return issubclass(import_utils.import_class_by_path(component), _COMPONENTS)
