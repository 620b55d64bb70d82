"""Curves over data dates: where points are, and what their intervals are."""

import datetime as dt
import math
import re
from typing import Any

import pytest
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.webui.models.curves import HEIGHT, NORMAL_95, WIDTH, curves_of, interval
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.api_server import login
from tests.plugins.models_pages import PAGE, see, text_of
from tests.plugins.promotions import event

DAY = dt.date(2026, 11, 1)


def verdict(day: int, accuracy: Any, kind: str = "promoted", n: Any = 400) -> PromotionEvent:
    sets = [{"name": "sample-v1", "n": n, "accuracy": accuracy}]
    return event(position=day, kind=kind, data_date=str(DAY + dt.timedelta(days=day)), metrics={"sets": sets})


@given(st.floats(0.01, 0.99), st.integers(1, 25_000))
def test_the_ends_of_the_interval_are_as_far_as_wilson_has_them(accuracy: float, n: int) -> None:
    """At each end p, the accuracy is 1.96 standard deviations of a share p away."""
    for end in interval(accuracy, n):
        assert abs(accuracy - end) == pytest.approx(NORMAL_95 * math.sqrt(end * (1 - end) / n), rel=1e-6)


def test_the_interval_stays_within_0_and_1() -> None:
    assert interval(1.0, 10)[1] == pytest.approx(1.0)
    assert interval(0.0, 10)[0] == pytest.approx(0.0)


def test_the_points_are_in_the_order_of_their_dates_and_the_line_joins_those_that_went_into_service() -> None:
    (curve,) = curves_of([verdict(2, 0.92), verdict(1, 0.5, "blocked"), verdict(0, 0.9)])
    assert [point.event.position for point in curve.points] == [0, 1, 2]
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
    (curve,) = curves_of([verdict(day, accuracy, n=n) for day, accuracy, n in found])
    numbers = [float(text) for text in re.findall(r"[\d.]+", curve.line + curve.band)]
    assert all(0 <= number <= WIDTH for number in numbers)
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in curve.points)
    assert all(0 <= y <= HEIGHT for y, _ in curve.ticks)
    assert 2 <= len(curve.ticks) <= 8


@pytest.mark.parametrize("accuracy", [None, "0.9", 1.5, -1, True])
def test_what_is_no_accuracy_is_left_out(accuracy: Any) -> None:
    assert curves_of([verdict(0, accuracy)]) == ()


@pytest.mark.slow
def test_the_page_has_a_curve_and_a_table_for_each_set_of_reviews(client: TestClient) -> None:
    html = see(client, "curves?days=30")
    text = text_of(html)
    assert html.count("<svg") == 2
    assert "sample-v1" in text
    assert "the eval split" in text
    assert "2026-11-05 promoted 2026110501 0.930 0.901 to 0.951 400" in text
    links = re.findall(r'<a data-airflow href="([^"]*)"><path class="dot', html)
    assert links[-1] == "../../dags/bert_sentiment/runs/scheduled__2026-11-06T00%3A00%3A00%2B00%3A00"
    assert 20 < len(links) / 2 <= 30
    assert "30 days" in text
    assert 'href="curves"' in see(client)


@pytest.mark.slow
@pytest.mark.parametrize(("days", "code"), [("0", 422), ("x", 422), ("365", 200)])
def test_the_days_are_bounded(client: TestClient, days: str, code: int) -> None:
    assert client.get(f"{PAGE}curves?days={days}", headers=login("viewer")).status_code == code
    assert client.get(f"{PAGE}curves?days={days}").status_code in (401, 422)
