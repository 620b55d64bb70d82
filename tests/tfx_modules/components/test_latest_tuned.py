"""Which search's hyperparameters a run without a search gets."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto
from tfx.types import Artifact, standard_artifacts

from tfx_modules.artifact_store.current import using
from tfx_modules.artifact_store.staging import STORED_AS
from tfx_modules.components.earlier_runs.latest_tuned import LatestTunedStrategy
from tfx_modules.components.earlier_runs.searched_for import searched_for
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskKind, TaskSettings, to_config

ENCODER = EncoderSettings(source="/some/folder", weights_sha256="a" * 64)
TICKETS = TaskSettings(kind=TaskKind.MULTICLASS, labels=("billing", "fault", "שונות"))
WANTED = searched_for(ENCODER.to_config(), BINARY_SENTIMENT)

Record = Callable[..., Artifact]


@pytest.fixture(scope="module")
def store() -> MetadataStore:
    config = proto.ConnectionConfig()
    config.fake_database.SetInParent()
    return MetadataStore(config)


@pytest.fixture
def record(store: MetadataStore, tmp_path: Path) -> Record:
    """Record what a Tuner has made, as TFX does."""
    kind = store.put_execution_type(proto.ExecutionType(name="Tuner"), can_add_fields=True)

    def make(
        encoder: EncoderSettings = ENCODER,
        task: TaskSettings = BINARY_SENTIMENT,
        *,
        tuned: bool = True,
        others: Mapping[str, Any] = MappingProxyType({}),
    ) -> Artifact:
        artifact = standard_artifacts.HyperParameters()
        artifact.type_id = store.put_artifact_type(artifact.artifact_type, can_add_fields=True)
        if tuned:
            artifact.set_int_custom_property("tuned", 1)
        config = {"encoder": encoder.to_config(), "training": {}, **to_config(task), **others}
        text = proto.Value(string_value=json.dumps(config))
        searched = proto.Execution(type_id=kind, custom_properties={"custom_config": text})
        taken_from_the_cache = proto.Execution(type_id=kind)
        (artifact.id,) = store.put_artifacts([artifact.mlmd_artifact])
        for number in store.put_executions([searched, taken_from_the_cache]):
            store.put_events([proto.Event(artifact_id=artifact.id, execution_id=number, type=proto.Event.OUTPUT)])
        artifact.uri = str(tmp_path / f"best-{artifact.id}")
        return artifact

    return make


def chosen(store: MetadataStore, *candidates: Artifact, wanted: str = WANTED) -> Any:
    found = LatestTunedStrategy(wanted).resolve_artifacts(store, {"previous": list(candidates)})
    assert found is not None
    return found["previous"]


def test_the_newest_values_that_a_search_found_are_picked(store: MetadataStore, record: Record) -> None:
    first, second, passed_on = record(), record(), record(tuned=False)
    assert chosen(store, second, first, passed_on) == [second]


def test_nothing_is_picked_where_no_search_was_made(store: MetadataStore, record: Record) -> None:
    assert chosen(store, record(tuned=False)) == []
    assert chosen(store) == []


@pytest.mark.parametrize(
    ("encoder", "task"),
    [
        (EncoderSettings(source="/some/folder", weights_sha256="b" * 64), BINARY_SENTIMENT),
        (EncoderSettings(source="preset:bert_tiny_en_uncased", vocab="some.txt"), BINARY_SENTIMENT),
        (ENCODER, TICKETS),
        (ENCODER, TaskSettings(labels=("negative", "positive"), positive="negative")),
    ],
    ids=["other weights", "a preset", "other labels", "the other label's score"],
)
def test_a_search_for_another_encoder_or_task_is_passed_over_and_an_older_one_for_them_picked(
    store: MetadataStore,
    record: Record,
    encoder: EncoderSettings,
    task: TaskSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    older, newer = record(), record(encoder, task)
    assert chosen(store, older, newer) == [older]
    assert chosen(store, newer) == []
    told = f"the result of a search, {newer.uri}, is for {searched_for(encoder.to_config(), task)}, and this"
    assert told in caplog.text
    assert chosen(store, older, newer, wanted=searched_for(encoder.to_config(), task)) == [newer]


def test_a_search_holds_where_only_the_place_of_the_encoder_or_the_order_of_labels_differs(
    store: MetadataStore, record: Record
) -> None:
    moved = EncoderSettings(source="/elsewhere", weights_sha256="a" * 64, max_tokens=256)
    turned = TaskSettings(kind=TaskKind.MULTICLASS, labels=TICKETS.labels[::-1])
    found = record(moved, turned)
    assert chosen(store, found, wanted=searched_for(ENCODER.to_config(), TICKETS)) == [found]


@pytest.mark.parametrize("others", [{"task": {"kind": "of a later release"}}, {"encoder": None}, {"task": 7}])
def test_a_search_whose_configuration_cannot_be_read_is_passed_over(
    store: MetadataStore, record: Record, others: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    older, newer = record(), record(others=others)
    assert chosen(store, older, newer) == [older]
    assert f"what the search of {newer.uri} was for cannot be read" in caplog.text


@pytest.mark.parametrize("has_store", [True, False])
def test_a_result_of_a_search_that_cannot_be_read_any_more_is_passed_over(
    store: MetadataStore, record: Record, tmp_path: Path, has_store: bool, caplog: pytest.LogCaptureFixture
) -> None:
    kept, gone = record(), record()
    with using(f"file://{tmp_path}/store", tmp_path, 0) as staging:
        for artifact in (kept, gone):
            Path(artifact.uri).mkdir()
            staging.reserve([artifact.uri])
            artifact.set_string_custom_property(STORED_AS, staging.keep(artifact.uri))
    name = Path(gone.uri).name
    shutil.rmtree(tmp_path / "store" / name)
    (tmp_path / ".copies" / f"{name}.json").unlink()

    with using(f"file://{tmp_path}/store" if has_store else "", tmp_path, 0):
        found, none = chosen(store, kept, gone), chosen(store, gone)

    assert (found, none) == ([kept], [])
    assert f"the result of a search, {gone.uri}, is no longer in" in caplog.text
