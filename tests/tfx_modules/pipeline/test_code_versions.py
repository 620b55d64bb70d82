"""A node's code version covers the code that its result depends on, and no other."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from google.protobuf import json_format
from tfx.dsl.compiler.compiler import Compiler
from tfx.proto.orchestration import pipeline_pb2

from tfx_modules.exceptions import CodeVersionError
from tfx_modules.node.ir import CODE_VERSION_FLAG
from tfx_modules.pipeline.code_versions import code_of_nodes, with_code_versions
from tfx_modules.pipeline.compile import SETTINGS
from tfx_modules.pipeline.imports import references
from tfx_modules.pipeline.pipeline import create_pipeline
from tfx_modules.pipeline.sources import ROOT, Sources
from tfx_modules.settings.settings import load_settings

PACKAGE = "tfx_modules"
DATA_NODES = {"CsvExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform"}
TRAINING_NODES = {"Tuner", "Trainer"}
BEAM_NODES = {"CsvExampleGen", "StatisticsGen", "Transform", "Evaluator"}
SERVING_NODES = {"InfraValidator", "Pusher"}
ENTRY_POINTS = {
    "CsvExampleGen": ["components.example_gen", "components.window", "beam.operator"],
    "StatisticsGen": ["components.statistics_gen", "beam.operator"],
    "SchemaGen": ["components.schema_gen"],
    "ExampleValidator": ["components.example_validator"],
    "Transform": ["model.preprocessing", "beam.operator"],
    "Tuner": ["components.tuner", "model.tuning"],
    "Trainer": ["components.trainer", "model.training"],
    "Evaluator": ["evaluation.evaluation_progress", "beam.operator"],
    "InfraValidator": ["components.infra_validator"],
    "Pusher": ["components.pusher"],
}
"""The modules that TFX is told to import when it runs a node, without `tfx_modules`, and the one that runs Beam."""
STARTED = ["serving.__main__"]
"""What a node starts as a process of its own: InfraValidator, and Pusher by what it takes from InfraValidator."""
LOAD_BY_VALUE = {
    "tfx_modules/node/server/child.py",
    "tfx_modules/node/server/preload.py",
    "tfx_modules/pipeline/users/function.py",
}
"""The node server's: it loads the snapshot's node command, and libraries before. And what imports a user's pipeline."""


@pytest.fixture(scope="module")
def ir() -> pipeline_pb2.Pipeline:
    made: pipeline_pb2.Pipeline = Compiler().compile(create_pipeline(load_settings(SETTINGS)))
    return made


