"""The Airflow side writes and reads what `contracts/` says; tests/tfx_modules has the same of the TFX side."""

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment, Rollback
from airflow_bert_service.clients.retention import RetentionReport, RetentionRequest, read_report
from airflow_bert_service.exceptions import (
    BadInputError,
    CompiledPipelineError,
    OutcomeError,
    PromotionCommandError,
    RetentionError,
)
from airflow_bert_service.feeds import Review, Sentiment
from airflow_bert_service.feeds.readers.rows import Reason
from airflow_bert_service.feeds.readers.screening import Rejected
from airflow_bert_service.ingestion.span_store import Change, SpanStore
from airflow_bert_service.nodes.outcome import NodeState, read_outcome
from airflow_bert_service.nodes.request import GpuUse, NodeRequest
from airflow_bert_service.pipeline.plan import parse_ir
from airflow_bert_service.promotion.events import EventKind, RunEnd, event_from
from airflow_bert_service.settings.retention import RetentionSettings
from jsonschema import Draft202012Validator

from tests.support.contracts import (
    FOLDER,
    NAMES,
    faults,
    golden,
    golden_text,
    lay_out_spans,
    read_span_layout,
    schema,
    with_an_unknown_field,
    with_wrong_fields,
    without_each_field,
)

NODE_REQUEST, RECORD, RETENTION = golden("node_request"), golden("promotion_record"), golden("retention_request")
DAYS = [dt.date(2026, 11, day) for day in (3, 4, 5)]
REVIEWS = [
    Review("r1", DAYS[1], "A fine film.", Sentiment.POSITIVE),
    Review("r2", DAYS[1], 'They call it "fun".', Sentiment.NEGATIVE),
    Review("r3", DAYS[2], "Größer, länger, öder.", Sentiment.NEGATIVE),
]
RUN = {"dag_id": RECORD["dag_id"], "run_id": RECORD["run_id"]}
RUN_END = RunEnd(
    **RUN,
    kind=EventKind(RECORD["kind"]),
    data_date=dt.date.fromisoformat(RECORD["data_date"]),
    first_day=dt.date.fromisoformat(RECORD["first_day"]),
    reason=RECORD["reason"],
    actor=RECORD["actor"],
)
ECHO = """
import json, pathlib, sys
pathlib.Path("asked.json").write_text(json.dumps([sys.argv[1:], sys.stdin.read()]))
print(pathlib.Path("answer.json").read_text())
"""


def test_the_folder_has_a_schema_and_a_golden_document_of_each_contract_and_a_page_that_tells_of_them() -> None:
    there = {path.name for path in FOLDER.iterdir()}
    assert there == {"README.md", *(f"{name}.{kind}.json" for name in NAMES for kind in ("schema", "golden"))}
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_its_golden_document_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert faults(name, golden(name)) == []


@pytest.mark.parametrize("name", sorted({*NAMES} - {"compiled_pipeline", "span_layout"}))
def test_a_schema_finds_a_missing_and_an_unknown_field(name: str) -> None:
    document = golden(name)
    assert [field for field, changed in without_each_field(document).items() if not faults(name, changed)] == []
    assert faults(name, with_an_unknown_field(document))


def test_a_node_request_is_written(tmp_path: Path) -> None:
    paths: dict[str, Any] = {name: Path(NODE_REQUEST[name]) for name in ("pipeline", "pipeline_root", "outcome")}
    same = ("node", "run_id", "metadata", "ledger", "parameters", "use_cache", "code_version")
    request = NodeRequest(**{name: NODE_REQUEST[name] for name in same}, **paths, gpu=GpuUse(NODE_REQUEST["gpu"]))

    request.write(tmp_path / "request.json")

    assert json.loads((tmp_path / "request.json").read_text(encoding="utf-8")) == NODE_REQUEST


def test_the_golden_outcome_is_read() -> None:
    expected = golden("node_outcome")

    outcome = read_outcome(FOLDER / "node_outcome.golden.json", "Pusher")

    assert {"format": 1, **outcome.to_xcom()} == expected


def test_the_states_of_an_outcome_are_those_of_the_schema() -> None:
    assert {state.value for state in NodeState} == set(schema("node_outcome")["properties"]["state"]["enum"])
    assert {use.value for use in GpuUse} == set(schema("node_request")["properties"]["gpu"]["enum"])


def test_an_outcome_without_a_field_is_refused_and_an_unknown_field_is_passed_over(tmp_path: Path) -> None:
    path, document = tmp_path / "outcome.json", golden("node_outcome")
    for name, changed in without_each_field(document).items():
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(OutcomeError, match=rf"is not an outcome \(KeyError: '{name}'\)"):
            read_outcome(path, "Pusher")
    path.write_text(json.dumps(with_an_unknown_field(document)), encoding="utf-8")
    assert read_outcome(path, "Pusher") == read_outcome(FOLDER / "node_outcome.golden.json", "Pusher")


