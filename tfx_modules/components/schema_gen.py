"""SchemaGen that infers the schema, and adds the constraints that every review must satisfy.

A schema that is inferred from the same data that it validates finds nothing wrong with it. Therefore the constraints
that are known beforehand are added.
"""

from typing import Any, ClassVar

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.schema_gen import component, executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_modules.data import features
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, from_parameter, to_parameter
from tfx_modules.settings.task import KEY as TASK

_REVIEW_PRESENT = 0.99
"""A few missing texts are allowed: Transform fills them."""


def tighten(schema: schema_pb2.Schema, task: TaskSettings = BINARY_SENTIMENT) -> schema_pb2.Schema:
    """Return the schema with what every review must satisfy.

    Args:
        schema: inferred; it is not changed.
        task: the pipeline's, with the labels.

    Returns:
        One label of 0 or 1 and one sentiment of the task's in every row, one text in at least 99 of 100; the measures
        of the text in every row, in their bounds. Of a multilabel task 0 or 1 for each label, and any number of the
        labels in words.
    """
    made = schema_pb2.Schema()
    made.CopyFrom(schema)
    numbers = schema_pb2.IntDomain(min=0, max=1 if task.has_sets else len(task.classes) - 1)
    label = _require(made, features.LABEL, schema_pb2.INT, 1.0)
    label.int_domain.CopyFrom(numbers)
    sentiment = _require(made, features.SENTIMENT, schema_pb2.BYTES, 1.0)
    if task.has_sets:
        label.value_count.CopyFrom(schema_pb2.ValueCount(min=task.outputs, max=task.outputs))
        sentiment.ClearField("presence")  # a review without any label has no value of it
        sentiment.value_count.CopyFrom(schema_pb2.ValueCount(min=1, max=task.outputs))
    sentiment.string_domain.CopyFrom(schema_pb2.StringDomain(value=task.classes))
    _require(made, features.REVIEW, schema_pb2.BYTES, _REVIEW_PRESENT).ClearField("domain_info")
    for name in (features.WORDS, features.CHARACTERS, features.TAGS):
        _require(made, name, schema_pb2.INT, 1.0).int_domain.CopyFrom(schema_pb2.IntDomain(min=0))
    share = _require(made, features.UNKNOWN_SHARE, schema_pb2.FLOAT, 1.0)
    share.float_domain.CopyFrom(schema_pb2.FloatDomain(min=0.0, max=1.0))
    _describe_vocabulary(made)
    return made


def _describe_vocabulary(schema: schema_pb2.Schema) -> None:
    """Buckets are names written as numbers; a review without a word has none."""
    feature = _feature(schema, features.VOCABULARY)
    feature.type = schema_pb2.INT
    feature.ClearField("presence")
    feature.ClearField("value_count")
    buckets = schema_pb2.IntDomain(min=0, max=features.VOCABULARY_BUCKETS - 1, is_categorical=True)
    feature.int_domain.CopyFrom(buckets)


def _feature(schema: schema_pb2.Schema, name: str) -> schema_pb2.Feature:
    return next((item for item in schema.feature if item.name == name), None) or schema.feature.add(name=name)


def _require(schema: schema_pb2.Schema, name: str, kind: int, present: float) -> schema_pb2.Feature:
    feature = _feature(schema, name)
    feature.type = kind
    feature.presence.CopyFrom(schema_pb2.FeaturePresence(min_fraction=present, min_count=1))
    feature.value_count.CopyFrom(schema_pb2.ValueCount(min=1, max=1))
    return feature


class Executor(executor.Executor):  # type: ignore[misc]
    """Infer as TFX does, then tighten."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write ``schema.pbtxt``."""
        super().Do(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict[standard_component_specs.SCHEMA_KEY])
        path = f"{folder}/{executor.DEFAULT_FILE_NAME}"
        schema = io_utils.parse_pbtxt_file(path, schema_pb2.Schema())
        io_utils.write_pbtxt_file(path, tighten(schema, from_parameter(exec_properties.get(TASK))))


class SchemaGenSpec(standard_component_specs.SchemaGenSpec):  # type: ignore[misc]
    """TFX's, with the task."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.SchemaGenSpec.PARAMETERS,
        TASK: component_spec.ExecutionParameter(type=str, optional=True),
    }


class SchemaGen(component.SchemaGen):  # type: ignore[misc]
    """TFX's SchemaGen with the executor above. Not for splits that are left out."""

    SPEC_CLASS = SchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, *, statistics: types.BaseChannel, infer_feature_shape: bool, task: TaskSettings = BINARY_SENTIMENT
    ) -> None:
        """See TFX's SchemaGen; ``task`` has the labels that reviews may have."""
        spec = SchemaGenSpec(
            statistics=statistics,
            infer_feature_shape=int(infer_feature_shape),
            exclude_splits=json_utils.dumps([]),
            schema=types.Channel(type=standard_artifacts.Schema),
            task=to_parameter(task),
        )
        # TFX's own constructor makes its spec itself and takes no other.
        base_component.BaseComponent.__init__(self, spec=spec)
