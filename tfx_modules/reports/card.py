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
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils

from tfx_modules.data import features
from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ManifestError, ModelRepositoryError
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
_STEPS = (
    (_EXAMPLE_GEN, standard_component_specs.EXAMPLES_KEY),
    (_STATISTICS_GEN, standard_component_specs.STATISTICS_KEY),
    (_SCHEMA_GEN, standard_component_specs.SCHEMA_KEY),
    *((kind, output) for _, kind, output in _PARTS[:2]),
    (_PARTS[2][1], standard_component_specs.MODEL_KEY),
    *((kind, output) for _, kind, output in _PARTS[2:]),
)
"""The components that lead from the days to a version, each with the key of an output."""
_DATA, _SCHEMA, _ORIGIN = "Data", "Schema", "Origin and files"
_TOO_MANY_LABELS = f"The reviews of each label are not shown by day: there are over {document.MOST_LABELS} labels."
KINDS = frozenset({_EXAMPLE_GEN, _STATISTICS_GEN, _SCHEMA_GEN, *(kind for _, kind, _ in _PARTS)})
"""The components that a card tells of."""


def place(pusher: NodeRecord) -> tuple[int, Path] | None:
    """Return the version that a Pusher has put into service, and where its card belongs; None where it has put none."""
    properties = pusher.output(standard_component_specs.PUSHED_MODEL_KEY).properties
    if not properties.get("pushed"):
        return None
    version = int(properties["pushed_version"])
    return version, _repository(pusher).card_of(version)


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
    sections = _sections(version, {**run, PUSHER: pusher})
    return document.page(title, banner, sections, pipeline=pusher.pipeline)


def _sections(version: int, run: Run) -> Iterator[str]:
    yield document.contents([_DATA, _SCHEMA, *(title for title, _, _ in _PARTS), _ORIGIN])
    yield document.part(_DATA, *_data(run))
    yield document.part(_SCHEMA, _schema(run))
    for title, kind, output in _PARTS:
        yield document.part(title, _report(run, kind, output))
    yield document.part(_ORIGIN, *_origin(version, run))


def _report(run: Run, kind: str, output: str) -> str:
    """Return the result and the sections of a node's report; of the data's texts none, unless the setting says so.

    The report may be of an earlier run, whose setting was another.
    """
    file = run[kind].folder(output) / document.FILE if kind in run else None
    if file is None or not file.is_file():
        return paragraph("The run has no report of this.")
    made = file.read_text(encoding="utf-8")
    content = document.content_of(made)
    is_shown = run[PUSHER].shown_errors > 0
    return document.banner_of(made) + (content if is_shown else document.without_texts(content))


def _origin(version: int, run: Run) -> Iterator[str]:
    """Yield the way from the days to the version, and the version's files."""
    spans = [
        (escape(day), f"{number}", f"<code>{escape(str(found.get('sha256', document.NONE)))}</code>")
        for day, number, found in _spans(run)
    ]
    if spans:
        columns = (("day", ""), ("version of the span", NUMBER), ("SHA-256 of its reviews", ""))
        yield section("Spans that were read", document.table(columns, spans))
    steps = [
        (
            f"<code>{escape(kind.rpartition('.')[2])}</code>",
            f"<code>{escape(_place_of(run[kind].output(key).uri))}</code>",
        )
        for kind, key in _STEPS
        if kind in run and key in run[kind].outputs
    ]
    note = "What the version was made of, in the pipeline's folder. Artifacts from the cache are of an earlier run."
    yield section("Artifacts", paragraph(note), document.table((("component", ""), ("artifact", "")), steps))
    yield section("Files", *_files(version, run[PUSHER]))


def _place_of(uri: str) -> str:
    """Return the last parts of an artifact's path: node, output and execution."""
    return "/".join(Path(uri).parts[-3:])


def _files(version: int, pusher: NodeRecord) -> Iterator[str]:
    try:
        found = manifest.listed(_repository(pusher).folder(version))
    except (ModelRepositoryError, ManifestError) as error:
        yield paragraph(f"They are not known: {error}")
        return
    if found is None:
        yield paragraph("They are not known: the version has no manifest.")
        return
    yield document.facts([("Digest of the model", found.digest), ("Bytes", f"{found.size:,}")])
    rows = [
        (f"<code>{escape(name)}</code>", f"{size:,}", f"<code>{digest}</code>")
        for name, (size, digest) in sorted(found.files.items())
    ]
    yield document.table((("file", ""), ("bytes", NUMBER), ("SHA-256", "")), rows)


def _repository(pusher: NodeRecord) -> ModelRepository:
    pushed = pusher.output(standard_component_specs.PUSHED_MODEL_KEY)
    return ModelRepository(Path(pushed.properties["pushed_destination"]).parent)


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
    return {day: found["rejected"] for day, _, found in _spans(run) if found}


def _spans(run: Run) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Yield the days that the run has read with the version and the manifest of each; empty: its span is gone."""
    if _EXAMPLE_GEN not in run:
        return
    parameters = run[_EXAMPLE_GEN].parameters
    for day, version in json.loads(parameters["span_versions"]).items():
        if version is not None:
            file = Path(parameters["input_base"], day, f"v{version}", "manifest.json")
            yield day, version, json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


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