def test_the_golden_pipeline_is_read() -> None:
    pipeline_id, nodes = parse_ir(golden_text("compiled_pipeline"), "golden")

    entries = [entry["pipeline_node"] for entry in golden("compiled_pipeline")["nodes"]]
    assert pipeline_id == "bert_sentiment"
    assert [(node.id, node.type, list(node.upstream)) for node in nodes] == [
        (entry["node_info"]["id"], entry["node_info"]["type"]["name"], entry.get("upstream_nodes", []))
        for entry in entries
    ]
    assert {node.id: [parameter.name for parameter in node.parameters] for node in nodes if node.parameters} == {
        "CsvExampleGen": ["holdout", "input_base", "range_config", "span_versions"],
        "Tuner": ["tune"],
        "Trainer": ["holdout", "train_args"],
        "Pusher": ["holdout", "promotion", "push_destination"],
    }


@pytest.mark.parametrize(
    "remove",
    [
        lambda ir: ir.pop("pipeline_info"),
        lambda ir: ir["pipeline_info"].pop("id"),
        lambda ir: ir.pop("nodes"),
        lambda ir: ir["nodes"][1].pop("pipeline_node"),
        lambda ir: ir["nodes"][1]["pipeline_node"].pop("node_info"),
        lambda ir: ir["nodes"][1]["pipeline_node"]["node_info"].pop("id"),
        lambda ir: ir["nodes"][1]["pipeline_node"]["node_info"].pop("type"),
        lambda ir: ir["nodes"][1]["pipeline_node"]["node_info"]["type"].pop("name"),
        lambda ir: _a_parameter(ir).pop("name"),
        lambda ir: _a_parameter(ir).pop("type"),
        lambda ir: _a_parameter(ir).update(type="BOOL"),
    ],
)
def test_a_pipeline_without_a_needed_field_is_refused(remove: Callable[[Any], object]) -> None:
    ir = golden("compiled_pipeline")
    remove(ir)
    assert faults("compiled_pipeline", ir)
    with pytest.raises(CompiledPipelineError, match="golden is not a compiled pipeline"):
        parse_ir(json.dumps(ir), "golden")


def _a_parameter(ir: Any) -> Any:
    return ir["nodes"][1]["pipeline_node"]["parameters"]["parameters"]["holdout"]["runtime_parameter"]


def test_what_the_ir_has_beside_is_passed_over() -> None:
    ir = golden("compiled_pipeline")
    for value in (ir, ir["pipeline_info"], ir["nodes"][0], ir["nodes"][0]["pipeline_node"], _a_parameter(ir)):
        value["unknown"] = {"more": 1}
    assert faults("compiled_pipeline", ir) == []
    assert parse_ir(json.dumps(ir), "ir") == parse_ir(golden_text("compiled_pipeline"), "golden")


def test_the_golden_event_is_read_and_comes_back() -> None:
    document = golden("promotion_event")
    assert event_from(document).to_json() == document
    assert event_from(with_an_unknown_field(document)) == event_from(document)


@pytest.mark.parametrize("name", ["position", "at", "kind", "reason", "actor"])
def test_an_event_without_a_needed_field_is_refused(name: str) -> None:
    document = golden("promotion_event")
    del document[name]
    with pytest.raises(PromotionCommandError, match=f"not an event of the ledger .*{name}"):
        event_from(document)


def test_what_is_to_be_recorded_is_written() -> None:
    assert RUN_END.to_json() == RECORD


@pytest.mark.parametrize("command", schema("promotion_arguments")["properties"])
def test_the_promotion_command_is_asked_in_the_golden_way(tmp_path: Path, command: str) -> None:
    (tmp_path / "tfx_modules").mkdir()
    (tmp_path / "tfx_modules" / "promotion.py").write_text(ECHO)
    event = golden_text("promotion_event")
    answers = {"newest": f"[{event}]", "delivered": '["slack:slack"]', "deliver": '"slack:slack"'}
    (tmp_path / "answer.json").write_text(answers.get(command, event), encoding="utf-8")
    ledger = LedgerClient(
        PromotionEnvironment(
            tfx_python=Path(sys.executable),
            module_root=tmp_path,
            ledger="sqlite:////ledger.db",
            pipeline="bert",
            models=tmp_path,
        )
    )

    def back(number: int, version: int | None = None) -> Rollback:
        run = {"dag_id": "bert_rollback", "run_id": f"manual__{number}"}
        return Rollback(reason="answers are slow", actor="berta", **run, version=version)

    ask: dict[str, Callable[[], object]] = {
        "verdict": lambda: ledger.verdict(**RUN),
        "newest": ledger.newest,
        "record": lambda: ledger.record(RUN_END),
        "delivered": lambda: ledger.delivered(1),
        "deliver": lambda: ledger.deliver(1, "slack:slack"),
        "roll_back": lambda: ledger.roll_back(back(1)),
        "roll_back_to": lambda: ledger.roll_back(back(2, 2026110501)),
    }
    ask[command]()

    arguments, text = json.loads((tmp_path / "asked.json").read_text(encoding="utf-8"))
    assert arguments == golden("promotion_arguments")[command]
    assert (json.loads(text) if text else None) == (RECORD if command == "record" else None)


