"""``python -m tests.tfx_modules.local.compared FILE:FUNCTION OUTCOMES FOLDER ...``: compares with LocalDagRunner.

It runs each pipeline that a function makes by TFX's ``LocalDagRunner`` in a folder, and compares the artifacts with
those of a run of this project, whose outcomes by node are in a JSON file. It prints a JSON object in a line for each:
what was compared, by node and output, and what differs. Set ``UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES``, TFX's variable
for module files where there is no pip.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from ml_metadata.proto.metadata_store_pb2 import Event
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx import v1 as tfx
from tfx.orchestration.metadata import Metadata

from tfx_modules.pipeline.users.function import call, parse_function

CLOSE = 1e-4
"""How far apart numbers may be, also as a share of them: sums depend on the order of their terms."""
LEARNED = 0.1
"""How far apart a metric of two models may be: their first weights are drawn."""


@dataclass(frozen=True)
class Made:
    """An artifact of either run."""

    type: str
    uri: Path
    properties: Mapping[str, Any]


Run = Mapping[str, Mapping[str, list[Made]]]
"""Artifacts by node and output."""


def with_local_dag_runner(function: str, folder: Path) -> Run:
    """Run a pipeline as a user of TFX does; return its artifacts."""
    pipeline = call(parse_function(function, None))
    pipeline.pipeline_info.pipeline_root = str(folder / "pipeline")
    database = folder / "metadata.db"
    pipeline.metadata_connection_config = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(database))
    tfx.orchestration.LocalDagRunner().run(pipeline)
    return of_metadata(database)


def of_metadata(database: Path) -> Run:
    """Return the artifacts of the one run that a database of ML Metadata has."""
    run: dict[str, dict[str, list[Made]]] = {}
    with Metadata(tfx.orchestration.metadata.sqlite_metadata_connection_config(str(database))) as handle:
        store = handle.store
        types = {kind.id: kind.name for kind in store.get_artifact_types()}
        for context in store.get_contexts_by_type("node"):
            executions = [execution.id for execution in store.get_executions_by_context(context.id)]
            events = [event for event in store.get_events_by_execution_ids(executions) if event.type == Event.OUTPUT]
            node = run.setdefault(context.name.partition(".")[2], {})
            for event in events:
                (artifact,) = store.get_artifacts_by_id([event.artifact_id])
                values = {**artifact.properties, **artifact.custom_properties}
                made = {key: getattr(value, value.WhichOneof("value")) for key, value in values.items()}
                node.setdefault(event.path.steps[0].key, []).append(
                    Made(types[artifact.type_id], Path(artifact.uri), made)
                )
    return run


def of_outcomes(file: Path) -> Run:
    """Return the artifacts that the outcomes of a run of ours name."""
    outcomes = json.loads(file.read_text(encoding="utf-8"))
    return {
        node: {
            key: [Made(one["type"], Path(one["uri"]), one["properties"]) for one in made]
            for key, made in outcome["outputs"].items()
        }
        for node, outcome in outcomes.items()
    }


def examples(made: Made) -> Any:
    """Return the names of the splits, and the records of each in one order: which file has which is left to Beam."""
    splits = sorted(json.loads(made.properties["split_names"]))
    return {split: sorted(_records(made.uri / f"Split-{split}")) for split in splits}


def _records(folder: Path) -> Iterator[Any]:
    files = [str(file) for file in sorted(folder.glob("*.gz"))]
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        found = tf.train.Example.FromString(record).features.feature
        kinds = {name: found[name].WhichOneof("kind") for name in sorted(found)}
        yield tuple((name, tuple(getattr(found[name], kind).value)) for name, kind in kinds.items() if kind)


def statistics(made: Made) -> Any:
    """Return how many examples each split has, and the common statistics, mean and bounds of each feature."""
    return {
        place: [
            (one.num_examples, {".".join(of.path.step) or of.name: _of_feature(of) for of in one.features})
            for one in statistics_pb2.DatasetFeatureStatisticsList.FromString(stored).datasets
        ]
        for place, stored in _stored(made, "FeatureStats.pb")
    }


def _stored(made: Made, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a name in an artifact, with the folder of each: those of Transform have no splits."""
    for file in sorted(made.uri.rglob(name)):
        yield str(file.parent.relative_to(made.uri)), file.read_bytes()


