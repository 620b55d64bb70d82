"""A node of a user's own pipeline has a code version that covers the user's modules, and no others of the user's."""

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format
from tfx.dsl.compiler.compiler import Compiler
from tfx.proto.orchestration import pipeline_pb2

from tests.tfx_modules.pipeline.source_files import write_files
from tfx_modules.exceptions import CodeVersionError
from tfx_modules.node.ir import CODE_VERSION_FLAG
from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.sources import Sources

PIPELINE = """
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model, Schema

from users_components import counting


@component
def Load(examples: OutputArtifact[Examples], schema: OutputArtifact[Schema]):
    counting.count(examples)


def create_pipeline() -> tfx.dsl.Pipeline:
    load = Load()
    trainer = tfx.components.Trainer(
        module_file=str(Path(__file__).with_name("training") / "model.py"),
        examples=load.outputs["examples"],
        train_args=tfx.proto.TrainArgs(num_steps=1),
        eval_args=tfx.proto.EvalArgs(num_steps=1),
    )
    named = tfx.components.Trainer(
        run_fn="named_functions.run_fn",
        examples=load.outputs["examples"],
        train_args=tfx.proto.TrainArgs(num_steps=1),
        eval_args=tfx.proto.EvalArgs(num_steps=1),
    ).with_id("Named")
    return tfx.dsl.Pipeline("theirs", "/root", components=[load, trainer, named])
"""
FILES = {
    "users_pipeline.py": PIPELINE,
    "users_components/counting.py": "from .words import split\n\n\ndef count(examples): ...\n",
    "users_components/words.py": "def split(text): ...\n",
    "users_components/unused.py": "",
    "training/model.py": "from training_steps import *\n\n\ndef run_fn(arguments): ...\n",
    "training_steps.py": "def step(): ...\n",
    "named_functions.py": "def run_fn(arguments): ...\n",
    "notes.txt": "",
    "data/reviews.csv": "text",
}
ALL = {"Load", "Trainer", "Named"}


