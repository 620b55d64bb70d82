"""The examples that a model gets wrong, on its evaluation report and its model card, and on neither by default."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.evaluation.test_scoring import write
from tests.tfx_modules.promotion.numbered import export
from tests.tfx_modules.reports.made_up import Made, record
from tests.tfx_modules.reports.test_card import card_of, pusher, write_card
from tests.tfx_modules.reports.test_evaluator import ALL, with_config, written
from tfx_modules.data.review_set import review_set
from tfx_modules.evaluation.eval_config import eval_config
from tfx_modules.evaluation.mcnemar import Scores
from tfx_modules.reports import evaluator
from tfx_modules.reports.node_record import NodeRecord
from tfx_modules.reports.wrong_examples import LONGEST, TITLE, surest
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.task import TaskKind, TaskSettings

HOSTILE = "good film 3 <script>alert()</script> \N{RIGHT-TO-LEFT OVERRIDE}<!--end of the texts-->"
EVALUATOR = "tfx.components.evaluator.component.Evaluator"

SETS = TaskSettings(kind=TaskKind.MULTILABEL, labels=("a", "b", "c"))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> NodeRecord:
    """What Evaluator had: a model that has 3 of 20 reviews wrong, one of them hostile and one long."""
    place = tmp_path_factory.mktemp("evaluated")
    export(place / "model" / "Format-Serving", wrong=(3, 6))
    texts = [f"{('bad', 'good')[n % 2]} film {n}" for n in range(20)]
    texts[3], texts[4] = HOSTILE, f"bad film 4 {'long ' * 200}"
    write(place / "examples", [[(text, n % 2) for n, text in enumerate(texts)]])
    evaluation = place / "evaluation"
    evaluation.mkdir()
    with_config(evaluation, eval_config(GateSettings()))
    inputs = {"model": Made(str(place / "model")), "examples": Made(str(place / "examples"))}
    return record({"evaluation": Made(written(evaluation, (ALL,)))}, inputs)


def test_by_default_no_report_has_a_text(evaluated: NodeRecord) -> None:
    made = evaluator.render(evaluated)
    assert TITLE not in made
    assert "film" not in made


def test_the_report_has_as_many_as_the_setting_says_with_label_answer_and_slices(evaluated: NodeRecord) -> None:
    made = evaluator.render(replace(evaluated, shown_errors=2))
    assert "wrong about 3 of 20 examples that were scored as they are served. The 2 that it is surest of" in made
    assert made.count('<bdi dir="auto">') == 2
    row = made[made.index('<bdi dir="auto">') :].partition("</tr>")[0]
    assert 'data-label="probability of the answer" class="number"><div>0.900</div>' in row
    assert "length = " in row
    assert "label = " not in row


def test_texts_are_hostile_input(evaluated: NodeRecord) -> None:
    made = evaluator.render(replace(evaluated, shown_errors=20))
    assert made.count('<bdi dir="auto">') == 3
    assert "&lt;script&gt;alert()&lt;/script&gt; \N{REPLACEMENT CHARACTER}&lt;!--end of the texts--&gt;</bdi>" in made
    assert "<script" not in made
    assert "\N{HORIZONTAL ELLIPSIS}</bdi>" in made
    assert "long " * (LONGEST // 5 + 1) not in made


def test_examples_that_cannot_be_scored_cost_nothing_else(evaluated: NodeRecord, tmp_path: Path) -> None:
    lost = replace(evaluated, shown_errors=2, inputs={**evaluated.inputs, "examples": (Made(str(tmp_path)),)})
    made = evaluator.render(lost)
    assert "They are not known: " in made
    assert "has no files of the split eval" in made
    assert "<h2>Metrics</h2>" in made


@pytest.mark.parametrize(("shown", "count"), [(0, 0), (5, 3)])
def test_the_model_card_has_texts_only_where_the_setting_is_on_when_it_is_written(
    evaluated: NodeRecord, tmp_path: Path, shown: int, count: int
) -> None:
    """The report may be from the cache, of a time when the setting was on."""
    report = evaluated.folder("evaluation") / "report.html"
    report.write_text(evaluator.render(replace(evaluated, shown_errors=20)), encoding="utf-8")
    write_card(replace(pusher(tmp_path), shown_errors=shown), {EVALUATOR: evaluated})
    card = card_of(tmp_path).read_text(encoding="utf-8")
    report.unlink()
    assert card.count('<bdi dir="auto">') == count
    assert ("film" in card) == (count > 0)
    assert "Not judged</strong> <span>The evaluation has no thresholds." in card, "the result is there, too"
    assert "<section>why it is in service</section>" in card, "what follows is there"


THREE = TaskSettings(kind=TaskKind.MULTICLASS, labels=("a", "b", "c"))
PROBABILITIES = st.floats(0, 1, width=32)


@given(
    st.lists(st.tuples(st.booleans(), PROBABILITIES), min_size=1, max_size=30),
    st.integers(1, 10),
)
def test_those_that_it_is_surest_of_are_first(rows: list[tuple[bool, float]], most: int) -> None:
    reviews = review_set("made up", [(str(n), int(label)) for n, (label, _) in enumerate(rows)], "")
    found = surest(reviews, Scores("made up", reviews.labels, np.array([p for _, p in rows], np.float32)), most)
    wrong = [n for n, (label, p) in enumerate(rows) if label != (p >= 0.5)]
    assert len(found) == min(most, len(wrong))
    assert {int(one.text) for one in found} <= set(wrong)
    given_ = [one.probability for one in found]
    assert given_ == sorted(given_, reverse=True)
    left = [max(p, 1 - p) for n, (_, p) in enumerate(rows) if n in wrong and str(n) not in {one.text for one in found}]
    assert not found or all(p <= given_[-1] + 1e-6 for p in left)
    assert all(one.label != one.answer for one in found)


def test_of_several_labels_the_answer_is_the_likeliest() -> None:
    reviews = review_set("made up", [("one", 0), ("two", 1), ("three", 2)], "", THREE)
    scores = Scores("made up", reviews.labels, np.array([[0.1, 0.5, 0.4], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]]))
    found = surest(reviews, scores, 5)
    assert [(one.text, one.label, one.answer, one.probability) for one in found] == [
        ("three", "c", "a", 0.9),
        ("one", "a", "b", 0.5),
    ]


def test_of_label_sets_the_surest_is_the_one_with_the_surest_wrong_label() -> None:
    reviews = review_set("made up", [("one", (1, 0, 0)), ("two", (0, 0, 0)), ("three", (1, 1, 0))], "", SETS)
    scores = Scores("made up", reviews.labels, np.array([[0.9, 0.7, 0.1], [0.1, 0.2, 0.3], [0.2, 0.05, 0.9]]))
    found = surest(reviews, scores, 5)
    assert [(one.text, one.label, one.answer) for one in found] == [("three", "a, b", "c"), ("one", "a", "a, b")]
    assert [one.probability for one in found] == pytest.approx([0.95, 0.7])
    assert surest(reviews, Scores("made up", reviews.labels, np.zeros((3, 3))), 5)[0].answer == "none"
