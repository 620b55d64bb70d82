"""The TFX side writes and reads what `contracts/` says; tests/plugins has the same of the Airflow side."""

import dataclasses
import datetime as dt
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.proto.orchestration import pipeline_pb2

from tests.support.contracts import (
    faults,
    golden,
    golden_text,
    lay_out_spans,
    read_span_layout,
    schema,
    with_wrong_fields,
)
from tfx_modules.components.csv_parts import parts_of, rows_of
from tfx_modules.components.window import WindowInputProcessor, span_versions
from tfx_modules.exceptions import MissingSpanError, NodeError
from tfx_modules.node.outcome import Artifact, Outcome, State
from tfx_modules.node.request import GpuUse, parse_request, read_request
from tfx_modules.pipeline import compile as compiling
from tfx_modules.pipeline.pipeline import SPAN_PATTERN
from tfx_modules.promotion import command as promotion
from tfx_modules.promotion.events import Event, EventKind, Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Candidate, GateResult, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.retention.command import main as retention_command
from tfx_modules.retention.command import report_json
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.plan import Item, ItemKind
from tfx_modules.retention.request import read_request as read_retention_request
from tfx_modules.retention.spans import Spans

ARGUMENTS, RECORD = golden("promotion_arguments"), golden("promotion_record")
LONG_AFTER = dt.datetime(2100, 1, 1, tzinfo=dt.timezone.utc)
EPOCH = dt.date(1970, 1, 1)
Ask = Callable[..., Any]


def test_the_compiled_pipeline_has_what_the_airflow_side_reads() -> None:
    ir = json.loads(compiling.to_json(compiling.compile_pipeline(compiling.SETTINGS)))

    assert faults("compiled_pipeline", ir) == []
    assert _read_by_the_airflow_side(ir) == golden("compiled_pipeline")


def _read_by_the_airflow_side(ir: Any) -> Any:
    """The part of an IR that the golden document has: ids, types, order, and the parameters that a run gives."""
    nodes = [{"pipeline_node": _node(entry["pipeline_node"])} for entry in ir["nodes"]]
    return {"nodes": nodes, "pipeline_info": {"id": ir["pipeline_info"]["id"]}}


def _node(node: Any) -> Any:
    info = node["node_info"]
    upstream = {"upstream_nodes": node["upstream_nodes"]} if "upstream_nodes" in node else {}
    return {"node_info": {"id": info["id"], "type": {"name": info["type"]["name"]}}, **upstream, **_parameters(node)}


def _parameters(value: Any) -> Any:
    """What is left of a value when all but runtime parameters that are not TFX's own is taken away."""
    if isinstance(value, list):
        return [kept for kept in map(_parameters, value) if kept]
    if not isinstance(value, dict):
        return None
    if parameter := value.get("runtime_parameter"):
        return None if parameter["name"].startswith("pipeline-") else {"runtime_parameter": parameter}
    return {name: kept for name, kept in ((name, _parameters(inner)) for name, inner in value.items()) if kept}


def test_the_golden_pipeline_is_a_pipeline_of_tfx() -> None:
    pipeline = json_format.ParseDict(golden("compiled_pipeline"), pipeline_pb2.Pipeline())
    assert pipeline.pipeline_info.id == "bert_sentiment"
    assert [node.WhichOneof("node") for node in pipeline.nodes] == ["pipeline_node"] * len(pipeline.nodes)


def test_the_golden_node_request_is_read(tmp_path: Path) -> None:
    path, document = tmp_path / "request.json", golden("node_request")
    path.write_text(golden_text("node_request"), encoding="utf-8")

    fields = dataclasses.asdict(read_request(path))

    read = {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}
    assert {"format": 1, **read} == document
    assert [use.value for use in GpuUse] == schema("node_request")["properties"]["gpu"]["enum"]


@pytest.mark.parametrize("name", [*golden("node_request"), "unknown"])
def test_a_node_request_with_other_fields_is_refused(name: str) -> None:
    document = golden("node_request")
    changed = with_wrong_fields(document)[name]
    assert faults("node_request", changed)
    with pytest.raises(NodeError, match=name):
        parse_request(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"node": ""},
        {"run_id": 7},
        {"outcome": "outcome.json"},
        {"use_cache": "yes"},
        {"gpu": "yes"},
        {"parameters": ["tune"]},
        {"parameters": {"tune": True}},
        {"parameters": {"tune": None}},
    ],
)
def test_the_schema_of_the_node_request_refuses_what_the_node_command_refuses(change: dict[str, Any]) -> None:
    changed = {**golden("node_request"), **change}
    assert faults("node_request", changed)
    with pytest.raises(NodeError, match=next(iter(change))):
        parse_request(changed)


