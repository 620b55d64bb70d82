"""Retention killed by SIGKILL before each of its steps, and then done again."""

import os
import signal
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as proto

from tests.support.forked_program import forked_program
from tests.tfx_modules.promotion.conftest import Site
from tests.tfx_modules.promotion.steps import begun_anew
from tests.tfx_modules.retention import retaining
from tests.tfx_modules.retention.records import DAY, NOW, Records, tree
from tfx_modules.common import carried
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.ledger import open_ledger
from tfx_modules.promotion.repository import ModelRepository

MOST_STEPS = 120
CARRIES = 2
"""The day whose version carries what is copied to a folder of its own."""


def fill(folder: Path) -> None:
    """Some of all that goes, and of what stays."""
    site = Site(
        folder, open_ledger(f"sqlite:///{folder}/ledger.db", "bert"), ModelRepository(folder / "models" / "bert")
    )
    records = Records(f"sqlite:///{folder}/mlmd.db", folder / "pipeline")
    for day in (1, 2, 3, 4):
        trained = records.node("Trainer", f"run-{day}-a", age=40)
        records.node("Pusher", f"run-{day}-a", age=40, inputs=trained.artifacts)
        candidate = site.candidate(day)
        if day == CARRIES:
            place = candidate.model / carried.PLACES[carried.TFLITE]
            place.mkdir(parents=True)
            (place / "model.tflite").write_text("lite")
        site.promote(candidate)
    log = folder / "logs" / "dag_id=bert" / "run_id=old" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line")
    os.utime(log, ((NOW - 40 * DAY).timestamp(),) * 2)


def handed_out_but_missing(records: Records) -> list[int]:
    """Artifacts of executions that succeeded, as the cache, resolvers and cleared tasks find them, without files."""
    found = records.store.get_executions()
    done = [item.id for item in found if item.last_known_state == proto.Execution.COMPLETE]
    events = records.store.get_events_by_execution_ids(done) if done else []
    outputs = {event.artifact_id for event in events if event.type == proto.Event.OUTPUT}
    live = {item.id for item in records.store.get_artifacts() if item.state == proto.Artifact.LIVE}
    offered = records.store.get_artifacts_by_id(sorted(outputs | live)) if outputs | live else []
    return [item.id for item in offered if not Path(item.uri, "file").exists()]


def test_killed_anywhere_it_hands_out_nothing_that_is_missing_and_the_next_one_finishes(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    fill(folder)
    with forked_program(retaining.__name__) as program:
        for kill_at in begun_anew(folder, MOST_STEPS):
            code = program.call("retain_until", str(folder), str(kill_at))
            assert code in (0, -signal.SIGKILL)
            records = Records(f"sqlite:///{folder}/mlmd.db", folder / "pipeline")
            assert handed_out_but_missing(records) == []

            retaining.retain_all(folder)

            assert handed_out_but_missing(records) == []
            assert retaining.retain_all(folder) == []
            repository = ModelRepository(folder / "models" / "bert")
            assert set(folders.copied(repository).values()) <= repository.versions()
            assert ModelRepository(folder / "models" / "bert").versions() == {2026110201, 2026110301, 2026110401}
            assert len(records.executions()) == len(records.states()) == 6
            assert len([path for path in tree(folder / "pipeline") if path.endswith("/file")]) == 6
            if code == 0:
                break
    assert code == 0
    assert kill_at > 10
