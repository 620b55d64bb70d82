"""SchemaGen that infers the schema, and adds the constraints that every review must satisfy.

A schema that is inferred from the same data that it validates finds nothing wrong with it. Therefore the constraints
that are known beforehand are added.
"""

from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.schema_gen import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from tfx_modules.data import features

_REVIEW_PRESENT = 0.99
"""A few missing texts are allowed: Transform fills them."""


def tighten(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """Return the schema with what every review must satisfy.

    Args:
        schema: inferred; it is not changed.

    Returns:
        One label of 0 or 1 and one known sentiment in every row, one text in at least 99 of 100; the measures of the
        text in every row, in their bounds.
    """
    made = schema_pb2.Schema()
    made.CopyFrom(schema)
    _require(made, features.LABEL, schema_pb2.INT, 1.0).int_domain.CopyFrom(schema_pb2.IntDomain(min=0, max=1))
    sentiment = _require(made, features.SENTIMENT, schema_pb2.BYTES, 1.0)
    sentiment.string_domain.CopyFrom(schema_pb2.StringDomain(value=features.SENTIMENTS))
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
        io_utils.write_pbtxt_file(path, tighten(schema))


class SchemaGen(component.SchemaGen):  # type: ignore[misc]
    """TFX's SchemaGen with the executor above."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
