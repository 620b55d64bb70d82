"""Artifacts and their rows, in stores that ml_metadata itself has written."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from ml_metadata.proto import metadata_store_pb2 as proto

from tests.tfx_modules.retention.records import DAY, KEEP_ALL, NOW, Records, places, remove_all_but, tree
from tfx_modules.retention.artifacts import Artifacts
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.files.folder import PipelineFolder
from tfx_modules.retention.limits import FEW
from tfx_modules.retention.retention import retain
from tfx_modules.retention.store.database import MetadataDatabase

LIVE, DELETED = proto.Artifact.LIVE, proto.Artifact.DELETED


def test_an_old_run_goes_with_its_files_and_all_of_its_rows(records: Records, tmp_path: Path) -> None:
    gen = records.node("Gen", "old", age=40)
    trained = records.node("Trainer", "old", age=40, inputs=gen.artifacts)
    records.node("Failed", "old", age=40, state=proto.Execution.FAILED)
    (records.root / "Trainer" / ".system" / "executor_execution" / str(trained.execution)).mkdir(parents=True)

    (item,) = remove_all_but(places(tmp_path), keep_artifact_days=30)

    assert (item.kind, item.name, item.size) == ("run", "old", 2 * len("content"))
    assert item.reason == "older than 30 days; no version that stays came from it"
    assert not gen.folder.exists()
    assert not trained.folder.exists()
    assert tree(records.root) == {".retention.lock": tree(records.root)[".retention.lock"]}
    nodes, pipelines = 3, 1  # their contexts are for all runs
    assert records.counts() == {**dict.fromkeys(records.counts(), 0), "context": nodes + pipelines}


def test_a_run_that_is_young_enough_stays_with_all_that_it_read(records: Records, tmp_path: Path) -> None:
    gen = records.node("Gen", "old", age=40)
    copy = records.node("Gen", "young", age=10, cached=gen)
    resolved = records.node("Trainer", "older", age=50)
    judged = records.node("Evaluator", "young", age=10, inputs=resolved.artifacts)
    alone = records.node("Trainer", "older", age=50)

    gone = remove_all_but(places(tmp_path), keep_artifact_days=30)

    assert [item.ids for item in gone] == [(alone.execution,)]
    assert {gen.execution, copy.execution, resolved.execution} < records.executions()
    assert records.states() == dict.fromkeys((*gen.artifacts, *resolved.artifacts, *judged.artifacts), LIVE)
    assert gen.folder.exists()
    assert resolved.folder.exists()


def test_a_run_that_is_running_stays_until_nobody_can_believe_that_it_is(records: Records, tmp_path: Path) -> None:
    gen = records.node("Gen", "running", age=5)
    records.node("Trainer", "running", age=4, state=proto.Execution.RUNNING)
    killed = records.node("Gen", "killed", age=9)
    records.node("Trainer", "killed", age=8, state=proto.Execution.RUNNING)

    gone = remove_all_but(places(tmp_path), keep_artifact_days=3)

    assert [item.name for item in gone] == ["killed"]
    assert gen.folder.exists()
    assert not killed.folder.exists()


def test_what_a_node_that_runs_may_take_from_the_cache_stays_for_now(records: Records, tmp_path: Path) -> None:
    old = records.node("Gen", "old", age=40)
    records.node("Gen", "new", state=proto.Execution.RUNNING)

    assert remove_all_but(places(tmp_path), keep_artifact_days=30) == []
    assert old.folder.exists()


def test_the_newest_hyperparameters_that_a_search_found_stay(records: Records, tmp_path: Path) -> None:
    records.node("Tuner", "first", age=60, tuned=True)
    newest = records.node("Tuner", "second", age=50, tuned=True)
    records.node("Tuner", "third", age=40)

    gone = remove_all_but(places(tmp_path), keep_artifact_days=30)

    assert {item.name for item in gone} == {"first", "third"}
    assert newest.folder.exists()


def test_each_pipelines_newest_hyperparameters_stay(records: Records, tmp_path: Path) -> None:
    records.node("Tuner", "first", age=60, tuned=True, pipeline="bert")
    mine = records.node("Tuner", "second", age=55, tuned=True, pipeline="bert")
    other = records.node("Tuner", "third", age=50, tuned=True, pipeline="renamed")

    gone = remove_all_but(places(tmp_path), keep_artifact_days=30)

    assert {item.name for item in gone} == {"first"}
    assert mine.folder.exists()
    assert other.folder.exists()


def test_the_runs_of_other_pipelines_in_the_same_store_and_folder_stay(records: Records, tmp_path: Path) -> None:
    records.node("Trainer", "scheduled__2026-01-01", age=60)
    other = records.node("Trainer", "scheduled__2026-01-01", age=60, pipeline="penguin")
    records.node("Pusher", "manual", age=60, pipeline="penguin", inputs=other.artifacts)

    gone = remove_all_but(places(tmp_path), keep_artifact_days=30)

    assert [(item.name, len(item.ids)) for item in gone] == [("scheduled__2026-01-01", 1)]
    assert other.folder.exists()
    assert len(records.executions()) == 2


def test_only_the_pipelines_own_runs_count_for_the_share_that_may_go(records: Records, tmp_path: Path) -> None:
    mine = FEW + 1
    for number in range(mine):
        records.node("Trainer", f"old-{number}", age=60)
        records.node("Trainer", f"other-{number}", age=60, pipeline="penguin")
    rules = replace(KEEP_ALL, keep_artifact_days=30, keep_max_removed_share=0.9)

    with pytest.raises(RetentionError, match=rf"run {mine} of {mine}; allowed"):
        retain(rules, places(tmp_path), dry_run=False, now=NOW, trust_clock=True)


def test_a_run_that_made_something_outside_of_the_pipelines_folder_is_left_alone(
    records: Records, tmp_path: Path
) -> None:
    records.node("Importer", "imported", age=40, uri=str(tmp_path / "elsewhere"))

    assert remove_all_but(places(tmp_path), keep_artifact_days=30) == []
    assert (tmp_path / "elsewhere" / "file").exists()


@pytest.mark.parametrize("output", ["Trainer", "Trainer/thing"])
def test_folders_of_another_environment_behind_a_link_are_left_alone(
    records: Records, tmp_path: Path, output: str
) -> None:
    for _ in range(3):
        records.node("Gen", "young", age=1)
    theirs = tmp_path / "others" / output / ("1" if "/" in output else "thing/1")
    theirs.mkdir(parents=True)
    (theirs / "model").write_text("the others' champion")
    link = records.root / output
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "others" / output)
    later = NOW + 60 * DAY

    gone = remove_all_but(places(tmp_path), keep_artifact_days=30, now=later)

    assert [item.name for item in gone] == ["young"]
    assert (theirs / "model").read_text() == "the others' champion"
    files = PipelineFolder(records.root)
    assert Artifacts(records.address, places(tmp_path).name, files, 30, later).unknown() == []


def test_a_dry_run_changes_nothing_and_tells_the_same(records: Records, tmp_path: Path) -> None:
    records.node("Gen", "old", age=40)
    before = tree(tmp_path)

    would = remove_all_but(places(tmp_path), dry_run=True, keep_artifact_days=30)

    assert tree(tmp_path) == before
    assert would == remove_all_but(places(tmp_path), keep_artifact_days=30)
    assert remove_all_but(places(tmp_path), keep_artifact_days=30) == []


def test_nothing_goes_by_age_where_all_is_kept(records: Records, tmp_path: Path) -> None:
    records.node("Gen", "old", age=4000)

    assert remove_all_but(places(tmp_path)) == []


def test_what_was_taken_from_the_cache_while_it_was_marked_is_live_again(records: Records, tmp_path: Path) -> None:
    gen = records.node("Gen", "old", age=40)
    records.mark(gen.artifacts[0], DELETED)
    records.node("Gen", "new", cached=gen)

    remove_all_but(places(tmp_path), keep_artifact_days=30)

    assert records.states() == {gen.artifacts[0]: LIVE}
    assert gen.folder.exists()


def test_on_postgresql_it_is_the_same(records_on_postgresql: Records, tmp_path: Path) -> None:
    records = records_on_postgresql
    old = records.node("Gen", "old", age=40, read='{"2026-11-05": 1}')
    kept = records.node("Gen", "young", age=1)
    where = places(tmp_path, metadata=records.address)

    would = remove_all_but(where, dry_run=True, keep_artifact_days=30)
    gone = remove_all_but(where, keep_artifact_days=30)

    assert [item.name for item in gone] == [item.name for item in would] == ["old"]
    assert not old.folder.exists()
    assert records.executions() == {kept.execution}
    assert records.states() == {kept.artifacts[0]: LIVE}
    assert records.counts()["eventpath"] == 1
    # ml_metadata goes on with it.
    again = records.node("Gen", "again")
    assert records.executions() == {kept.execution, again.execution}


def test_a_schema_that_is_not_known_is_refused_and_nothing_goes(records: Records, tmp_path: Path) -> None:
    gen = records.node("Gen", "old", age=40)
    with records.engine.begin() as connection:
        connection.execute(sa.text("UPDATE mlmdenv SET schema_version = 11"))

    with pytest.raises(RetentionError, match=r"has schema version 11; known: 10, of ml_metadata 1\.16\. Nothing was"):
        remove_all_but(places(tmp_path), keep_artifact_days=30)
    assert gen.folder.exists()


def test_where_no_run_has_been_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert remove_all_but(places(tmp_path), now=NOW, keep_artifact_days=30, keep_versions=1) == []
    assert list(tmp_path.iterdir()) == []


def test_a_mark_is_on_the_disk_before_files_are_removed(records: Records) -> None:
    """With `synchronous` EXTRA (3), SQLite flushes the end of its journal, too, which is the commit."""
    with MetadataDatabase(records.address).exclusive() as connection:
        assert connection is not None
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3
