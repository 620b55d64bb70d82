"""A verdict in the ledger names the version of the sources that its run used, where the pipeline's file has one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.node.conftest import Nodes
from tests.tfx_modules.node.pushing import push, train
from tfx_modules.exceptions import NodeError
from tfx_modules.node.ir import version_of
from tfx_modules.promotion.ledger import open_ledger


@pytest.fixture
def versioned(nodes: Nodes, tmp_path: Path) -> Nodes:
    """Nodes of a compiled pipeline with a version, as the Airflow side writes it."""
    pipeline = tmp_path / "compiled" / "tiny.json"
    pipeline.parent.mkdir()
    shutil.copy(nodes.pipeline, pipeline)
    version = {"version": "18e906e37d2adc3c", "compiled": "2026-11-05T12:30:05+00:00"}
    pipeline.with_name("tiny.version.json").write_text(json.dumps(version))
    return replace(nodes, pipeline=pipeline)


def versions(nodes: Nodes) -> list[str]:
    events = open_ledger(f"sqlite:///{nodes.state}/ledger/ledger.db", "tiny").events()
    return [event.pipeline_version for event in events]


def test_a_promotion_names_the_version_of_its_run(versioned: Nodes) -> None:
    train(versioned)
    assert push(versioned).state == "complete"
    assert versions(versioned) == ["18e906e37d2adc3c"]


def test_a_pipeline_without_a_version_leaves_it_empty(nodes: Nodes) -> None:
    train(nodes)
    assert push(nodes).state == "complete"
    assert versions(nodes) == [""]


def test_a_file_that_names_no_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.version.json").write_text("[]")
    with pytest.raises(NodeError, match=r"tiny\.version\.json names no version"):
        version_of(tmp_path / "tiny.json")
