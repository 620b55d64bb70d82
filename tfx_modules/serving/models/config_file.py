"""Reads TensorFlow Serving's ``ModelServerConfig``: from a proto, from text, and from a file that may change."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfx_modules.common.files import read_short
from tfx_modules.serving.exceptions import ModelConfigError, RequestError
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.models.model_config import (
    ALL,
    LATEST,
    ModelConfig,
    ServerConfig,
    VersionPolicy,
    latest,
    specific,
)
from tfx_modules.serving.models.trouble import Troubles

PLATFORM = "tensorflow"
MOST_BYTES = 16 << 20
"""The largest config file that is read when it has changed."""
CONFIG_FILE = "config_file"  # where on disk a fault was met, as the metrics name it

_logger = logging.getLogger(__name__)


def parse_config(text: str, source: str) -> ServerConfig | None:
    """Read a config in protobuf's text form.

    Args:
        text: a ``ModelServerConfig``.
        source: where it is from, for errors.

    Returns:
        The config; None for an empty one, which asks for no change (also a file that is just being written).

    Raises:
        ModelConfigError: it has another form, names a field that there is not, or asks for what is not supported.
    """
    proto = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(text, proto)
    except text_format.ParseError as error:
        raise ModelConfigError(f"{source} is not a ModelServerConfig in text form: {error}") from error
    return read_config(proto) if proto.WhichOneof("config") else None


def read_config(proto: model_server_config_pb2.ModelServerConfig) -> ServerConfig:
    """Convert a config.

    Raises:
        ModelConfigError: it asks for what is not supported, or contradicts itself.
    """
    if proto.WhichOneof("config") != "model_config_list":
        raise ModelConfigError(
            "ServerModelConfig type not supported: it is custom_model_config or missing. "
            "Only ModelConfigList is currently supported"
        )
    return ServerConfig(tuple(_model(model) for model in proto.model_config_list.config))


def _model(proto: Any) -> ModelConfig:
    _check_platform(proto)
    if proto.HasField("logging_config"):
        raise ModelConfigError(f"model {proto.name}: logging_config is not supported in a config; leave it out")
    return ModelConfig(
        name=proto.name,
        base_path=Path(proto.base_path),
        policy=_policy(proto.name, proto.model_version_policy),
        labels=dict(proto.version_labels),
    )


def _check_platform(proto: Any) -> None:
    kinds = model_server_config_pb2.ModelType
    if proto.model_type and proto.model_platform:
        raise ModelConfigError(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
        )
    platform = PLATFORM if proto.model_type == kinds.TENSORFLOW else proto.model_platform
    if not platform:
        raise ModelConfigError(
            f"model {proto.name}: Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform; give model_platform: '{PLATFORM}'"
        )
    if platform != PLATFORM:
        raise ModelConfigError(
            f"Model {proto.name} requests unsupported platform {platform}; supported is {PLATFORM!r} alone"
        )


def _policy(name: str, proto: Any) -> VersionPolicy:
    choice = proto.WhichOneof("policy_choice")
    if choice is None:
        return LATEST
    return _POLICIES[choice](name, proto)


def _specific(name: str, proto: Any) -> VersionPolicy:
    versions = list(proto.specific.versions)
    if not versions:
        raise ModelConfigError(f"model {name}: a specific version policy without versions; name at least one")
    return specific(*versions)


_POLICIES: dict[str, Callable[[str, Any], VersionPolicy]] = {
    "latest": lambda _, proto: latest(proto.latest.num_versions),
    "all": lambda _name, _proto: ALL,
    "specific": _specific,
}


class ConfigFile:
    """Keeps the model manager in step with a config file. A file that is broken changes nothing, and is logged."""

    def __init__(self, path: Path, manager: ModelManager) -> None:
        self._path = path
        self._manager = manager
        self._troubles = Troubles(manager.count_disk_error)

    async def load(self) -> None:
        """Read the file and have its models served.

        Raises:
            ModelConfigError: the file cannot be read, or is no config.
            LabelError: a label is given to a version that is not available.
        """
        await self._apply(lambda: self._path.read_text(encoding="utf-8"))

    async def _apply(self, read: Callable[[], str]) -> None:
        config = await asyncio.get_running_loop().run_in_executor(None, self._read, read)
        if config is None or config == self._manager.config:
            return
        missing = await self._manager.apply(config)
        if missing:
            _logger.warning("no version is available of the models %s", ", ".join(missing))

    async def poll(self) -> None:
        """Do the same, but leave what is served in place when the file is wrong, and log why, once.

        Unlike at the start, it waits for nobody: a FIFO in the file's place would hold a thread for ever.
        """
        try:
            await self._apply(lambda: read_short(self._path, MOST_BYTES))
        except RequestError as error:
            place = CONFIG_FILE if isinstance(error.__cause__, OSError) else ""
            if self._troubles.is_new(self._path, str(error), place=place):
                _logger.warning("the model config is not changed, and the next poll tries again: %s", error)
            return
        self._troubles.over(self._path)

    def _read(self, read: Callable[[], str]) -> ServerConfig | None:
        try:
            return parse_config(read(), str(self._path))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelConfigError(f"the model config file {self._path} cannot be read: {error}") from error
