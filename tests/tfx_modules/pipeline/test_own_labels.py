"""From reviews with labels of the user's own to served answers, no code changed, with a DistilBERT."""

import re
from pathlib import Path

import pytest

from tests.tfx_modules.pipeline import stock_serving
from tests.tfx_modules.pipeline.small_encoders import distilbert
from tests.tfx_modules.pipeline.whole_pipeline import (
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
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, of_model

# Whole nodes run here, and with them whole libraries, which warn of their own doings.
pytestmark = pytest.mark.filterwarnings("default")

WORDS = {'schlecht, "böse"': "bad", "👍 gut": "good"}
OWN = TaskSettings(labels=("👍 gut", 'schlecht, "böse"'), positive="👍 gut")
DAYS = {"2026-11-05": tuple(told_by_a_word(WORDS, 240))}
HELD_OUT = tuple(told_by_a_word(WORDS, 60, start=400))
OLD = {"negative": "bad", "positive": "good"}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> WholePipeline:
    return WholePipeline(tmp_path_factory.mktemp("whole"), distilbert)


@pytest.fixture(scope="module")
def promoted(pipeline: WholePipeline) -> dict[str, Outcome]:
    return pipeline.run(OWN, DAYS, HELD_OUT, "first")


def test_a_model_of_own_labels_passes_all_gates(promoted: dict[str, Outcome]) -> None:
    assert promoted["Pusher"].state is NodeState.COMPLETE, promoted["Pusher"].reason
    assert "judged by the floors alone" in promoted["Pusher"].reason


def test_the_schema_has_the_labels_as_domain(promoted: dict[str, Outcome]) -> None:
    (schema,) = promoted["SchemaGen"].outputs["schema"]
    text = Path(schema.uri, "schema.pbtxt").read_text(encoding="utf-8")
    assert "\\360\\237\\221\\215 gut" in text or "👍 gut" in text


def test_the_report_names_the_labels(promoted: dict[str, Outcome]) -> None:
    (anomalies,) = promoted["ExampleValidator"].outputs["anomalies"]
    page = Path(anomalies.uri, "report.html").read_text(encoding="utf-8")
    assert "Share of 👍 gut reviews of each day" in page
    assert "negative" not in page


def test_each_costly_node_leaves_a_report_of_its_own(promoted: dict[str, Outcome]) -> None:
    trained = page_of(promoted["Trainer"], "model_run")
    assert re.search(r"The weights of epoch \d+ of 24 are kept: accuracy [01]\.\d{3} on the eval split\.", trained)
    assert re.search(r"[\d,.]+ examples/s", trained)
    assert "Loss by step" in trained
    assert "<div>OpenVINO</div>" in trained
    assert re.search(r"<div>(int8|bfloat16|float32), exported</div></td>.*<div>own-v0</div>", trained)
    assert "<div>TFLite</div>" in trained
    assert "no search found others" in trained

    assert "none did before it" in page_of(promoted["Tuner"], "tuner_results")

    evaluated = page_of(promoted["Evaluator"], "evaluation")
    assert "no model of these labels was in service" in evaluated
    assert "Calibration of 👍 gut" in evaluated
    assert '<th scope="row">schlecht, &quot;böse&quot;</th>' in evaluated
    assert "<div>length = short</div>" in evaluated

    pushed = page_of(promoted["Pusher"], "pushed_model")
    assert "&#10004; Promoted" in pushed
    assert "<dd>2026110501</dd>" in pushed
    assert "<div>label = 👍 gut</div>" in pushed
    for page in (trained, evaluated, pushed):
        assert all(f"it was {word} and" not in page for word in WORDS.values()), "no report has a review's text"


def test_the_version_has_a_model_card(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    del promoted
    card = pipeline.models.with_name("bert_sentiment.cards") / "2026110501.html"
    page = card.read_text(encoding="utf-8")
    assert "Model card of version 2026110501" in page
    assert "<dt>Window</dt><dd>2026-11-05 to 2026-11-05</dd>" in page
    assert re.search(r"<td data-label=\"day\" class=\"\"><div>2026-11-05</div></td>.*<div>3</div></td></tr>", page)
    assert "<dt>Rejected rows</dt><dd>3 (no_text 1, unknown_label 2)</dd>" in page
    assert "<code>sentiment</code>" in page
    assert page.count('<h2 class="part"') == 8
    for told in ("examples/s", "Calibration of 👍 gut", "Settings of the gate", "Distances", "no search found others"):
        assert told in page
    assert "no report of this" not in page
    assert not re.search(r"<(script|link|img|iframe|object|embed)|@import|url\((?!#)", page)
    assert [name.name for name in pipeline.models.iterdir() if not name.name.startswith(".")] == ["2026110501"]


def test_the_project_s_server_and_a_stock_one_answer_in_the_user_s_words(
    pipeline: WholePipeline, promoted: dict[str, Outcome], tmp_path: Path
) -> None:
    del promoted
    texts = ["it was good and", "the shop bad was"]
    with ModelServerProcess(model_base_path=pipeline.models, model_name="own") as process:
        rest = process.rest_url.removeprefix("http://")
        for server in (Server.rest(rest), Server.grpc(process.grpc_address)):
            with ModelClient(server, Model("own")) as client:
                good, bad = client.predict(texts)
            assert (good.label, bad.label) == ("👍 gut", 'schlecht, "böse"')
            assert good.score > 0.5 > bad.score
        (classes,) = classify(rest, texts[:1])
    assert [name for name, _ in classes] == ['schlecht, "böse"', "👍 gut"]
    assert dict(classes)["👍 gut"] == pytest.approx(good.score, abs=1e-5)
    for text, served in zip(texts, (good, bad), strict=True):
        answer = LiteScorer(copied_for_tflite(pipeline)).answer(text)
        assert answer == {"label": served.label, "score": pytest.approx(served.score, abs=0.05)}
    (version,) = (folder for folder in pipeline.models.iterdir() if folder.name.isdigit())
    stock = stock_serving.ask(version, texts, tmp_path)
    assert stock.labels == [good.label, bad.label]
    assert stock.scores == pytest.approx([good.score, bad.score], abs=0.05), "with OpenVINO in lower precision"


def test_a_served_version_has_its_task_with_it(pipeline: WholePipeline, promoted: dict[str, Outcome]) -> None:
    del promoted
    (version,) = (folder for folder in pipeline.models.iterdir() if folder.name.isdigit())
    assert of_model(version) == OWN


def test_other_labels_are_not_comparable_and_the_verdict_says_so(
    pipeline: WholePipeline, promoted: dict[str, Outcome]
) -> None:
    del promoted
    days = {"2026-11-06": tuple(told_by_a_word(OLD, 240))}
    outcomes = pipeline.run(BINARY_SENTIMENT, days, tuple(told_by_a_word(OLD, 60, start=400)), "second")
    outcome = outcomes["Pusher"]
    assert not outcomes["Resolver"].outputs.get("model"), "the Evaluator has no baseline of other labels"
    assert outcome.state is NodeState.COMPLETE, outcome.reason
    assert re.search(
        r"judged by the floors alone; the candidate was scored as it is served, "
        r"with OpenVINO \((int8|bfloat16|float32)\); "
        r"not comparable with 2026110501, which answers "
        r'schlecht, "böse", 👍 gut \(score of 👍 gut\): this model answers negative, positive \(score of positive\)$',
        outcome.reason,
    ), outcome.reason
    event = open_ledger(f"sqlite:///{pipeline.folder}/ledger.db", "bert_sentiment").events()[-1]
    assert event.metrics["labels"] == ["negative", "positive"]
    assert event.metrics["champion_labels"] == ['schlecht, "böse"', "👍 gut"]
