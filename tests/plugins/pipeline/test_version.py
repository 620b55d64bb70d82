"""The file that names the version of a compiled pipeline."""

import datetime as dt
import json
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import CompiledPipelineError
from airflow_bert_service.pipeline.version import (
    PipelineVersion,
    compiled_at,
    read_version,
    version_file,
    write_version,
)

AT = dt.datetime(2026, 11, 5, 12, 30, 5, tzinfo=dt.timezone.utc)


def test_a_version_is_its_name_and_when_it_was_compiled(tmp_path: Path) -> None:
    ir = tmp_path / "films.json"
    write_version(ir, "18e906e37d2adc3c", AT)
    assert json.loads((tmp_path / "films.version.json").read_text()) == {
        "version": "18e906e37d2adc3c",
        "compiled": "2026-11-05T12:30:05+00:00",
    }
    assert read_version(ir) == PipelineVersion("18e906e37d2adc3c", AT)
    assert str(read_version(ir)) == "18e906e37d2adc3c, compiled 2026-11-05 12:30:05 UTC"


def test_a_pipeline_that_an_earlier_release_compiled_has_none(tmp_path: Path) -> None:
    ir = tmp_path / "films.json"
    ir.write_text("{}")
    assert read_version(ir) is None
    assert compiled_at(ir) == dt.datetime.fromtimestamp(ir.stat().st_mtime, dt.timezone.utc)


@pytest.mark.parametrize("text", ["", "[]", '{"version": "1f3a"}', '{"version": "1f3a", "compiled": "soon"}'])
def test_a_file_that_names_no_version_is_refused(tmp_path: Path, text: str) -> None:
    ir = tmp_path / "films.json"
    version_file(ir).write_text(text)
    with pytest.raises(CompiledPipelineError, match=r"films\.version\.json is not the version of .* Remove it\."):
        read_version(ir)
