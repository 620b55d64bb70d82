"""A function of a user's makes the pipeline; what is wrong with it is told with the file and the line."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfx_modules.pipeline.users.__main__ import main

IMPORTS = """
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Schema
"""
PIPELINE = f"""{IMPORTS}

@component
def Load(examples: OutputArtifact[Examples], rows: Parameter[int]):
    ...


def create_pipeline(rows=tfx.dsl.experimental.RuntimeParameter("rows", int, 3)):
    load = Load(rows=rows)
    trainer = tfx.components.Trainer(
        module_file="model.py",
        examples=load.outputs["examples"],
        train_args=tfx.proto.TrainArgs(num_steps=1),
        eval_args=tfx.proto.EvalArgs(num_steps=1),
    )
    return tfx.dsl.Pipeline("theirs", "", components=[load, trainer])
"""
MODEL = "def run_fn(arguments): ...\n"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiling imports the user's modules from a folder that it puts before all others."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in set(sys.modules) - before:
        if name in ("users_own", "users_tools", "model", "broken", "values"):
            del sys.modules[name]


def compile_file(tmp_path: Path, text: str, name: str = "create_pipeline", *more: str) -> Path:
    """Compile a pipeline of a file in a folder of the user's, as from there; return the folder of the result."""
    users, compiled = tmp_path / "users", tmp_path / "compiled"
    for folder in (users, compiled):
        folder.mkdir(exist_ok=True)
    (users / "users_own.py").write_text(text, encoding="utf-8")
    (users / "model.py").write_text(MODEL, encoding="utf-8")
    arguments = [f"{users / 'users_own.py'}:{name}", "--output", str(compiled), "--working-folder", str(users), *more]
    return compiled if main(arguments) == 0 else Path()


def test_a_functions_pipeline_is_compiled_and_its_module_files_are_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    compiled = compile_file(tmp_path, PIPELINE)
    ir = json.loads((compiled / "pipeline.json").read_text(encoding="utf-8"))
    load, trainer = (item["pipeline_node"]["parameters"]["parameters"] for item in ir["nodes"])
    assert trainer["module_path"] == {"field_value": {"string_value": "model"}}
    assert "module_file" not in trainer
    parameter = load["rows"]["runtime_parameter"]
    assert (parameter["type"], parameter["default_value"]) == ("INT", {"int_value": "3"})
    assert (compiled / "code" / "model.py").read_text(encoding="utf-8") == MODEL


@pytest.mark.parametrize(
    ("kind", "default", "written"),
    [
        ("int", "0", {"int_value": "0"}),
        ("float", "0.0", {"double_value": 0.0}),
        ("str", "''", {"string_value": ""}),
        ("int", "7", {"int_value": "7"}),
        ("int", "None", None),
    ],
)
def test_a_default_stays_also_where_it_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, default: str, written: dict[str, object] | None
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PIPELINE.replace('"rows", int, 3', f'"rows", {kind}, {default}').replace(
        "Parameter[int]", f"Parameter[{kind}]"
    )
    compiled = compile_file(tmp_path, text)
    ir = json.loads((compiled / "pipeline.json").read_text(encoding="utf-8"))
    parameter = ir["nodes"][0]["pipeline_node"]["parameters"]["parameters"]["rows"]["runtime_parameter"]
    assert parameter.get("default_value") == written


def test_the_folder_of_the_modules_may_be_above_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compiled = compile_file(tmp_path, PIPELINE, "create_pipeline", "--code", str(tmp_path))
    ir = json.loads((compiled / "pipeline.json").read_text(encoding="utf-8"))
    executors = ir["deployment_config"]["executor_specs"]
    assert executors["Load"]["class_path"] == "users.users_own.Load_Executor"
    assert ir["nodes"][1]["pipeline_node"]["parameters"]["parameters"]["module_path"] == {
        "field_value": {"string_value": "users.model"}
    }


def test_programs_in_a_package_stay_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "users" / "users_tools"
    package.mkdir(parents=True)
    for name in ("__init__.py", "words", "list.txt"):
        (package / name).write_text("", encoding="utf-8")
    (package / "words").chmod(0o700)
    (package / "list.txt").chmod(0o600)
    copies = compile_file(tmp_path, f"import users_tools\n{PIPELINE}") / "code" / "users_tools"
    assert os.access(copies / "words", os.X_OK)
    assert (copies / "list.txt").stat().st_mode & 0o777 == (copies / "__init__.py").stat().st_mode & 0o777


DECORATED = """
import functools


def with_rows(function):
    @functools.wraps(function)
    def given():
        return function(3)
    return given


@with_rows
def create_pipeline(rows):
"""


def test_a_decorator_may_give_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    declared = 'def create_pipeline(rows=tfx.dsl.experimental.RuntimeParameter("rows", int, 3)):\n'
    compiled = compile_file(tmp_path, PIPELINE.replace(declared, DECORATED))
    ir = json.loads((compiled / "pipeline.json").read_text(encoding="utf-8"))
    rows = ir["nodes"][0]["pipeline_node"]["parameters"]["parameters"]["rows"]
    assert rows == {"field_value": {"int_value": "3"}}


