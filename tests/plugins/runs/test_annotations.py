"""Texts that tasks leave for people, in files: what is kept, whose it is, and when it goes."""

import json
import logging
import os
from pathlib import Path

import pytest
from airflow_bert_service.runs.annotations import FAILURE, VERDICT, AnnotationStore, in_order
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plugins.tries import MadeUpTry


@pytest.fixture
def store(tmp_path: Path) -> AnnotationStore:
    return AnnotationStore(tmp_path / "annotations")


def of_run(task_id: str, **more: object) -> MadeUpTry:
    return MadeUpTry(task_id, dag_id="made_up", **more)


def texts(store: AnnotationStore, of: MadeUpTry) -> dict[str, str]:
    return dict(store.of_task(of.dag_id, of.run_id, of.task_id, of.map_index))


def test_a_task_has_what_its_try_has_left(store: AnnotationStore) -> None:
    trainer, pusher = of_run("Trainer"), of_run("Pusher")
    store.put(trainer, FAILURE, "out of memory")
    store.put(trainer, VERDICT, "größer ✓\n")
    store.put(trainer, VERDICT, "größer ✓\nand more")
    store.put(pusher, VERDICT, "promoted")
    assert texts(store, trainer) == {FAILURE: "out of memory", VERDICT: "größer ✓\nand more"}
    assert texts(store, of_run("Trainer", map_index=3)) == {}
    assert [(one.task_id, text) for one, text in in_order(store.of_run("made_up", trainer.run_id), VERDICT)] == [
        ("Trainer", "größer ✓\nand more"),
        ("Pusher", "promoted"),
    ]


def test_another_try_begins_with_nothing_whether_or_not_it_leaves_something(store: AnnotationStore) -> None:
    first, second, third = of_run("Trainer"), of_run("Trainer"), of_run("Trainer")
    store.put(first, FAILURE, "out of memory")
    store.put(second, VERDICT, "promoted")
    assert texts(store, second) == {VERDICT: "promoted"}
    store.begin(second)  # it goes on after it was deferred
    assert texts(store, second) == {VERDICT: "promoted"}
    store.begin(third)
    assert texts(store, third) == {}
    assert store.knows("made_up", third.run_id)
    assert not store.knows("made_up", "another run")


def test_a_file_that_a_power_failure_has_left_empty_is_as_none(
    store: AnnotationStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = of_run("Trainer")
    store.put(trainer, VERDICT, "promoted")
    (file,) = tmp_path.rglob("*.json")
    whole = json.loads(file.read_text())
    changes: list[dict[str, object]] = [{"texts": None}, {"texts": {VERDICT: 1}}, {"at": {}}]
    odd = [json.dumps({**whole, **change}) for change in changes]
    for content in ("", "[]", json.dumps({"texts": {}}), "\udcff", *odd):
        file.write_bytes(content.encode(errors="surrogateescape"))
        with caplog.at_level(logging.WARNING):
            assert texts(store, trainer) == {}
        assert f"{file} is no file of a task's texts" in caplog.text
    store.put(trainer, VERDICT, "promoted")
    assert texts(store, trainer) == {VERDICT: "promoted"}


def test_a_disk_that_takes_nothing_leaves_what_was_there(
    store: AnnotationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    trainer = of_run("Trainer")
    store.put(trainer, VERDICT, "promoted")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        store.put(trainer, VERDICT, "blocked")
    assert texts(store, trainer) == {VERDICT: "promoted"}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


IDS = st.text(min_size=1, max_size=300)


@settings(max_examples=25)  # each writes files
@given(IDS, IDS, IDS, st.integers(-1, 5), st.text())
def test_ids_of_any_characters_and_length_have_files_of_their_own_in_the_folder(
    tmp_path_factory: pytest.TempPathFactory, dag_id: str, run_id: str, task_id: str, map_index: int, text: str
) -> None:
    folder = tmp_path_factory.mktemp("state")
    store = AnnotationStore(folder / "annotations")
    of_try = MadeUpTry(task_id, dag_id=dag_id, run_id=run_id, map_index=map_index)
    store.put(of_try, VERDICT, text)
    store.put(MadeUpTry(task_id, dag_id=f"{dag_id}.", run_id=run_id, map_index=map_index), VERDICT, "another's")
    assert texts(store, of_try) == {VERDICT: text}
    assert [one.task_id for one in store.of_run(dag_id, run_id)] == [task_id]
    assert [path.name for path in folder.iterdir()] == ["annotations"]
