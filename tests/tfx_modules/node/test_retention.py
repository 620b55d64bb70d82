"""Retention of what real nodes have left: TFX's own cache and resolvers find nothing that is gone."""

import datetime as dt
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.tfx_modules.node.conftest import Ended, Nodes
from tests.tfx_modules.node.pushing import push, train
from tests.tfx_modules.retention.records import KEEP_ALL
from tfx_modules.retention.plan import Item
from tfx_modules.retention.request import Places
from tfx_modules.retention.retention import retain

RULES = replace(KEEP_ALL, keep_artifact_days=30)
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)


def _retain(nodes: Nodes, now: dt.datetime = LATER, **rules: int) -> list[Item]:
    where = Places(
        ledger=f"sqlite:///{nodes.state}/ledger/ledger.db",
        metadata=f"sqlite:///{nodes.state}/metadata/mlmd.db",
        name="tiny",
        models=nodes.state / "served",
        pipeline=nodes.state / "pipeline",
        spans=nodes.state / "spans",
        scores=nodes.state / "scores",
        logs=(),
    )
    return retain(replace(RULES, **rules), where, dry_run=False, now=now, trust_clock=True).items


def _push(nodes: Nodes, run_id: str, text: str, day: int) -> Ended:
    train(nodes, run_id, text=text)
    return push(nodes, run_id, day)


def test_a_node_that_would_be_cached_runs_again_after_its_outputs_went(nodes: Nodes) -> None:
    nodes.run("Writer", "run-1", text="a")
    assert nodes.run("Writer", "run-2", text="a").state == "cached"

    gone = _retain(nodes)

    assert sorted(item.name for item in gone) == ["run-1", "run-2"]
    again = nodes.run("Writer", "run-3", text="a")
    assert again.state == "complete"
    (written,) = again.outputs["written"]
    assert Path(written["uri"], "text").read_text() == "a"
    assert nodes.run("Writer", "run-4", text="a").state == "cached"


def test_a_node_that_takes_something_from_the_cache_as_it_goes_has_it_or_makes_it_anew(nodes: Nodes) -> None:
    now, states = dt.datetime.now(dt.UTC), set()
    nodes.run("Writer", "run-0", text="a")
    with ThreadPoolExecutor() as pool:
        for number in range(1, 7):
            _grow_old(nodes)
            running = pool.submit(nodes.run, "Writer", f"run-{number}", text="a")
            while not running.done():
                _retain(nodes, now=now)
                time.sleep(0.1)
            ended = running.result()
            states.add(ended.state)
            (written,) = ended.outputs["written"]
            assert Path(written["uri"], "text").read_text() == "a"
    assert states <= {"cached", "complete"}


def _grow_old(nodes: Nodes) -> None:
    with closing(sqlite3.connect(nodes.state / "metadata" / "mlmd.db", timeout=60)) as connection:
        connection.execute("UPDATE Execution SET last_update_time_since_epoch = 0")
        connection.commit()


def test_a_cleared_task_of_a_run_that_went_runs_again(nodes: Nodes) -> None:
    nodes.run("Writer", "run-1", text="a")
    assert nodes.run("Writer", "run-1", text="a").state == "reused"

    _retain(nodes)

    assert nodes.run("Writer", "run-1", text="a").state == "complete"


def test_a_resolver_finds_none_of_what_went(nodes: Nodes) -> None:
    nodes.run("Writer", "run-1", text="a")

    _retain(nodes)

    assert nodes.run("Latest", "run-2").outputs == {}


def test_the_model_in_service_is_still_the_baseline_of_later_runs(nodes: Nodes) -> None:
    for number in (1, 2, 3):
        assert _push(nodes, f"run-{number}", f"model {number}", number).state == "complete"
    served = nodes.run("Champion", "run-3").outputs["model"]

    gone = _retain(nodes, keep_versions=1)
    _push(nodes, "run-4", "model 4", 4)

    assert gone == []
    assert [item.name for item in _retain(nodes, now=dt.datetime.now(dt.UTC), keep_versions=1)] == ["2026110101"]
    assert [item.name for item in _retain(nodes, keep_versions=1)] == ["run-1"]
    assert Path(served[0]["uri"], "Format-Serving", "text").read_text() == "model 3"
    assert nodes.run("Champion", "run-5").outputs["model"] != served
    assert nodes.run("Champion", "run-3").outputs["model"] == served


def test_what_a_node_has_left_that_was_killed_goes_too(nodes: Nodes) -> None:
    crashed = nodes.run("Writer", "run-1", text="crash now")
    nodes.run("Writer", "run-2", text="a")
    assert crashed.outcome is None

    gone = _retain(nodes)

    assert [item.name for item in gone] == ["run-1", "run-2", "1 folder"]
    left = [path for path in (nodes.state / "pipeline").rglob("*") if path.name.isdecimal()]
    assert left == []
