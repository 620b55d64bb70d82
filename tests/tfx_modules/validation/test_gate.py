"""The gate as a run meets it: the data nodes of the pipeline, on days of the sample feed and on days gone wrong."""

import json
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_transform as tft

from tests.tfx_modules.validation.data_nodes import NODES, DataNodes, Row, page_of, sample_day
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.settings.settings import Severity, ValidationSettings

DAYS = ("2026-11-03", "2026-11-04", "2026-11-05")
NEWEST = DAYS[-1]
GERMAN = (
    "der film erzählt eine ruhige geschichte von zwei geschwistern am meer und die bilder sind so schön dass man gerne "
    "länger bleiben möchte obwohl das ende etwas überhastet wirkt und musik ton schnitt sowie kamera nicht immer "
    "zusammen passen trotzdem habe ich gelacht geweint gestaunt"
)

Window = dict[str, list[Row]]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> DataNodes:
    return DataNodes(tmp_path_factory.mktemp("nodes"))


@pytest.fixture
def window() -> Window:
    return {day: sample_day(day) for day in DAYS}


def german(row: Row) -> str:
    """As many words as the review has, of another language."""
    words = GERMAN.split()
    start, count = int(row["id"][2:]), len(row["review"].split())
    return " ".join(words[(start + 7 * n) % len(words)] for n in range(count))


def with_newest(window: Mapping[str, Sequence[Row]], rows: list[Row]) -> Window:
    return {**{day: list(found) for day, found in window.items()}, NEWEST: rows}


def test_good_days_pass_and_leave_a_page(nodes: DataNodes, window: Window) -> None:
    outcome = nodes.run(window, ValidationSettings(), "good")

    assert (outcome.state, outcome.reason) == (NodeState.COMPLETE, "")
    page = page_of(outcome)
    assert "&#10004; Passed" in page
    assert "none yet; skew was not checked" in page
    assert page.count("<svg") == 7
    (anomalies,) = outcome.outputs["anomalies"]
    distances = json.loads(anomalies.properties["distances"])
    assert distances.keys() == {"drift"}
    assert {"sentiment", "words", "vocabulary"} <= distances["drift"].keys()
    assert all(0 <= found["value"] <= found["limit"] <= 1 for found in distances["drift"].values())


def test_the_measures_stay_out_of_the_model(nodes: DataNodes, window: Window) -> None:
    outcome = nodes.run(window, ValidationSettings(), "transformed", nodes=(*NODES[:3], "Transform"))

    (graph,) = outcome.outputs["transform_graph"]
    output = tft.TFTransformOutput(graph.uri)
    assert set(output.transformed_feature_spec()) == {"input_ids", "label"}
    assert {"words", "tags", "unknown_share", "vocabulary"} <= set(output.raw_feature_spec())
    texts = tf.constant(["A fine film.", ""])
    row = {"review": tf.sparse.from_dense(texts[:, tf.newaxis])}
    assert output.transform_raw_features(row)["input_ids"].shape == (2, 128), "a review alone is enough"


def test_a_window_of_one_class_blocks(nodes: DataNodes, window: Window) -> None:
    positive = {day: [row for row in rows if row["sentiment"] == "positive"] for day, rows in window.items()}
    count = sum(map(len, positive.values()))

    outcome = nodes.run(positive, ValidationSettings(), "one-class")

    assert outcome.state is NodeState.BLOCKED
    assert outcome.reason == (
        f"blocked: 0 of {count} reviews in the window are negative; 20 or more are needed "
        "(validation.minimum_class_rows)"
    )


def test_a_day_in_another_language_blocks(nodes: DataNodes, window: Window) -> None:
    rows = [{**row, "review": german(row)} for row in window[NEWEST]]

    outcome = nodes.run(with_newest(window, rows), ValidationSettings(), "german")

    assert outcome.state is NodeState.BLOCKED
    expected = rf"vocabulary drifted 0\.\d\d > 0\.0\d \(Jensen-Shannon, {NEWEST} against {DAYS[1]}\)"
    assert re.fullmatch(rf"blocked: (.*; )?{expected}", outcome.reason)
    assert "words drifted" not in outcome.reason, "there are as many words as before"
    assert "&#10006; Blocked" in page_of(outcome)


