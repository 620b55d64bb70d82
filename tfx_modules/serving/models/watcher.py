"""Keeps the registry in step with the version folders on disk, by the model's version policy."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from tfx_modules.serving.exceptions import ModelLoadError, ModelUnreadableError, status_of
from tfx_modules.serving.memory import release_memory
from tfx_modules.serving.models.disk import Fingerprint, VersionFolder, find_versions
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.model_config import ModelConfig
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.models.trouble import Troubles, not_counted

P = ParamSpec("P")
T = TypeVar("T")

# Where on disk a fault was met, as the metrics name it.
BASE_PATH = "base_path"
VERSION = "version"

_logger = logging.getLogger(__name__)


class ModelWatcher:
    """Watches one model's base path. Does not answer requests; never blocks the event loop.

    - Exactly those versions are served that the policy asks for; of the newest N, only such as can be loaded count.
    - A version is loaded before the one that it replaces is retired.
    - A version that cannot be loaded leaves what is served in place. It is tried again once its files have changed.
      Where none of those that the policy allows can be loaded, what was served before stays.
    - Deleting the newest version rolls back to the one before; deleting all that the policy allows ends the service.
    - A base path that cannot be read changes nothing: it may be a passing fault of a network disk.
    - A version that is served stays, too, while its own folder cannot be read. One that is not served yet gets the
      reason into its state, and is tried again at each poll.
    """

    def __init__(
        self,
        *,
        config: ModelConfig,
        registry: Registry,
        loader: Executor,
        load: Callable[[Path], ServedModel],
        count_disk_error: Callable[[str], None] = not_counted,
    ) -> None:
        """Prepare.

        Args:
            config: the model's name, its folder and its version policy.
            registry: where versions are published.
            loader: one thread in which disk is read and models are loaded.
            load: makes a model from a folder; raises ModelLoadError.
            count_disk_error: called with the place whenever the disk does not give what is read.
        """
        self.config = config
        self._registry = registry
        self._loader = loader
        self._load = load
        self._broken: dict[int, Fingerprint] = {}
        self._troubles = Troubles(count_disk_error)
        self._missing: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config.name

    def follow(self, config: ModelConfig) -> None:
        """Use another config of the same model from the next poll on."""
        if config.base_path != self.config.base_path:
            self._broken.clear()
        self.config = config

    async def poll(self) -> None:
        """Poll the base path once and bring the registry in step with it."""
        found = await self._find()
        if found is None:
            return
        self._tell_of_missing(found)
        allowed = [folder for folder in found if self.config.policy.allows(folder.version)]
        chosen = await self._choose(allowed)
        if chosen or not allowed:
            await self._retire_all_but(chosen)

    async def give_up(self) -> None:
        """Take all versions out of service; the model is no longer wanted."""
        await self._retire_all_but(())

    async def _find(self) -> tuple[VersionFolder, ...] | None:
        try:
            found = await self._in_loader(find_versions, self.config.base_path)
        except OSError as error:
            if self._troubles.is_new(BASE_PATH, str(error), place=BASE_PATH):
                _logger.warning("model %s: cannot read the base path: %s; the next poll tries again", self.name, error)
            return None
        self._troubles.over(BASE_PATH)
        for folder in found:
            self._tell_of_trouble(folder)
        return found

    def _tell_of_trouble(self, folder: VersionFolder) -> None:
        """Log that a version that is served cannot be read any more."""
        about = ("served", folder.version)
        if not folder.trouble:
            self._troubles.over(about)
        elif folder.version in self._registry.available(self.name) and self._troubles.is_new(
            about, folder.trouble, place=VERSION
        ):
            _logger.warning("model %s: version %d stays in service: %s", self.name, folder.version, folder.trouble)

    def _tell_of_missing(self, found: Sequence[VersionFolder]) -> None:
        missing = (self.config.policy.only or frozenset()) - {folder.version for folder in found}
        if missing and missing != self._missing:
            _logger.warning(
                "model %s: the config asks for versions that are not on disk: %s", self.name, sorted(missing)
            )
        self._missing = missing

    async def _choose(self, allowed: Sequence[VersionFolder]) -> list[int]:
        """Return the versions, newest first, that the policy asks for and that are, or can be made, available."""
        chosen: list[int] = []
        for folder in allowed:
            if self.config.policy.is_met_by(len(chosen)):
                break
            if folder.version in self._registry.available(self.name) or await self._try_to_load(folder):
                chosen.append(folder.version)
        return chosen

    async def _try_to_load(self, folder: VersionFolder) -> bool:
        version = folder.version
        if version in self._broken and self._broken[version] == folder.fingerprint:
            return False
        try:
            model = await self._load_now(folder)
        except ModelLoadError as error:
            self._record_failure(folder, error)
            return False
        self._broken.pop(version, None)
        self._troubles.over(version)
        self._registry.publish(self.name, version, model)
        _logger.info("model %s: version %d is available", self.name, version)
        return True

    async def _load_now(self, folder: VersionFolder) -> ServedModel:
        """Load a version.

        Raises:
            ModelUnreadableError: its files cannot be read now.
            ModelLoadError: they are no model that can be served.
        """
        if folder.trouble:
            raise ModelUnreadableError(folder.trouble)
        if folder.version not in self._troubles:  # else it is tried at each poll
            _logger.info("model %s: loading version %d", self.name, folder.version)
        self._registry.begin(self.name, folder.version)
        try:
            return await self._in_loader(self._load, folder.path)
        except OSError as error:
            raise ModelUnreadableError(f"{folder.path} cannot be read: {error}") from error

    def _record_failure(self, folder: VersionFolder, error: ModelLoadError) -> None:
        version, of_disk = folder.version, isinstance(error, ModelUnreadableError)
        if of_disk:  # and may pass although no file changes
            self._broken.pop(version, None)
        else:
            self._broken[version] = folder.fingerprint
        if self._troubles.is_new(version, str(error), place=VERSION if of_disk else ""):
            _logger.warning("model %s: version %d: %s", self.name, version, error)
        self._registry.fail(self.name, version, error_code=status_of(error).code, error_message=str(error))

    async def _retire_all_but(self, chosen: Sequence[int]) -> None:
        retired = [version for version in self._registry.available(self.name) if version not in chosen]
        for version in retired:
            self._registry.retire(self.name, version)
            _logger.info("model %s: version %d is retired", self.name, version)
        if retired:
            await self._in_loader(release_memory)

    async def _in_loader(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._loader, partial(work, *arguments, **options))
