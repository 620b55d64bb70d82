"""The task that fetches the reviews that a run trains on."""

import datetime as dt
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType
from airflow_bert_service.dag.parameters import run_parameters
from airflow_bert_service.exceptions import MissingDayError
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, Task
from airflow_bert_service.pipeline.version import PipelineVersion
from airflow_bert_service.runs.annotations import FAILURE
from airflow_bert_service.settings.row_rules import RowRules, read_labels
from airflow_bert_service.settings.settings import Settings, settings_from

from tests.plugins.tries import MadeUpTry

UTC = dt.timezone.utc
FIRST_DAY = dt.date(2026, 10, 16)
DAYS = 24
WINDOW = [*(f"10-{day}" for day in range(23, 32)), *(f"11-0{day}" for day in range(1, 6))]
"""The days of the window that ends on 2026-11-05."""
HOLDOUT = "review,sentiment\nHeld out.,positive\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a project with a sample feed of two reviews a day up to 2026-11-08, and no more than that."""
    feed = tmp_path / "data" / "sample_reviews.csv"
    feed.parent.mkdir()
    days = [FIRST_DAY + dt.timedelta(days=offset) for offset in range(DAYS)]
    rows = [f"{day}-{n},{day},Film {n}.,{('negative', 'positive')[n]}" for day in days for n in (0, 1)]
    feed.write_text("\n".join(["id,date,review,sentiment", *rows]) + "\n")
    (tmp_path / "data" / "holdout").mkdir()
    (tmp_path / "data" / "holdout" / "sample-v1.csv").write_text(HOLDOUT)
    return settings_from({"root": str(tmp_path), "last_day": "2026-11-08"})


TRY = MadeUpTry("refresh_data")


def context(
    run_type: str = "manual",
    *,
    day: str | None = None,
    param: object = None,
    conf: dict[str, object] | None = None,
) -> Any:
    """What a task is given of its run. A run that is not for a day was triggered on the 6th, at half past nine."""
    moment = dt.datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
    run = SimpleNamespace(
        run_type=DagRunType(run_type),
        run_after=dt.datetime(2026, 11, 6, 9, 30, tzinfo=UTC),
        logical_date=moment,
        data_interval_start=moment,
        conf=conf,
    )
    return {
        "dag": DAG("bert_sentiment", params=run_parameters("2026-10-16 to 2026-11-08")),
        "dag_run": run,
        "params": {"data_date": param},
        "ti": TRY,
    }


def refresh(settings: Settings, given: Any, task: Task = BINARY_SENTIMENT) -> dict[str, Any]:
    return DataRefreshOperator(task_id="refresh_data", settings=settings, task=task).execute(given)


def days_on_disk(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.spans.glob("*-*-*"))


def test_what_the_task_returns(settings: Settings) -> None:
    assert refresh(settings, context(day="2026-11-05")) == {
        "data_date": "2026-11-05",
        "first_day": "2026-10-23",
        "days": 14,
        "rows": 28,
        "rejected": {},
        "input_base": str(settings.spans),
        "start_span": 20749,
        "end_span": 20762,
        "range_config": '{"static_range": {"start_span_number": 20749, "end_span_number": 20762}}',
        "gaps": [],
        "span_versions": json.dumps({f"2026-{day}": 1 for day in WINDOW}),
        "holdout": json.dumps(
            {
                "name": "sample-v1",
                "path": f"{settings.root}/data/holdout/sample-v1.csv",
                "sha256": hashlib.sha256(HOLDOUT.encode()).hexdigest(),
            }
        ),
    }


def test_what_the_task_returns_can_be_kept_by_airflow(settings: Settings) -> None:
    returned = refresh(settings, context(day="2026-11-05"))
    assert json.loads(json.dumps(returned)) == returned


def test_a_run_reads_exactly_the_days_of_its_window(settings: Settings) -> None:
    refresh(replace(settings, window_days=3), context("backfill", day="2026-11-05"))
    assert days_on_disk(settings) == ["2026-11-03", "2026-11-04", "2026-11-05"]
    manifest = json.loads((settings.spans / "2026-11-05" / "v1" / "manifest.json").read_text())
    assert (manifest["rows"], manifest["source"]) == (2, "sample")


def test_without_a_day_it_is_the_last_complete_one(settings: Settings) -> None:
    assert refresh(settings, context())["data_date"] == "2026-11-05"


