"""Runs the pipeline's own data nodes, as the node command does, on days of reviews that a test makes."""

import csv
import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler.compiler import Compiler
from tfx.orchestration.metadata import Metadata

from tfx_modules.node.connection import connection_config
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.node.request import GpuUse, NodeRequest
from tfx_modules.node.run import run_node
from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.compile import to_json
from tfx_modules.pipeline.pipeline import create_pipeline
from tfx_modules.pipeline.sources import Sources
from tfx_modules.promotion.events import Draft, EventKind
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.settings.settings import PipelineSettings, SplitSettings, ValidationSettings

SAMPLE = Path(__file__).parents[3] / "data" / "sample_reviews.csv"
NODES = ("CsvExampleGen", "StatisticsGen", "SchemaGen", "ChampionStatistics", "ExampleValidator")
EPOCH = dt.date(1970, 1, 1)

Row = dict[str, str]


def sample_day(day: str) -> list[Row]:
    """The sample feed's reviews of a day."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["date"] == day]


@dataclass(frozen=True)
class DataNodes:
    """A pipeline folder with a metadata store of its own."""

    folder: Path
    holdout: str = "{}"
    split: SplitSettings = field(default_factory=SplitSettings)

    @property
    def metadata(self) -> str:
        return f"sqlite:///{self.folder}/mlmd.db"

    @property
    def ledger(self) -> str:
        return f"sqlite:///{self.folder}/ledger.db"

    def run(
        self, days: Mapping[str, Sequence[Row]], settings: ValidationSettings, run_id: str, nodes: Sequence[str] = NODES
    ) -> Outcome:
        """Run a window of days; return the last node's outcome, ExampleValidator's where nothing else is asked for."""
        spans = self._write(days)
        pipeline = self._compile(settings)
        first, last = ((dt.date.fromisoformat(day) - EPOCH).days for day in (min(days), max(days)))
        window = {"static_range": {"start_span_number": first, "end_span_number": last}}
        parameters = {
            "input_base": str(spans),
            "range_config": json.dumps(window),
            "span_versions": json.dumps(dict.fromkeys(days, 1)),
            "holdout": self.holdout,
        }
        for node in nodes:
            outcome = run_node(self._request(pipeline, node, run_id, parameters if node == NODES[0] else {}))
            assert outcome.state is not NodeState.FAILED, outcome.reason
        return outcome

    def _request(self, pipeline: Path, node: str, run_id: str, parameters: Mapping[str, Any]) -> NodeRequest:
        return NodeRequest(
            pipeline=pipeline,
            node=node,
            run_id=run_id,
            pipeline_root=self.folder / "pipeline",
            metadata=self.metadata,
            metadata_wait_seconds=120,
            ledger=self.ledger,
            parameters=parameters,
            use_cache=True,
            gpu=GpuUse.NONE,
            shown_errors=0,
            outcome=self.folder / "outcome.json",
        )

    def _compile(self, settings: ValidationSettings) -> Path:
        path = self.folder / "pipeline.json"
        ir = Compiler().compile(create_pipeline(PipelineSettings(split=self.split, validation=settings)))
        path.write_text(to_json(with_code_versions(ir, Sources())), encoding="utf-8")
        return path

    def _write(self, days: Mapping[str, Sequence[Row]]) -> Path:
        """Write spans where the same days were written before, so that the cache knows them."""
        digest = hashlib.sha256(json.dumps(days, sort_keys=True).encode()).hexdigest()
        spans = self.folder / "spans" / digest[:8]
        if spans.exists():
            return spans
        for day, rows in days.items():
            (spans / day / "v1").mkdir(parents=True)
            with (spans / day / "v1" / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ["id", "date", "review", "sentiment"])
                writer.writeheader()
                writer.writerows({**row, "date": day} for row in rows)
        return spans

    def push(self, run_id: str) -> None:
        """Record what a Pusher does that has promoted a model in a run."""
        with Metadata(connection_config(self.metadata)) as handle:
            store = handle.store
            (run,) = [item for item in store.get_contexts_by_type("pipeline_run") if item.name == run_id]
            pushed = metadata_store_pb2.Artifact(uri="made up", type_id=_type(store, "PushedModel"))
            pushed.state = metadata_store_pb2.Artifact.LIVE
            pushed.custom_properties["pushed_version"].string_value = "2026110501"
            execution = metadata_store_pb2.Execution(last_known_state=metadata_store_pb2.Execution.COMPLETE)
            execution.type_id = store.put_execution_type(metadata_store_pb2.ExecutionType(name="a Pusher"))
            event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
            pipelines = store.get_contexts_by_type("pipeline")
            store.put_execution(execution, [(pushed, event)], [run, *pipelines])
        with open_ledger(self.ledger, "bert_sentiment").exclusive() as held:
            held.append(Draft(kind=EventKind.PROMOTED, reason="made up", actor="a test", version=2026110501))


def _type(store: MetadataStore, name: str) -> int:
    return int(store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name), can_add_fields=True))


def page_of(outcome: Outcome) -> str:
    """The report that ExampleValidator has left."""
    (anomalies,) = outcome.outputs["anomalies"]
    return Path(anomalies.uri, "report.html").read_text(encoding="utf-8")
