"""Nodes whose artifacts are kept on a store, on machines that share no disk for them: the folder goes between nodes.

The store is a folder, and once an S3.
"""

import datetime as dt
import re
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.s3_server import CONFIG, s3_server
from tests.tfx_modules.node.complete import complete_outputs
from tests.tfx_modules.node.conftest import Ended, Nodes
from tests.tfx_modules.node.pushing import push, train
from tests.tfx_modules.retention.records import KEEP_ALL, NOW
from tfx_modules.artifact_store.staging import STORED_AS
from tfx_modules.promotion.exceptions import EnvironmentMismatchError
from tfx_modules.retention.request import Places
from tfx_modules.retention.retention import Retention, retain


class Machines(Nodes):
    """Runs each node on a machine of its own: the folder of artifacts is empty at first."""

    is_shared = False

    @property
    def store(self) -> Path:
        return self.state / "store"

    @property
    def root(self) -> Path:
        return self.state / "pipeline"

    def message(self, node: str, run_id: str, parameters: dict[str, Any], **changes: Any) -> dict[str, Any]:
        if not self.is_shared:
            shutil.rmtree(self.root, ignore_errors=True)
        return super().message(node, run_id, parameters, **{"artifact_store": f"file://{self.store}", **changes})


@pytest.fixture
def machines(nodes: Nodes) -> Machines:
    return Machines(nodes.server, nodes.module_root, nodes.pipeline, nodes.state)


def stored(machines: Machines, ended: Ended, key: str) -> Path:
    """Where the store has an output."""
    (artifact,) = ended.outputs[key]
    place = Path(artifact["uri"]).relative_to(machines.root)
    return machines.store / place / str(artifact["properties"][STORED_AS])


