# ruff: noqa: ARG001, N802 - TFX makes component classes of these functions, with their names and arguments.
"""A pipeline with conditions that do not hold, for the tests of what runs after them."""

from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import HyperParameters, Model

from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.sources import Sources


@component  # type: ignore[untyped-decorator]
def Number(number: Out[HyperParameters], value: Parameter[int]) -> None:
    """Makes an artifact with a number."""
    number.set_int_custom_property("value", value)


@component  # type: ignore[untyped-decorator]
def Needs(number: In[HyperParameters], made: Out[HyperParameters]) -> None:
    """Cannot run without its input."""
    made.set_int_custom_property("value", 1)


@component  # type: ignore[untyped-decorator]
def Takes(made: Out[Model], number: In[HyperParameters] = None) -> None:
    """Takes an input where there is one."""
    made.set_int_custom_property("has_input", int(number is not None))


@component  # type: ignore[untyped-decorator]
def Free(made: Out[Model]) -> None:
    """Needs nothing."""


def create_pipeline(root: Path) -> tfx.dsl.Pipeline:
    """Make the pipeline; its ids say what each node is."""
    number = Number(value=0)
    value = number.outputs["number"].future()[0].custom_property("value")
    with tfx.dsl.Cond(value == 1):
        guarded = Needs(number=number.outputs["number"]).with_id("ConditionFalse")
        with tfx.dsl.Cond(value == 0):
            inner = Free().with_id("InsideConditionFalse")
    with tfx.dsl.Cond(value == 0):
        holds = Free().with_id("ConditionTrue")
    needs = Needs(number=guarded.outputs["made"]).with_id("NeedsSkipped")
    needs_needs = Needs(number=needs.outputs["made"]).with_id("NeedsNeedsSkipped")
    takes = Takes(number=guarded.outputs["made"]).with_id("MayTakeSkipped")
    after = Free().with_id("AfterSkipped")
    after.add_upstream_node(guarded)
    after_needs = Free().with_id("AfterNeedsSkipped")
    after_needs.add_upstream_node(needs)
    latest = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestArtifactStrategy, made=tfx.dsl.Channel(type=Model)
    ).with_id("ResolverAfterSkipped")
    latest.add_upstream_node(guarded)
    with tfx.dsl.Cond(guarded.outputs["made"].future()[0].custom_property("value") == 1):
        by_skipped = Free().with_id("ConditionOnSkipped")
    components = [number, guarded, inner, holds, needs, needs_needs, takes, after, after_needs, latest, by_skipped]
    return tfx.dsl.Pipeline(
        pipeline_name="conditions",
        pipeline_root=str(root / "pipeline"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root / "metadata.db")
        ),
        components=components,
    )


def compile_pipeline(root: Path) -> pipeline_pb2.Pipeline:
    """Compile it, with code versions."""
    sources = Sources(Path(__file__).parent, ["tfx_modules", __name__])
    return with_code_versions(Compiler().compile(create_pipeline(root)), sources)
