"""From tickets of four classes to served answers, no code changed, with an ELECTRA."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow_model_analysis as tfma

from tests.tfx_modules.pipeline import stock_serving
from tests.tfx_modules.pipeline.small_encoders import electra
from tests.tfx_modules.pipeline.whole_pipeline import (
    PLAIN,
    REJECTED,
    WholePipeline,
    classify,
    copied_for_tflite,
    page_of,
    told_by_a_word,
)
from tfx_modules.model.tflite.score import LiteScorer
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.serving.client.model_client import ModelClient
from tfx_modules.serving.client.specs import Model, Server
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.settings.task import TaskKind, TaskSettings, of_model

# Whole nodes run here, and with them whole libraries, which warn of their own doings.
pytestmark = pytest.mark.filterwarnings("default")

WORDS = {"Rechnung": "bad", "Störung": "broken", "Bestellung": "late", "שונות": "good"}
TICKETS = TaskSettings(kind=TaskKind.MULTICLASS, labels=tuple(WORDS))
HELD_OUT = tuple(told_by_a_word(WORDS, 80, start=800))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> WholePipeline:
    return WholePipeline(tmp_path_factory.mktemp("whole"), electra)


@pytest.fixture(scope="module")
def promoted(pipeline: WholePipeline) -> dict[str, Outcome]:
    days = {"2026-11-05": tuple(told_by_a_word(WORDS, 400))}
    return pipeline.run(TICKETS, days, HELD_OUT, "first")


def last_event(pipeline: WholePipeline) -> Any:
    return open_ledger(f"sqlite:///{pipeline.folder}/ledger.db", "bert_sentiment").events()[-1]


def test_a_model_of_four_classes_passes_all_gates(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    assert promoted["Pusher"].state is NodeState.COMPLETE, promoted["Pusher"].reason
    holdout, split = last_event(pipeline).metrics["sets"]
    assert holdout["accuracy"] > 0.8
    assert holdout["macro_f1"] > 0.8
    assert set(holdout["classes"]) == set(WORDS)
    assert sum(map(sum, split["confusion"])) == split["n"]


def test_the_ledger_has_what_the_run_has_measured(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    assert promoted["Pusher"].state is NodeState.COMPLETE
    metrics = last_event(pipeline).metrics
    assert metrics["rows"] == {"used": 400, "rejected": sum(REJECTED.values())}
    assert metrics["training_seconds"] > 0
    assert metrics["latency_ms"] > 0
    assert metrics["bytes"] > 0
    tflite, (holdout, *_) = metrics["tflite"], metrics["sets"]
    assert (tflite["measured_on"], tflite["n"]) == (holdout["name"], holdout["n"])
    assert tflite["accuracy"] == pytest.approx(holdout["accuracy"], abs=0.05)
    assert 0 < tflite["bytes"] < tflite["savedmodel_bytes"] < metrics["bytes"]
    assert min(tflite["latency_ms"], tflite["savedmodel_latency_ms"]) > 0


def test_the_evaluator_measures_each_class_and_their_means(promoted: dict[str, Outcome]) -> None:
    (evaluation,) = promoted["Evaluator"].outputs["evaluation"]
    found = [
        (item.key.name, item.key.sub_key.class_id.value if item.key.sub_key.HasField("class_id") else None)
        for one in tfma.load_metrics(evaluation.uri)
        if not one.slice_key.single_slice_keys
        for item in one.metric_keys_and_values
    ]
    assert ("accuracy", None) in found
    assert {("precision", n) for n in range(4)} | {("recall", n) for n in range(4)} <= set(found)
    assert ("f1_score", None) in found, "the mean of the classes"
    assert any(name.startswith("multi_class_confusion_matrix") for name, _ in found)


def test_the_report_shows_the_classes(promoted: dict[str, Outcome]) -> None:
    (anomalies,) = promoted["ExampleValidator"].outputs["anomalies"]
    page = Path(anomalies.uri, "report.html").read_text(encoding="utf-8")
    assert "Reviews of each day, by label" in page
    assert all(f"{label} (" in page for label in WORDS)


def test_the_report_of_the_evaluation_has_every_label(promoted: dict[str, Outcome]) -> None:
    page = page_of(promoted["Evaluator"], "evaluation")
    for label in WORDS:
        assert f"Calibration of {label}" in page
        assert f'<th scope="row">{label}</th>' in page
        assert f"<div>sentiment = {label}</div>" in page
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', page)
    counts = [[int(n.replace(",", "")) for n in re.findall(r"<span>([\d,]+)</span>", row)] for row in rows]
    assert [len(row) for row in counts] == [4] * 4, "each text gets an answer"
    assert sum(map(sum, counts)) == last_count(page)


def last_count(page: str) -> int:
    """The number of evaluated examples that the page names."""
    found = re.search(r"the eval split, ([\d,]+) labelled examples", page)
    assert found
    return int(found[1].replace(",", ""))


def test_the_report_of_the_verdict_has_every_label(promoted: dict[str, Outcome]) -> None:
    page = page_of(promoted["Pusher"], "pushed_model")
    assert "&#10004; Promoted" in page
    assert page.count("<h3>Confusion</h3>") == 2, "of the holdout and of the eval split"


def test_the_project_s_server_and_a_stock_one_answer_with_the_label_and_all_probabilities(
    pipeline: WholePipeline, promoted: dict[str, Outcome], tmp_path: Path
) -> None:
    del promoted
    texts = [f"it was {word} and" for word in WORDS.values()]
    with ModelServerProcess(model_base_path=pipeline.models, model_name="own") as process:
        rest = process.rest_url.removeprefix("http://")
        for server in (Server.rest(rest), Server.grpc(process.grpc_address)):
            with ModelClient(server, Model("own")) as client:
                found = client.predict(texts)
                signatures = client.metadata()
            assert [one.label for one in found] == list(WORDS)
            for one in found:
                assert one.score == pytest.approx(max(one.scores.values()))
                assert one.scores[one.label] == pytest.approx(one.score)
                assert sum(one.scores.values()) == pytest.approx(1, abs=1e-5)
            assert set(signatures) >= {"serving_default", "serving_examples", "classify"}
            assert "regress" not in signatures
        (classes,) = classify(rest, texts[:1])
    assert [name for name, _ in classes] == list(WORDS)
    assert dict(classes) == pytest.approx(found[0].scores, abs=1e-5)
    for text, served in zip(texts, found, strict=True):
        answer = LiteScorer(copied_for_tflite(pipeline)).answer(text)
        assert (answer["label"], answer["labels"]) == (served.label, list(WORDS))
        assert answer["score"] == pytest.approx(served.score, abs=0.05)
        assert dict(zip(WORDS, answer["scores"], strict=True)) == pytest.approx(served.scores, abs=0.05)
    (version,) = (folder for folder in pipeline.models.iterdir() if folder.name.isdigit())
    stock = stock_serving.ask(version, texts, tmp_path)
    assert stock.labels == list(WORDS)
    assert stock.scores == pytest.approx([one.score for one in found], abs=0.05), "with OpenVINO in lower precision"


def test_a_version_has_its_task_with_it(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    del promoted
    (version,) = (folder for folder in pipeline.models.iterdir() if folder.name.isdigit())
    assert of_model(version) == TICKETS


def test_a_worse_candidate_is_blocked_also_with_the_labels_in_another_order(
    pipeline: WholePipeline, promoted: dict[str, Outcome]
) -> None:
    del promoted
    wrong = {**WORDS, "Rechnung": WORDS["Störung"], "Störung": WORDS["Rechnung"]}
    days = {"2026-11-06": tuple(told_by_a_word(wrong, 400))}
    other_order = TaskSettings(kind=TaskKind.MULTICLASS, labels=tuple(WORDS)[::-1])
    pushed = replace(pipeline, export=PLAIN).run(other_order, days, HELD_OUT, "second")["Pusher"]
    assert pushed.state is NodeState.SKIPPED
    assert "recall of Rechnung 0.0" in pushed.reason
    assert "of 2026110501 on own-v" in pushed.reason, "compared with the champion, whose classes are numbered otherwise"
    assert last_event(pipeline).metrics["sets"][0]["champion_accuracy"] > 0.8
    assert last_event(pipeline).metrics["distances"].keys() == {"skew"}, "no day before, and a champion"
    told = page_of(pushed, "pushed_model")
    assert "&#10006; Blocked" in told
    assert "Against 2026110501" in told
    assert "<div>worse</div>" in told