@pytest.fixture
def users(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def ir(users: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pipeline_pb2.Pipeline]:
    # TFX would make a wheel of a module file with pip, which the environment does not have.
    monkeypatch.setenv("UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES", "1")
    monkeypatch.syspath_prepend(str(users))
    yield Compiler().compile(importlib.import_module("users_pipeline").create_pipeline())
    for name in [name for name in sys.modules if name.partition(".")[0] in ("users_pipeline", "users_components")]:
        del sys.modules[name]


def versions(ir: pipeline_pb2.Pipeline, users: Path) -> dict[str, str]:
    made = with_code_versions(ir, Sources(users=users))
    fields = json_format.MessageToDict(made, preserving_proto_field_name=True)
    specs = fields["deployment_config"]["executor_specs"]
    flags = {node: spec.get("python_executor_spec", spec)["extra_flags"] for node, spec in specs.items()}
    return {node: flag.removeprefix(f"{CODE_VERSION_FLAG}=") for node, (flag,) in flags.items()}


def test_a_change_in_the_users_code_makes_those_nodes_anew_that_depend_on_it(
    ir: pipeline_pb2.Pipeline, users: Path
) -> None:
    before = versions(ir, users)
    # `Trainer` has a module that imports `*`, which is not followed: all of the user's modules count for it.
    expected = {
        "users_pipeline.py": {"Load", "Trainer"},
        "users_components/counting.py": {"Load", "Trainer"},
        "users_components/words.py": {"Load", "Trainer"},
        "users_components/unused.py": {"Trainer"},
        "training/model.py": {"Trainer"},
        "training_steps.py": {"Trainer"},
        "named_functions.py": {"Load", "Named", "Trainer"},  # the module of `Load` names it in a text
        "notes.txt": set(),
        "data/reviews.csv": set(),
    }

    assert before.keys() == ALL
    for name, nodes in expected.items():
        (users / name).write_text(FILES[name] + "\n# changed\n", encoding="utf-8")
        after = versions(ir, users)
        assert {node for node in ALL if before[node] != after[node]} == nodes, name
        (users / name).write_text(FILES[name], encoding="utf-8")


def test_a_pipeline_is_not_compiled_without_the_folder_that_has_its_code(ir: pipeline_pb2.Pipeline) -> None:
    message = r"node \w+ runs (users_pipeline\.Load_Executor|named_functions\.run_fn), and \w+ is neither a package of"
    with pytest.raises(CodeVersionError, match=rf"{message}|module_file of node Trainer is '.*model\.py'; allowed"):
        with_code_versions(ir, Sources())


def test_a_module_file_of_another_folder_is_refused(ir: pipeline_pb2.Pipeline, users: Path) -> None:
    (users / "training" / "model.py").rename(users.with_suffix(".py"))
    for item in ir.nodes:
        if item.pipeline_node.node_info.id == "Trainer":
            file = item.pipeline_node.parameters.parameters["module_file"].field_value
            file.string_value = str(users.with_suffix(".py"))
    with pytest.raises(
        CodeVersionError, match=r"module_file of node Trainer is '.*'; allowed: the dotted name of a fun"
    ):
        with_code_versions(ir, Sources(users=users))


@pytest.mark.parametrize("place", ["checkout/pipelines/mine", "checkout", "."])
def test_modules_have_the_same_names_wherever_the_folder_is(tmp_path: Path, place: str) -> None:
    root = write_files(tmp_path / "checkout", {"ours/__init__.py": "", "ours/step.py": "import os\n"})
    users = write_files(tmp_path / place, {"model.py": "from steps import one, ours\n", "steps/one.py": ""})
    sources = Sources(root, ["ours"], users=users)
    assert sources.closure(["model", "ours.step"]) == {"model.py", "steps/one.py", "ours/__init__.py", "ours/step.py"}
    assert sources.path_of("steps/one.py") == users / "steps" / "one.py"
    assert sources.path_of("ours/step.py") == root / "ours" / "step.py"


@pytest.mark.parametrize(
    "text", [b"# coding: latin-1\nNAME = 'caf\xe9'\nimport steps\n", b"\xef\xbb\xbfimport steps\n"]
)
def test_a_module_in_another_encoding_is_covered_with_all_that_it_may_import(tmp_path: Path, text: bytes) -> None:
    write_files(tmp_path, {"steps.py": "", "unused.py": ""}).joinpath("model.py").write_bytes(text)
    assert Sources(users=tmp_path).closure(["model"]) == {"model.py", "steps.py", "unused.py"}


def test_virtual_environments_and_compiled_pipelines_in_the_folder_are_no_code_of_it(tmp_path: Path) -> None:
    needed = {
        "__init__.py": "",
        "model.py": "import importlib\nimportlib.import_module(NAME)\n",
        "words/list.txt": "a",
        "words/link.txt": "a",
    }
    others = {
        "venv/pyvenv.cfg": "",
        "venv/bin/activate_this.py": "",
        ".venv/pyvenv.cfg": "",
        ".venv/lib/six.py": "",
        "compiled/current": "a1",
        "compiled/a1/digests.json": "{}",
        "compiled/a1/code/model.py": "",
        "words/compiled/current": "b1",
        "words/compiled/b1/digests.json": "{}",
    }
    users = write_files(tmp_path, {**needed, **others})
    (users / "words" / "up").symlink_to(users)
    assert Sources(users=users).closure(["model"]) == set(needed)


def test_a_files_name_need_not_be_utf8(tmp_path: Path) -> None:
    users = write_files(tmp_path, {"steps/__init__.py": ""})
    name = os.fsdecode(b"caf\xe9.txt")
    (users / "steps" / name).write_bytes(b"")
    sources = Sources(users=users)
    assert len(sources.digest(sources.closure(["steps"]))) == 64
    assert sources.closure(["steps"]) == {"steps/__init__.py", f"steps/{name}"}
