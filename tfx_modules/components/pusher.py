"""Pusher whose version folder appears whole: a server that watches the folder never sees half a model."""

import time
from pathlib import PurePosixPath
from typing import Any

from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils


def next_version(base: str, now: float) -> int:
    """Return the number of the next version: seconds since 1970, as TFX's own, and greater than all that are there."""
    taken = [int(name.rstrip("/")) for name in fileio.listdir(base) if name.rstrip("/").isdigit()]
    return max([int(now), *(number + 1 for number in taken)])


def publish(model: str, base: str, now: float) -> PurePosixPath:
    """Copy a servable to the folder that a server watches, under the next version's number, by one rename.

    Args:
        model: folder of a SavedModel.
        base: folder with one subfolder for each version.
        now: seconds since 1970.

    Returns:
        The new version's folder.
    """
    fileio.makedirs(base)
    target = PurePosixPath(base) / str(next_version(base, now))
    staging = target.with_name(f".staging-{target.name}")
    for left in fileio.glob(str(staging.with_name(".staging-*"))):  # by a push that was killed
        fileio.rmtree(left)
    io_utils.copy_dir(model, str(staging))
    fileio.rename(str(staging), str(target))
    return target


class Executor(executor.Executor):  # type: ignore[misc]
    """Publishes a model that was blessed twice; writes down that it did not otherwise."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Push, and keep a copy in the pipeline's folder."""
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self._blessed_twice(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        model = self.GetModelPath(input_dict)
        io_utils.copy_dir(model, pushed.uri)
        target = publish(model, destination.filesystem.base_directory, time.time())
        self._MarkPushed(pushed, pushed_destination=str(target), pushed_version=target.name)

    def _blessed_twice(self, input_dict: dict[str, list[types.Artifact]]) -> bool:
        # TFX takes a blessing that is not there for a validator that the pipeline does not have. Here it has both.
        keys = (standard_component_specs.MODEL_BLESSING_KEY, standard_component_specs.INFRA_BLESSING_KEY)
        return all(input_dict.get(key) for key in keys) and self.CheckBlessing(input_dict)


class Pusher(component.Pusher):  # type: ignore[misc]
    """TFX's Pusher to a file system, with the executor above."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
