"""From tickets with any number of three labels to served answers, no code changed."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tensorflow_model_analysis as tfma

from tests.tfx_modules.pipeline.whole_pipeline import WholePipeline, classify, copied_for_tflite, page_of
from tfx_modules.data.label_values import label_numbers
from tfx_modules.data.review_set import review_set
from tfx_modules.evaluation.promotion_gate import make_judge
from tfx_modules.model.tflite.score import LiteScorer
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.promotion import manifest
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.promoter import Champion
from tfx_modules.serving.client.model_client import ModelClient
from tfx_modules.serving.client.specs import Model, Server
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.labels import set_text
from tfx_modules.settings.task import PLACE, TaskKind, TaskSettings, of_model, to_json

# Whole nodes run here, and with them whole libraries, which warn of their own doings.
pytestmark = pytest.mark.filterwarnings("default")

WORDS = {"Rechnung": "bad", "Störung, akut": "broken", "שונות": "good"}
TICKETS = TaskSettings(kind=TaskKind.MULTILABEL, labels=tuple(WORDS), threshold=0.4)
AROUND = ("film", "shop", "very", "so", "it", "was", "and", "the")


def tickets(words: Mapping[str, str], count: int, start: int = 0) -> Iterator[tuple[str, str]]:
    """Make texts that have a word for each of their labels, of each set of labels as many."""
    sets = list(product((False, True), repeat=len(words)))
    for n in range(start, start + count):
        has, turn = sets[n % len(sets)], n // len(sets)
        told = " ".join(word for word, there in zip(words.values(), has, strict=True) if there)
        labels = [label for label, there in zip(words, has, strict=True) if there]
        yield f"{AROUND[turn % 8]} {told} {AROUND[turn // 8 % 8]} {AROUND[turn // 64 % 8]}", set_text(labels)


HELD_OUT = tuple(tickets(WORDS, 96, start=800))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> WholePipeline:
    return WholePipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def promoted(pipeline: WholePipeline) -> dict[str, Outcome]:
    return pipeline.run(TICKETS, {"2026-11-05": tuple(tickets(WORDS, 480))}, HELD_OUT, "first", accuracy_floor=0.5)


def last_event(pipeline: WholePipeline) -> Any:
    return open_ledger(f"sqlite:///{pipeline.folder}/ledger.db", "bert_sentiment").events()[-1]


def test_a_model_of_label_sets_passes_all_gates(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    assert promoted["Pusher"].state is NodeState.COMPLETE, promoted["Pusher"].reason
    assert "exact match 0." in promoted["Pusher"].reason or "exact match 1." in promoted["Pusher"].reason
    for one in last_event(pipeline).metrics["sets"]:
        assert one["accuracy"] > 0.5
        assert one["macro_f1"] > 0.8
        assert set(one["classes"]) == set(WORDS)
        assert "confusion" not in one


def test_the_schema_knows_the_labels_and_that_a_review_may_have_none(promoted: dict[str, Outcome]) -> None:
    (anomalies,) = promoted["ExampleValidator"].outputs["anomalies"]
    page = Path(anomalies.uri, "report.html").read_text(encoding="utf-8")
    assert "Passed" in page
    assert "a review may have several, or none" in page
    assert all(f"{label} (" in page for label in WORDS)


def test_the_evaluator_measures_the_exact_match_and_each_label(promoted: dict[str, Outcome]) -> None:
    (evaluation,) = promoted["Evaluator"].outputs["evaluation"]
    found = [
        (item.key.name, item.key.sub_key.class_id.value if item.key.sub_key.HasField("class_id") else None)
        for one in tfma.load_metrics(evaluation.uri)
        if not one.slice_key.single_slice_keys
        for item in one.metric_keys_and_values
    ]
    assert ("exact_match", None) in found
    assert {("precision", n) for n in range(3)} | {("recall", n) for n in range(3)} <= set(found)
    assert ("f1_score", None) in found, "the mean of the labels"


def test_the_report_of_the_evaluation_has_every_label(promoted: dict[str, Outcome]) -> None:
    page = page_of(promoted["Evaluator"], "evaluation")
    assert "exact match" in page
    assert "where its probability is above 0.4." in page
    assert "no model of these labels and this threshold was in service" in page
    training = page_of(promoted["Trainer"], "model_run")
    assert "kept: exact match 0." in training or "kept: exact match 1." in training
    assert "Exact match of each epoch" in training
    assert "Accuracy" not in training
    for label in WORDS:
        assert f"Calibration of {label}" in page
        assert f"<div>sentiment = {label}</div>" in page


def test_the_server_answers_with_every_label_that_a_text_has(
    pipeline: WholePipeline, promoted: dict[str, Outcome]
) -> None:
    del promoted
    texts, expected = zip(*HELD_OUT[:32], strict=True)
    with ModelServerProcess(model_base_path=pipeline.models, model_name="own") as process:
        rest = process.rest_url.removeprefix("http://")
        for server in (Server.rest(rest), Server.grpc(process.grpc_address)):
            with ModelClient(server, Model("own")) as client:
                found = client.predict(list(texts))
                signatures = client.metadata()
            right = [set_text(one.chosen) == labels for one, labels in zip(found, expected, strict=True)]
            assert sum(right) > 16, "of 32; one of all eight sets of labels would be as good as any other"
            assert {len(one.chosen) for one in found} >= {1, 2}
            for one in found:
                assert list(one.scores) == list(WORDS)
                assert one.chosen == tuple(label for label, score in one.scores.items() if score >= TICKETS.threshold)
            assert set(signatures) >= {"serving_default", "serving_examples", "classify"}
            assert "regress" not in signatures
        (classes,) = classify(rest, texts[:1])
    assert [name for name, _ in classes] == list(WORDS)
    assert dict(classes) == pytest.approx(found[0].scores, abs=1e-5)
    for text, served in zip(texts[:4], found, strict=False):
        answer = LiteScorer(copied_for_tflite(pipeline)).answer(text)
        assert dict(zip(WORDS, answer["scores"], strict=True)) == pytest.approx(served.scores, abs=0.05)
        assert answer["chosen"] == [score >= TICKETS.threshold for score in answer["scores"]]
        assert answer.keys() == {"labels", "scores", "chosen"}


def test_a_version_has_its_task_with_it(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    del promoted
    (version,) = (folder for folder in pipeline.models.iterdir() if folder.name.isdigit())
    assert of_model(version) == TICKETS


def test_a_candidate_that_takes_two_labels_for_each_other_is_blocked(
    pipeline: WholePipeline, promoted: dict[str, Outcome], tmp_path: Path
) -> None:
    del promoted
    (version,) = (folder for folder in pipeline.models.iterdir() if folder.name.isdigit())
    first, second, third = WORDS
    candidate = shutil.copytree(
        version, tmp_path / "candidate", ignore=shutil.ignore_patterns(Path(manifest.PLACE).name)
    )
    swapped = replace(TICKETS, labels=(second, first, third))
    (candidate / PLACE).write_text(to_json(swapped), encoding="utf-8")
    gate = GateSettings(accuracy_floor=0, recall_floor=0, slice_floor=0, beat_majority=False)
    held_out = review_set("own-v1", [(text, label_numbers(label, TICKETS)) for text, label in HELD_OUT], "", TICKETS)
    champion = Champion(int(version.name), version)
    worse = make_judge(candidate, [held_out], gate)(champion)
    assert not worse.passed
    assert re.search(r"exact match 0\.\d+ < [01]\.\d+ of 2026110501 on own-v1, p < 0.001", worse.reason), worse.reason
    assert re.search(rf"accuracy on the label {first} 0\.\d+ < \S+ of 2026110501 on own-v1, p < 0.001", worse.reason)
    assert f"accuracy on the label {third}" not in worse.reason
    (numbers,) = worse.metrics["sets"]
    assert [numbers["labels_compared"][label]["verdict"] for label in WORDS] == ["worse", "worse", "no difference"]
    same = make_judge(version, [held_out], gate)(champion)
    assert same.passed, same.reason
    assert "no difference (p = 1)" in same.reason
