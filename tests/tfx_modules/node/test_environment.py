"""The Pusher's node refuses a ledger, an ML Metadata store or a folder of another environment."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tfx_modules.node.conftest import Ended, Nodes
from tests.tfx_modules.node.pushing import push, train
from tfx_modules.promotion.environment import CONTEXT_TYPE, MARKER, read_marker
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.manifest import DIGESTS
from tfx_modules.retention.store.database import MetadataDatabase
from tfx_modules.retention.store.environment import read_environment


def _pushed(nodes: Nodes, number: int) -> Ended:
    train(nodes, f"run-{number}", text=f"model {number}")
    return push(nodes, f"run-{number}", number)


def _id_of_ledger(nodes: Nodes) -> str:
    with open_ledger(f"sqlite:///{nodes.state}/ledger/ledger.db", "small").exclusive() as held:
        return str(held.environment.id)


def _ids(nodes: Nodes) -> set[str | None]:
    with MetadataDatabase(f"sqlite:///{nodes.state}/metadata/mlmd.db").reading() as connection:
        store = read_environment(connection) if connection else None
    return {read_marker(nodes.state / "served"), read_marker(nodes.state / "pipeline"), store}


def _forget(nodes: Nodes) -> None:
    for marker in nodes.state.rglob(MARKER):
        marker.unlink()
    with closing(sqlite3.connect(nodes.state / "metadata" / "mlmd.db")) as connection:
        connection.execute("DELETE FROM Context WHERE type_id IN (SELECT id FROM Type WHERE name = ?)", [CONTEXT_TYPE])
        connection.commit()


def _other(nodes: Nodes, tmp_path: Path) -> Nodes:
    (tmp_path / "other").mkdir()
    return replace(nodes, state=tmp_path / "other")


def test_the_first_push_gives_all_places_the_ledgers_id_and_the_next_ones_keep_it(nodes: Nodes) -> None:
    assert _pushed(nodes, 1).state == "complete"
    assert _ids(nodes) == {_id_of_ledger(nodes)}

    assert _pushed(nodes, 2).state == "complete"
    assert _ids(nodes) == {_id_of_ledger(nodes)}


@pytest.mark.parametrize("place", ["ledger", "metadata"])
def test_a_push_with_a_place_of_another_environment_fails_and_says_so(nodes: Nodes, tmp_path: Path, place: str) -> None:
    other = _other(nodes, tmp_path)
    _pushed(nodes, 1)
    _pushed(other, 1)
    train(nodes, "run-2", text="model 2")
    (nodes.state / place).rename(nodes.state / "away")
    (other.state / place).rename(nodes.state / place)

    ended = push(nodes, "run-2", 2)

    assert ended.state == "failed"
    assert "has environment id" in ended.reason
    assert "allowed: places of one environment. Nothing was changed." in ended.reason
    assert sorted(path.name for path in (nodes.state / "served").iterdir()) == [DIGESTS, MARKER, "2026110101"]


def test_an_environment_of_before_gets_its_id_where_the_store_knows_the_run_in_service(nodes: Nodes) -> None:
    _pushed(nodes, 1)
    _forget(nodes)

    assert _pushed(nodes, 2).state == "complete"
    assert _ids(nodes) == {_id_of_ledger(nodes)}


def test_a_store_of_before_that_does_not_know_the_run_in_service_is_refused(nodes: Nodes, tmp_path: Path) -> None:
    other = _other(nodes, tmp_path)
    _pushed(nodes, 1)
    _pushed(other, 2)
    _forget(nodes)
    _forget(other)
    train(other, "run-3", text="model 3")
    (other.state / "ledger").rename(other.state / "away")
    (nodes.state / "ledger").rename(other.state / "ledger")

    ended = push(other, "run-3", 3)

    assert ended.state == "failed"
    assert "does not know run run-1, which has promoted version 2026110101 in service" in ended.reason
