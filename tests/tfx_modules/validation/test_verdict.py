"""From what was found to what it does."""

from dataclasses import replace

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from tfx_modules.settings.settings import ANOMALY_KINDS, Distances, Severity, ValidationSettings
from tfx_modules.validation import anomalies, comparison, verdict
from tfx_modules.validation.profile import EMPTY, Profile
from tfx_modules.validation.verdict import Anomaly

MISSING = Anomaly("FEATURE_TYPE_LOW_FRACTION_PRESENT", "label", "label missing in 12 of 900 rows")
STRANGE = Anomaly("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "sentiment", "sentiment: strange")


def day(negative: int, positive: int) -> Profile:
    return replace(EMPTY, rows=negative + positive, counts={**EMPTY.counts, "sentiment": (negative, positive, 0)})


def settings(**severity: Severity) -> ValidationSettings:
    return ValidationSettings(severity=severity)


@pytest.mark.parametrize(
    ("chosen", "blocked", "reason"),
    [
        (settings(), True, "blocked: label missing in 12 of 900 rows; sentiment: strange"),
        (settings(ENUM_TYPE_UNEXPECTED_STRING_VALUES=Severity.WARN), True, "blocked: label missing in 12 of 900 rows"),
        (settings(FEATURE_TYPE_LOW_FRACTION_PRESENT=Severity.IGNORE), True, "blocked: sentiment: strange"),
        (
            ValidationSettings(default_severity=Severity.WARN),
            False,
            "warned: label missing in 12 of 900 rows; sentiment: strange",
        ),
        (ValidationSettings(default_severity=Severity.IGNORE), False, ""),
    ],
)
def test_each_kind_does_what_its_severity_says(chosen: ValidationSettings, blocked: bool, reason: str) -> None:
    found = verdict.judge([MISSING, STRANGE], [], chosen)
    assert (found.is_blocked, found.reason) == (blocked, reason)
    assert len(found.findings) == 2, "what is ignored is in the report, too"


@pytest.mark.parametrize("kind", ANOMALY_KINDS)
def test_every_kind_can_be_ignored_and_blocks_otherwise(kind: str) -> None:
    anomaly = Anomaly(kind, "review", "something")
    assert verdict.judge([anomaly], [], ValidationSettings()).is_blocked
    assert not verdict.judge([anomaly], [], settings(**{kind: Severity.IGNORE})).is_blocked


@pytest.mark.parametrize(
    ("negative", "positive", "reason"),
    [
        (0, 120, "blocked: 0 of 120 reviews in the window are negative; 20 or more are needed"),
        (300, 19, "blocked: 19 of 319 reviews in the window are positive; 20 or more are needed"),
        (20, 20, ""),
    ],
)
def test_a_window_needs_reviews_of_both_classes(negative: int, positive: int, reason: str) -> None:
    chosen = ValidationSettings()
    found = verdict.judge(verdict.rare_classes(day(negative, positive), chosen), [], chosen)
    assert found.reason == (reason and f"{reason} (validation.minimum_class_rows)")


def test_how_many_of_a_class_are_too_few_is_a_setting() -> None:
    chosen = ValidationSettings(minimum_class_rows=1)
    assert not list(verdict.rare_classes(day(1, 500), chosen))
    assert [item.kind for item in verdict.rare_classes(day(0, 500), chosen)] == ["RARE_CLASS"]


def test_the_gravest_comes_first() -> None:
    found = verdict.judge([STRANGE, MISSING], [], settings(ENUM_TYPE_UNEXPECTED_STRING_VALUES=Severity.WARN))
    assert [finding.severity.value for finding in found.findings] == ["block", "warn"]


def test_without_anomalies_there_is_nothing_to_say() -> None:
    found = verdict.judge([], [], ValidationSettings())
    assert (found.is_blocked, found.reason) == (False, "")


def test_a_reason_is_one_line_of_bounded_length() -> None:
    found = verdict.judge([replace(MISSING, text="a\nb" + "c" * 1000)], [], ValidationSettings())
    assert found.reason.startswith("blocked: a bccc")
    assert found.reason.endswith(" ...")
    assert len(found.reason) < 320
    assert "\n" not in found.reason


DAYS = {"2026-11-03": day(1, 99), "2026-11-04": day(50, 50), "2026-11-05": day(0, 100)}


def drifted(days: dict[str, Profile], chosen: ValidationSettings, newest: str = "2026-11-05") -> str:
    made = comparison.drift(days, newest, chosen)
    return verdict.judge([], [made] if made else [], chosen).reason


def test_the_newest_day_is_compared_with_the_day_before() -> None:
    reason = drifted(DAYS, ValidationSettings())
    expected = "(Jensen-Shannon, 2026-11-05 against 2026-11-04; negative: 0% against 50%)"
    assert reason == f"blocked: sentiment drifted 0.31 > 0.09 {expected}"


def test_a_day_without_reviews_is_passed_over() -> None:
    assert "2026-11-05 against 2026-11-03" in drifted(
        {"2026-11-03": day(50, 50), "2026-11-05": day(0, 100)}, ValidationSettings()
    )


def test_reviews_without_a_date_are_no_day_before() -> None:
    assert drifted({"": day(50, 50), "2026-11-05": day(0, 100)}, ValidationSettings()) == ""


@pytest.mark.parametrize("days", [{"2026-11-05": day(0, 100)}, {"2026-11-04": day(0, 100)}])
def test_a_lonely_day_has_nothing_to_be_compared_with(days: dict[str, Profile]) -> None:
    assert comparison.drift(days, "2026-11-05", ValidationSettings()) is None


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (49, "warned: sentiment drifted .*; only 49 rows, so no more than a warning"),
        (50, "blocked: sentiment drifted .*"),
    ],
)
def test_a_small_day_only_warns(rows: int, reason: str) -> None:
    days = {"2026-11-04": day(500, 500), "2026-11-05": day(0, rows)}
    reason_found = drifted(days, ValidationSettings(drift=Distances(sentiment=0.0)))
    assert reason_found.startswith(reason.partition(" .*")[0])
    assert reason_found.endswith(reason.partition(".*")[2])


