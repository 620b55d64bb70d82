"""A component that takes TFX's FinalStatusStr is an exit handler: it runs after all others, however they have ended."""

from typing import Any

import pytest
from tfx import v1 as tfx
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.experimental.node_execution_options.utils import NodeExecutionOptions
from tfx.orchestration.kubeflow.decorators import FinalStatusStr, exit_handler
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import Model

from tfx_modules.exceptions import UnsupportedPipelineError
from tfx_modules.node.ir import FINAL_STATUS
from tfx_modules.pipeline.supported import check_supported
from tfx_modules.pipeline.users.exit_handlers import with_exit_handlers


@component  # type: ignore[untyped-decorator]
def Make(model: Out[Model]) -> None:  # noqa: N802 (TFX makes a class of it)
    """Makes a model."""


@component  # type: ignore[untyped-decorator]
def Use(model: In[Model]) -> None:  # noqa: N802
    """Uses a model."""


@exit_handler  # type: ignore[untyped-decorator]
def Tell(final_status: Parameter[str], whom: Parameter[str], told: Out[Model]) -> None:  # noqa: N802
    """Tells somebody how it was."""


def compiled(*nodes: Any) -> pipeline_pb2.Pipeline:
    pipeline = tfx.dsl.Pipeline("theirs", "/root", components=list(nodes), enable_cache=True)
    ir = Compiler().compile(pipeline)
    kept = ir.SerializeToString(deterministic=True)
    made = with_exit_handlers(ir, pipeline)
    assert ir.SerializeToString(deterministic=True) == kept, "the compiled pipeline is not changed"
    check_supported(made)
    return made


def nodes_of(ir: pipeline_pb2.Pipeline) -> dict[str, pipeline_pb2.PipelineNode]:
    return {item.pipeline_node.node_info.id: item.pipeline_node for item in ir.nodes}


def test_it_comes_after_all_other_nodes_and_gets_the_final_status() -> None:
    tell = Tell(final_status=FinalStatusStr(), whom="anna")
    tell.node_execution_options = NodeExecutionOptions(max_execution_retries=2)
    nodes = nodes_of(compiled(tell, *make_and_use()))
    assert list(nodes) == ["Make", "Use", "Tell"]
    options = nodes["Tell"].execution_options
    assert list(nodes["Tell"].upstream_nodes) == ["Make", "Use"]
    assert options.strategy == pipeline_pb2.NodeExecutionOptions.ALL_UPSTREAM_NODES_COMPLETED
    assert not options.caching_options.enable_cache
    assert options.max_execution_retries == 2
    parameters = nodes["Tell"].parameters.parameters
    assert parameters["final_status"].runtime_parameter.name == FINAL_STATUS
    assert parameters["final_status"].runtime_parameter.type == pipeline_pb2.RuntimeParameter.STRING
    assert parameters["whom"].field_value.string_value == "anna"


def make_and_use() -> list[Any]:
    make = Make()
    return [make, Use(model=make.outputs["model"])]


def test_other_nodes_stay_as_they_are() -> None:
    without = nodes_of(compiled(*make_and_use()))
    made = nodes_of(compiled(*make_and_use(), Tell(final_status=FinalStatusStr(), whom="anna")))
    for name, node in without.items():
        assert list(made[name].downstream_nodes) == [*node.downstream_nodes, "Tell"]
        made[name].downstream_nodes[:] = node.downstream_nodes
        assert made[name] == node


def test_there_may_be_several_and_none_waits_for_another() -> None:
    handlers = [Tell(final_status=FinalStatusStr(), whom=name).with_id(name) for name in ("anna", "ben")]
    nodes = nodes_of(compiled(handlers[0], Make(), handlers[1]))
    assert list(nodes) == ["Make", "anna", "ben"]
    assert [list(nodes[name].upstream_nodes) for name in nodes] == [[], ["Make"], ["Make"]]


@pytest.mark.parametrize("others", [[], ["Handler"]])
def test_no_other_runtime_parameter_may_have_its_name(others: list[str]) -> None:
    own = Tell(final_status=tfx.dsl.experimental.RuntimeParameter(FINAL_STATUS, str), whom="anna")
    handlers = [Tell(final_status=FinalStatusStr(), whom="ben").with_id(name) for name in others]
    with pytest.raises(
        UnsupportedPipelineError, match=r"'final-status' in Tell has the name .*; allowed: any other name"
    ):
        compiled(own, *handlers)


def test_nothing_may_wait_for_it() -> None:
    tell = Tell(final_status=FinalStatusStr(), whom="anna")
    use = Use(model=tell.outputs["told"])
    after = Tell(final_status=FinalStatusStr(), whom="ben").with_id("After")
    after.add_upstream_node(tell)
    with pytest.raises(
        UnsupportedPipelineError,
        match=r"wait for exit handlers: Use for Tell; After for Tell; allowed: exit handlers, wh",
    ):
        compiled(tell, use, after)