def test_a_retention_request_is_written() -> None:
    request = RetentionRequest(
        rules=RetentionSettings(**RETENTION["rules"]),
        ledger=RETENTION["ledger"],
        metadata=RETENTION["metadata"],
        name=RETENTION["name"],
        models=Path(RETENTION["models"]),
        pipeline=Path(RETENTION["pipeline"]),
        spans=Path(RETENTION["spans"]),
        logs=tuple(map(Path, RETENTION["logs"])),
    )
    assert json.loads(request.to_json()) == RETENTION


def test_the_golden_report_is_read() -> None:
    document = golden("retention_report")
    expected = RetentionReport(dry_run=False, table=document["table"], totals=document["totals"])
    assert read_report(json.dumps(document)) == expected
    assert read_report(json.dumps(with_an_unknown_field(document))) == expected


@pytest.mark.parametrize("name", ["dry_run", "totals", "table"])
def test_a_report_without_what_is_read_of_it_is_refused(name: str) -> None:
    document = golden("retention_report")
    del document[name]
    with pytest.raises(RetentionError, match=rf"something else than a report \(KeyError: '{name}'\)"):
        read_report(json.dumps(document))


def _fill(store: SpanStore) -> None:
    """Deliver what the golden layout has: a day that is corrected, a day with a bad row, a day that is refused."""
    store.write(DAYS[1], REVIEWS[:1], source="files")
    store.write(DAYS[1], REVIEWS[:2], source="files")
    bad = Rejected(2, Reason.NO_TEXT, "r4", "2026-11-05.csv, row 2", "")
    store.write(DAYS[2], [REVIEWS[2], bad], source="files")
    worse = Rejected(1, Reason.UNKNOWN_LABEL, "r0", "2026-11-03.csv, row 1", "So so.")
    with pytest.raises(BadInputError, match="1 of 1 rows cannot be used"):
        store.write(DAYS[0], [worse], source="files")


def test_spans_are_laid_out_as_the_golden_document_says(tmp_path: Path) -> None:
    _fill(SpanStore(tmp_path, max_bad_share=0.5))

    found, expected = read_span_layout(tmp_path), golden("span_layout")

    assert faults("span_layout", found) == []
    for path, content in found.items():
        if path.endswith("/manifest.json"):
            content["written_at"] = expected[path]["written_at"]
    assert found == expected


def test_the_golden_layout_is_read_so_that_the_same_reviews_are_no_new_version(tmp_path: Path) -> None:
    lay_out_spans(tmp_path, golden("span_layout"))
    span = SpanStore(tmp_path).write(DAYS[1], REVIEWS[:2], source="files")
    assert (span.version, span.change) == (2, Change.UNCHANGED)
    assert read_span_layout(tmp_path) == golden("span_layout")


@pytest.mark.parametrize("name", ["rows", "sha256", "source", "written_at", "unknown"])
def test_a_manifest_of_another_form_is_not_believed_and_the_day_gets_a_new_version(tmp_path: Path, name: str) -> None:
    layout = golden("span_layout")
    manifest = layout["2026-11-04/v2/manifest.json"]
    layout["2026-11-04/v2/manifest.json"] = with_wrong_fields(manifest)[name]
    assert faults("span_layout", layout)
    lay_out_spans(tmp_path, layout)
    span = SpanStore(tmp_path).write(DAYS[1], REVIEWS[:2], source="files")
    assert (span.version, span.change) == (3, Change.CORRECTED)


@pytest.mark.parametrize("name", ["rejected", "quarantine_sha256"])
def test_a_manifest_of_before_there_were_quarantines_is_believed(tmp_path: Path, name: str) -> None:
    layout = golden("span_layout")
    del layout["2026-11-04/v2/manifest.json"][name]
    assert faults("span_layout", layout) == []
    lay_out_spans(tmp_path, layout)
    assert SpanStore(tmp_path).write(DAYS[1], REVIEWS[:2], source="files").change is Change.UNCHANGED


@pytest.mark.parametrize(
    "path",
    [
        "2026-11-04/v0/reviews.csv",
        "2026-11-04/v01/reviews.csv",
        "2026-11-04/reviews.csv",
        "2026-11-4/v1/reviews.csv",
        "2026-11-04/v1/other.csv",
        "2026-11-05.jsonl",
        ".staging/new-2026-11-05/reviews.csv",
    ],
)
def test_a_path_of_another_form_is_no_part_of_the_layout(path: str) -> None:
    assert faults("span_layout", {path: golden("span_layout")["2026-11-04/v1/reviews.csv"]})


def test_the_reasons_of_bad_rows_are_those_of_the_schema() -> None:
    known = schema("span_layout")["$defs"]["rejected_row"]["properties"]["reason"]["enum"]
    assert known == [reason.value for reason in Reason]
