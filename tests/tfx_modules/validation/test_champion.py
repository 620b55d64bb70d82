"""The champion's data, found in a real metadata store."""

import shutil
from pathlib import Path

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from ml_metadata.proto.metadata_store_pb2 import Artifact, Event, Execution
from tfx import types
from tfx.types import artifact_utils

from tfx_modules.artifact_store.current import using
from tfx_modules.artifact_store.staging import STORED_AS
from tfx_modules.components.champion import PUSHED, STATISTICS, ChampionStatisticsStrategy
from tfx_modules.exceptions import ArtifactStoreError
from tfx_modules.node.connection import connection_config
from tfx_modules.promotion import current
from tfx_modules.promotion.events import Draft, EventKind
from tfx_modules.promotion.ledger import open_ledger


class Runs:
    """Records runs: what each had of statistics, and what it pushed."""

    def __init__(self, store: MetadataStore, ledger: str) -> None:
        self.store = store
        self.ledger = ledger
        self._kinds = {
            name: store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name))
            for name in ("ExampleStatistics", "PushedModel")
        }
        self._node = store.put_execution_type(metadata_store_pb2.ExecutionType(name="node"))
        self._run = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))

    def output(self, run: str, artifact: Artifact, key: str, state: int = Execution.COMPLETE) -> int:
        """Have a node of a run make an artifact, or take it from the cache; return the artifact's id."""
        path = Event.Path(steps=[Event.Path.Step(key=key), Event.Path.Step(index=0)])
        execution = Execution(type_id=self._node, last_known_state=state)
        context = metadata_store_pb2.Context(type_id=self._run, name=run)
        pair = (artifact, Event(type=Event.OUTPUT, path=path))
        _, (made,), _ = self.store.put_execution(execution, [pair], [context], reuse_context_if_already_exist=True)
        return int(made)

    def statistics(self, run: str, key: str = "statistics", uri: str = "somewhere", stored_as: str = "") -> int:
        artifact = self._artifact("ExampleStatistics", uri)
        if stored_as:
            artifact.custom_properties[STORED_AS].string_value = stored_as
        return self.output(run, artifact, key)

    def cached(self, run: str, artifact: int) -> None:
        (found,) = self.store.get_artifacts_by_id([artifact])
        self.output(run, found, "statistics", Execution.CACHED)

    def push(self, run: str, version: int = 0) -> int:
        """Have a Pusher of a run promote a version, or none."""
        artifact = self._artifact("PushedModel")
        if version:
            artifact.custom_properties["pushed_version"].string_value = str(version)
            self.put_in_service(version)
        return self.output(run, artifact, "pushed_model")

    def put_in_service(self, version: int) -> None:
        with open_ledger(self.ledger, "films").exclusive() as held:
            held.append(Draft(kind=EventKind.ROLLED_BACK, reason="a test", actor="a test", version=version))

    def _artifact(self, name: str, uri: str = "somewhere") -> Artifact:
        return Artifact(type_id=self._kinds[name], uri=uri, state=Artifact.LIVE)

    def champion(self) -> tuple[list[int], list[int]]:
        """Ask the strategy; return the ids of pushed model and statistics."""
        given = {PUSHED: self._all("PushedModel"), STATISTICS: self._all("ExampleStatistics")}
        with current.using(self.ledger, "films"):
            found = ChampionStatisticsStrategy().resolve_artifacts(self.store, given)
        assert found is not None
        return [item.id for item in found[PUSHED]], [item.id for item in found[STATISTICS]]

    def _all(self, name: str) -> list[types.Artifact]:
        (kind,) = [item for item in self.store.get_artifact_types() if item.name == name]
        return [artifact_utils.deserialize_artifact(kind, item) for item in self.store.get_artifacts_by_type(name)]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(MetadataStore(connection_config(f"sqlite:///{tmp_path}/mlmd.db")), f"sqlite:///{tmp_path}/ledger.db")


def test_before_a_model_is_pushed_there_is_none(runs: Runs) -> None:
    runs.statistics("first")
    assert runs.champion() == ([], [])


