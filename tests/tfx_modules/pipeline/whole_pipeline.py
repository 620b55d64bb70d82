"""Runs all nodes of the pipeline, as the node command does, with an encoder so small that training takes seconds."""

import csv
import datetime as dt
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tfx.dsl.compiler.compiler import Compiler

from tests.tfx_modules.model.test_encoder_checkpoint import CONFIG, tensors, write
from tfx_modules.model.encoder import checkpoint
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.node.request import GpuUse, NodeRequest
from tfx_modules.node.run import run_node
from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.compile import to_json
from tfx_modules.pipeline.pipeline import create_pipeline
from tfx_modules.pipeline.sources import Sources
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.settings import (
    EncoderSettings,
    ExportSettings,
    PipelineSettings,
    Precision,
    TrainingSettings,
    TuningSettings,
    ValidationSettings,
)
from tfx_modules.settings.task import TaskSettings

NODES = (
    "CsvExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ChampionStatistics",
    "ExampleValidator",
    "Transform",
    "LatestTuned",
    "Tuner",
    "Trainer",
    "Resolver",
    "Evaluator",
    "InfraValidator",
    "Pusher",
)
EPOCH = dt.date(1970, 1, 1)
WORDS = ("good", "bad", "late", "broken", "film", "shop", "very", "so", "it", "was", "and", "the")
COLUMNS = ("id", "date", "review", "sentiment")
REJECTED = {"unknown_label": 2, "no_text": 1}
"""What the manifest of each day counts as rejected rows."""
TUNING = TuningSettings(
    trials=4,
    steps_per_trial=6,
    eval_batches=2,
    learning_rates=(3e-3, 2e-2, 3e-2),
    dropouts=(0.25, 0.35),
    warmup_fractions=(0.05, 0.15),
)
"""What a search chooses from: none of the values is the one that a training has without a search."""
EXPORT = ExportSettings(precision=Precision.FLOAT32, tflite=True)
PLAIN = ExportSettings(precision=Precision.FLOAT32, engines=())
"""A SavedModel and nothing beside it, for a run whose exports nobody looks at."""
Labelled = Sequence[tuple[str, str]]
"""Texts and their labels."""


