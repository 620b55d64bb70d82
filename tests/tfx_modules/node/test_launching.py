"""The folders of an execution are empty before its node runs, whatever was there."""

import shutil
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx.proto.orchestration import pipeline_pb2

from tests.tfx_modules.node.conftest import Nodes
from tfx_modules.node.launching.outputs import resolver_for


def restore_older_store(nodes: Nodes) -> Path:
    """Run two nodes, and put back the metadata store as it was before the second; return the second one's output."""
    store = nodes.state / "metadata" / "mlmd.db"
    nodes.run("Writer", text="first", run_id="run-1")
    shutil.copy(store, nodes.state / "backup.db")
    later = nodes.run("Writer", text="later", run_id="run-2")
    shutil.copy(nodes.state / "backup.db", store)
    return Path(later.outputs["written"][0]["uri"])


def test_files_that_a_restored_store_does_not_know_are_moved_aside(nodes: Nodes) -> None:
    later = restore_older_store(nodes)
    (later / "data-00002-of-00002.gz").write_bytes(b"a shard of the lost run")

    ended = nodes.run("Writer", text="anew", run_id="run-3")

    assert ended.state == "complete"
    assert ended.outputs["written"][0]["uri"] == str(later)  # the id is given out anew
    assert [path.name for path in later.iterdir()] == ["text"]
    (moved,) = (nodes.state / "pipeline" / ".aside").glob("*-Writer-written-*")
    assert sorted(path.name for path in moved.iterdir()) == ["data-00002-of-00002.gz", "text"]
    assert (moved / "text").read_text(encoding="utf-8") == "later"
    assert any(f"{later} was there before execution" in line and str(moved) in line for line in ended.log)


def test_what_a_lost_execution_has_reported_is_not_taken_for_the_new_ones(nodes: Nodes) -> None:
    later = restore_older_store(nodes)
    report = nodes.state / "pipeline" / "Writer" / ".system" / "executor_execution" / later.name / "executor_output.pb"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_bytes(b"the report of the lost execution")

    ended = nodes.run("Writer", text="anew", run_id="run-3")

    assert (ended.state, ended.outputs["written"][0]["properties"]["text"]) == ("complete", "anew")


def test_a_link_in_place_of_a_folder_is_moved_and_not_followed(nodes: Nodes, tmp_path: Path) -> None:
    later = restore_older_store(nodes)
    elsewhere = tmp_path / "elsewhere"
    later.rename(elsewhere)
    later.symlink_to(elsewhere)

    ended = nodes.run("Writer", text="anew", run_id="run-3")

    assert ended.state == "complete"
    assert not later.is_symlink()
    assert (elsewhere / "text").read_text(encoding="utf-8") == "later"


def test_a_try_removes_what_a_killed_try_of_the_same_execution_has_left(nodes: Nodes) -> None:
    nodes.run("Writer", text="crash")
    (folder,) = (nodes.state / "pipeline" / "Writer" / "written").iterdir()
    (folder / "data-00001-of-00002.gz").write_bytes(b"half of it")
    working = folder.parent.parent / ".system" / "stateful_working_dir"
    assert [path.name for path in working.iterdir()] == [folder.name], "all tries of the execution have it"

    ended = nodes.run("Writer", text="anew")

    assert list(working.iterdir()) == []
    assert (ended.state, ended.outputs["written"][0]["uri"]) == ("complete", str(folder))
    assert [path.name for path in folder.iterdir()] == ["text"]
    assert not (nodes.state / "pipeline" / ".aside").exists()
    assert any("which an earlier try of execution" in line for line in ended.log)


def test_a_try_finds_what_the_try_before_has_left_in_its_working_folder(tmp_path: Path) -> None:
    spec = pipeline_pb2.PipelineRuntimeSpec()
    spec.pipeline_root.field_value.string_value = str(tmp_path)
    node = pipeline_pb2.PipelineNode()
    node.node_info.id = "Trainer"

    def folder(known: int | None) -> Path:
        resolver = resolver_for(known)(
            pipeline_node=node, pipeline_info=pipeline_pb2.PipelineInfo(id="made_up"), pipeline_runtime_spec=spec
        )
        return Path(resolver.get_stateful_working_directory(metadata_store_pb2.Execution(id=7)))

    first = folder(None)
    (first / "training.npz").write_bytes(b"a checkpoint")
    assert folder(7) == first
    assert (first / "training.npz").is_file()

    assert folder(None) == first, "the id is given out anew, by a store that was restored"
    assert list(first.iterdir()) == []
    (moved,) = (tmp_path / ".aside").iterdir()
    assert (moved / "training.npz").is_file()
