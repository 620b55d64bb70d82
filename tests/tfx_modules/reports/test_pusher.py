"""The page of a verdict, from the ledger."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tfx_modules.reports.made_up import Made, record
from tfx_modules.promotion import current
from tfx_modules.promotion.events import Draft, EventKind, Run
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.reports import pusher

GATE = json.dumps({"accuracy_floor": 0.7, "promote": "not_worse", "beat_majority": True})
ONE = {
    "name": "own-v1",
    "sha256": "0" * 64,
    "n": 1000,
    "accuracy": 0.9125,
    "auc": 0.96,
    "slices": {"label=<i>good</i>": {"n": 500, "accuracy": 0.9}, "length=short": {"n": 10, "accuracy": 1.0}},
}
COMPARED = {
    "champion_accuracy": 0.901,
    "both": 880,
    "only_candidate": 32,
    "only_champion": 21,
    "neither": 67,
    "p": 0.1692,
    "verdict": "no difference",
}
CLASSES = {
    "macro_f1": 0.5,
    "classes": {name: {"n": 500, "recall": 0.9, "precision": 0.8, "f1": 0.85} for name in ("good", "bad")},
    "confusion": [[450, 50], [125, 375]],
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[str]:
    address = f"sqlite:///{tmp_path}/ledger.db"
    with current.using(address, "tiny"):
        yield address


def decide(address: str, kind: EventKind, reason: str, metrics: dict[str, Any], run_id: str = "run-1") -> None:
    day = dt.date(2026, 11, 5)
    run = Run(dag_id="tiny", run_id=run_id, data_date=day, first_day=day - dt.timedelta(13))
    version = 2026110501 if kind is EventKind.PROMOTED else None
    draft = Draft(
        kind=kind,
        reason=reason,
        actor="anna",
        run=run,
        metrics=metrics,
        final=True,
        champion=2026110401,
        version=version,
    )
    with open_ledger(address, "tiny").exclusive() as held:
        held.append(draft)


def page(run_id: str = "run-1") -> str:
    parameters = {"gate": GATE, "promotion": json.dumps({"dag_id": "tiny", "run_id": run_id})}
    return pusher.render(record({"pushed_model": Made("")}, parameters=parameters))


@pytest.mark.parametrize(("decision", "by"), [("rejected", "UTC, by anna"), ("approved", "UTC, in a run of anna")])
def test_a_person_who_decided_is_named_and_their_words_are_one_reason(ledger: str, decision: str, by: str) -> None:
    reason = f"{decision} by anna at 2026-11-06 09:12 UTC: slow; rude; the gate had passed it: 0.91"
    decide(ledger, EventKind.BLOCKED, reason, {"approval": {"decision": decision, "comment": "slow; rude"}})

    made = page()

    assert by in made
    assert "UTC: slow; rude</li><li>the gate had passed it: 0.91</li>" in made


def test_a_verdict_is_shown_with_its_reasons_and_the_numbers_that_decided(ledger: str) -> None:
    metrics = {
        "engine": "openvino",
        "precision": "int8",
        "champion": 2026110401,
        "level": 0.05,
        "sets": [{**ONE, **COMPARED}],
    }
    decide(ledger, EventKind.PROMOTED, "accuracy <b>0.9125</b>; scored", metrics)
    decide(ledger, EventKind.BLOCKED, "another run", {}, "run-2")
    made = page()
    assert "Verdict on the model of 2026-11-05" in made
    assert "&#10004; Promoted" in made
    assert "<li>accuracy &lt;b&gt;0.9125&lt;/b&gt;</li><li>scored</li>" in made
    for told in ("<dd>2026110501</dd>", "2026-10-23 to 2026-11-05", "openvino, int8", "in a run of anna"):
        assert told in made
    assert "Against 2026110401" in made
    for cell in ("880", "32", "21", "67", "0.17", "no difference", "0.912", "0.901"):
        assert f"<div>{cell}</div>" in made
    assert "The level is 0.05." in made
    assert "label = &lt;i&gt;good&lt;/i&gt;" in made
    assert "<code>gate.accuracy_floor</code>" in made


def test_labels_of_a_multiclass_task_have_a_confusion_matrix(ledger: str) -> None:
    decide(ledger, EventKind.BLOCKED, "recall too low", {"sets": [{**ONE, **CLASSES}]})
    made = page()
    assert "&#10006; Blocked" in made
    assert "<span>375</span> <small>75.0%</small>" in made
    assert "<div>macro F1</div>" in made
    assert "Against" not in made
    assert "none: it is not in service" in made


def test_labels_of_sets_are_compared_one_by_one(ledger: str) -> None:
    numbers = {"accuracy": 0.91, "champion_accuracy": 0.987, "only_candidate": 3, "only_champion": 41, "p": 0.0004}
    compared = {"bad": {**numbers, "verdict": "worse"}}
    sets = {name: value for name, value in CLASSES.items() if name != "confusion"}
    one = {**ONE, **COMPARED, **sets, "measure": "exact match", "labels_compared": compared}
    decide(ledger, EventKind.BLOCKED, "worse", {"champion": 2026110401, "level": 0.05, "sets": [one]})
    made = page()
    assert "Exact match of both models" in made
    assert "<div>exact match</div>" in made
    assert "<h3>Accuracy on each label, on own-v1</h3>" in made
    for cell in ("0.910", "0.987", "41", "0.0004", "worse"):
        assert f"<div>{cell}</div>" in made
    assert "<h3>Confusion</h3>" not in made


@pytest.mark.parametrize(
    ("kind", "headline"),
    [(EventKind.SUPERSEDED, "&#9650; Superseded"), (EventKind.UNCHANGED, "&#9679; Unchanged")],
)
def test_a_model_that_was_not_scored_has_a_page_too(ledger: str, kind: EventKind, headline: str) -> None:
    decide(ledger, kind, "the model is the same, byte for byte", {})
    made = page()
    assert headline in made
    assert "The model was not scored: an earlier gate or its date decided." in made
