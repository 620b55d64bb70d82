"""Reports and model cards in a real browser: axe-core finds no serious and no critical fault, in no width and theme.

Skipped where there is no Chromium.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.errors import StackError
from scripts.screenshots.chromium import Page, find_chromium, open_page
from tests.support.accessibility import assert_no_grave_fault
from tests.tfx_modules.reports import test_card, test_evaluator, test_pusher, test_trainer, test_tuner
from tests.tfx_modules.reports.made_up import Made, folder, record
from tests.tfx_modules.reports.test_pusher import ledger
from tests.tfx_modules.reports.test_tuner import searched
from tests.tfx_modules.validation import test_page
from tfx_modules.evaluation.eval_config import eval_config
from tfx_modules.model.record import training_record
from tfx_modules.promotion.events import EventKind
from tfx_modules.report_page import document
from tfx_modules.reports.node_record import NodeRecord
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.settings import Severity
from tfx_modules.validation.report import page as validation_page

__all__ = ["ledger", "searched"]

# KerasTuner and TFX warn of their own doings.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    try:
        find_chromium()
    except StackError as error:
        pytest.skip(str(error))
    with open_page(tmp_path_factory.mktemp("browser"), os.environ) as page:
        yield page


@pytest.fixture
def pages(tmp_path: Path, ledger: str, searched: Mapping[str, Made]) -> dict[str, str]:
    """A page of each kind, as the tests of its content have it."""
    trained, evaluated = folder(tmp_path, "trained"), folder(tmp_path, "evaluated")
    test_trainer.write_curves(trained, [0.7, 0.9, 0.9])
    training_record.write(test_trainer.MADE, trained)
    test_evaluator.with_config(evaluated, eval_config(GateSettings()))
    metrics = (test_evaluator.SHORT, test_evaluator.ALL, test_evaluator.POSITIVE)
    measured = {**test_pusher.ONE, **test_pusher.COMPARED, **test_pusher.CLASSES}
    compared = {"champion": 2026110401, "level": 0.05, "promote": "not_worse", "sets": [measured]}
    test_pusher.decide(ledger, EventKind.PROMOTED, "no difference", compared)
    champion = validation_page.ChampionData(test_page.DAYS)
    return {
        "ExampleValidator": validation_page.render(test_page.report(Severity.WARN, champion), "films"),
        "Trainer": test_trainer.page(trained),
        "Tuner": test_tuner.page(dict(searched)),
        "Evaluator": test_evaluator.page(test_evaluator.written(evaluated, metrics, (test_evaluator.PLOT,))),
        "Pusher": test_pusher.page(),
        "many labels": page_of_many_labels(),
    }


def page_of_many_labels() -> str:
    """A page whose matrix and whose table are wider than any screen."""
    labels = [f"label number {number}" for number in range(document.MOST_LABELS)]
    matrix = document.matrix(labels, [[1.0] * len(labels) for _ in labels])
    table = document.table([(label, document.NUMBER) for label in labels], [["1"] * len(labels)])
    banner = document.banner(document.Verdict.PASS, "Passed", "all is well")
    return document.page("Many labels", banner, [document.section("Labels", matrix, table)], pipeline="films")


def test_axe_finds_no_grave_fault(browser: Page, pages: dict[str, str], tmp_path: Path) -> None:
    for name, content in pages.items():
        look_at(browser, content, tmp_path / f"{name}.html")
    nodes = {**test_card.data(tmp_path), **with_reports(tmp_path, pages)}
    test_card.write_card(test_card.pusher(tmp_path), nodes)
    look_at(browser, test_card.card_of(tmp_path).read_text(encoding="utf-8"), tmp_path / "card.html")


def look_at(browser: Page, content: str, file: Path) -> None:
    file.write_text(content, encoding="utf-8")
    browser.open(file.as_uri())
    browser.wait_for("document.readyState === 'complete' && document.querySelector('h1')")
    browser.value_of("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert_no_grave_fault(browser)


def with_reports(place: Path, pages: Mapping[str, str]) -> dict[str, NodeRecord]:
    """The nodes whose reports are parts of a card, with their pages."""
    outputs = {
        "ExampleValidator": ("tfx_modules.components.example_validator.ExampleValidator", "anomalies"),
        "Tuner": ("tfx_modules.components.tuner.Tuner", "tuner_results"),
        "Trainer": ("tfx_modules.components.trainer.Trainer", "model_run"),
        "Evaluator": ("tfx.components.evaluator.component.Evaluator", "evaluation"),
    }
    made = {}
    for name, (kind, key) in outputs.items():
        report = folder(place, f"report of {name}")
        (report / "report.html").write_text(pages[name], encoding="utf-8")
        made[kind] = record({key: Made(str(report))})
    return made