def small_encoder(folder: Path) -> EncoderSettings:
    """One layer of random weights, and a vocabulary of a few words."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    config = {**CONFIG, "num_hidden_layers": 1, "vocab_size": len(vocabulary), "hidden_size": 16}
    return write(folder, tensors(config), config, vocabulary)


def page_of(outcome: Outcome, output: str) -> str:
    """Return the report that a node has left beside an output, after checking that it loads and runs nothing."""
    (artifact,) = outcome.outputs[output]
    page = Path(artifact.uri, "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<(script|link|img|iframe|object|embed)|@import|url\((?!#)", page)
    return page


def told_by_a_word(words: Mapping[str, str], count: int, start: int = 0) -> Iterator[tuple[str, str]]:
    """Make texts whose label is told by one word of theirs, of each label as many."""
    labels = list(words)
    around = ("film", "shop", "very", "so", "it", "was", "and", "the")
    for n in range(start, start + count):
        # The same words stand around each label's own, so that nothing else tells it.
        label, turn = labels[n % len(labels)], n // len(labels)
        yield f"{around[turn % 8]} {around[turn // 8 % 8]} {words[label]} {around[turn // 64 % 8]}", label


@dataclass(frozen=True)
class WholePipeline:
    """A state folder with a metadata store, a ledger and served models of its own."""

    folder: Path
    encoder: Callable[[Path], EncoderSettings] = small_encoder
    """Makes the encoder, given a folder of its own."""
    export: ExportSettings = EXPORT
    """What the Trainer exports beside the SavedModel."""

    @property
    def models(self) -> Path:
        """The folder that servers watch."""
        return self.folder / "models" / "bert_sentiment"

    def run(
        self,
        task: TaskSettings,
        days: Mapping[str, Labelled],
        held_out: Labelled,
        run_id: str,
        *,
        tune: str = "no",
        up_to: str = NODES[-1],
        steps: int = 0,
        **gate: Any,
    ) -> dict[str, Outcome]:
        """Run the nodes on a window of days, up to one or the first that is blocked; return their outcomes."""
        pipeline = self._compile(task, GateSettings(**gate))
        first, last = ((dt.date.fromisoformat(day) - EPOCH).days for day in (min(days), max(days)))
        window = {"static_range": {"start_span_number": first, "end_span_number": last}}
        holdout = self._holdout(held_out)
        promotion = {"dag_id": "bert_sentiment", "run_id": run_id, "actor": "a test", "older": "no"}
        parameters: dict[str, dict[str, str]] = {
            "CsvExampleGen": {
                "input_base": str(self._spans(days)),
                "range_config": json.dumps(window),
                "span_versions": json.dumps(dict.fromkeys(days, 1)),
                "holdout": holdout,
            },
            "Tuner": {"tune": tune},
            "Trainer": {"train_args": json.dumps({"splits": ["train"], "num_steps": steps}), "holdout": holdout},
            "Pusher": {
                "promotion": json.dumps({**promotion, "data_date": max(days), "first_day": min(days)}),
                "push_destination": json.dumps({"filesystem": {"base_directory": str(self.models)}}),
                "holdout": holdout,
            },
        }
        outcomes = {}
        for node in NODES[: NODES.index(up_to) + 1]:
            outcome = run_node(self._request(pipeline, node, run_id, parameters.get(node, {})))
            assert outcome.state is not NodeState.FAILED, f"{node}: {outcome.reason}"
            outcomes[node] = outcome
            if outcome.state is NodeState.BLOCKED:
                break
        return outcomes

    def run_alone(self, task: TaskSettings, node: str, run_id: str) -> Outcome:
        """Run a node that has no parameters and follows no other."""
        return run_node(self._request(self._compile(task, GateSettings()), node, run_id, {}))

    def _request(self, pipeline: Path, node: str, run_id: str, parameters: Mapping[str, Any]) -> NodeRequest:
        return NodeRequest(
            pipeline=pipeline,
            node=node,
            run_id=run_id,
            pipeline_root=self.folder / "pipeline",
            metadata=f"sqlite:///{self.folder}/mlmd.db",
            metadata_wait_seconds=120,
            ledger=f"sqlite:///{self.folder}/ledger.db",
            parameters=parameters,
            use_cache=True,
            gpu=GpuUse.NONE,
            shown_errors=0,
            outcome=self.folder / "outcome.json",
        )

    def _compile(self, task: TaskSettings, gate: GateSettings) -> Path:
        path = self.folder / "pipeline.json"
        settings = PipelineSettings(
            task=task,
            encoder=checkpoint.check(self.encoder(self.folder / "encoder")),
            training=TrainingSettings(
                batch_size=16, epochs=24, learning_rate=1e-2, length_buckets=(), jit_compile=False
            ),
            tuning=TUNING,
            export=self.export,
            validation=ValidationSettings(minimum_class_rows=5),
            gate=gate,
        )
        ir = Compiler().compile(create_pipeline(settings))
        path.write_text(to_json(with_code_versions(ir, Sources())), encoding="utf-8")
        return path

    def _spans(self, days: Mapping[str, Labelled]) -> Path:
        """Write spans where the same days were written before, so that the cache knows them."""
        spans = self.folder / "spans" / hashlib.sha256(json.dumps(days).encode()).hexdigest()[:8]
        if spans.exists():
            return spans
        for day, rows in days.items():
            (spans / day / "v1").mkdir(parents=True)
            with (spans / day / "v1" / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
                file.write(",".join(COLUMNS) + "\n")
                lines = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
                lines.writerows((f"{day}-{n}", day, text, label) for n, (text, label) in enumerate(rows))
            manifest = {"rows": len(rows), "rejected": REJECTED}
            (spans / day / "v1" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return spans

    def _holdout(self, rows: Labelled) -> str:
        file = io.StringIO(newline="")
        csv.writer(file, lineterminator="\n").writerows([("review", "sentiment"), *rows])
        content = file.getvalue().encode()
        written = sorted(self.folder.glob("own-v*.csv"))
        path = next((one for one in written if one.read_bytes() == content), self.folder / f"own-v{len(written)}.csv")
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return json.dumps({"name": path.stem, "path": str(path), "sha256": digest})


def copied_for_tflite(pipeline: WholePipeline) -> Path:
    """Return the folder for phones of the version in service."""
    return max(pipeline.models.with_name("bert_sentiment.tflite").iterdir(), key=lambda folder: int(folder.name))


def classify(address: str, texts: Sequence[str]) -> list[list[tuple[str, float]]]:
    """Ask the model `own` for the scores of all labels over REST; return them for each text."""
    body = {"signature_name": "classify", "examples": [{"review": text} for text in texts]}
    connection = HTTPConnection(address, timeout=30)
    connection.request("POST", "/v1/models/own:classify", json.dumps(body))
    found: list[list[tuple[str, float]]] = json.loads(connection.getresponse().read())["results"]
    connection.close()
    return found
