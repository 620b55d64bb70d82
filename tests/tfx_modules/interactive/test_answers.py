"""The notebook shows what the model server answered: of a text with any number of labels, all of them."""

import re

from tfx_modules.interactive import figures, tables
from tfx_modules.reports.evaluation import ModelResult, SliceResult
from tfx_modules.serving.client.specs import Prediction

BINARY = [Prediction("a fine film", {"label": "positive", "score": 0.75})]
LABELS = ["billing", "fault", "order"]
SETS = [
    Prediction("late and broken", {"labels": LABELS, "scores": [0.1, 0.75, 0.5], "chosen": [False, True, True]}),
    Prediction("hello", {"labels": LABELS, "scores": [0.1, 0.25, 0.125], "chosen": [False, False, False]}),
]


def cells(html: str) -> list[str]:
    return re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", html)


def test_a_text_with_one_label_has_it_and_its_score() -> None:
    assert cells(tables.predictions(BINARY).to_html()) == ["label", "score", "text", "positive", "0.750", "a fine film"]
    (axes,) = figures.scores(BINARY).axes
    assert [text.get_text() for text in axes.texts] == ["positive 0.750"]


def test_a_text_with_any_number_of_labels_has_all_of_them_and_their_scores() -> None:
    head = ["labels", *(f"score of {label}" for label in LABELS), "text"]
    first = ["fault, order", "0.100", "0.750", "0.500", "late and broken"]
    assert cells(tables.predictions(SETS).to_html()) == [*head, *first, "none", "0.100", "0.250", "0.125", "hello"]
    (axes,) = figures.scores(SETS).axes
    shown = {text.get_text(): bar.get_facecolor() for text, bar in zip(axes.texts, axes.patches, strict=True)}
    assert list(shown) == [
        *("billing 0.100", "fault 0.250", "order 0.125"),
        *("billing 0.100", "fault 0.750", "order 0.500")[1:],
    ], "the first text is on top"
    has, lacks = shown["fault 0.750"], shown["fault 0.250"]
    assert shown["order 0.500"] == has != lacks == shown["order 0.125"]


def test_slices_of_label_sets_are_shown_by_their_exact_match() -> None:
    found = [
        SliceResult("all examples", candidate=ModelResult({"examples": 4.0, "exact match": 0.75})),
        SliceResult("sentiment = fault", True, ModelResult({"examples": 2.0, "exact match": 0.5})),
    ]
    assert "exact match" in cells(tables.metrics(found).to_html())
    (axes,) = figures.accuracy_by_slice(found).axes
    assert axes.get_title() == "Exact match by slice (number of reviews)"
    assert [text.get_text() for text in axes.texts] == ["0.500", "0.750"]