@pytest.fixture(scope="module")
def code(ir: pipeline_pb2.Pipeline) -> dict[str, frozenset[str]]:
    return code_of_nodes(ir, Sources())


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the sources."""
    return copied(tmp_path)


@dataclass(frozen=True)
class Copy:
    """A copy of the sources that is read once, and the versions that it gives."""

    folder: Path
    ir: pipeline_pb2.Pipeline
    sources: Sources
    versions: dict[str, str]

    def nodes_changed_by(self, *names: str) -> set[str]:
        """Return the nodes whose versions a change of files makes new; the files are as before afterwards."""
        before = {name: (self.folder / name).read_bytes() for name in names}
        for name in names:
            touch(self.folder / name)
        try:
            return changed(self.versions, versions(self.ir, self.sources))
        finally:
            for name, content in before.items():
                (self.folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def read_once(ir: pipeline_pb2.Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = copied(tmp_path_factory.mktemp("copy"))
    sources = Sources(folder)
    return Copy(folder, ir, sources, versions(ir, sources))


def all_files() -> list[str]:
    paths = [path for path in (ROOT / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def versions(ir: pipeline_pb2.Pipeline, sources: Sources) -> dict[str, str]:
    fields = json_format.MessageToDict(with_code_versions(ir, sources), preserving_proto_field_name=True)
    specs = fields["deployment_config"]["executor_specs"]
    flags = {node: spec.get("python_executor_spec", spec)["extra_flags"] for node, spec in specs.items()}
    return {node: flag.removeprefix(f"{CODE_VERSION_FLAG}=") for node, (flag,) in flags.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {node for node in before if before[node] != after[node]}


def touch(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n# changed\n")


def test_a_change_of_any_file_changes_the_nodes_that_depend_on_it_and_no_others(
    code: dict[str, frozenset[str]], read_once: Copy
) -> None:
    used = frozenset().union(*code.values())
    assert not read_once.nodes_changed_by(*(name for name in all_files() if name not in used)), "by any of them"

    for name in sorted(used):
        assert read_once.nodes_changed_by(name) == {node for node in code if name in code[node]}, name

    assert versions(read_once.ir, read_once.sources) == read_once.versions == versions(read_once.ir, Sources())


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("serving/rest/app.py", SERVING_NODES),
        ("serving/grpc/services.py", SERVING_NODES),
        ("doctor.py", set()),
        ("retention/plan.py", set()),
        ("node/run.py", set()),
        ("pipeline/pipeline.py", set()),
        ("settings.toml", set()),
        ("model/training.py", TRAINING_NODES),
        ("model/bert_classifier.py", TRAINING_NODES),
        ("model/tuning.py", {"Tuner"}),
        ("model/preprocessing.py", {"Transform"}),
        ("data/tokenizer.py", {"CsvExampleGen", "Transform", *TRAINING_NODES}),
        ("components/window.py", {"CsvExampleGen", "ExampleValidator"}),
        ("components/trainer.py", {"Trainer"}),
        ("report_page/style.css", {"ExampleValidator"}),
        ("reports/trainer.py", set()),
        ("reports/writer.py", set()),
        ("artifact_store/store.py", set()),
        ("components/earlier_runs/latest_tuned.py", set()),
        ("components/earlier_runs/searched_for.py", set()),
        ("common/working_folder.py", TRAINING_NODES),
        ("model/fitting/search.py", {"Tuner"}),
        ("evaluation/promotion_gate.py", {"Pusher"}),
        ("promotion/ledger/migrations/versions/0001_events_and_deliveries.py", {"Pusher"}),
        ("beam/workers.py", BEAM_NODES),
        ("__init__.py", DATA_NODES | TRAINING_NODES | SERVING_NODES | {"Evaluator"}),
    ],
)
def test_whose_version_a_change_makes_new(read_once: Copy, name: str, nodes: set[str]) -> None:
    assert read_once.nodes_changed_by(f"{PACKAGE}/{name}") == nodes


def test_nothing_of_serving_promoting_or_removing_makes_data_or_models_anew(code: dict[str, frozenset[str]]) -> None:
    folders = ("serving/", "promotion/", "retention/", "node/", "evaluation/", "reports/", "pipeline/", "doctor.py")
    others = tuple(f"{PACKAGE}/{folder}" for folder in folders)

    for node in DATA_NODES | TRAINING_NODES:
        assert not [name for name in code[node] if name.startswith(others)], node


def test_an_import_that_is_added_makes_a_node_depend_on_more(ir: pipeline_pb2.Pipeline, copy: Path) -> None:
    with (copy / PACKAGE / "model" / "training.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef _late() -> None:\n    from tfx_modules.retention import plan\n")

    found = code_of_nodes(ir, Sources(copy))

    assert {node for node, files in found.items() if f"{PACKAGE}/retention/plan.py" in files} == TRAINING_NODES


def test_what_is_imported_when_a_node_begins_is_covered(code: dict[str, frozenset[str]], tmp_path: Path) -> None:
    # Each node in a fork of a process that has imported the libraries, and nothing of ours.
    script = f"""
import importlib, json, os, sys
import apache_beam, tfx, tensorflow_data_validation, tensorflow_model_analysis
from tfx import v1
for node, modules in json.loads({json.dumps(json.dumps(ENTRY_POINTS))}).items():
    if os.fork() == 0:
        for name in modules:
            importlib.import_module(f"{PACKAGE}.{{name}}")
        ours = [module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == {PACKAGE!r}]
        with open(f"{tmp_path}/{{node}}.json", "w") as file:
            json.dump(ours, file)
        os._exit(0)
    assert os.wait()[1] == 0, node
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}, check=True)

    assert code.keys() == ENTRY_POINTS.keys()
    for node, files in code.items():
        imported = json.loads((tmp_path / f"{node}.json").read_text(encoding="utf-8"))
        names = {Path(path).relative_to(ROOT).as_posix() for path in imported}
        assert names, node
        assert names <= files, node


