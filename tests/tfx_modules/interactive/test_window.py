"""The spans of a window from one CSV file, and the values of a run's runtime parameters."""

import datetime as dt
import hashlib
import json
from pathlib import Path

import pytest
from tfx.orchestration.data_types import RuntimeParameter

from tfx_modules.exceptions import InteractiveError
from tfx_modules.interactive.values import RunOptions, bind, run_values
from tfx_modules.interactive.window import write_window
from tfx_modules.pipeline.pipeline import create_pipeline
from tfx_modules.settings.settings import PipelineSettings

LAST = dt.date(2026, 11, 5)
HEAD = "id,date,review,sentiment\n"


def reviews(folder: Path, *rows: str) -> Path:
    path = folder / "reviews.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_each_day_of_the_window_with_reviews_gets_a_span(tmp_path: Path) -> None:
    file = reviews(
        tmp_path, "1,2026-11-02,early,positive", "2,2026-11-03,fine,positive", '3,2026-11-05,"so ""so""",negative'
    )

    window = write_window(file, tmp_path / "spans", last_day=LAST, days=3)

    assert window.versions == {dt.date(2026, 11, 3): 1, dt.date(2026, 11, 4): None, LAST: 1}
    assert (window.first_day, window.last_day, window.rows) == (dt.date(2026, 11, 3), LAST, 2)
    text = (tmp_path / "spans" / "2026-11-05" / "v1" / "reviews.csv").read_text(encoding="utf-8")
    assert text == '"id","date","review","sentiment"\n"3","2026-11-05","so ""so""","negative"\n'


def test_a_day_gets_a_further_version_when_its_reviews_have_changed(tmp_path: Path) -> None:
    spans = tmp_path / "spans"
    for review, version in (("fine", 1), ("fine", 1), ("dull", 2), ("fine", 3)):
        file = reviews(tmp_path, f"1,2026-11-05,{review},positive")
        assert write_window(file, spans, last_day=LAST, days=1).versions == {LAST: version}


def test_a_last_day_without_reviews_is_refused_with_the_days_that_there_are(tmp_path: Path) -> None:
    file = reviews(tmp_path, "1,2026-11-02,fine,positive", "2,2026-11-03,fine,positive")

    with pytest.raises(InteractiveError, match="from 2026-11-02 to 2026-11-03"):
        write_window(file, tmp_path / "spans", last_day=LAST, days=2)


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("date,text\n", encoding="utf-8")

    with pytest.raises(InteractiveError, match="lacks the column id, review, sentiment"):
        write_window(file, tmp_path / "spans", last_day=LAST, days=1)


def test_every_runtime_parameter_of_the_pipeline_gets_its_value(tmp_path: Path) -> None:
    file = reviews(tmp_path, "1,2026-11-05,fine,positive")
    window = write_window(file, tmp_path / "spans", last_day=LAST, days=2)
    options = RunOptions(models=tmp_path / "models", holdout=file, train_steps=3)
    values = run_values("films", window, options)

    nodes = bind(create_pipeline(PipelineSettings(name="films")), values)

    left = [
        node.id
        for node in nodes.values()
        if any(isinstance(v, RuntimeParameter) for v in node.exec_properties.values())
    ]
    assert left == []
    assert json.loads(nodes["Trainer"].exec_properties["train_args"]) == {"splits": ["train"], "num_steps": 3}
    assert json.loads(values["span_versions"]) == {"2026-11-04": None, "2026-11-05": 1}
    # TFX counts spans in days since 1970-01-01.
    assert json.loads(values["range_config"])["static_range"] == {"start_span_number": 20761, "end_span_number": 20762}
    assert json.loads(values["holdout"])["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(InteractiveError, match="CsvExampleGen has the runtime parameter input_base"):
        bind(create_pipeline(PipelineSettings()), {})