def _of_feature(feature: Any) -> Any:
    numbers, texts = feature.num_stats, feature.string_stats
    return (
        feature.type,
        numbers.common_stats.num_non_missing or texts.common_stats.num_non_missing,
        texts.unique,
        (numbers.mean, numbers.std_dev, numbers.min, numbers.max),
    )


def anomalies(made: Made) -> Any:
    """Return the anomalies that were found in each split."""
    return {
        place: json_format.MessageToDict(anomalies_pb2.Anomalies.FromString(stored)).get("anomalyInfo")
        for place, stored in _stored(made, "SchemaDiff.pb")
    }


def vocabularies(made: Made) -> Any:
    """Return the files that a transform graph has beside it: schema and vocabularies."""
    files = [made.uri / "transformed_metadata" / "schema.pbtxt", *(made.uri / "transform_fn" / "assets").glob("*")]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def signatures(made: Made) -> Any:
    """Return what a model takes and gives: its weights are drawn, and another one has others."""
    file = next(path for path in sorted(made.uri.rglob("saved_model.pb")))
    (graph,) = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    return {
        name: sorted(
            (side, key, one.dtype) for side in ("inputs", "outputs") for key, one in getattr(found, side).items()
        )
        for name, found in graph.signature_def.items()
    }


def metrics(made: Made) -> Any:
    """Return the metrics of each slice: those that count exactly, those that a model has learned roughly."""
    return {
        (str(one.slice_key), str(item.key.name), str(item.key.sub_key)): _metric(item)
        for one in tfma.load_metrics(str(made.uri))
        for item in one.metric_keys_and_values
    }


def _metric(item: Any) -> Any:
    value = item.value.double_value.value
    return value if item.key.name == "example_count" else _Learned(value)


class _Learned(float):
    """A number that a model has learned."""


def alike(one: Any, other: Any) -> bool:
    """Compare values of any depth: numbers with a fraction may differ a little, what was learned more, others not."""
    if isinstance(one, _Learned):
        return isinstance(other, _Learned) and abs(one - other) <= LEARNED
    if isinstance(one, float):
        return isinstance(other, float) and math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
        )
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


CONTENTS: Mapping[str, Callable[[Made], Any]] = {
    "Examples": examples,
    "ExampleStatistics": statistics,
    "Schema": lambda made: (made.uri / "schema.pbtxt").read_text(encoding="utf-8"),
    "ExampleAnomalies": anomalies,
    "TransformGraph": vocabularies,
    "Model": signatures,
    "PushedModel": signatures,
    "ModelEvaluation": metrics,
    "ModelBlessing": lambda made: made.properties["blessed"],
    # Those that the search found; which ones is drawn.
    "HyperParameters": lambda made: sorted(
        json.loads(next(made.uri.glob("*.txt")).read_text(encoding="utf-8"))["values"]
    ),
}
"""What two artifacts of a type have to have alike. Of other types, type and number are compared."""


def differences(ours: Run, theirs: Run) -> Iterator[str]:
    """Yield what differs, a line for each output of a node."""
    for node in sorted({*ours, *theirs}):
        mine, other = ours.get(node, {}), theirs.get(node, {})
        for key in sorted({*mine, *other}):
            if [one.type for one in mine.get(key, [])] != [one.type for one in other.get(key, [])]:
                yield f"{node}.{key}: {mine.get(key)} here, {other.get(key)} with LocalDagRunner"
                continue
            for here, there in zip(mine.get(key, []), other.get(key, []), strict=True):
                content = CONTENTS.get(here.type)
                if content and not alike(found := content(here), wanted := content(there)):
                    yield f"{node}.{key}: {str(found)[:2000]} here, {str(wanted)[:2000]} with LocalDagRunner"


def main() -> None:
    """Print what was compared, and what differs."""
    lines = [_compared(function, Path(outcomes), Path(folder)) for function, outcomes, folder in batched(sys.argv[1:])]
    print("\n".join(map(json.dumps, lines)))


def batched(arguments: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the arguments three by three."""
    return zip(*[iter(arguments)] * 3, strict=True)


def _compared(function: str, outcomes: Path, folder: Path) -> dict[str, Any]:
    ours, theirs = of_outcomes(outcomes), with_local_dag_runner(function, folder)
    compared = {f"{node}.{key}": made[0].type for node, outputs in theirs.items() for key, made in outputs.items()}
    return {"compared": compared, "differences": list(differences(ours, theirs))}


if __name__ == "__main__":
    main()
