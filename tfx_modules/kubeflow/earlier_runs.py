"""Hands a run what earlier runs have left, and keeps what later runs need.

On Airflow, Resolvers ask ML Metadata. Kubeflow Pipelines has no Resolvers, and no query for a container. So the ledger
says which version is in service, and what belongs to it is in folders beside the served one::

    models/bert_sentiment/2026110501/      the model in service
    models/bert_sentiment.kept/
    ├── hyperparameters/0c5d1e90a7b3f264/  those that a search has found last, for an encoder and a task
    └── statistics/2026110501/             of the data that the version was trained on
"""

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import path_utils, proto_utils

from tfx_modules.common.files import make_folder, sync_tree, write_atomically
from tfx_modules.components import champion
from tfx_modules.components.pusher import TASK
from tfx_modules.components.tuner import TUNED
from tfx_modules.kubeflow.values import ABSENT
from tfx_modules.promotion import history
from tfx_modules.promotion.current import current_ledger
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.settings.task import TaskSettings, from_parameter, to_parameter

SEARCHED_FOR = "searched_for"
MODEL, STATISTICS, HYPERPARAMETERS = "model", "statistics", "hyperparameters"
PUSHED = standard_component_specs.PUSHED_MODEL_KEY
_DESTINATION = standard_component_specs.PUSH_DESTINATION_KEY
_SPLIT_NAMES = "split_names"
_IS_PUSHED = "pushed"
_DIGITS = 16

Artifacts = dict[str, list[types.Artifact]]


class Kept:
    """The folder beside the served one with what runs have left for later runs."""

    def __init__(self, repository: ModelRepository) -> None:
        self._folder = repository.served.with_name(f"{repository.served.name}.kept")
        self._repository = repository

    def hyperparameters(self, searched_for: str) -> Path:
        """Those that a search has found last for an encoder and a task; the folder may be missing."""
        return self._folder / HYPERPARAMETERS / hashlib.sha256(searched_for.encode()).hexdigest()[:_DIGITS]

    def statistics(self, version: int) -> Path:
        """The statistics that belong to a version; the folder may be missing."""
        return self._folder / STATISTICS / str(version)

    def keep(self, source: Path, place: Path, texts: Mapping[str, str]) -> None:
        """Copy a folder, complete or not at all, in place of what is there.

        Args:
            source: the folder.
            place: where its copy goes.
            texts: further files of the copy, by name.
        """
        make_folder(place.parent)
        made = place.with_name(f".{place.name}-{uuid.uuid4().hex}")
        try:
            shutil.copytree(source, made)
            for name, text in texts.items():
                (made / name).write_text(text, encoding="utf-8")
            sync_tree(made)
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def forget_removed_versions(self) -> None:
        """Remove the statistics of versions that are no longer there."""
        known = {str(version) for version in self._repository.versions()}
        for folder in (self._folder / STATISTICS).glob("[0-9]*"):
            if folder.name not in known:
                shutil.rmtree(folder)


def _repository(exec_properties: dict[str, Any]) -> ModelRepository:
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(exec_properties[_DESTINATION], destination)
    return ModelRepository(Path(destination.filesystem.base_directory))


