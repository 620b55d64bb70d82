"""What this project's components do differently from TFX's own."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_modules.components import example_gen, schema_gen, tuner
from tfx_modules.data.text_statistics import Measurer
from tfx_modules.exceptions import SettingsError
from tfx_modules.model.encoder.files import vocab_path
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import TaskSettings

NOW = 1_790_000_000.5
ExampleOf = Callable[[example_gen.Row], dict[str, list[Any]]]


def features_of(example: tf.train.Example) -> dict[str, list[Any]]:
    kinds = {name: item.WhichOneof("kind") for name, item in example.features.feature.items()}
    # A missing value has no kind: TFDV counts it as missing, and an empty list as there.
    return {
        name: list(getattr(example.features.feature[name], kind).value) if kind else [] for name, kind in kinds.items()
    }


def row(review: str | None, sentiment: str | None = "positive") -> dict[str, str | None]:
    return {"id": "7", "date": "2026-11-05", "review": review, "sentiment": sentiment}


@pytest.fixture(scope="module")
def measurer() -> Measurer:
    encoder = EncoderSettings()
    return Measurer(vocab_path(encoder), encoder.normalisation)


@pytest.fixture
def example_of(measurer: Measurer) -> ExampleOf:
    def make(made: example_gen.Row) -> dict[str, list[Any]]:
        (example,) = example_gen.to_examples([made], measurer)
        return features_of(example)

    return make


def test_a_row_becomes_an_example(example_of: ExampleOf) -> None:
    assert example_of(row("Is it fine? Olé<br />", "negative")) == {
        "id": [b"7"],
        "date": [b"2026-11-05"],
        "review": ["Is it fine? Olé<br />".encode()],
        "sentiment": [b"negative"],
        "label": [0],
        "length": [b"short"],
        "question": [b"yes"],
        "words": [5],
        "characters": [21],
        "tags": [1],
        "unknown_share": [0.0],
        "vocabulary": sorted({zlib.crc32(word.encode()) % 256 for word in ("is", "it", "fine", "olé")}),
    }


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513, 1100])
def test_rows_stay_in_order_over_the_batches_that_they_are_measured_in(count: int, measurer: Measurer) -> None:
    rows = [{**row("so " * (n % 7)), "id": str(n)} for n in range(1, count + 1)]
    made = [features_of(example) for example in example_gen.to_examples(rows, measurer)]
    assert [int(found["id"][0]) for found in made] == list(range(1, count + 1))
    assert [found["words"] for found in made] == [[n % 7] for n in range(1, count + 1)]


@pytest.mark.parametrize(("sentiment", "label"), [("positive", [1]), ("Positive", []), ("", []), (None, [])])
def test_only_a_known_sentiment_has_a_label(sentiment: str | None, label: list[int], example_of: ExampleOf) -> None:
    assert example_of(row("fine", sentiment))["label"] == label


@pytest.mark.parametrize("review", ["", None])
def test_an_empty_review_is_a_missing_one(review: str | None, example_of: ExampleOf) -> None:
    found = example_of(row(review))
    assert (found["review"], found["length"], found["question"]) == ([], [b"short"], [b"no"])
    assert (found["words"], found["characters"], found["unknown_share"], found["vocabulary"]) == ([0], [0], [0.0], [])


@pytest.mark.parametrize(
    ("count", "name"), [(1, b"short"), (20, b"short"), (21, b"medium"), (80, b"medium"), (81, b"long")]
)
def test_reviews_are_classed_by_their_number_of_words(count: int, name: bytes, example_of: ExampleOf) -> None:
    assert example_of(row("so " * count))["length"] == [name]


def test_the_vocabularys_settings_and_the_labels_reach_the_workers() -> None:
    encoder = EncoderSettings(vocab="some.txt", vocab_sha256="", lower_case=False, max_tokens=99)
    task = TaskSettings(labels=("ham", "spam"), positive="spam")
    sent = proto_utils.proto_to_json(example_gen.write_settings(encoder, task))
    read = EncoderSettings(vocab="some.txt", vocab_sha256="", lower_case=False)
    assert example_gen.read_settings(sent) == (read, task)


@pytest.fixture
def inferred() -> schema_pb2.Schema:
    """What TFX infers from data that is wrong: three labels, a third sentiment, reviews taken for categories."""
    schema = schema_pb2.Schema()
    schema.feature.add(name="label", type=schema_pb2.INT).int_domain.CopyFrom(schema_pb2.IntDomain(min=0, max=2))
    schema.feature.add(name="sentiment", type=schema_pb2.BYTES, domain="sentiment")
    schema.feature.add(name="review", type=schema_pb2.BYTES, domain="review")
    schema.feature.add(name="id", type=schema_pb2.BYTES)
    return schema


def test_a_tightened_schema_says_what_a_review_must_be(inferred: schema_pb2.Schema) -> None:
    found = {feature.name: feature for feature in schema_gen.tighten(inferred).feature}
    measures = ["words", "characters", "tags", "unknown_share"]
    assert list(found) == ["label", "sentiment", "review", "id", *measures, "vocabulary"]
    assert (found["label"].int_domain.min, found["label"].int_domain.max) == (0, 1)
    assert list(found["sentiment"].string_domain.value) == ["negative", "positive"]
    assert found["review"].WhichOneof("domain_info") is None
    present = {name: feature.presence.min_fraction for name, feature in found.items()}
    required = dict.fromkeys(["label", "sentiment", *measures], 1.0)
    assert present == {**required, "review": 0.99, "id": 0.0, "vocabulary": 0.0}
    assert (found["vocabulary"].int_domain.max, found["vocabulary"].int_domain.is_categorical) == (255, True)
    assert (found["unknown_share"].float_domain.min, found["unknown_share"].float_domain.max) == (0, 1)
    assert {(found[name].value_count.min, found[name].value_count.max) for name in present if present[name]} == {(1, 1)}


def test_tightening_leaves_the_inferred_schema_alone(inferred: schema_pb2.Schema) -> None:
    before = schema_pb2.Schema.FromString(inferred.SerializeToString())
    schema_gen.tighten(inferred)
    assert inferred == before


def test_features_that_the_data_lacked_are_required_too() -> None:
    found = {feature.name: feature.type for feature in schema_gen.tighten(schema_pb2.Schema()).feature}
    ints = dict.fromkeys(["label", "words", "characters", "tags", "vocabulary"], schema_pb2.INT)
    texts = dict.fromkeys(["sentiment", "review"], schema_pb2.BYTES)
    assert found == {**ints, **texts, "unknown_share": schema_pb2.FLOAT}


@pytest.fixture
def servable(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph", encoding="utf-8")
    (folder / "variables" / "data").write_text("weights", encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def hyperparameters(folder: Path, number: int, *, tuned: bool = False) -> standard_artifacts.HyperParameters:
    artifact = standard_artifacts.HyperParameters()
    artifact.id, artifact.uri = number, str(folder / f"best-{number}")
    if tuned:
        artifact.set_int_custom_property("tuned", 1)
    return artifact


def run_tuner(folder: Path, choice: str, previous: list[standard_artifacts.HyperParameters]) -> dict[str, Any]:
    """Run the executor; return the best hyperparameters."""
    results = standard_artifacts.TunerResults()
    results.uri = str(folder / "results")
    best = hyperparameters(folder, 99)
    outputs = {"best_hyperparameters": [best], "tuner_results": [results]}
    tuner.Executor().Do({"previous": previous}, outputs, {"tune": choice})
    assert not best.get_int_custom_property("tuned"), "values that are handed on do not count as found"
    (path,) = Path(best.uri).iterdir()
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return made


def test_without_a_search_the_previous_values_are_handed_on(tmp_path: Path) -> None:
    found = {"space": [], "values": {"learning_rate": 1e-5, "dropout": 0.2, "warmup_fraction": 0.1}}
    previous = hyperparameters(tmp_path, 4, tuned=True)
    Path(previous.uri).mkdir()
    Path(previous.uri, "best_hyperparameters.txt").write_text(json.dumps(found), encoding="utf-8")
    assert run_tuner(tmp_path, "no", [previous]) == found


def test_without_a_search_and_previous_values_none_are_given(tmp_path: Path) -> None:
    assert run_tuner(tmp_path, "no", []) == {"space": [], "values": {}}


@pytest.mark.parametrize("choice", ["", "No", "true"])
def test_other_choices_are_refused(tmp_path: Path, choice: str) -> None:
    with pytest.raises(SettingsError, match=rf"parameter tune is '{choice}'; allowed: no, yes\. Correct the run"):
        run_tuner(tmp_path, choice, [])
