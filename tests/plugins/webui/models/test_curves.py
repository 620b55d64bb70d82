"""Curves over data dates: where points are, and what their intervals are."""

import datetime as dt
import math
import re
from typing import Any

import pytest
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.webui.models.curves.layout import HEIGHT, WIDTH, Curve, curves_of
from airflow_bert_service.webui.models.curves.series import MOST_SERIES, NORMAL_95, Topic, interval, series_of
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plugins.api_server import login
from tests.plugins.models_pages import PAGE, see, text_of
from tests.plugins.promotions import event

DAY = dt.date(2026, 11, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def of_day(day: int, metrics: Any, kind: str = "promoted") -> PromotionEvent:
    return event(position=day, kind=kind, data_date=str(DAY + dt.timedelta(days=day)), metrics=metrics)


def verdict(day: int, accuracy: Any, kind: str = "promoted", n: Any = 400) -> PromotionEvent:
    return of_day(day, {"sets": [{"name": "sample-v1", "n": n, "accuracy": accuracy}]}, kind)


def drawn(*events: PromotionEvent, topic: Topic = Topic.ACCURACY) -> tuple[Curve, ...]:
    return curves_of(series_of(topic, events))


@given(st.floats(0.01, 0.99), st.integers(1, 25_000))
def test_the_ends_of_the_interval_are_as_far_as_wilson_has_them(accuracy: float, n: int) -> None:
    """At each end p, the accuracy is 1.96 standard deviations of a share p away."""
    for end in interval(accuracy, n):
        assert abs(accuracy - end) == pytest.approx(NORMAL_95 * math.sqrt(end * (1 - end) / n), rel=1e-6)


def test_the_interval_stays_within_0_and_1() -> None:
    assert interval(1.0, 10)[1] == pytest.approx(1.0)
    assert interval(0.0, 10)[0] == pytest.approx(0.0)


def test_the_points_are_in_the_order_of_their_dates_and_the_line_joins_those_that_went_into_service() -> None:
    (curve,) = drawn(verdict(2, 0.92), verdict(1, 0.5, "blocked"), verdict(0, 0.9))
    assert [point.measured.event.position for point in curve.points] == [0, 1, 2]
    assert [point.x for point in curve.points] == sorted(point.x for point in curve.points)
    blocked = curve.points[1]
    assert blocked.y == max(point.y for point in curve.points), "the worst one is lowest"
    assert curve.line == "M{} {}L{} {}".format(*(f"{v:g}" for p in curve.points[::2] for v in (p.x, p.y)))
    assert curve.band.endswith("z")
    assert (curve.first, curve.last) == (DAY, DAY + dt.timedelta(days=2))


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.floats(0, 1), st.sampled_from([None, 0, 1, 400, 25_000])),
        min_size=1,
        max_size=20,
    )
)
def test_whatever_was_measured_is_inside_of_the_drawing(found: list[tuple[int, float, int | None]]) -> None:
    (curve,) = drawn(*(verdict(day, accuracy, n=n) for day, accuracy, n in found))
    numbers = [float(text) for text in re.findall(r"[\d.]+", curve.line + curve.band)]
    assert all(0 <= number <= WIDTH for number in numbers)
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in curve.points)
    assert all(0 <= y <= HEIGHT for y, _ in curve.ticks)
    assert 2 <= len(curve.ticks) <= 8


@pytest.mark.parametrize("accuracy", [None, "0.9", 1.5, -1, True])
def test_what_is_no_accuracy_is_left_out(accuracy: Any) -> None:
    assert drawn(verdict(0, accuracy)) == ()


def test_size_speed_rejected_rows_drift_and_skew_have_their_units_and_limits() -> None:
    far = {"words": {"value": 0.04, "limit": 0.1}, "unknown_share": {"value": 0.2, "limit": 1.0}}
    measured = {
        "bytes": 91_000_000,
        "latency_ms": 12.34,
        "training_seconds": 900,
        "rows": {"used": 97, "rejected": 3},
        "distances": {"drift": far, "skew": {"tags": {"value": 0.5, "limit": 0.2}}},
    }
    told = {
        curve.series.name: (curve.series.unit.text(curve.points[-1].measured.value), bool(curve.limit))
        for topic in (Topic.MODEL, Topic.DATA, Topic.SKEW)
        for curve in drawn(of_day(0, {}), of_day(1, measured), topic=topic)
    }
    assert told == {
        "Size": ("91.0 MB", False),
        "Time for a review": ("12.3 ms", False),
        "Time of training": ("15.0 min", False),
        "Rejected rows": ("3.00 %", False),
        "Drift of words": ("0.0400", True),
        "Drift of unknown share": ("0.2000", False),  # a limit that every value passes
        "Skew of tags": ("0.5000", True),
    }