def test_an_outcome_is_written(tmp_path: Path) -> None:
    document = golden("node_outcome")
    outputs = {key: tuple(Artifact(**artifact) for artifact in found) for key, found in document["outputs"].items()}
    outcome = Outcome(document["node"], State(document["state"]), document["execution_id"], outputs)

    outcome.write(tmp_path / "outcome.json")

    assert json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8")) == document


@pytest.mark.parametrize("state", State)
def test_every_outcome_is_one_of_the_schema(tmp_path: Path, state: State) -> None:
    Outcome("Trainer", state, reason="why").write(tmp_path / "outcome.json")
    assert faults("node_outcome", json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))) == []


def test_an_event_is_written() -> None:
    document = golden("promotion_event")
    days = {name: dt.date.fromisoformat(document[name]) for name in ("data_date", "first_day")}
    run = Run(dag_id=document["dag_id"], run_id=document["run_id"], **days)
    own = {name: value for name, value in document.items() if name not in dataclasses.asdict(run)}
    moment = dt.datetime.fromisoformat(document["at"])

    event = Event(**{**own, "kind": EventKind(document["kind"]), "at": moment, "run": run})

    assert event.to_json() == document
    assert [kind.value for kind in EventKind] == schema("promotion_event")["properties"]["kind"]["enum"]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The real promotion command, with a ledger and models of the test's own."""
    monkeypatch.setenv("BERT_SERVICE_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("BERT_SERVICE_PIPELINE", "bert_sentiment")
    monkeypatch.setenv("BERT_SERVICE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("BERT_SERVICE_SERVERS", raising=False)

    def run(name: str, text: str = "") -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert promotion.main(ARGUMENTS[name]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def _promote(folder: Path, day: int) -> Event:
    model = folder / f"trained-{day}"
    model.mkdir()
    (model / "saved_model.pb").write_text(str(day))
    date = dt.date(2026, 11, day)
    run = Run(dag_id="bert_sentiment", run_id=f"run-{day}", data_date=date, first_day=date - dt.timedelta(days=13))
    promoter = Promoter(
        open_ledger(f"sqlite:///{folder}/ledger.db", "bert_sentiment"), ModelRepository(folder / "models")
    )
    return promoter.promote(Candidate(run=run, model=model, actor="anna"), lambda _: GateResult(True, "good enough"))


def test_the_promotion_command_answers_as_the_airflow_side_asks(ask: Ask) -> None:
    assert (ask("verdict"), ask("newest")) == (None, [])

    event = ask("record", json.dumps(RECORD))

    assert faults("promotion_event", event) == []
    assert {name: event[name] for name in RECORD} == RECORD
    assert (ask("newest"), ask("verdict"), ask("delivered")) == ([event], None, [])
    assert (ask("deliver"), ask("delivered")) == ("slack:slack", ["slack:slack"])


def test_the_promotion_command_rolls_back_as_the_airflow_side_asks(ask: Ask, tmp_path: Path) -> None:
    promoted = [_promote(tmp_path, day) for day in (4, 5)]

    back, forth = ask("roll_back"), ask("roll_back_to")

    for event in (*(event.to_json() for event in promoted), back, forth):
        assert faults("promotion_event", event) == []
    assert [
        (event["kind"], event["version"], event["actor"], event["reason"].split(": ")[1]) for event in (back, forth)
    ] == [
        ("rolled_back", 2026110401, "berta", "answers are slow"),
        ("rolled_back", 2026110501, "berta", "answers are slow"),
    ]


@pytest.mark.parametrize("name", [*RECORD, "unknown"])
def test_a_record_request_with_other_fields_is_refused(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    changed = with_wrong_fields(RECORD)[name]
    assert faults("promotion_record", changed)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(changed)))
    assert promotion.main(ARGUMENTS["record"]) == 1
    assert "standard input is not what is to be recorded" in capsys.readouterr().err
    assert ask("newest") == []


def test_the_golden_retention_request_is_read() -> None:
    rules, places = read_retention_request(golden_text("retention_request"))
    read = {"format": 1, "rules": dataclasses.asdict(rules), **dataclasses.asdict(places)}
    assert json.loads(json.dumps(read, default=str)) == golden("retention_request")


@pytest.mark.parametrize("name", [*golden("retention_request"), "unknown"])
def test_a_retention_request_with_other_fields_is_refused(name: str) -> None:
    document = golden("retention_request")
    changed = with_wrong_fields(document)[name]
    _refused_by_retention(changed)


@pytest.mark.parametrize("name", [*golden("retention_request")["rules"], "unknown"])
def test_retention_rules_with_other_fields_are_refused(name: str) -> None:
    document = golden("retention_request")
    rules = document["rules"]
    changed = with_wrong_fields(rules)[name]
    _refused_by_retention({**document, "rules": changed})


def _refused_by_retention(document: dict[str, Any]) -> None:
    assert faults("retention_request", document)
    with pytest.raises(RetentionError, match="standard input is not a request of format 1"):
        read_retention_request(json.dumps(document))


def test_a_report_is_written() -> None:
    document = golden("retention_report")
    items = [
        Item(
            kind=ItemKind(item["kind"]),
            what=item["what"],
            age=dt.timedelta(days=item["age_days"]),
            size=item["bytes"],
            why=item["why"],
        )
        for item in document["items"]
    ]
    assert json.loads(report_json(items, dry_run=document["dry_run"])) == document
    assert {kind.value for kind in ItemKind} | {"all"} == {
        *schema("retention_report")["properties"]["totals"]["properties"]
    }


def test_the_retention_command_takes_the_golden_request_and_prints_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {**golden("retention_request"), "metadata": f"sqlite:///{tmp_path}/mlmd.db"}
    text = json.dumps(request).replace("/srv/bert/var", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    assert retention_command(["--json", "--dry-run"]) == 0

    assert faults("retention_report", json.loads(capsys.readouterr().out)) == []


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    lay_out_spans(tmp_path, golden("span_layout"))
    return tmp_path


def _window(spans: Path, versions: dict[str, int]) -> WindowInputProcessor:
    first, last = ((dt.date.fromisoformat(day) - EPOCH).days for day in (min(versions), max(versions)))
    window = range_config_pb2.StaticRange(start_span_number=first, end_span_number=last)
    splits = [example_gen_pb2.Input.Split(name="days", pattern=SPAN_PATTERN)]
    return WindowInputProcessor(str(spans), splits, span_versions(json.dumps(versions), window))


@pytest.mark.parametrize("version", [1, 2])
def test_a_run_reads_the_reviews_of_the_golden_layout(spans: Path, version: int) -> None:
    window = _window(spans, {"2026-11-04": version, "2026-11-05": 1})

    pattern = window.get_pattern_for_span_version(SPAN_PATTERN, *window.resolve_span_and_version())

    assert pattern.split(",") == [f"2026-11-04/v{version}/reviews.csv", "2026-11-05/v1/reviews.csv"]
    rows = [row for path in pattern.split(",") for part in parts_of(str(spans / path)) for row in rows_of(part)]
    assert [row["id"] for row in rows] == ["r1", "r2", "r3"] if version == 2 else ["r1", "r3"]
    assert rows[-1] == {
        "id": "r3",
        "date": "2026-11-05",
        "review": "Größer, länger, öder.",
        "sentiment": "negative",
    }


def test_a_day_that_was_refused_is_no_span(spans: Path) -> None:
    with pytest.raises(MissingSpanError, match=r"2026-11-03\), version 1, is not in"):
        _window(spans, {"2026-11-03": 1}).resolve_span_and_version()


def test_retention_knows_the_days_of_the_golden_layout(spans: Path) -> None:
    store = Spans(spans, 1, 0, LONG_AFTER)
    items = store.plan([])
    assert [(item.kind.value, item.what) for item in items] == [
        ("span", "2026-11-04"),
        ("span", "2026-11-05"),
        ("refused", "2026-11-03"),
    ]
    assert store.carry_out(items) == items
    assert read_span_layout(spans) == {".staging/lock": []}


def test_retention_knows_the_versions_of_the_golden_layout(spans: Path) -> None:
    store = Spans(spans, 0, 1, LONG_AFTER)
    items = store.plan([])
    assert [item.what for item in items] == ["2026-11-04 v1"]
    store.carry_out(items)
    left = {path: value for path, value in golden("span_layout").items() if not path.startswith("2026-11-04/v1/")}
    assert read_span_layout(spans) == left
    assert faults("span_layout", left) == []