@pytest.mark.parametrize("has_logical_date", [True, False], ids=["the UI's form", "REST without a date"])
def test_triggering_now_as_the_form_comes_reads_the_sample_feed_up_to_yesterday(
    tmp_path: Path, *, has_logical_date: bool
) -> None:
    project = settings_from({"root": str(Path(__file__).parents[3]), "state": str(tmp_path), "window_days": "2"})
    now = dt.datetime.now(UTC)
    given = context()
    given["dag_run"].run_after = now
    given["dag_run"].logical_date = now if has_logical_date else None
    returned = refresh(project, given)
    assert returned["data_date"] == (now - dt.timedelta(days=1)).date().isoformat()
    assert (returned["days"], returned["gaps"], returned["rejected"]) == (2, [], {})
    assert returned["rows"] >= 132


def test_the_day_of_the_trigger_form(settings: Settings) -> None:
    assert refresh(settings, context(day="2026-11-05", param="2026-11-08"))["data_date"] == "2026-11-08"


@pytest.mark.parametrize(
    ("conf", "nearest"),
    [
        ({"data_day": "2026-11-05"}, "'data_day', which is no parameter (did you mean data_date?)"),
        ({"data_date": "2026-11-05", "Train_steps": 5}, "'Train_steps', which is no parameter (did you mean train_st"),
        ({"x": 1}, "'x', which is no parameter; allowed: "),
    ],
)
def test_a_run_with_an_unknown_parameter_is_refused_before_anything_is_read(
    settings: Settings, conf: dict[str, object], nearest: str
) -> None:
    TRY.begin_again()
    known = "allowed: data_date, mode, tune, train_steps, promote_older, use_cache. Trigger the run anew"
    with pytest.raises(AirflowFailException, match=re.escape(nearest)) as raised:
        refresh(settings, context(day="2026-11-05", conf=conf))
    assert known in str(raised.value)
    assert TRY.left[FAILURE] == str(raised.value)
    assert not settings.spans.exists()


def test_the_log_has_a_line_a_day(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    short = replace(settings, window_days=2)
    refresh(short, context(day="2026-11-04"))
    refresh(short, context(day="2026-11-05"))
    log = capfd.readouterr().out
    assert log.count("span 2026-11-03 has 2 reviews: version 1, new") == 1
    assert log.count("span 2026-11-04 has 2 reviews: version 1, unchanged") == 1
    assert log.count("span 2026-11-05 has 2 reviews: version 1, new") == 1


def test_a_window_that_reaches_back_before_the_feed_is_clipped(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    returned = refresh(settings, context(day="2026-10-18"))
    assert (returned["first_day"], returned["days"], returned["rows"]) == ("2026-10-16", 3, 6)
    assert days_on_disk(settings) == ["2026-10-16", "2026-10-17", "2026-10-18"]
    log = capfd.readouterr().out
    assert "the window has 3 days of feed sample, from 2026-10-16 to the data date 2026-10-18" in log
    assert "feed sample begins on 2026-10-16, so the window has fewer than 14 days" in log


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "manual"])
def test_a_run_for_a_day_is_about_that_day_however_it_came_about(settings: Settings, run_type: str) -> None:
    assert refresh(settings, context(run_type, day="2026-11-05"))["data_date"] == "2026-11-05"


@pytest.mark.parametrize("day", ["2026-10-15", "2026-11-09"])
def test_a_day_that_the_feed_does_not_have_is_an_error_that_is_tried_again(settings: Settings, day: str) -> None:
    message = f"feed sample has no reviews of {day}; its days are 2026-10-16 to 2026-11-08"
    with pytest.raises(MissingDayError, match=message) as raised:
        refresh(settings, context(day=day))
    assert not isinstance(raised.value, AirflowFailException)


def test_a_data_date_that_is_no_date_is_not_tried_again(settings: Settings) -> None:
    with pytest.raises(AirflowFailException, match="parameter data_date is 'today'; allowed: a day like 2026-11-05"):
        refresh(settings, context(param="today"))


def with_bad_rows(settings: Settings, *ids: str) -> None:
    """Take the text of some rows out of the feed."""
    rows = settings.sample_feed.read_text()
    for id_ in ids:
        rows = re.sub(rf"^({id_},[^,]*,)[^,]*,", r"\1,", rows, flags=re.MULTILINE)
    settings.sample_feed.write_text(rows)


def test_too_many_bad_rows_fail_for_good_and_publish_nothing(settings: Settings) -> None:
    content = settings.sample_feed.read_text()
    with_bad_rows(settings, "2026-11-05-1")
    message = (
        r"feed sample, 2026-11-05: 1 of 2 rows cannot be used, a share of 0\.5; allowed: 0\.05, .* By reason: "
        r"no_text 1\. The first: row 2: no_text \(.*sample_reviews\.csv, row 42\)\. All: .*refused/2026-11-05\.jsonl\."
    )
    with pytest.raises(AirflowFailException, match=message):
        refresh(settings, context(day="2026-11-05"))
    assert days_on_disk(settings)[-1] == "2026-11-04"
    (kept,) = map(json.loads, (settings.spans / "refused" / "2026-11-05.jsonl").read_text().splitlines())
    assert (kept["row"], kept["reason"], kept["id"]) == (2, "no_text", "2026-11-05-1")
    settings.sample_feed.write_text(content)
    assert refresh(settings, context(day="2026-11-05"))["rows"] == 28
    assert list((settings.spans / "refused").iterdir()) == []