def test_the_line_of_limits_has_a_gap_where_there_is_none() -> None:
    limits = [0.1, 0.2, None, 0.1, 0.1]
    events = [
        of_day(day, {"distances": {"skew": {"tags": {"value": 0.05, "limit": limit}}}})
        for day, limit in enumerate(limits)
    ]
    (curve,) = drawn(*events, topic=Topic.SKEW)
    assert re.findall("[ML]", curve.limit) == ["M", "L", "M", "L"]


def test_all_curves_of_a_topic_are_over_the_same_dates() -> None:
    size, latency = drawn(of_day(0, {"bytes": 1}), of_day(9, {"bytes": 2, "latency_ms": 3}), topic=Topic.MODEL)
    assert (latency.first, latency.last) == (size.first, size.last) == (DAY, DAY + dt.timedelta(days=9))
    assert latency.points[0].x == size.points[1].x


def test_a_curve_is_told_in_words() -> None:
    (curve,) = drawn(verdict(0, 0.9), verdict(1, 0.5, "blocked"), verdict(2, 0.92))
    assert curve.summary == (
        "sample-v1 from 2026-11-01 to 2026-11-03: 3 candidates, least 0.500, greatest 0.920, newest 0.920"
    )


@settings(max_examples=40)
@given(st.sampled_from(Topic), st.lists(JSON, max_size=4), st.lists(st.floats(0, 1e15), max_size=4))
def test_whatever_json_the_ledger_has_is_drawn_or_left_out(topic: Topic, odd: list[Any], sizes: list[float]) -> None:
    found = [{"sets": one, "bytes": one, "rows": one, "distances": {"drift": one, "skew": one}} for one in odd]
    for curve in drawn(*map(of_day, range(8), [*found, *({"bytes": size} for size in sizes)]), topic=topic):
        assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in curve.points)
        assert 2 <= len(curve.ticks) <= 8
        assert curve.summary


def test_a_page_has_so_many_curves_and_no_more() -> None:
    features = {f"feature {number}": {"value": 0.1, "limit": 0.2} for number in range(99)}
    assert len(drawn(of_day(0, {"distances": {"skew": features}}), topic=Topic.SKEW)) == MOST_SERIES


@pytest.mark.slow
def test_the_page_has_a_curve_and_a_table_for_each_set_of_reviews(client: TestClient) -> None:
    html = see(client, "curves?days=30")
    text = text_of(html)
    assert html.count("<svg") == 2
    assert "sample-v1" in text
    assert "the eval split" in text
    assert "2026-11-05 promoted 2026110501 0.930 0.901 to 0.951 400 run" in text
    links = re.findall(r'<a tabindex="-1" data-airflow href="([^"]*)">', html)
    assert links[-1] == "../../dags/bert_sentiment/runs/scheduled__2026-11-06T00%3A00%3A00%2B00%3A00"
    assert 20 < len(links) / 2 <= 30
    assert "30 days" in text
    assert 'href="curves?of=model"' in see(client)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("topic", "count", "told"),
    [
        ("model", 3, "2026-11-05 promoted 2026110501 12.3 ms run"),
        ("data", 7, "Drift of unknown share"),
        ("skew", 6, "the greatest distance that passes"),
    ],
)
def test_the_other_topics_have_pages(client: TestClient, topic: str, count: int, told: str) -> None:
    html = see(client, f"curves?of={topic}&days=30")
    assert html.count("<svg") == html.count("<table>") == count
    assert told in text_of(html)


@pytest.mark.slow
@pytest.mark.parametrize(("days", "code"), [("0", 422), ("x", 422), ("9&of=x", 422), ("365", 200)])
def test_the_days_are_bounded(client: TestClient, days: str, code: int) -> None:
    assert client.get(f"{PAGE}curves?days={days}", headers=login("viewer")).status_code == code
    assert client.get(f"{PAGE}curves?days={days}").status_code in (401, 422)