def test_a_distance_of_one_switches_a_comparison_off() -> None:
    assert drifted(DAYS, ValidationSettings(drift=Distances(sentiment=1.0))) == ""


def test_the_window_is_compared_with_the_champions() -> None:
    made = comparison.skew(DAYS, {"2026-10-01": day(900, 100), "2026-10-02": day(900, 100)}, ValidationSettings())
    assert made is not None
    assert (made.newer.name, made.older.name) == ("2026-11-03 to 2026-11-05", "2026-10-01 to 2026-10-02")
    reason = verdict.judge([], [made], ValidationSettings()).reason
    assert reason.startswith("blocked: sentiment differs from the champion's data, 0.4")


def test_without_a_champion_there_is_no_skew() -> None:
    assert comparison.skew(DAYS, {}, ValidationSettings()) is None


def split(name: str, kind: str, rows: int, present: int | None) -> anomalies.Split:
    """A split in which a feature has an anomaly; its statistics may lack it."""
    found = anomalies_pb2.Anomalies()
    info = found.anomaly_info["label"]
    info.reason.add(type=anomalies_pb2.AnomalyInfo.Type.Value(kind), description=f"Something is\nwrong in {name}.")
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=rows)
    if present is not None:
        feature = dataset.features.add()
        feature.path.step.append("label")
        feature.num_stats.common_stats.num_non_missing = present
    return anomalies.Split(name, found, statistics)


@pytest.mark.parametrize(
    ("present", "text"), [(295, "label missing in 5 of 900 rows"), (None, "label missing in 300 of 900 rows")]
)
def test_missing_values_are_counted_over_all_splits(present: int | None, text: str) -> None:
    kind = "FEATURE_TYPE_LOW_FRACTION_PRESENT"
    whole = replace(split("train", kind, 600, 600), anomalies=anomalies_pb2.Anomalies())
    assert anomalies.read([whole, split("eval", kind, 300, present)]) == [Anomaly(kind, "label", text)]


def test_other_anomalies_have_tfdvs_message_and_their_split() -> None:
    kind = "INT_TYPE_BIG_INT"
    (found,) = anomalies.read([split("train", kind, 600, 600), split("eval", kind, 300, 300)])
    expected = "label: Something is wrong in train (train); Something is wrong in eval (eval)"
    assert found == Anomaly(kind, "label", expected)


def test_each_reason_of_a_feature_is_an_anomaly_of_its_own_kind() -> None:
    made = split("train", "INT_TYPE_BIG_INT", 600, 590)
    made.anomalies.anomaly_info["label"].reason.add(type=anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_FRACTION_PRESENT)
    made.anomalies.dataset_anomaly_info.reason.add(
        type=anomalies_pb2.AnomalyInfo.DATASET_LOW_NUM_EXAMPLES, short_description="Few examples"
    )
    assert [(item.kind, item.text) for item in anomalies.read([made])] == [
        ("DATASET_LOW_NUM_EXAMPLES", "data: Few examples (train)"),
        ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "label missing in 10 of 600 rows"),
        ("INT_TYPE_BIG_INT", "label: Something is wrong in train (train)"),
    ]
