# ruff: noqa: N802 - TFX makes a component class of the function, with its name and arguments.
"""Three nodes, each of which does what its run says; compiled and run in a folder of its own."""

import itertools
import time
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import HyperParameters

from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.sources import Sources

NODES = ("First", "Second", "Third")


@component  # type: ignore[untyped-decorator]
def Step(written: Out[HyperParameters], action: Parameter[str]) -> None:
    """Writes a file, then does what it is told."""
    folder = Path(written.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "half").touch()
    if action == "stop":
        secret = 6 * 7  # noqa: F841 - for the debugger
        breakpoint()  # noqa: T100 - what the test is about
    if action == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    if action == "fail":
        raise RuntimeError("nothing was to be found\nand a second line")


def compile_pipeline() -> pipeline_pb2.Pipeline:
    """Compile the nodes, each after the one before; their actions are parameters of the run."""
    steps = [Step(action=RuntimeParameter(f"action_of_{name}", str)).with_id(name) for name in NODES]
    for before, after in itertools.pairwise(steps):
        after.add_upstream_node(before)
    pipeline = tfx.dsl.Pipeline(pipeline_name="steps", components=steps, enable_cache=True)
    return with_code_versions(Compiler().compile(pipeline), Sources(Path(__file__).parent, ["tfx_modules", __name__]))