PLAIN = "def create_pipeline():\n    return {}\n"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (PLAIN.format("None"), "create_pipeline", r"create_pipeline\(\) in \S+ returns nothing; allowed: a tfx\.dsl"),
        (PLAIN.format("[1]"), "create_pipeline", r"returns list \[1\]; allowed: a tfx\.dsl\.Pipeline"),
        (PLAIN.format("1 / 0"), "create_pipeline", r"raises ZeroDivisionError: .*users_own\.py, line 2\); allowed"),
        (PLAIN.format("exit(3)"), "create_pipeline", r"raises SystemExit: 3 \(.*users_own\.py, line 2\)"),
        (
            "import airflow\n",
            "create_pipeline",
            r"raises ModuleNotFoundError: No module named 'airflow' .*line 1\); al",
        ),
        ("def create_pipeline(:\n", "create_pipeline", r"users_own\.py raises SyntaxError"),
        (
            "def create_pipeline(a, b=1, *c): ...\n",
            "create_pipeline",
            r"create_pipeline\(\) in \S+ needs a; allowed: a",
        ),
        ("def make(): ...\n", "create_pipeline", r"has no function create_pipeline; allowed: make\. Name one"),
        ("create_pipeline = 3\n", "create_pipeline", r"has int 3 and no function create_pipeline; allowed: a function"),
        ("create_pipeline = dict\n", "create_pipeline", r"create_pipeline\(\) in \S+ returns dict \{\}; allowed"),
        (
            "class Odd:\n    def __repr__(self): raise KeyError\n\n" + PLAIN.format("Odd()"),
            "create_pipeline",
            r"create_pipeline\(\) in \S+ returns Odd; allowed: a tfx\.dsl\.Pipeline",
        ),
        (
            "def __getattr__(name): return 1 / 0\n",
            "create_pipeline",
            r"users_own\.py raises ZeroDivisionError: .*line 1",
        ),
        (PLAIN.format("(_ for _ in ()).throw(GeneratorExit)"), "create_pipeline", r"raises GeneratorExit"),
        (PLAIN, "create-pipeline", r"'\S+:create-pipeline' names no function in a file; allowed: FILE:FUNCTION, like"),
    ],
    ids=[
        "nothing",
        "a list",
        "an error",
        "an exit",
        "Airflow",
        "syntax",
        "arguments",
        "another",
        "a value",
        "C",
        "a value that cannot be shown",
        "an odd module",
        "no error, but something raised",
        "form",
    ],
)
def test_a_function_that_makes_no_pipeline_is_refused_with_the_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    name: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert compile_file(tmp_path, text, name) == Path()
    said = capsys.readouterr().err
    assert said.startswith("The pipeline cannot be compiled: ")
    assert re.search(message, said), said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}/missing.py:create"], r"missing\.py does not exist; allowed: FILE:FUNCTION"),
        (["{folder}/" + "x" * 300 + ".py:create"], r"x\.py: File name too long; allowed: FILE:FUNCTION"),
        (["{folder}/notes.txt:create"], r"notes\.txt is no Python file; allowed"),
        (["{folder}/my-pipeline.py:create"], r"cannot be imported, because of 'my-pipeline'; allowed: names that"),
        (
            ["{folder}/values.py:create", "--code", "{folder}/other"],
            r"modules is \S+other, and \S+values\.py is not in",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told_before_tfx_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    for name in ("notes.txt", "my-pipeline.py", "values.py"):
        (tmp_path / name).write_text("", encoding="utf-8")
    given = [argument.format(folder=tmp_path) for argument in arguments]
    assert main([*given, "--output", str(tmp_path)]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_file_with_the_name_of_an_installed_module_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keras.py").write_text(PIPELINE, encoding="utf-8")
    assert main([f"{tmp_path / 'keras.py'}:create_pipeline", "--output", str(tmp_path)]) == 1
    assert "module keras of the pipeline has the name of an installed module" in capsys.readouterr().err


OWN_COMPONENT = f"""{IMPORTS}

@component
def Own(schema: OutputArtifact[Schema], module_file: Parameter[str]):
    ...


def create_pipeline():
    return tfx.dsl.Pipeline("theirs", "", components=[Own(module_file="model.py")])
"""
INSTALLED = PIPELINE.replace("from pathlib import Path", "import yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            OWN_COMPONENT,
            r"node Own has a module_file, .* allowed: module_file with Evaluator, Trainer, Transform, Tuner",
        ),
        (INSTALLED, r"module yaml of the pipeline has the name of an installed module, .* Rename it"),
        (PIPELINE.replace("model.py", "/elsewhere.py"), r"module_file of node Trainer is '/elsewhere\.py'; allowed"),
    ],
    ids=["module_file of an own component", "name of an installed module", "module_file elsewhere"],
)
def test_code_that_nodes_could_not_run_as_compiled_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "yaml.py").write_text("", encoding="utf-8")
    assert compile_file(tmp_path, text) == Path()
    assert re.search(message, capsys.readouterr().err)
