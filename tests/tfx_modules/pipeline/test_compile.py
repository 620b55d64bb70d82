"""The compiled pipeline: reviewed as a file, the same everywhere."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfx.dsl.compiler.compiler import Compiler

from tfx_modules.pipeline import compile as compiling
from tfx_modules.pipeline.pipeline import create_pipeline
from tfx_modules.settings.gate import ApprovalRule, Unanswered
from tfx_modules.settings.settings import PipelineSettings, load_settings

GOLDEN = Path(__file__).parents[1] / "golden" / "bert_sentiment.json"
REGENERATE = "UPDATE_GOLDEN=1 .venv/tfx/bin/python -m pytest tests/tfx_modules/pipeline/test_compile.py"
GIVEN_BY_THE_RUN = {
    "input_base",
    "range_config",
    "span_versions",
    "holdout",
    "tune",
    "train_args",
    "promotion",
    "push_destination",
}
TFX_OWN = {"pipeline-root", "pipeline-run-id"}
NODES_WITH_EXECUTORS = {
    "CsvExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Tuner",
    "Trainer",
    "Evaluator",
    "InfraValidator",
    "Pusher",
}


@pytest.fixture(scope="module")
def text() -> str:
    return compiling.to_json(compiling.compile_pipeline(compiling.SETTINGS))


@pytest.fixture(scope="module")
def nodes() -> dict[str, Any]:
    fields = json_format.MessageToDict(compiling.compile_pipeline(compiling.SETTINGS), preserving_proto_field_name=True)
    made = [node["pipeline_node"] for node in fields["nodes"]]
    return {node["node_info"]["id"]: node for node in made}


def test_the_pipeline_is_the_reviewed_one_but_for_the_code_versions(text: str) -> None:
    # They change with every line of code that a node depends on; test_code_versions.py has what they depend on.
    text, count = re.subn(r'"--code_version=[0-9a-f]{64}"', '"--code_version=DIGEST"', text)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    same = text == GOLDEN.read_text(encoding="utf-8")
    assert same, f"the pipeline changed; if that is meant, run `{REGENERATE}` and review the difference"
    assert count == len(NODES_WITH_EXECUTORS)


def test_the_bytes_do_not_depend_on_the_process(tmp_path: Path, repository: Path, text: str) -> None:
    outputs = [tmp_path / f"{seed}.json" for seed in (1, 2)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tfx_modules.pipeline.compile", "--output", str(output)],
            cwd=repository,
            env={**os.environ, "PYTHONHASHSEED": output.stem},
            stderr=subprocess.DEVNULL,
        )
        for output in outputs
    ]
    assert [process.wait(timeout=240) for process in running] == [0, 0]
    assert [output.read_text(encoding="utf-8") for output in outputs] == [text, text]


def test_settings_that_cannot_be_used_are_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "made.json"
    assert compiling.main(["--output", str(output), "--settings", str(tmp_path / "none.toml")]) == 1
    assert "The pipeline cannot be compiled: settings file" in capsys.readouterr().err
    assert not output.exists()


def test_wrong_settings_are_told_before_tfx_is_imported(tmp_path: Path, repository: Path) -> None:
    wrong, output = tmp_path / "wrong.toml", tmp_path / "made.json"
    wrong.write_text("[gate]\naccuracy_floor = 7\n")
    code = (
        "import sys; from tfx_modules.pipeline.compile import main; code = main(sys.argv[1:]); "
        "print('tfx' in sys.modules); sys.exit(code)"
    )
    for task in (("--check",), ("--output", str(output))):
        done = subprocess.run(
            [sys.executable, "-c", code, *task, "--settings", str(wrong)],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        told = "The pipeline cannot be compiled: setting gate.accuracy_floor is 7.0; allowed: 0 to 1."
        assert (done.returncode, done.stdout) == (1, "False\n")
        assert told in done.stderr
    assert not output.exists()


def test_a_check_of_good_settings_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert compiling.main(["--check"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_making_the_pipeline_does_not_change_its_settings() -> None:
    settings = load_settings(compiling.SETTINGS)
    before = asdict(settings)
    create_pipeline(settings)
    assert asdict(settings) == before


def test_the_nodes(nodes: dict[str, Any]) -> None:
    assert set(nodes) == {*NODES_WITH_EXECUTORS, "ChampionStatistics", "LatestTuned", "Resolver"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CsvExampleGen", "StatisticsGen"),
        ("StatisticsGen", "SchemaGen"),
        ("SchemaGen", "ExampleValidator"),
        ("ChampionStatistics", "ExampleValidator"),
        ("SchemaGen", "Transform"),
        ("ExampleValidator", "Tuner"),
        ("ExampleValidator", "Trainer"),
        ("Transform", "Tuner"),
        ("LatestTuned", "Tuner"),
        ("Tuner", "Trainer"),
        ("Trainer", "Evaluator"),
        ("Resolver", "Evaluator"),
        ("Evaluator", "InfraValidator"),
        ("Evaluator", "Pusher"),
        ("InfraValidator", "Pusher"),
    ],
)
def test_the_edges(nodes: dict[str, Any], before: str, after: str) -> None:
    assert before in nodes[after]["upstream_nodes"]
    assert after in nodes[before]["downstream_nodes"]


def test_nodes_come_after_those_that_they_need(nodes: dict[str, Any]) -> None:
    order = list(nodes)
    for name, node in nodes.items():
        assert all(order.index(needed) < order.index(name) for needed in node.get("upstream_nodes", []))


def test_what_the_run_gives(text: str) -> None:
    found = set(runtime_parameters(json.loads(text)))
    assert found - TFX_OWN == GIVEN_BY_THE_RUN


def runtime_parameters(value: Any) -> list[str]:
    """Names of all runtime parameters, at any depth."""
    if isinstance(value, list):
        return [name for item in value for name in runtime_parameters(item)]
    if not isinstance(value, dict):
        return []
    own = [value["runtime_parameter"]["name"]] if "runtime_parameter" in value else []
    return own + [name for item in value.values() for name in runtime_parameters(item)]


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ({"gate": {"accuracy_floor": 0.6}}, {"Evaluator", "Pusher"}),
        ({"gate": {"slice_floor": 0.6}}, {"Pusher"}),
        ({"validation": {"minimum_class_rows": 5}}, {"ExampleValidator"}),
        ({"serving_check": {"requests": 5}}, {"InfraValidator"}),
        ({"export": {"precision": "float32"}}, {"Trainer"}),
        ({"training": {"epochs": 7}}, {"Trainer"}),
        ({"tuning": {"trials": 5}}, {"Tuner"}),
        ({"split": {"eval_one_in": 6}}, {"CsvExampleGen"}),
        ({"encoder": {"head_tokens": 64}}, {"Transform", "Trainer", "Tuner"}),
        ({"encoder": {"lower_case": False}}, {"CsvExampleGen", "Transform", "Trainer", "Tuner"}),
    ],
)
def test_a_changed_setting_makes_only_those_nodes_anew_that_depend_on_it(
    change: dict[str, dict[str, Any]], anew: set[str]
) -> None:
    config = load_settings(compiling.SETTINGS)
    changed = replace(config, **{group: replace(getattr(config, group), **values) for group, values in change.items()})
    assert {name for name, node in parameters(changed).items() if node != parameters(config)[name]} == anew


def parameters(config: PipelineSettings) -> dict[str, Any]:
    """What each node is given by the settings: its part of the cache's key."""
    fields = json_format.MessageToDict(Compiler().compile(create_pipeline(config)), preserving_proto_field_name=True)
    made = [node["pipeline_node"] for node in fields["nodes"]]
    return {node["node_info"]["id"]: node.get("parameters") for node in made}