def test_a_model_goes_into_service_although_no_node_finds_the_files_of_another_on_its_disk(machines: Machines) -> None:
    ends = train(machines, "run-1", text="first")
    pushed = push(machines, "run-1", 5)
    assert [ended.state for ended in (*ends, pushed)] == ["complete"] * 6, pushed.log
    assert pushed.reason.startswith("promoted: ")
    assert (machines.state / "served" / "2026110501" / "text").read_text(encoding="utf-8") == "first"

    # Another run, again on machines that have nothing.
    evaluated = machines.run("Evaluator", "run-1", accuracy=0.91, baseline=0)
    assert (evaluated.state, evaluated.reason) == ("reused", "blessed: accuracy 0.910 (no baseline)")
    assert (stored(machines, evaluated, "evaluation") / "report.html").is_file()
    assert machines.run("Champion", "run-2").outputs["model"] == ends[1].outputs["model"]
    written = machines.run("Writer", "run-2", text="first")
    assert (written.state, written.outputs) == ("cached", ends[0].outputs)

    # ML Metadata has paths and names, and no address.
    assert written.outputs["written"][0]["uri"] == str(machines.root / "Writer" / "written" / "1")
    with closing(sqlite3.connect(machines.state / "metadata" / "mlmd.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert written.outputs["written"][0]["properties"][STORED_AS] in dump
    assert str(machines.store) not in dump

    _check_retention(machines, kept=written)


def _check_retention(machines: Machines, kept: Ended) -> None:
    """Retention removes from the store what it removes from ML Metadata, on a machine that has nothing of it."""
    old = machines.run("Writer", "run-3", text="of no version")
    machines.run("Writer", "run-4", text="die-storing")
    foreign = machines.store / "reviews" / "2025" / "3" / "part.csv"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("review", encoding="utf-8")
    before = set(machines.store.rglob("*"))
    assert len(list((machines.store / "Writer" / "written").iterdir())) == 3
    shutil.rmtree(machines.root)

    rules, later = replace(KEEP_ALL, keep_artifact_days=30), NOW + dt.timedelta(days=40)
    gone = retain(rules, _places(machines), dry_run=False, now=later, trust_clock=True).items

    assert [(item.name, item.size > 0) for item in gone] == [("run-2", False), ("run-3", True), ("run-4", True)]
    assert {path.parts[-3] for path in (machines.store / "Writer" / "written").rglob("contents.json")} == {"1"}
    assert foreign.is_file(), "an object that no node has written stays"
    assert set(machines.store.rglob("*")) < before
    assert not stored(machines, old, "written").exists()
    assert (stored(machines, kept, "written") / "contents.json").is_file()
    assert machines.run("Writer", "run-5", text="of no version").state == "complete", "the cache has it no longer"


def _places(machines: Machines) -> Places:
    return Places(
        ledger=f"sqlite:///{machines.state}/ledger/ledger.db",
        metadata=f"sqlite:///{machines.state}/metadata/mlmd.db",
        name="tiny",
        models=machines.state / "served",
        pipeline=machines.root,
        spans=machines.state / "spans",
        scores=machines.state / "scores",
        logs=(),
        artifact_store=f"file://{machines.store}",
    )


def test_a_killed_upload_leaves_nothing_that_counts_here_or_in_the_store(machines: Machines) -> None:
    machines.is_shared = True
    killed = machines.run("Writer", text="die-storing")
    assert (killed.code, killed.outcome) == (-signal.SIGKILL, None)
    place = machines.store / "Writer" / "written" / "1"
    assert [path.name for path in place.rglob("*") if path.is_file()] == ["text"], "and no description"
    assert complete_outputs(machines.state) == {}

    here, elsewhere = machines.root, machines.state / "elsewhere"
    here.rename(elsewhere)
    again = machines.run("Writer", text="anew")  # on another machine
    assert (again.state, again.outputs["written"][0]["uri"]) == ("complete", str(here / "Writer" / "written" / "1"))
    assert len(list(place.iterdir())) == 2

    shutil.rmtree(here)
    elsewhere.rename(here)
    assert (here / "Writer" / "written" / "1" / "text").read_text() == "die-storing"
    assert machines.run("Reader").state == "complete"
    assert (here / "Reader" / "model" / "2" / "Format-Serving" / "text").read_text() == "anew"


def test_what_somebody_has_removed_from_the_store_is_told_and_made_anew_by_the_next_run(machines: Machines) -> None:
    written = machines.run("Writer", "run-1", text="hello")
    shutil.rmtree(stored(machines, written, "written"))

    reader = machines.run("Reader", "run-1")
    assert (reader.code, reader.state) == (1, "failed")
    assert (
        "is not there, or is incomplete: somebody has removed it. Start a run with use_cache = false" in reader.reason
    )

    assert machines.run("Writer", "run-2", text="hello").state == "complete", "the cache does not hand it out"
    assert machines.run("Reader", "run-2").state == "complete"


def test_conditions_and_parameters_that_are_values_are_those_of_the_store(machines: Machines) -> None:
    assert machines.run("Counter", number=7).state == "complete"
    assert machines.run("WhenSeven").state == "complete", "on a machine that has no copy"

    shutil.rmtree(machines.root)
    left = machines.root / "Counter" / "count" / "1" / "value"
    left.parent.mkdir(parents=True)
    left.write_text("8", encoding="utf-8")  # by a killed try
    machines.is_shared = True
    told = machines.run("Told")
    assert told.outputs["said"][0]["properties"]["count"] == 7
    assert left.read_text(encoding="utf-8") == "7"


def test_leaving_and_introducing_a_store(machines: Machines) -> None:
    """Artifacts of the other time are taken only where nobody can miss them, or take a part for the whole."""
    machines.is_shared = True
    before = machines.run("Writer", "run-1", {"artifact_store": ""}, text="hello")
    assert STORED_AS not in before.outputs["written"][0]["properties"]
    stored = machines.run("Writer", "run-2", text="hello")
    assert stored.state == "complete", "what one machine alone has is not handed out where there is a store"

    without = machines.run("Writer", "run-3", {"artifact_store": ""}, text="hello")
    assert (without.state, without.outputs) == ("cached", stored.outputs), "this machine has a whole copy"
    (machines.root / ".copies" / "Writer" / "written" / "2.json").unlink()  # what a killed try leaves has none
    reader = machines.run("Reader", "run-3", {"artifact_store": ""})
    assert (reader.code, reader.state) == (1, "failed")
    assert "this machine has no whole copy: what is there was left by a try that did not end" in reader.reason
    again = machines.run("Writer", "run-4", {"artifact_store": ""}, text="hello")
    assert (again.state, again.outputs) == ("cached", before.outputs)


def test_a_store_that_refuses_fails_the_node_and_the_next_try_succeeds(machines: Machines) -> None:
    machines.run("Writer", "run-0", text="other")
    (machines.store / "Writer" / "written").rename(machines.state / "kept")
    (machines.store / "Writer" / "written").write_text("in the way", encoding="utf-8")

    failed = machines.run("Writer", "run-1", text="hello")
    assert (failed.code, failed.state) == (1, "failed")
    assert "was not stored at file://" in failed.reason
    assert list((machines.root / "Writer" / "written").glob("*/*")) == []

    (machines.store / "Writer" / "written").unlink()
    assert machines.run("Writer", "run-1", text="hello").state == "complete"


def test_a_store_of_another_environment_is_refused(machines: Machines, tmp_path: Path) -> None:
    machines.run("Writer", "run-1", text="hello")
    other = f"sqlite:///{tmp_path}/other/ledger.db"
    ended = machines.run("Writer", "run-2", {"ledger": other}, text="hello")
    assert (ended.code, ended.state) == (1, "failed")
    assert "and [bert_service] artifact_store (file://" in ended.reason
    assert "allowed: places of one environment" in ended.reason
    assert "Correct [bert_service] artifact_store first, or else ledger" in ended.reason
    assert "its nodes are refused from then on" in ended.reason


def test_an_address_with_something_and_without_an_environments_id_is_refused(machines: Machines) -> None:
    foreign = machines.store / "reviews" / "part.csv"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("review", encoding="utf-8")
    refused = f"artifact_store (file://{machines.store}) has objects, and no .environment with an environment id"

    ended = machines.run("Writer", "run-1", text="hello")
    assert (ended.code, ended.state) == (1, "failed")
    assert refused in ended.reason
    with pytest.raises(EnvironmentMismatchError, match=re.escape(refused)):
        retain(KEEP_ALL, _places(machines), dry_run=False, now=NOW)
    assert [path for path in machines.store.rglob("*") if path.is_file()] == [foreign]

    Retention(KEEP_ALL, _places(machines), NOW).adopt(dry_run=False)
    assert machines.run("Writer", "run-1", text="hello").state == "complete"


def test_artifacts_on_s3(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes find credentials as the store's library does, here in a file; nothing that they leave has these."""
    s3fs = pytest.importorskip("s3fs")
    with s3_server() as address:
        config = {"address": address, "key": "AKIAMADEUP", "secret": "made-up-secret"}
        (machines.server.log.parent / "aws.config").write_text(CONFIG.format(**config), encoding="utf-8")
        bucket = s3fs.S3FileSystem(endpoint_url=address, key="AKIAMADEUP", secret="made-up-secret")
        bucket.mkdir("bucket")
        bucket.call_s3("put_object", Bucket="bucket", Key="bert/artifacts/")  # as the console makes folders
        bucket.pipe_file("bucket/reviews/2025/1/part.csv", b"review")
        on_s3 = {"artifact_store": "s3://bucket/bert/artifacts"}

        written = machines.run("Writer", "run-1", on_s3, text="hello")
        reader = machines.run("Reader", "run-1", on_s3)
        cached = machines.run("Writer", "run-2", on_s3, text="hello")
        assert [ended.state for ended in (written, reader, cached)] == ["complete", "complete", "cached"], written.log
        assert (machines.root / "Writer" / "written").exists() is False, "what is cached is not copied"

        stored = f"bucket/bert/artifacts/Writer/written/1/{written.outputs['written'][0]['properties'][STORED_AS]}"
        assert bucket.cat_file(f"{stored}/files/text") == b"hello"
        places = replace(_places(machines), artifact_store=on_s3["artifact_store"])
        monkeypatch.setenv("AWS_CONFIG_FILE", str(machines.server.log.parent / "aws.config"))
        later = NOW + dt.timedelta(days=40)
        gone = retain(replace(KEEP_ALL, keep_artifact_days=30), places, dry_run=False, now=later, trust_clock=True)
        assert [item.name for item in gone.items] == ["run-1", "run-2"]
        bucket.invalidate_cache()
        there = {name.rstrip("/") for name in bucket.find("bucket")} - {"bucket/bert/artifacts"}
        assert there == {"bucket/reviews/2025/1/part.csv", "bucket/bert/artifacts/.environment"}

    down = machines.run("Writer", "run-3", on_s3, text="hello")
    assert (down.code, down.state) == (1, "failed")
    assert "s3://bucket/bert/artifacts/.environment cannot be read: EndpointConnectionError" in down.reason
    left = [path.read_bytes() for path in machines.state.rglob("*") if path.is_file()]
    logs = "\n".join(line for ended in (written, reader, cached, down) for line in ended.log).encode()
    assert not any(b"made-up-secret" in content or b"AKIAMADEUP" in content for content in (*left, logs))