def test_a_few_bad_rows_are_reported_and_quarantined(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    with_bad_rows(settings, "2026-11-04-0", "2026-11-05-1")
    lenient = replace(settings, rules=RowRules(max_bad_share=0.5))
    returned = refresh(lenient, context(day="2026-11-05"))
    assert (returned["rows"], returned["rejected"]) == (26, {"no_text": 2})
    assert "span 2026-11-05 has rejected rows, listed in its quarantine.jsonl: no_text 1" in capfd.readouterr().out
    assert json.loads((settings.spans / "2026-11-05" / "v1" / "manifest.json").read_text())["rejected"] == {
        "no_text": 1
    }


def test_labels_are_what_the_setting_says(settings: Settings) -> None:
    content = settings.sample_feed.read_text()
    settings.sample_feed.write_text(content.replace(",negative", ",Thumbs down").replace(",positive", ",UP"))
    labels = read_labels("positive: up; negative: thumbs down")
    returned = refresh(replace(settings, rules=RowRules(labels=labels)), context(day="2026-11-05"))
    assert (returned["rows"], returned["rejected"]) == (28, {})
    with pytest.raises(AirflowFailException, match="unknown_label 2"):
        refresh(settings, context(day="2026-11-05"))


GOOD_BAD = Task(labels=("bad", "good"), positive="good")


def with_labels(settings: Settings, text: str, task: Task) -> Settings:
    """Settings with a text for `labels`, of a project whose sources on disk have the task."""
    (settings.root / "dags").mkdir()
    table = f"[task]\nlabels = {json.dumps(task.labels)}\npositive = {json.dumps(task.positive)}\n"
    (settings.root / "dags" / "settings.toml").write_text(table)
    return replace(settings, rules=RowRules(labels=read_labels(text)))


def test_labels_of_the_user_s_own_reach_spans_and_holdout(settings: Settings) -> None:
    own = with_labels(settings, "good: positive; bad: negative", GOOD_BAD)
    returned = refresh(own, context(day="2026-11-05"), GOOD_BAD)
    assert (returned["rows"], returned["rejected"]) == (28, {})
    span = (settings.spans / "2026-11-05" / "v1" / "reviews.csv").read_text()
    assert ',"Film 0.","bad"\n' in span
    assert ',"Film 1.","good"\n' in span
    holdout = json.loads(returned["holdout"])
    assert holdout["name"] == "sample-v1"
    assert Path(holdout["path"]).read_text() == "review,sentiment\nHeld out.,good\n"


def test_labels_that_do_not_fit_the_pipeline_s_fail_the_task_at_once(settings: Settings) -> None:
    own = with_labels(settings, "spam: positive; ham: negative", Task(labels=("ham", "spam"), positive="spam"))
    with pytest.raises(AirflowFailException, match=r"labels has the part 'spam: positive'; .*the label \(bad, good\)"):
        refresh(own, context(day="2026-11-05"), GOOD_BAD)
    with pytest.raises(AirflowFailException, match="unknown_label 2"):
        refresh(settings, context(day="2026-11-05"), GOOD_BAD)


def test_a_correction_in_the_feed_reaches_the_spans(settings: Settings) -> None:
    refresh(settings, context(day="2026-11-05"))
    settings.sample_feed.write_text(
        settings.sample_feed.read_text().replace("2026-11-05,Film 1.", "2026-11-05,Corrected.")
    )
    corrected = json.loads(refresh(settings, context(day="2026-11-05"))["span_versions"])
    assert (corrected["2026-11-04"], corrected["2026-11-05"]) == (1, 2)
    assert "Corrected." in (settings.spans / "2026-11-05" / "v2" / "reviews.csv").read_text()
    assert "Film 1." in (settings.spans / "2026-11-05" / "v1" / "reviews.csv").read_text()


def without(settings: Settings, *days: str) -> None:
    """Take days out of the feed."""
    rows = settings.sample_feed.read_text().splitlines()
    settings.sample_feed.write_text("\n".join(row for row in rows if not row.startswith(days)) + "\n")


def test_a_day_that_is_missing_in_the_middle_of_the_window_is_named(settings: Settings) -> None:
    without(settings, "2026-11-02")
    with pytest.raises(MissingDayError, match="feed sample has no reviews of 2026-11-02"):
        refresh(settings, context(day="2026-11-05"))


def test_the_setting_allowed_gaps_permits_a_missing_day(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    without(settings, "2026-11-02", "2026-11-03")
    allowed = replace(settings, allowed_gaps=frozenset({dt.date(2026, 11, 2), dt.date(2026, 11, 3)}))
    returned = refresh(allowed, context(day="2026-11-05"))
    assert (returned["days"], returned["rows"], returned["gaps"]) == (14, 24, ["2026-11-02", "2026-11-03"])
    assert json.loads(returned["span_versions"])["2026-11-02"] is None
    assert "day 2026-11-02 has no reviews, as [bert_service] allowed_gaps permits" in capfd.readouterr().out


def test_a_day_that_may_be_missing_is_read_when_it_is_there(settings: Settings) -> None:
    allowed = replace(settings, allowed_gaps=frozenset({dt.date(2026, 11, 2)}))
    assert refresh(allowed, context(day="2026-11-05"))["rows"] == 28


def test_the_data_date_itself_is_never_a_gap(settings: Settings) -> None:
    without(settings, "2026-11-05")
    allowed = replace(settings, allowed_gaps=frozenset({dt.date(2026, 11, 5)}))
    with pytest.raises(MissingDayError, match="feed sample has no reviews of 2026-11-05"):
        refresh(allowed, context(day="2026-11-05"))


def test_a_window_of_a_users_own_files_comes_in_up_to_the_day_that_is_not_there(tmp_path: Path) -> None:
    for day in ("2026-11-04", "2026-11-05"):
        (tmp_path / f"{day}.csv").write_text(f"id,review,sentiment\n{day},Warm.,positive\n")
    own = {"root": str(tmp_path), "feed": "files", "first_day": "2026-11-04", "files_pattern": "{date}.csv"}
    returned = refresh(settings_from(own), context(day="2026-11-05"))
    assert (returned["first_day"], returned["days"], returned["rows"]) == ("2026-11-04", 2, 2)
    with pytest.raises(
        MissingDayError, match=rf"no reviews of 2026-11-06: there is no file {tmp_path}/2026-11-06\.csv"
    ):
        refresh(settings_from(own), context(day="2026-11-06"))
    assert days_on_disk(settings_from(own)) == ["2026-11-04", "2026-11-05"]


def test_users_own_reviews_have_a_holdout_where_the_setting_names_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "2026-11-05.csv").write_text("id,review,sentiment\n1,Warm.,positive\n")
    (tmp_path / "letters-v3.csv").write_text(HOLDOUT)
    own = {"root": str(tmp_path), "feed": "files", "first_day": "2026-11-05", "files_pattern": "{date}.csv"}
    assert refresh(settings_from(own), context(day="2026-11-05"))["holdout"] == "{}"
    assert "no holdout: models are judged on the eval split only" in capfd.readouterr().out
    named = refresh(settings_from({**own, "holdout": "letters-v3.csv"}), context(day="2026-11-05"))["holdout"]
    assert json.loads(named)["name"] == "letters-v3"
    assert f"holdout letters-v3: {tmp_path}/var/holdouts/own/letters-v3-" in capfd.readouterr().out


def test_a_holdout_that_is_not_there_is_not_tried_again(settings: Settings) -> None:
    settings.sample_holdout.unlink()
    with pytest.raises(AirflowFailException, match=r"holdout .*sample-v1\.csv cannot be read \(No such file"):
        refresh(settings, context(day="2026-11-05"))


VERSION = PipelineVersion("18e906e37d2adc3c", dt.datetime(2026, 11, 5, 12, 30, tzinfo=UTC))


class NewerSources:
    """Stands for a run's DAG bundle, after an edit."""

    def served_sources(self) -> str:
        return VERSION.name

    def other_sources(self) -> str:
        return "77c0ffee77c0ffee"


def test_the_log_begins_with_the_pipelines_version(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    task = DataRefreshOperator(task_id="refresh_data", settings=settings, version=VERSION)
    task.execute(context(day="2026-11-05"))
    said = capfd.readouterr().out
    assert "pipeline version 18e906e37d2adc3c, compiled 2026-11-05 12:30:00 UTC" in said
    assert "the sources on disk are another version" not in said


def test_the_log_says_when_the_sources_on_disk_are_newer(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    given = context(day="2026-11-05")
    given["ti"].bundle_instance = NewerSources()
    refresh(settings, given)
    said = capfd.readouterr().out
    assert "pipeline version not known" in said
    assert "the sources on disk are another version, 77c0ffee77c0ffee, which this run does not use" in said


def test_airflow_can_keep_the_task(settings: Settings) -> None:
    with DAG("reviews", schedule=None) as dag:
        DataRefreshOperator(task_id="refresh_data", settings=settings)
    kept = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert kept.get_task("refresh_data").task_type == "DataRefreshOperator"
