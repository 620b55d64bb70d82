"""A Resolver that finds nothing is no failure where the nodes after it can run without what it looks for."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.node.conftest import Nodes
from tfx_modules.pipeline.users.__main__ import main

PIPELINE = """
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import HyperParameters, Model


@component
def Takes(made: Out[Model], number: In[HyperParameters] = None):
    made.set_int_custom_property("has_number", int(number is not None))


@component
def Needs(made: Out[Model], number: In[HyperParameters]):
    ...


def create_pipeline():
    latest = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestArtifactStrategy, number=tfx.dsl.Channel(type=HyperParameters)
    ).with_id("Latest")
    nodes = [made(number=latest.outputs["number"]) for made in ({used})]
    return tfx.dsl.Pipeline("resolvers", "", components=[latest, *nodes])
"""
NOTHING = "it found no artifacts, and the nodes after it can run without"


def pipeline_in(folder: Path, used: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Compile the pipeline whose Resolver is used by some of the components."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    sys.modules.pop("users_resolver", None)
    file, compiled = folder / "users_resolver.py", folder / "compiled"
    file.write_text(PIPELINE.format(used=used), encoding="utf-8")
    compiled.mkdir()
    assert main([f"{file}:create_pipeline", "--output", str(compiled)]) == 0
    return compiled / "pipeline.json"


def test_a_resolver_that_finds_nothing_is_green_where_the_nodes_after_it_run_without(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace(nodes, pipeline=pipeline_in(tmp_path, "Takes,", monkeypatch))
    latest = here.run("Latest")
    assert (latest.code, latest.state, latest.reason, latest.outputs) == (0, "complete", NOTHING, {})
    takes = here.run("Takes")
    assert (takes.code, takes.state) == (0, "complete")
    assert takes.outputs["made"][0]["properties"]["has_number"] == 0


def test_a_resolver_that_finds_nothing_fails_where_a_node_needs_it(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latest = replace(nodes, pipeline=pipeline_in(tmp_path, "Takes, Needs", monkeypatch)).run("Latest")
    assert (latest.code, latest.state) == (1, "failed")
    assert "LatestArtifactStrategy object" in latest.reason
    assert "returned None" in latest.reason