def test_the_statistics_are_those_of_the_run_that_pushed(runs: Runs) -> None:
    before, statistics, after = [runs.statistics(run) for run in ("before", "pushing", "after")]
    pushed = runs.push("pushing", 2026110501)
    assert runs.champion() == ([pushed], [statistics])
    assert before < statistics < after


def test_the_version_in_service_is_the_champion_and_not_the_one_pushed_last(runs: Runs) -> None:
    one, first = runs.statistics("one"), runs.push("one", 2026110501)
    two, second = runs.statistics("two"), runs.push("two", 2026110601)
    assert runs.champion() == ([second], [two])
    runs.put_in_service(2026110501)
    assert runs.champion() == ([first], [one])


def test_a_model_that_was_not_promoted_is_no_champion(runs: Runs) -> None:
    one, pushed = runs.statistics("one"), runs.push("one", 2026110501)
    runs.statistics("two")
    runs.push("two")
    assert runs.champion() == ([pushed], [one])


def test_statistics_from_the_cache_count_for_the_run_that_took_them(runs: Runs) -> None:
    statistics = runs.statistics("made")
    runs.cached("pushing", statistics)
    pushed = runs.push("pushing", 2026110501)
    runs.statistics("later")
    assert runs.champion() == ([pushed], [statistics])


def test_transforms_statistics_are_not_those_of_the_reviews(runs: Runs) -> None:
    statistics = runs.statistics("pushing")
    for key in ("pre_transform_stats", "post_transform_stats"):
        runs.statistics("pushing", key)
    pushed = runs.push("pushing", 2026110501)
    assert runs.champion() == ([pushed], [statistics])


def test_a_version_that_ml_metadata_does_not_know_has_no_statistics(runs: Runs) -> None:
    runs.statistics("one")
    runs.push("one", 2026110501)
    runs.put_in_service(2026110401)
    assert runs.champion() == ([], [])


def test_statistics_that_cannot_be_read_any_more_are_left_out(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, store = tmp_path / "pipeline", f"file://{tmp_path}/store"
    made = root / "StatisticsGen" / "statistics" / "1"
    made.mkdir(parents=True)
    (made / "stats").write_bytes(b"numbers")
    with using(store, root, 0) as staging:
        staging.reserve([str(made)])
        name = staging.keep(str(made))
    statistics = runs.statistics("pushing", uri=str(made), stored_as=name)
    pushed = runs.push("pushing", 2026110501)

    def champion(address: str) -> tuple[list[int], list[int]]:
        with using(address, root, 0):
            return runs.champion()

    assert champion(store) == champion("") == ([pushed], [statistics]), "this machine has a whole copy"
    (root / ".copies" / "StatisticsGen" / "statistics" / "1.json").unlink()
    assert champion("") == ([pushed], []), "the store was left, and what is here may be a part"
    assert f"is no longer in {root} on this machine; it is left out" in caplog.text
    assert champion(store) == ([pushed], [statistics])
    folder = tmp_path / "store" / "StatisticsGen" / "statistics" / "1" / name
    for file, text, told in [
        ("files/stats", "other", "is damaged: stats is not what the node has stored"),
        ("files/stats", "", "is incomplete: somebody has removed a file"),
        ("contents.json", "{}", "is damaged; allowed: what the node that made the artifact has written"),
        ("contents.json", "", f"is no longer in {store}; it is left out"),
    ]:
        (folder / file).unlink()
        if text:
            (folder / file).write_text(text, encoding="utf-8")
        (root / ".copies" / "StatisticsGen" / "statistics" / "1.json").unlink(missing_ok=True)
        assert champion(store) == ([pushed], []), file
        assert told in caplog.text
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").write_text("no store", encoding="utf-8")
    with pytest.raises(ArtifactStoreError, match="cannot be read"):
        champion(store)


def test_statistics_of_before_there_was_a_store_are_left_out_where_they_are_not(
    runs: Runs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = tmp_path / "StatisticsGen" / "statistics" / "1"
    statistics = runs.statistics("pushing", uri=str(made))
    pushed = runs.push("pushing", 2026110501)
    with using(f"file://{tmp_path}/store", tmp_path, 0):
        assert runs.champion() == ([pushed], [])
        assert "is not on this machine, and was made without file://" in caplog.text
        made.mkdir(parents=True)
        assert runs.champion() == ([pushed], [statistics])