def test_pythons_own_module_finder_finds_the_same_modules(code: dict[str, frozenset[str]], copy: Path) -> None:
    # It reads bytecode where we read syntax; it follows no names in texts.
    for node, modules in ENTRY_POINTS.items():
        finder = ModuleFinder(path=[str(copy)])
        for name in [*modules, *(STARTED if node in SERVING_NODES else [])]:
            finder.import_hook(f"{PACKAGE}.{name}", None, [])
        paths = [module.__file__ for module in finder.modules.values()]  # type: ignore[attr-defined]  # typeshed lacks it
        found = {Path(path) for path in paths if path}
        modules_of_node = {name for name in code[node] if name.endswith(".py") and "/migrations/" not in name}
        assert {path.relative_to(copy).as_posix() for path in found} == modules_of_node, node


def test_modules_are_loaded_by_value_only_where_no_node_depends_on_it(code: dict[str, frozenset[str]]) -> None:
    refused = set()
    for name in all_files():
        if name.endswith(".py"):
            try:
                references((ROOT / name).read_text(encoding="utf-8"), name, [PACKAGE], PACKAGE)
            except CodeVersionError:
                refused.add(name)

    assert refused == LOAD_BY_VALUE
    assert not refused & frozenset().union(*code.values())


def test_no_node_reads_the_settings_file_that_its_version_leaves_out(code: dict[str, frozenset[str]]) -> None:
    readers = {name for name in all_files() if "load_settings(" in (ROOT / name).read_text(encoding="utf-8")}

    assert f"{PACKAGE}/settings.toml" not in frozenset().union(*code.values())
    assert readers & frozenset().union(*code.values()) == {f"{PACKAGE}/settings/settings.py"}  # where it is defined


def test_a_change_that_makes_a_version_new_makes_the_compiled_pipeline_stale(code: dict[str, frozenset[str]]) -> None:
    airflow_side = runpy.run_path(str(ROOT / "plugins" / "airflow_bert_service" / "pipeline" / "source_digest.py"))
    digested = {path.relative_to(ROOT).as_posix() for path in airflow_side["source_files"](ROOT / PACKAGE)}

    assert frozenset().union(*code.values()) <= digested


def test_the_pipeline_that_gets_versions_is_not_changed_itself(ir: pipeline_pb2.Pipeline) -> None:
    before = ir.SerializeToString(deterministic=True)

    assert with_code_versions(ir, Sources()) != ir
    assert ir.SerializeToString(deterministic=True) == before


def given_by_the_run(name: str) -> Callable[[pipeline_pb2.Value], None]:
    def change(value: pipeline_pb2.Value) -> None:
        value.runtime_parameter.CopyFrom(pipeline_pb2.RuntimeParameter(name=name, type=2))

    return change


def a_file(value: pipeline_pb2.Value) -> None:
    value.field_value.string_value = "/functions.py"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("run_fn", given_by_the_run("f"), r"run_fn of node Trainer is a runtime parameter; allowed: the dotted name"),
        ("module_file", given_by_the_run("f"), r"module_file of node Trainer is a runtime parameter"),
        ("module_file", a_file, r"module_file of node Trainer is '/functions.py'; allowed: the dotted name"),
        ("module_path", a_file, r"module_path of node Trainer"),
    ],
)
def test_functions_that_the_sources_do_not_have_are_refused(
    ir: pipeline_pb2.Pipeline, name: str, change: Callable[[pipeline_pb2.Value], None], message: str
) -> None:
    made = pipeline_pb2.Pipeline()
    made.CopyFrom(ir)
    (trainer,) = [item.pipeline_node for item in made.nodes if item.pipeline_node.node_info.id == "Trainer"]
    change(trainer.parameters.parameters[name])

    with pytest.raises(CodeVersionError, match=message):
        code_of_nodes(made, Sources())


def test_classes_that_a_property_names_inside_json_are_found(ir: pipeline_pb2.Pipeline) -> None:
    made = pipeline_pb2.Pipeline()
    made.CopyFrom(ir)
    (evaluator,) = [item.pipeline_node for item in made.nodes if item.pipeline_node.node_info.id == "Evaluator"]
    config = {"metrics": [{"class_name": "McNemar", "module": "tfx_modules.evaluation.mcnemar"}]}
    evaluator.parameters.parameters["eval_config"].field_value.string_value = json.dumps(config)

    assert f"{PACKAGE}/evaluation/mcnemar.py" in code_of_nodes(made, Sources())["Evaluator"]
