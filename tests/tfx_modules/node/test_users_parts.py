"""A user's own pipeline may have what TFX's pipelines are made of: each part of this one runs in the node command."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import json_format
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from tests.tfx_modules.node.conftest import Nodes
from tfx_modules.pipeline.users.__main__ import main

PIPELINE = """
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleStatistics, Integer, Schema, String

HERE = Path(__file__).parent


@component
def Count(statistics: In[ExampleStatistics], schema: In[Schema], number: Out[Integer]):
    number.value = len(list(Path(statistics.uri).glob("Split-*"))) + len(list(Path(schema.uri).iterdir()))


@component
def Repeat(word: Parameter[str], times: Parameter[int], text: Out[String]):
    text.value = word * times


@tfx.orchestration.experimental.exit_handler
def Tell(final_status: Parameter[str], text: Out[String]):
    text.value = final_status


@tfx.orchestration.experimental.exit_handler
def TellOf(final_status: Parameter[str], number: In[Integer], text: Out[String]):
    text.value = f"{number.value}"


def create_pipeline() -> tfx.dsl.Pipeline:
    examples = tfx.components.ImportExampleGen(input_base=str(HERE / "records"))
    schema = tfx.dsl.Importer(source_uri=str(HERE / "schema"), artifact_type=Schema).with_id("OwnSchema")
    statistics = tfx.components.StatisticsGen(
        examples=examples.outputs["examples"], schema=schema.outputs["result"]
    ).with_beam_pipeline_args(["--direct_running_mode=in_memory", "--direct_num_workers=1"])
    count = Count(statistics=statistics.outputs["statistics"], schema=schema.outputs["result"])
    word = tfx.dsl.experimental.RuntimeParameter("word", str, "very ")
    repeat = Repeat(word=word, times=count.outputs["number"].future()[0].value)
    tell = Tell(final_status=tfx.orchestration.experimental.FinalStatusStr())
    with tfx.dsl.Cond(count.outputs["number"].future()[0].value == 0):
        guarded = Count(statistics=statistics.outputs["statistics"], schema=schema.outputs["result"]).with_id("Guarded")
    status = tfx.orchestration.experimental.FinalStatusStr
    tells = [
        TellOf(final_status=status(), number=made.outputs["number"]).with_id(name)
        for name, made in {"TellOfCount": count, "TellOfGuarded": guarded}.items()
    ]
    parts = [examples, schema, statistics, count, repeat, guarded, tell, *tells]
    return tfx.dsl.Pipeline("parts", "", components=parts)
"""
SCHEMA = 'feature { name: "n" type: INT presence { min_count: 1 } }\n'


@pytest.fixture
def users(tmp_path: Path) -> Path:
    folder = tmp_path / "users"
    (folder / "schema").mkdir(parents=True)
    (folder / "schema" / "schema.pbtxt").write_text(SCHEMA, encoding="utf-8")
    (folder / "records").mkdir()
    with tf.io.TFRecordWriter(str(folder / "records" / "some.tfrecord")) as file:
        for number in range(30):
            made = tf.train.Example()
            made.features.feature["n"].int64_list.value.append(number)
            file.write(made.SerializeToString())
    (folder / "parts_pipeline.py").write_text(PIPELINE, encoding="utf-8")
    return folder


@pytest.fixture
def compiled(users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "compiled"
    folder.mkdir()
    assert main([f"{users / 'parts_pipeline.py'}:create_pipeline", "--output", str(folder)]) == 0
    yield folder / "pipeline.json"
    sys.modules.pop("parts_pipeline", None)


def beam_arguments(pipeline: Path) -> dict[str, list[str]]:
    """The Beam arguments of each node that has some."""
    ir = json_format.Parse(pipeline.read_text(encoding="utf-8"), pipeline_pb2.Pipeline())
    deployment, found = pipeline_pb2.IntermediateDeploymentConfig(), {}
    ir.deployment_config.Unpack(deployment)
    for node, packed in deployment.executor_specs.items():
        spec = executable_spec_pb2.BeamExecutableSpec()
        if packed.Unpack(spec) and spec.beam_pipeline_args_placeholders:
            found[node] = [one.value.string_value for one in spec.beam_pipeline_args_placeholders]
    return found


def text_of(ended: Any) -> str:
    (artifact,) = ended.outputs["text"]
    return Path(artifact["uri"]).read_text(encoding="utf-8")


def test_each_part_runs(nodes: Nodes, compiled: Path) -> None:
    assert beam_arguments(compiled) == {"StatisticsGen": ["--direct_running_mode=in_memory", "--direct_num_workers=1"]}
    here = replace(nodes, pipeline=compiled)
    lacking = here.run("TellOfCount", "run-1", None, **{"final-status": "{}"})
    assert lacking.state == "failed", "its input is of a node without a condition, which has not run"
    for node in ("ImportExampleGen", "OwnSchema", "StatisticsGen", "Count"):
        ended = here.run(node)
        assert (ended.code, ended.state) == (0, "complete"), ended.log
    repeated = text_of(here.run("Repeat", word="so "))
    assert repeated == "so so so ", "a word of this run, as often as there are splits (train and eval) and schemas"
    assert here.run("Guarded").state == "skipped"
    assert here.run("TellOfGuarded", "run-1", None, **{"final-status": "{}"}).state == "skipped", (
        "a condition did not hold"
    )
    for state in ("FAILED", "SUCCEEDED", "SUCCEEDED"):
        status = json.dumps({"state": state, "error": {"message": "nodes have failed: Repeat"}})
        told = here.run("Tell", "run-1", None, **{"final-status": status})
        assert (told.state, text_of(told)) == ("complete", status), "also in a run that was cleared, and ended anew"
