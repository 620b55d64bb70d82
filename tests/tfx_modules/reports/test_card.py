"""The model card of a version that a run has put into service."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.reports.made_up import Made, folder, record
from tfx_modules.data import features
from tfx_modules.promotion import manifest
from tfx_modules.report_page import document
from tfx_modules.reports import writer
from tfx_modules.reports.node_record import NodeRecord
from tfx_modules.validation import profile

SERVED = {"pushed": 1, "pushed_version": "2026110501", "reason": "accuracy <b>0.93</b>"}
DIGEST = "ab" * 32
HOSTILE = "<script>alert(1)</script>"


def pusher(place: Path, **changes: object) -> NodeRecord:
    """The Pusher of a run; its report is there."""
    pushed = folder(place, "pushed")
    (pushed / "report.html").write_text("<!DOCTYPE html><main><section>why it is in service</section></main>")
    destination = {"pushed_destination": str(place / "models" / "tiny" / "2026110501")}
    return record({"pushed_model": Made(str(pushed), {**SERVED, **destination, **changes})})


def card_of(place: Path) -> Path:
    return place / "models" / "tiny.cards" / "2026110501.html"


def write_card(made: NodeRecord, others: Mapping[str, NodeRecord] | None = None) -> None:
    """Write the card of what a Pusher has made, in a run with other nodes."""
    writer.write_card(made, lambda known: {kind: node for kind, node in (others or {}).items() if kind in known})


def data(place: Path, *, with_spans: bool = True) -> dict[str, NodeRecord]:
    """The data nodes of a run over two days, the second of which had rejected rows."""
    statistics, schema = folder(place, "statistics"), folder(place, "schema")
    days = {f"2026-11-0{day}": replace(profile.EMPTY, rows=1000 * day) for day in (4, 5)}
    (statistics / profile.FILE).write_text(profile.to_json(days))
    (schema / "schema.pbtxt").write_text(
        'feature { name: "label" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 1 } } '
        f'feature {{ name: "sentiment" type: BYTES string_domain {{ value: "{HOSTILE}" }} }}'
    )
    for day, rejected in (("2026-11-04", {}), ("2026-11-05", {"no_text": 30, "no_id": 1})):
        if with_spans:
            (place / "spans" / day / "v2").mkdir(parents=True)
            (place / "spans" / day / "v2" / "manifest.json").write_text(
                json.dumps({"rejected": rejected, "sha256": DIGEST})
            )
    versions = json.dumps({"2026-11-03": None, "2026-11-04": 2, "2026-11-05": 2})
    parameters = {"input_base": str(place / "spans"), "span_versions": versions}
    return {
        "tfx_modules.components.example_gen.CsvExampleGen": record(
            {"examples": Made("/var/pipeline/CsvExampleGen/examples/7")}, parameters=parameters
        ),
        "tfx_modules.components.statistics_gen.StatisticsGen": record({"statistics": Made(str(statistics))}),
        "tfx_modules.components.schema_gen.SchemaGen": record({"schema": Made(str(schema))}),
    }


def test_it_has_the_data_the_rejected_rows_the_schema_and_the_reports_of_the_run(tmp_path: Path) -> None:
    write_card(pusher(tmp_path), data(tmp_path))
    page = card_of(tmp_path).read_text(encoding="utf-8")
    assert "Model card of version 2026110501" in page
    assert '<meta name="pipeline" content="tiny">' in page[:2048]
    assert "<dt>Window</dt><dd>2026-11-04 to 2026-11-05</dd>" in page
    assert "<dt>Reviews</dt><dd>9,000, without those of the holdout</dd>" in page
    assert "<dt>Rejected rows</dt><dd>31 (no_id 1, no_text 30)</dd>" in page
    assert "<div>0 or more and 1 or less</div>" in page
    assert "<script>" not in page
    assert "accuracy &lt;b&gt;0.93" in page
    assert "<section>why it is in service</section>" in page
    assert page.count("<p>The run has no report of this.</p>") == 4
    assert '<a href="#validation-of-the-data">' in page
    assert 'id="validation-of-the-data"' in page


def test_it_has_the_way_from_the_days_to_the_version_and_its_files(tmp_path: Path) -> None:
    version = tmp_path / "models" / "tiny" / "2026110501"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"graph")
    found = manifest.write(version)
    write_card(pusher(tmp_path), data(tmp_path))
    page = card_of(tmp_path).read_text(encoding="utf-8")
    origin = page[page.index('id="origin-and-files"') :]
    assert '<div>2026-11-05</div></td><td data-label="version of the span" class="number"><div>2</div>' in origin
    assert f"<code>{DIGEST}</code>" in origin
    assert "2026-11-03" not in origin, "the day has no span"
    assert "<code>CsvExampleGen</code>" in origin
    assert "<code>CsvExampleGen/examples/7</code>" in origin
    assert f"<dt>Digest of the model</dt><dd>{found.digest}</dd>" in origin
    assert f"<code>{found.files['saved_model.pb'][1]}</code>" in origin


def test_a_version_whose_folder_is_gone_says_so(tmp_path: Path) -> None:
    write_card(pusher(tmp_path))
    assert "They are not known: version 2026110501 has no folder" in card_of(tmp_path).read_text(encoding="utf-8")


def test_the_result_of_each_report_is_there_too(tmp_path: Path) -> None:
    tuned = folder(tmp_path, "tuned")
    banner = document.banner(document.Verdict.PLAIN, "Not searched", "This run did not search.")
    (tuned / "report.html").write_text(document.page("Search", banner, ["<p>trials</p>"], pipeline="tiny"))
    write_card(pusher(tmp_path), {"tfx_modules.components.tuner.Tuner": record({"tuner_results": Made(str(tuned))})})
    assert f"{banner}<p>trials</p>" in card_of(tmp_path).read_text(encoding="utf-8")


def test_it_is_a_copy_that_stays_as_it_was(tmp_path: Path) -> None:
    made = pusher(tmp_path)
    write_card(made)
    assert "The run has counted no days." in card_of(tmp_path).read_text(encoding="utf-8")
    card_of(tmp_path).write_text("as it was")
    writer.write_card(made, never_asked)
    assert card_of(tmp_path).read_text() == "as it was"


def test_an_empty_card_that_a_power_failure_has_left_is_written_again(tmp_path: Path) -> None:
    card_of(tmp_path).parent.mkdir(parents=True)
    card_of(tmp_path).touch()
    write_card(pusher(tmp_path))
    assert "Model card of version 2026110501" in card_of(tmp_path).read_text(encoding="utf-8")


def test_it_is_on_the_disk_before_the_node_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write_card(pusher(tmp_path))
    assert [path.parent for path in flushed if path.name.startswith(".2026110501.html.")] == [card_of(tmp_path).parent]
    assert flushed[-1] == card_of(tmp_path).parent


def never_asked(_: object) -> dict[str, NodeRecord]:
    raise AssertionError("it looked for the nodes of a run that needs no card")


def test_rejected_rows_of_spans_that_are_gone_are_not_known(tmp_path: Path) -> None:
    write_card(pusher(tmp_path), data(tmp_path, with_spans=False))
    assert "not known: the spans of the window are not there any more" in card_of(tmp_path).read_text(encoding="utf-8")


def test_days_of_many_labels_have_no_column_for_each(tmp_path: Path) -> None:
    others = data(tmp_path)
    names = tuple(f"label {number}" for number in range(51))
    counts = {**profile.EMPTY.counts, features.SENTIMENT: (*range(51), 0)}
    days = {"2026-11-04": replace(profile.EMPTY, rows=9, counts=counts, labels=names)}
    (tmp_path / "statistics" / profile.FILE).write_text(profile.to_json(days))
    write_card(pusher(tmp_path), others)
    page = card_of(tmp_path).read_text(encoding="utf-8")
    assert "<dt>Labelled label 50</dt><dd>50</dd>" in page
    assert 'data-label="label 50"' not in page
    assert "The reviews of each label are not shown by day: there are over 50 labels." in page


def test_a_model_that_was_not_promoted_has_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer.write_card(pusher(tmp_path, pushed=0), never_asked)
    assert not (tmp_path / "models").exists()
    assert not caplog.records


def test_a_card_that_cannot_be_written_is_logged_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = data(tmp_path)
    (tmp_path / "statistics" / profile.FILE).unlink()
    write_card(pusher(tmp_path), others)
    assert not card_of(tmp_path).exists()
    (logged,) = [found for found in caplog.records if found.levelno == logging.ERROR]
    assert logged.message == "the model was promoted, but its model card was not written"


def test_a_metadata_store_that_does_not_answer_is_logged_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer.write_card(pusher(tmp_path), never_asked)
    assert not card_of(tmp_path).exists()
    assert "its model card was not written" in caplog.text
    assert "it looked for the nodes" in caplog.text
