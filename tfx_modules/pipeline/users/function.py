"""Finds and calls the function that makes a user's pipeline."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tfx_modules.exceptions import PipelineFunctionError
from tfx_modules.pipeline.users.code import check_names

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

_FORM = "FILE:FUNCTION, like my_pipeline.py:create_pipeline"


@dataclass(frozen=True)
class PipelineFunction:
    """Where a function that makes a pipeline is."""

    file: Path
    name: str
    code: Path
    """The folder that the file, and the modules that it imports, are in; imports count from there."""

    @property
    def module(self) -> str:
        """The dotted name of the file's module."""
        return ".".join(self.file.relative_to(self.code).with_suffix("").parts)


def parse_function(text: str, code: Path | None) -> PipelineFunction:
    """Read which function of which file makes the pipeline; the file is not run.

    Args:
        text: ``FILE:FUNCTION``.
        code: The folder of the pipeline's modules; None: the file's.

    Raises:
        PipelineFunctionError: The text has another form, or there is no such file or folder.
    """
    path, _, name = text.rpartition(":")
    if not path or not name.isidentifier():
        raise PipelineFunctionError(f"{text!r} names no function in a file; allowed: {_FORM}. Write it so.")
    file = Path(path).resolve()
    try:
        is_file, exists = file.is_file(), file.exists()
    except OSError as error:  # a name that is too long
        raise PipelineFunctionError(f"{file}: {error.strerror}; allowed: {_FORM}. Name the file.") from error
    if not is_file or file.suffix != ".py":
        what = "is no Python file" if exists else "does not exist"
        raise PipelineFunctionError(f"{file} {what}; allowed: {_FORM}. Name the file that has {name}.")
    folder = code.resolve() if code else file.parent
    if not file.is_relative_to(folder):
        raise PipelineFunctionError(
            f"the folder of the pipeline's modules is {folder}, and {file} is not in it; allowed: a folder above the "
            "file. Name the folder that the file's imports count from."
        )
    if wrong := [part for part in file.relative_to(folder).with_suffix("").parts if not part.isidentifier()]:
        raise PipelineFunctionError(
            f"{file} cannot be imported, because of {wrong[0]!r}; allowed: names that an import statement can have. "
            "Rename it, since nodes import it too."
        )
    return PipelineFunction(file, name, folder)


def call(function: PipelineFunction) -> "Pipeline":
    """Import a file, call its function, and return the pipeline.

    Raises:
        PipelineFunctionError: The file or the function raises, there is no such function, it needs arguments, or it
            returns something else.
        CodeVersionError: The file has the name of an installed module.
    """
    from tfx.orchestration.pipeline import Pipeline

    check_names([function.module.partition(".")[0]])
    sys.path.insert(0, str(function.code))
    module = _ran(lambda: importlib.import_module(function.module), function, str(function.file))
    found = _ran(lambda: getattr(module, function.name, None), function, str(function.file))
    made = _ran(_checked(found, module, function), function, f"{function.name}() in {function.file}")
    if not isinstance(made, Pipeline):
        raise PipelineFunctionError(
            f"{function.name}() in {function.file} returns {_described(made)}; allowed: a tfx.dsl.Pipeline. Return the "
            "pipeline, and run it nowhere: this command compiles it."
        )
    return made


def _checked(found: Any, module: ModuleType, function: PipelineFunction) -> Callable[[], Any]:
    if not callable(found):
        there = [name for name, value in vars(module).items() if inspect.isfunction(value) and _is_of(value, module)]
        what = "has no function" if found is None else f"has {_described(found)} and no function"
        raise PipelineFunctionError(
            f"{function.file} {what} {function.name}; allowed: {', '.join(there) or 'a function'}. Name one that "
            "returns the pipeline."
        )
    parameters = _parameters(found)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if needed := [one.name for one in parameters if one.default is one.empty and one.kind not in kinds]:
        raise PipelineFunctionError(
            f"{function.name}() in {function.file} needs {', '.join(needed)}; allowed: a function that can be called "
            "without arguments. Write one that calls it with their values, or give them defaults."
        )
    return found  # type: ignore[no-any-return]  # a user's function


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        # Not of the function below a decorator: the decorator may give what that one needs.
        return list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except ValueError:
        return []  # some classes and functions in C do not tell


def _is_of(value: Any, module: ModuleType) -> bool:
    return bool(value.__module__ == module.__name__) and not value.__name__.startswith("_")


def _ran(work: Callable[[], Any], function: PipelineFunction, what: str) -> Any:
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a user's code may raise anything, and a script may end the process
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(function.code)]
        place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
        raise PipelineFunctionError(
            f"{what} raises {type(error).__name__}: {error}{place}; allowed: code that runs in the TFX environment, "
            "which has TFX and no Airflow. Correct it."
        ) from error


def _described(value: object) -> str:
    if value is None:
        return "nothing"
    try:
        return f"{type(value).__name__} {value!r}"[:120]
    except Exception:  # noqa: BLE001 - of a user's class
        return type(value).__name__