def test_a_day_of_one_sentiment_blocks_and_a_model_in_service_is_compared_with(
    nodes: DataNodes, window: Window
) -> None:
    german_day = [{**row, "review": german(row)} for row in window[NEWEST]]
    nodes.run({NEWEST: german_day}, ValidationSettings(), "champions")
    nodes.push("champions")
    rows = [{**row, "sentiment": "positive"} for row in window[NEWEST]]

    outcome = nodes.run(with_newest(window, rows), ValidationSettings(severity={"SKEW": Severity.WARN}), "positive")

    # The champion's words are German, but that only warns here.
    day = f"{NEWEST} against {DAYS[1]}"
    shares = r"(?:negative: 0|positive: 100)% against \d\d%"
    expected = rf"sentiment drifted 0\.3\d > 0\.0\d \(Jensen-Shannon, {day}; {shares}\)"
    assert re.fullmatch(f"blocked: {expected}", outcome.reason)
    page = page_of(outcome)
    assert re.search(r"&#9650; warns.*vocabulary differs from the champion&#x27;s data, 0\.\d\d &gt; 0\.\d\d", page)
    assert f"trained on {NEWEST}, 1 day, {len(german_day)} reviews" in page


@pytest.mark.parametrize(
    ("severity", "state", "reason"),
    [
        ({"SKEW": Severity.IGNORE, "DRIFT": Severity.IGNORE}, NodeState.COMPLETE, r""),
        ({"SKEW": Severity.IGNORE, "DRIFT": Severity.WARN}, NodeState.COMPLETE, r"warned: sentiment drifted .*"),
        (
            {"SKEW": Severity.BLOCK, "DRIFT": Severity.IGNORE},
            NodeState.BLOCKED,
            r"blocked: .*vocabulary differs from the champion's .*",
        ),
        ({}, NodeState.BLOCKED, r"blocked: sentiment drifted .*; vocabulary differs from .*"),
    ],
)
def test_the_severity_is_a_setting(
    nodes: DataNodes, window: Window, severity: dict[str, Severity], state: NodeState, reason: str
) -> None:
    rows = [{**row, "sentiment": "positive"} for row in window[NEWEST]]

    run_id = "-".join(["severity", *(one.value for one in severity.values())])
    outcome = nodes.run(with_newest(window, rows), ValidationSettings(severity=severity), run_id)

    assert outcome.state is state
    assert re.fullmatch(reason, outcome.reason)


def test_a_day_of_markup_and_bad_labels_blocks_with_numbers_and_the_page_escapes_what_it_quotes(
    nodes: DataNodes, window: Window
) -> None:
    rows = [{**row, "review": f"<p>{row['review']}</p><br />"} for row in window[NEWEST]]
    rows[0]["sentiment"], rows[1]["sentiment"] = "<script>alert(1)</script>", ""

    outcome = nodes.run(with_newest(window, rows), ValidationSettings(), "markup")

    assert outcome.state is NodeState.BLOCKED
    every = sum(map(len, window.values()))
    assert f"blocked: label missing in 2 of {every:,} rows; sentiment: " in outcome.reason
    assert "<script>alert(1)</script>" in outcome.reason
    assert f"sentiment missing in 1 of {every:,} rows" in outcome.reason
    assert re.search(
        r"tags drifted (?:0\.9\d|1\.00) > 0\.\d\d "
        rf"\(Jensen-Shannon, {NEWEST} against {DAYS[1]}; 0: 0% against \d\d%\)",
        outcome.reason,
    )
    page = page_of(outcome)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert loaded(page) == []


class _Loads(HTMLParser):
    """Collects whatever a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {value}" for name, value in attrs if name in ("src", "href") and value]
        self.found += [tag for tag in [tag] if tag in ("script", "link", "iframe", "img", "object")]


def loaded(page: str) -> list[str]:
    parser = _Loads()
    parser.feed(page)
    assert not re.search(r"@import|url\((?!#)", page)
    return parser.found


def test_the_same_reviews_make_the_same_page(nodes: DataNodes, window: Window, tmp_path: Path) -> None:
    first = nodes.run(window, ValidationSettings(severity={"SKEW": Severity.IGNORE}), "page-1")
    again: Outcome = DataNodes(tmp_path).run(window, ValidationSettings(), "page-2")

    def distances(page: str) -> list[str]:
        return re.findall(r">Against the day before</div></td>.*?</tr>", page)

    assert distances(page_of(first)) == distances(page_of(again))
    assert len(distances(page_of(again))) == 6