def test_a_pipeline_that_asks_for_approval_has_a_node_more_before_its_pusher() -> None:
    settings = load_settings(compiling.SETTINGS)
    gate = replace(settings.gate, approval=ApprovalRule.REQUIRED, approval_hours=2, approval_timeout=Unanswered.PROMOTE)

    silent, asking = (
        {node.pipeline_node.node_info.id: node.pipeline_node for node in Compiler().compile(create_pipeline(one)).nodes}
        for one in (settings, replace(settings, gate=gate))
    )

    assert set(asking) - set(silent) == {"Approval"}
    assert "Approval" in asking["Pusher"].upstream_nodes
    request = json.loads(asking["Approval"].parameters.parameters["request"].field_value.string_value)
    assert request == {"hours": 2, "timeout": "promote"}
    judged, pushed = (asking[name].parameters.parameters["gate"] for name in ("Approval", "Pusher"))
    assert judged == pushed
    assert json.loads(judged.field_value.string_value)["approval"] == "required"


def test_settings_of_approval_change_nothing_where_nobody_is_asked() -> None:
    settings = load_settings(compiling.SETTINGS)
    others = replace(settings.gate, approval_hours=2, approval_timeout=Unanswered.PROMOTE)

    same = [Compiler().compile(create_pipeline(one)) for one in (settings, replace(settings, gate=others))]

    assert same[0] == same[1]