class EarlierRunsExecutor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Copies what earlier runs have left into the run's own artifacts."""

    def Do(
        self,
        input_dict: Artifacts,  # noqa: ARG002
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        """Copy the model in service, the statistics of its data, and the hyperparameters found last."""
        repository = _repository(exec_properties)
        kept = Kept(repository)
        live = current_ledger().service().live
        model = self._model(repository, live, from_parameter(exec_properties.get(TASK)))
        made = {key: artifact_utils.get_single_instance(output_dict[key]) for key in output_dict}
        _fill(made[MODEL], model, Path(path_utils.serving_model_dir(made[MODEL].uri)))
        statistics = kept.statistics(live) if live else None
        _fill(made[STATISTICS], statistics, Path(made[STATISTICS].uri))
        if statistics and statistics.is_dir():
            made[STATISTICS].split_names = (statistics / _SPLIT_NAMES).read_text(encoding="utf-8")
        found = kept.hyperparameters(exec_properties[SEARCHED_FOR])
        _fill(made[HYPERPARAMETERS], found, Path(made[HYPERPARAMETERS].uri))

    @staticmethod
    def _model(repository: ModelRepository, live: int | None, task: TaskSettings) -> Path | None:
        promotion = history.promotion_of(current_ledger().events(), live) if live else None
        if live is None or promotion is None:
            return None
        folder = repository.folder(live)
        return folder if champion.may_be_baseline(promotion, folder, task) else None


def _fill(artifact: types.Artifact, source: Path | None, place: Path) -> None:
    """Copy a folder into an artifact; mark the artifact where there is none."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if source is not None and source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
        return
    # The launcher uploads a folder only where it has a file.
    Path(artifact.uri).mkdir(parents=True, exist_ok=True)
    write_atomically(Path(artifact.uri, ABSENT), "There was none.\n")
    artifact.set_int_custom_property(ABSENT, 1)


class EarlierRunsSpec(types.ComponentSpec):  # type: ignore[misc]
    """Where models are served, the task, and what a search must have been for; what was found."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        SEARCHED_FOR: ExecutionParameter(type=str),
        _DESTINATION: ExecutionParameter(type=pusher_pb2.PushDestination),
        TASK: ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {
        MODEL: ChannelParameter(type=standard_artifacts.Model),
        STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        HYPERPARAMETERS: ChannelParameter(type=standard_artifacts.HyperParameters),
    }


class EarlierRuns(base_component.BaseComponent):  # type: ignore[misc]
    """Finds the model in service, the statistics of its data, and the hyperparameters that a search has found last.

    Args:
        push_destination: TFX's PushDestination; ``filesystem.base_directory`` is the folder that servers watch.
        task: The labels of the reviews.
        searched_for: What the hyperparameters must be good for.
    """

    SPEC_CLASS = EarlierRunsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(EarlierRunsExecutor)

    def __init__(self, *, push_destination: RuntimeParameter, task: TaskSettings, searched_for: str) -> None:
        super().__init__(
            spec=EarlierRunsSpec(
                push_destination=push_destination,
                task=to_parameter(task),
                searched_for=searched_for,
                model=types.Channel(type=standard_artifacts.Model),
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
                hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
            )
        )


class KeepExecutor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Copies a run's results to where later runs look for them."""

    def Do(
        self,
        input_dict: Artifacts,
        output_dict: Artifacts,  # noqa: ARG002
        exec_properties: dict[str, Any],
    ) -> None:
        """Keep the statistics of a version that was promoted, and the hyperparameters of a search."""
        kept = Kept(_repository(exec_properties))
        pushed = artifact_utils.get_single_instance(input_dict[PUSHED])
        if pushed.get_int_custom_property(_IS_PUSHED):
            statistics = artifact_utils.get_single_instance(input_dict[STATISTICS])
            place = kept.statistics(int(pushed.get_string_custom_property(champion.VERSION)))
            kept.keep(Path(statistics.uri), place, {_SPLIT_NAMES: statistics.split_names})
        found = artifact_utils.get_single_instance(input_dict[HYPERPARAMETERS])
        if found.get_int_custom_property(TUNED):
            kept.keep(Path(found.uri), kept.hyperparameters(exec_properties[SEARCHED_FOR]), {})
        kept.forget_removed_versions()


class KeepSpec(types.ComponentSpec):  # type: ignore[misc]
    """Where models are served, and what a run has made."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        SEARCHED_FOR: ExecutionParameter(type=str),
        _DESTINATION: ExecutionParameter(type=pusher_pb2.PushDestination),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {
        PUSHED: ChannelParameter(type=standard_artifacts.PushedModel),
        STATISTICS: ChannelParameter(type=standard_artifacts.ExampleStatistics),
        HYPERPARAMETERS: ChannelParameter(type=standard_artifacts.HyperParameters),
    }
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {}


class KeepForLaterRuns(base_component.BaseComponent):  # type: ignore[misc]
    """Keeps what ``EarlierRuns`` of later runs looks for."""

    SPEC_CLASS = KeepSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(KeepExecutor)

    def __init__(
        self,
        *,
        push_destination: RuntimeParameter,
        pushed_model: types.BaseChannel,
        statistics: types.BaseChannel,
        hyperparameters: types.BaseChannel,
        searched_for: str,
    ) -> None:
        super().__init__(
            spec=KeepSpec(
                searched_for=searched_for,
                push_destination=push_destination,
                pushed_model=pushed_model,
                statistics=statistics,
                hyperparameters=hyperparameters,
            )
        )
