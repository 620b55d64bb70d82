"""Keeps the defaults 0 and "" of runtime parameters, which TFX's compiler drops."""

from typing import TYPE_CHECKING

from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto.orchestration import pipeline_pb2

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

_FIELDS = {int: "int_value", float: "double_value", str: "string_value"}


def with_empty_defaults(ir: pipeline_pb2.Pipeline, pipeline: "Pipeline") -> pipeline_pb2.Pipeline:
    """Return a compiled pipeline whose runtime parameters have those defaults too.

    Args:
        ir: What TFX's compiler has made; it is not changed.
        pipeline: What it was made of.
    """
    declared = [value for node in pipeline.components for value in node.exec_properties.values()]
    found = {one.name: one for one in declared if isinstance(one, RuntimeParameter)}
    empty = {name: one for name, one in found.items() if one.default is not None and not one.default}
    made = pipeline_pb2.Pipeline()
    made.CopyFrom(ir)
    for item in made.nodes:
        for value in item.pipeline_node.parameters.parameters.values():
            parameter = value.runtime_parameter
            if value.WhichOneof("value") == "runtime_parameter" and parameter.name in empty:
                one = empty[parameter.name]
                setattr(parameter.default_value, _FIELDS[one.ptype], one.ptype(one.default))
    return made
