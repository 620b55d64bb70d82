"""A pipeline that the runner cannot run is refused when it is compiled, with the names of what it cannot run."""

from collections.abc import Callable
from typing import Any

import pytest
from tfx import v1 as tfx
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.container_component import create_container_component
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.control_flow.for_each import ForEach
from tfx.dsl.experimental.node_execution_options.utils import NodeExecutionOptions
from tfx.orchestration.pipeline import ExecutionMode
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import Model

from tfx_modules.exceptions import UnsupportedPipelineError
from tfx_modules.pipeline.supported import check_supported

Strategy = pipeline_pb2.NodeExecutionOptions


@component  # type: ignore[untyped-decorator]
def Make(model: Out[Model]) -> None:  # noqa: N802 (TFX makes a class of it)
    """Makes a model."""


@component  # type: ignore[untyped-decorator]
def Use(model: In[Model]) -> None:  # noqa: N802
    """Uses a model."""


def compiled(*nodes: Any, **arguments: Any) -> pipeline_pb2.Pipeline:
    pipeline = tfx.dsl.Pipeline("theirs", "/root", components=list(nodes), **arguments)
    made: pipeline_pb2.Pipeline = Compiler().compile(pipeline)
    return made


def with_options(**options: Any) -> BaseNode:
    make = Make()
    make.node_execution_options = NodeExecutionOptions(**options)
    return make


def loop() -> pipeline_pb2.Pipeline:
    make = Make()
    with ForEach(make.outputs["model"]) as model:
        use = Use(model=model)
    return compiled(make, use)


def subpipeline() -> pipeline_pb2.Pipeline:
    inner = Make()
    return compiled(tfx.dsl.Pipeline("inner", components=[inner], outputs={"model": inner.outputs["model"]}))


def container() -> pipeline_pb2.Pipeline:
    kind = create_container_component("Boxed", image="busybox", command=["true"], outputs={"model": Model})
    return compiled(kind())


def with_strategy(strategy: int, **options: Any) -> Callable[[], pipeline_pb2.Pipeline]:
    return lambda: compiled(with_options(trigger_strategy=strategy, **options))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (loop, "ForEach in node Use"),
        (subpipeline, "the subpipeline inner"),
        (container, r"an executor that is not in Python \(ContainerExecutableSpec\) in node Boxed"),
        (lambda: compiled(Make(), execution_mode=ExecutionMode.ASYNC), "the execution mode ASYNC"),
        (with_strategy(Strategy.LAZILY_ALL_UPSTREAM_NODES_SUCCEEDED), "the trigger strategy LAZILY_ALL_UPSTREAM_NODES"),
        (with_strategy(Strategy.LAZILY_ALL_UPSTREAM_NODES_COMPLETED), "the trigger strategy LAZILY_ALL_UPSTREAM_NODES"),
        (
            with_strategy(Strategy.LIFETIME_END_WHEN_SUBGRAPH_CANNOT_PROGRESS, lifetime_start="Other"),
            "the trigger strategy LIFETIME_END.*; the execution option resource_lifetime in node Make",
        ),
        (lambda: compiled(with_options(success_optional=True)), "the execution option node_success_optional in node M"),
        (lambda: compiled(with_options(reset_stateful_working_dir=True)), "the execution option reset_stateful_work"),
        (lambda: compiled(with_options(_run_mode=Strategy.LAUNCH_ONLY)), "the execution option run_mode in node Make"),
    ],
)
def test_what_cannot_be_run_is_named(make: Callable[[], pipeline_pb2.Pipeline], named: str) -> None:
    with pytest.raises(UnsupportedPipelineError, match=rf"pipeline theirs has .*{named}.*; allowed: nodes with exec"):
        check_supported(make())


def test_all_of_it_is_named_at_once() -> None:
    ir = compiled(with_options(success_optional=True, reset_stateful_working_dir=True))
    with pytest.raises(UnsupportedPipelineError, match=r"node_success_optional in node Make; .* reset_stateful.*; all"):
        check_supported(ir)


def test_retries_time_limits_and_nodes_after_failed_ones_are_supported() -> None:
    make = with_options(max_execution_retries=2, execution_timeout_sec=60)
    last = Make().with_id("Last")
    last.add_upstream_node(make)
    last.node_execution_options = NodeExecutionOptions(trigger_strategy=Strategy.ALL_UPSTREAM_NODES_COMPLETED)
    check_supported(compiled(make, last))


def test_conditions_are_supported() -> None:
    make = Make()
    with tfx.dsl.Cond(make.outputs["model"].future()[0].custom_property("good") == 1):
        use = Use(model=make.outputs["model"])
    check_supported(compiled(make, use))
