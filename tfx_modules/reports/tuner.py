"""Renders the report of Tuner: the trials with their hyperparameters and scores, and which one won."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tfx.types import standard_component_specs
from tfx.utils import io_utils

from tfx_modules.report_page import document, drawing
from tfx_modules.report_page.document import NUMBER, Verdict, paragraph, section
from tfx_modules.reports import tables
from tfx_modules.reports.node_record import NodeRecord

OUTPUT = standard_component_specs.TUNER_RESULTS_KEY
_BEST = standard_component_specs.BEST_HYPERPARAMETERS_KEY
_RESULTS = "tuner_results.json"
"""What both TFX's Tuner and this project's name it."""
_TUNED = "tuned"
_TRIAL = "trial_id"
_SCORE = "score"
_OF_TRAINING = ("batch_size", "seed")


def render(record: NodeRecord) -> str:
    """Render the page of a search, or of what was handed on without one."""
    trials = json.loads((record.folder(OUTPUT) / _RESULTS).read_text(encoding="utf-8"))
    best = json.loads(io_utils.read_string_file(io_utils.get_only_uri_in_dir(record.output(_BEST).uri)))["values"]
    if record.output(_BEST).properties.get(_TUNED):
        text = f"Trial {trials[0][_TRIAL]} of {len(trials)} has the lowest loss on the eval split."
        banner = document.banner(Verdict.PASS, "Searched", text)
    elif best:
        text = "This run did not search. It hands on what the last search found."
        banner = document.banner(Verdict.PLAIN, "Not searched", text)
    else:
        text = "This run did not search, and none did before it. The Trainer takes the hyperparameters of the settings."
        banner = document.banner(Verdict.PLAIN, "Not searched", text)
    return document.page("Search of hyperparameters", banner, _sections(record, trials, best), pipeline=record.pipeline)


def _sections(record: NodeRecord, trials: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> Iterator[str]:
    if best:
        names = [(name, tables.value_text(value)) for name, value in best.items()]
        yield section("Hyperparameters that the Trainer gets", document.facts(names))
    if trials:
        yield section("Trials", *_trials(trials))
    yield section("Settings of a search", tables.settings(_settings(record)))


def _settings(record: NodeRecord) -> dict[str, object]:
    config = json.loads(record.parameters[standard_component_specs.CUSTOM_CONFIG_KEY])
    training = {f"training.{name}": config["training"][name] for name in _OF_TRAINING if name in config["training"]}
    return {**{f"tuning.{name}": value for name, value in config["tuning"].items()}, **training}


def _trials(trials: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for trial in trials for name in trial if name not in (_TRIAL, _SCORE)))
    columns = (("trial", ""), ("loss on the eval split", NUMBER), *((name, NUMBER) for name in names))
    rows = [
        (
            f"<strong>{escape(str(trial[_TRIAL]))}, won</strong>" if place == 0 else escape(str(trial[_TRIAL])),
            document.number(trial[_SCORE], 4),
            *(escape(tables.value_text(trial.get(name))) for name in names),
        )
        for place, trial in enumerate(trials)
    ]
    yield paragraph("The best trial is the first. A lower loss is better.")
    yield document.table(columns, rows)
    drawn = [drawing.Row(_described(trial, names), [trial[_SCORE]]) for trial in trials]
    svg = drawing.values(["loss on the eval split"], drawn, "loss")
    yield document.pictures([document.figure(tables.first_of("Loss of each trial", len(drawn)), svg)])


def _described(trial: Mapping[str, Any], names: Sequence[str]) -> str:
    return f"{trial[_TRIAL]}: " + ", ".join(tables.value_text(trial.get(name)) for name in names)
