"""Writes the model card of a version: of what its model was made, how it did, and why it went into service.

One page, of the reports of the run that promoted it, and of what the run's data were. It says what was so when the
version went into service, and stays as it is. It is beside the versions' folders and not in one: the digest of a
version's files tells whether two models are the same, whatever was measured of them.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils

from tfx_modules.data import features
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.report_page import document
from tfx_modules.report_page.document import NUMBER, Verdict, paragraph, section
from tfx_modules.reports.node_record import NodeRecord
from tfx_modules.validation import profile
from tfx_modules.validation.profile import Days

Run = Mapping[str, NodeRecord]
"""The nodes of a run that have succeeded, by the path of their component's class, or of the base that is known here."""

PUSHER = "tfx_modules.components.pusher.Pusher"
_EXAMPLE_GEN = "tfx_modules.components.example_gen.CsvExampleGen"
_STATISTICS_GEN = "tfx_modules.components.statistics_gen.StatisticsGen"
_SCHEMA_GEN = "tfx_modules.components.schema_gen.SchemaGen"
_SCHEMA_FILE = "schema.pbtxt"
_PARTS = (
    (
        "Validation of the data",
        "tfx_modules.components.example_validator.ExampleValidator",
        standard_component_specs.ANOMALIES_KEY,
    ),
    ("Search of hyperparameters", "tfx_modules.components.tuner.Tuner", standard_component_specs.TUNER_RESULTS_KEY),
    ("Training", "tfx_modules.components.trainer.Trainer", standard_component_specs.MODEL_RUN_KEY),
    ("Evaluation", "tfx.components.evaluator.component.Evaluator", standard_component_specs.EVALUATION_KEY),
    ("Promotion", PUSHER, standard_component_specs.PUSHED_MODEL_KEY),
)
_DATA, _SCHEMA = "Data", "Schema"
_TOO_MANY_LABELS = f"The reviews of each label are not shown by day: there are over {document.MOST_LABELS} labels."
KINDS = frozenset({_EXAMPLE_GEN, _STATISTICS_GEN, _SCHEMA_GEN, *(kind for _, kind, _ in _PARTS)})
"""The components that a card tells of."""


def place(pusher: NodeRecord) -> tuple[int, Path] | None:
    """Return the version that a Pusher has put into service, and where its card belongs; None where it has put none."""
    properties = pusher.output(standard_component_specs.PUSHED_MODEL_KEY).properties
    if not properties.get("pushed"):
        return None
    version = int(properties["pushed_version"])
    repository = ModelRepository(Path(properties["pushed_destination"]).parent)
    return version, repository.card_of(version)


def render(version: int, pusher: NodeRecord, run: Run) -> str:
    """Render the card of a version.

    Args:
        version: its number.
        pusher: what has put it into service.
        run: the other nodes of the Pusher's run, of the kinds of :data:`KINDS`.
    """
    properties = pusher.output(standard_component_specs.PUSHED_MODEL_KEY).properties
    banner = document.banner(Verdict.PASS, "Promoted", str(properties["reason"]))
    title = f"Model card of version {version}"
    return document.page(title, banner, _sections({**run, PUSHER: pusher}), pipeline=pusher.pipeline)


def _sections(run: Run) -> Iterator[str]:
    yield document.contents([_DATA, _SCHEMA, *(title for title, _, _ in _PARTS)])
    yield document.part(_DATA, *_data(run))
    yield document.part(_SCHEMA, _schema(run))
    for title, kind, output in _PARTS:
        yield document.part(title, _report(run, kind, output))


def _report(run: Run, kind: str, output: str) -> str:
    """Return what the report of a node has between its head and its end."""
    file = run[kind].folder(output) / document.FILE if kind in run else None
    if file is None or not file.is_file():
        return paragraph("The run has no report of this.")
    return document.content_of(file.read_text(encoding="utf-8"))


