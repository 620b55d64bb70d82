"""A node of a user's pipeline runs the user's modules as they were when the pipeline was compiled, and no others."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.node.conftest import Nodes
from tfx_modules.pipeline.users.__main__ import main

PIPELINE = """
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import String

import greetings


@component
def Greeter(greeting: OutputArtifact[String]):
    greeting.value = greetings.greet()


def create_pipeline() -> tfx.dsl.Pipeline:
    return tfx.dsl.Pipeline("users_nodes", "", components=[Greeter()], enable_cache=True)
"""
MODULES = ("users_nodes_pipeline", "greetings", "words")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    folder = tmp_path / "users"
    folder.mkdir()
    (folder / "users_nodes_pipeline.py").write_text(PIPELINE, encoding="utf-8")
    (folder / "greetings.py").write_text("import words\n\n\ndef greet():\n    return words.WORD\n", encoding="utf-8")
    write_word(folder, "hello")
    return folder


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compiling imports the user's modules from a folder that it puts before all others."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    forget()


def forget() -> None:
    for name in MODULES:
        sys.modules.pop(name, None)


def write_word(users: Path, word: str) -> None:
    (users / "words.py").write_text(f"WORD = {word!r}\n", encoding="utf-8")


def compile_into(folder: Path, users: Path) -> Path:
    forget()
    folder.mkdir()
    assert main([f"{users / 'users_nodes_pipeline.py'}:create_pipeline", "--output", str(folder)]) == 0
    return folder / "pipeline.json"


def greeting(nodes: Nodes, pipeline: Path, run_id: str) -> tuple[str, str]:
    """Run the node; return its state, and the value of its output."""
    ended = replace(nodes, pipeline=pipeline).run("Greeter", run_id)
    assert ended.code == 0, ended.log
    assert ended.outcome is not None
    (artifact,) = ended.outcome["outputs"]["greeting"]
    return ended.outcome["state"], Path(artifact["uri"]).read_text(encoding="utf-8")


def test_a_change_of_a_users_module_counts_when_the_pipeline_is_compiled_again(
    nodes: Nodes, users: Path, tmp_path: Path
) -> None:
    first = compile_into(tmp_path / "first", users)
    assert greeting(nodes, first, "run-1") == ("complete", "hello")

    write_word(users, "good day")
    assert greeting(nodes, first, "run-2") == ("cached", "hello")  # this version of the pipeline says hello
    second = compile_into(tmp_path / "second", users)
    assert greeting(nodes, second, "run-3") == ("complete", "good day")

    assert greeting(nodes, first, "run-4") == ("cached", "hello")


def test_runs_need_the_users_folder_no_more(nodes: Nodes, users: Path, tmp_path: Path) -> None:
    pipeline = compile_into(tmp_path / "compiled", users)
    users.rename(users.with_name("gone"))
    moved = pipeline.parent.rename(tmp_path / "moved") / pipeline.name
    assert greeting(nodes, moved, "run-1") == ("complete", "hello")


@pytest.mark.parametrize(
    ("loading", "kept"),
    [("import words as found", set()), ('found = __import__("wor" + "ds")', {"unused.py"})],
    ids=["by name", "by value"],
)
def test_nodes_have_the_modules_that_their_code_versions_cover_and_no_others(
    users: Path, tmp_path: Path, loading: str, kept: set[str]
) -> None:
    (users / "greetings.py").write_text(f"{loading}\n\n\ndef greet():\n    return found.WORD\n", encoding="utf-8")
    (users / "unused.py").write_text("", encoding="utf-8")
    (users / "notes.txt").write_text("", encoding="utf-8")
    code = compile_into(tmp_path / "compiled", users).with_name("code")
    copied = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    assert copied == {"users_nodes_pipeline.py", "greetings.py", "words.py", *kept}


def test_the_compiled_pipeline_is_the_same_each_time_and_names_no_file_of_the_modules(
    users: Path, tmp_path: Path
) -> None:
    first, second = (compile_into(tmp_path / name, users).read_text(encoding="utf-8") for name in ("one", "two"))
    assert first == second
    assert str(users) not in first
    assert json.loads(first)["pipeline_info"]["id"] == "users_nodes"
