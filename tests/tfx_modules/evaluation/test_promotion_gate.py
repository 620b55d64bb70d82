"""The promotion gate with real models and real reviews; its reasons are one line with numbers."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.promotion.numbered import Method, Numbered, Numbers, export, reviews
from tfx_modules.data.review_set import ReviewSet, review_set
from tfx_modules.evaluation import promotion_gate
from tfx_modules.exceptions import ScoringError, UnusableModelError
from tfx_modules.promotion.exceptions import ChampionUnusableError
from tfx_modules.promotion.promoter import Champion, Judge
from tfx_modules.settings.gate import GateSettings, Promote
from tfx_modules.settings.task import PLACE, TaskSettings, to_json

VERSION = 2026110301
HOLDOUT = reviews(200)
SPLIT = reviews(200, "the eval split", start=1000)
GATE = GateSettings()

MakeModel = Callable[[Numbers], Path]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """A model that has some numbers wrong, made once."""
    folder, made = tmp_path_factory.mktemp("models"), dict[Numbers, Path]()

    def make(wrong: Numbers) -> Path:
        if wrong not in made:
            made[wrong] = export(folder / str(len(made)), wrong)
        return made[wrong]

    return make


def judge(model: Path, gate: GateSettings = GATE, sets: tuple[ReviewSet, ...] = (HOLDOUT, SPLIT)) -> Judge:
    return promotion_gate.make_judge(model, sets, gate)


def champion(folder: Path) -> Champion:
    return Champion(VERSION, folder)


def test_a_first_model_is_judged_by_the_floors_alone(model: MakeModel) -> None:
    found = judge(model((0, 20)))(None)
    assert found.passed
    assert found.reason == "accuracy 0.900 on sample-v1, 1.000 on the eval split, judged by the floors alone"
    assert [(one["name"], one["n"], one["accuracy"]) for one in found.metrics["sets"]] == [
        ("sample-v1", 200, 0.9),
        ("the eval split", 200, 1.0),
    ]


def test_a_candidate_that_is_no_different_is_promoted(model: MakeModel) -> None:
    found = judge(model((0, 20)))(champion(model((10, 36))))
    assert found.passed
    assert found.reason == (
        "accuracy 0.900 vs 0.870 of 2026110301 on sample-v1, no difference (p = 0.33); "
        "accuracy 1.000 vs 1.000 of 2026110301 on the eval split, no difference (p = 1)"
    )


def test_a_better_candidate_is_promoted_whatever_is_asked_for(model: MakeModel) -> None:
    gate = replace(GATE, promote=Promote.BETTER)
    found = judge(model((0, 5)), gate)(champion(model((0, 30))))
    assert found.passed
    assert found.reason.startswith(
        "accuracy 0.975 > 0.850 of 2026110301 on sample-v1, p < 0.001; accuracy 1.000 vs 1.000"
    )


def test_a_candidate_must_be_better_where_that_is_asked_for(model: MakeModel) -> None:
    gate = replace(GATE, promote=Promote.BETTER)
    found = judge(model((0, 20)), gate)(champion(model((10, 36))))
    assert not found.passed
    assert found.reason.endswith("on the eval split, no difference (p = 1); gate.promote is better")


@pytest.mark.parametrize("promote", Promote)
@pytest.mark.parametrize(
    ("wrong", "place"), [((0, 30), "sample-v1"), ((1000, 1030), "the eval split")], ids=["holdout", "eval split"]
)
def test_worse_on_either_is_blocked_and_the_line_is_about_that_one(
    model: MakeModel, wrong: Numbers, place: str, promote: Promote
) -> None:
    gate = replace(GATE, promote=promote)
    found = judge(model(wrong), gate)(champion(model((0, 0))))
    assert not found.passed
    assert found.reason == f"accuracy 0.850 < 1.000 of 2026110301 on {place}, p < 0.001"


def test_better_on_one_does_not_make_up_for_worse_on_the_other(model: MakeModel) -> None:
    found = judge(model((1000, 1030)))(champion(model((0, 30))))
    assert not found.passed
    assert [one["verdict"] for one in found.metrics["sets"]] == ["better", "worse"]


@pytest.mark.parametrize("promote", Promote)
def test_a_champion_of_other_labels_is_not_comparable_and_the_floors_decide(
    model: MakeModel, tmp_path: Path, promote: Promote
) -> None:
    other = tmp_path / "other"
    shutil.copytree(model((0, 0)), other)
    (other / "assets.extra").mkdir()
    (other / PLACE).write_text(to_json(TaskSettings(labels=("ham", "spam"), positive="spam")))
    reason = (
        "not comparable with 2026110301, which answers ham, spam (score of spam): this model answers negative, "
        "positive (score of positive)"
    )
    good = judge(model((0, 20)), replace(GATE, promote=promote))(champion(other))
    assert good.passed
    assert good.reason == (
        f"accuracy 0.900 on sample-v1, 1.000 on the eval split, judged by the floors alone; {reason}"
    )
    assert good.metrics["champion_labels"] == ["ham", "spam"]
    low = judge(model((0, 80)))(champion(other))
    assert not low.passed
    assert low.reason == f"accuracy 0.600 < 0.700, the floor, on sample-v1; {reason}"


def test_a_champion_whose_task_is_damaged_cannot_be_compared(model: MakeModel, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(model((0, 0)), other)
    (other / "assets.extra").mkdir()
    (other / PLACE).write_text("{}{")
    with pytest.raises(ChampionUnusableError, match=r"task\.json is no task of a model"):
        judge(model((0, 0)))(champion(other))


def test_the_level_decides_what_counts(model: MakeModel) -> None:
    candidate, other = model((0, 8)), champion(model((0, 1)))  # seven reviews against it: p = 2 / 2^7
    assert not judge(candidate, replace(GATE, level=0.05))(other).passed
    assert judge(candidate, replace(GATE, level=0.01))(other).passed


def test_without_a_holdout_every_line_is_about_the_eval_split(model: MakeModel) -> None:
    alone = judge(model((0, 0)), sets=(SPLIT,))
    assert alone(None).reason == "accuracy 1.000 on the eval split, judged by the floors alone"
    reason = alone(champion(model((0, 0)))).reason
    assert reason == "accuracy 1.000 vs 1.000 of 2026110301 on the eval split, no difference (p = 1)"


def test_the_floor_holds_on_the_holdout_too(model: MakeModel) -> None:
    for other in (None, champion(model((0, 90)))):
        found = judge(model((0, 80)))(other)
        assert not found.passed
        assert found.reason == "accuracy 0.600 < 0.700, the floor, on sample-v1"


def test_an_accuracy_equal_to_the_floor_is_good_enough(model: MakeModel) -> None:
    assert judge(model((0, 60)))(None).passed


def with_questions(count: int) -> ReviewSet:
    """Of 400 reviews the first few are questions."""
    rows = [(f"{('bad', 'good')[n % 2]} film {n}{'?' * (n < count)}", n % 2 == 1) for n in range(400)]
    return review_set("sample-v1", rows, "digest")


def test_a_slice_has_a_floor_of_its_own(model: MakeModel) -> None:
    found = judge(model((0, 40)), sets=(with_questions(60),))(None)
    assert not found.passed
    assert found.reason == "accuracy 0.333 < 0.500, the floor of slices, on sample-v1 where question=yes (60 reviews)"
    assert found.metrics["sets"][0]["slices"]["question=yes"] == {"n": 60, "accuracy": pytest.approx(1 / 3)}


def test_a_slice_of_few_reviews_has_none(model: MakeModel) -> None:
    few = with_questions(49)
    assert judge(model((0, 40)), sets=(few,))(None).passed
    assert not judge(model((0, 40)), replace(GATE, slice_minimum=49), (few,))(None).passed


def test_the_floor_of_slices_can_be_switched_off(model: MakeModel) -> None:
    assert judge(model((0, 40)), replace(GATE, slice_floor=0.0), (with_questions(60),))(None).passed


def test_the_slices_are_those_of_the_evaluator() -> None:
    mixed = review_set("own", [("so", True), ("so? " * 21, False), ("so " * 81, True)], "digest")
    found = {name: rows.tolist() for name, rows in mixed.slices().items()}
    assert found == {
        "label=negative": [False, True, False],
        "label=positive": [True, False, True],
        "length=long": [False, False, True],
        "length=medium": [False, True, False],
        "length=short": [True, False, False],
        "question=no": [True, False, True],
        "question=yes": [False, True, False],
    }


def test_metrics_are_json_with_all_that_the_line_comes_from(model: MakeModel) -> None:
    metrics = judge(model((0, 20)))(champion(model((10, 36)))).metrics
    assert json.loads(json.dumps(metrics)) == metrics
    assert (metrics["champion"], metrics["level"], metrics["promote"]) == (VERSION, 0.05, "not_worse")
    first = {name: value for name, value in metrics["sets"][0].items() if name != "slices"}
    assert first == {
        "name": "sample-v1",
        "sha256": "digest of sample-v1",
        "n": 200,
        "accuracy": 0.9,
        "auc": pytest.approx(0.9),
        "champion_accuracy": 0.87,
        "both": 164,
        "only_candidate": 16,
        "only_champion": 10,
        "neither": 10,
        "p": pytest.approx(0.3269, abs=1e-4),
        "verdict": "no difference",
    }


def test_the_candidate_is_scored_once_for_all_champions(tmp_path: Path, model: MakeModel) -> None:
    candidate = Path(shutil.copytree(model((0, 20)), tmp_path / "candidate"))
    asked = judge(candidate)
    first = asked(champion(model((10, 36))))
    shutil.rmtree(candidate)
    assert asked(champion(model((10, 36)))) == first
    assert asked(Champion(VERSION + 1, model((0, 0)))).reason.startswith("accuracy 0.900 < 1.000 of 2026110302")
    assert asked(None).passed


@pytest.mark.parametrize(
    ("signature", "method", "message"),
    [
        ("other", Numbered.texts, "it has the signatures other; needed: serving_default, from text to score"),
        ("serving_default", Numbered.other_output, "from text to score or scores. Train it anew"),
        ("serving_default", Numbered.refusing, "signature 'serving_default' rejects the input"),
        (
            "serving_default",
            Numbered.without_numbers,
            r"for 32 texts it gives score .*; allowed: a finite number for each",
        ),
    ],
)
def test_a_champion_that_cannot_be_scored_is_unusable(
    tmp_path: Path, model: MakeModel, signature: str, method: Method, message: str
) -> None:
    other = export(tmp_path / "other", signature=signature, method=method)
    with pytest.raises(ChampionUnusableError, match=message):
        judge(model((0, 20)))(champion(other))


def test_a_missing_or_damaged_champion_is_unusable(tmp_path: Path, model: MakeModel) -> None:
    damaged = Path(shutil.copytree(model((0, 0)), tmp_path / "damaged"))
    (damaged / "saved_model.pb").write_bytes(b"no graph")
    for folder in (tmp_path / "gone", damaged):
        with pytest.raises(ChampionUnusableError, match=f"the model cannot be scored: cannot load {folder}"):
            judge(model((0, 20)))(champion(folder))


def test_a_champion_that_the_disk_does_not_give_is_no_verdict(tmp_path: Path, model: MakeModel) -> None:
    unreadable = Path(shutil.copytree(model((0, 0)), tmp_path / "unreadable"))
    (unreadable / "variables" / "loop").symlink_to("loop")  # an error of the disk that root gets, too

    with pytest.raises(ScoringError, match=r"was not scored: .* Check the disk, and run again") as caught:
        judge(model((0, 20)))(champion(unreadable))
    assert not isinstance(caught.value, UnusableModelError)


def test_a_candidate_that_cannot_be_scored_is_no_champions_fault(tmp_path: Path, model: MakeModel) -> None:
    with pytest.raises(UnusableModelError, match="the model cannot be scored: cannot load"):
        judge(tmp_path / "gone")(champion(model((0, 0))))


def test_there_must_be_something_to_judge_it_on(model: MakeModel) -> None:
    with pytest.raises(ScoringError, match="there are no reviews to judge a candidate on"):
        judge(model((0, 0)), sets=())
    with pytest.raises(ScoringError, match="there are no labelled reviews in the eval split; one is needed at least"):
        judge(model((0, 0)), sets=(review_set("the eval split", [], "digest"),))(None)


def test_a_model_within_its_limits_breaks_none(model: MakeModel) -> None:
    folder = model((0, 0))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    gate = replace(GATE, max_bytes=size, max_latency_ms=25.0)
    assert promotion_gate.broken_limits(folder, gate, 0.025) == ()
    assert promotion_gate.broken_limits(folder, GATE, None) == ()


def test_a_model_that_is_too_large_or_too_slow_is_objected_to_with_numbers(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(bytes(2_000_000))
    gate = replace(GATE, max_bytes=1_999_999, max_latency_ms=25.0)
    assert promotion_gate.broken_limits(tmp_path, gate, 0.02502) == (
        "the model has 2,000,000 bytes > 1,999,999, its limit (gate.max_bytes)",
        "the server takes 25.02 ms > 25.00 ms for a review, its limit (gate.max_latency_ms)",
    )


def test_a_time_that_was_not_measured_is_an_objection_where_it_has_a_limit(tmp_path: Path) -> None:
    gate = replace(GATE, max_latency_ms=25.0)
    assert promotion_gate.broken_limits(tmp_path, gate, None) == (
        "InfraValidator measured no time for a review, and its limit is 25 ms",
    )