def _data(run: Run) -> Iterator[str]:
    if _STATISTICS_GEN not in run:
        yield paragraph("The run has counted no days.")
        return
    folder = run[_STATISTICS_GEN].folder(standard_component_specs.STATISTICS_KEY)
    days = profile.from_json((folder / profile.FILE).read_text(encoding="utf-8"))
    rejected = _rejected(run)
    dated = sorted(day for day in days if day)
    total = profile.add(days.values())
    rows = [("Window", f"{dated[0]} to {dated[-1]}" if dated else "no day")]
    rows.append(("Days with reviews", f"{len(dated)}"))
    rows.append(("Reviews", f"{total.rows:,}, without those of the holdout"))
    labels = profile.labels_of(days)
    counts = total.counts[features.SENTIMENT]
    rows += [(f"Labelled {label}", f"{count:,}") for label, count in zip(labels, counts, strict=False)]
    if rejected:
        all_of_them: Counter[str] = sum((Counter(found) for found in rejected.values()), Counter())
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(all_of_them.items()))
        rows.append(("Rejected rows", f"{all_of_them.total():,}{f' ({reasons})' if reasons else ''}"))
    else:
        rows.append(("Rejected rows", "not known: the spans of the window are not there any more"))
    yield section("Window", document.facts(rows))
    left_out = [] if len(labels) <= document.MOST_LABELS else [paragraph(_TOO_MANY_LABELS)]
    yield section("Reviews by day", *left_out, _by_day(days, rejected))


def _by_day(days: Days, rejected: Mapping[str, Mapping[str, int]]) -> str:
    labels = profile.labels_of(days)
    labels = labels if len(labels) <= document.MOST_LABELS else ()
    columns = [("day", ""), ("reviews", NUMBER), *((label, NUMBER) for label in labels), ("rejected", NUMBER)]
    rows = [
        [
            escape(day or "no date"),
            f"{days[day].rows:,}",
            *(f"{count:,}" for count in days[day].counts[features.SENTIMENT][: len(labels)]),
            f"{sum(rejected[day].values()):,}" if day in rejected else document.NONE,
        ]
        for day in sorted(days)
    ]
    return document.table(columns, rows)


def _rejected(run: Run) -> dict[str, Mapping[str, int]]:
    """Return the counts of rejected rows by reason, by day; a day whose span is gone is not there."""
    if _EXAMPLE_GEN not in run:
        return {}
    parameters = run[_EXAMPLE_GEN].parameters
    found = {}
    for day, version in json.loads(parameters["span_versions"]).items():
        file = Path(parameters["input_base"], day, f"v{version}", "manifest.json")
        if file.is_file():
            found[day] = json.loads(file.read_text(encoding="utf-8"))["rejected"]
    return found


def _schema(run: Run) -> str:
    if _SCHEMA_GEN not in run:
        return paragraph("The run has inferred no schema.")
    folder = run[_SCHEMA_GEN].folder(standard_component_specs.SCHEMA_KEY)
    schema = io_utils.parse_pbtxt_file(str(folder / _SCHEMA_FILE), schema_pb2.Schema())
    columns = (("feature", ""), ("type", ""), ("present in", NUMBER), ("values", ""))
    rows = [
        (
            f"<code>{escape(feature.name)}</code>",
            schema_pb2.FeatureType.Name(feature.type),
            f"{feature.presence.min_fraction:.0%}" if feature.presence.min_fraction else document.NONE,
            escape(_domain(schema, feature)),
        )
        for feature in schema.feature
    ]
    return document.table(columns, rows)


def _domain(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind == "string_domain":
        return ", ".join(feature.string_domain.value)
    if kind == "domain":
        return next((", ".join(one.value) for one in schema.string_domain if one.name == feature.domain), "")
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        bounds = [f"{domain.min:g} or more"] if domain.HasField("min") else []
        return " and ".join([*bounds, *([f"{domain.max:g} or less"] if domain.HasField("max") else [])])
    return ""
