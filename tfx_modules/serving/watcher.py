"""Keeps the registry in step with the version folders on disk: the newest version that can be loaded is served."""

import asyncio
import gc
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from tfx_modules.serving.disk import Fingerprint, VersionFolder, find_versions
from tfx_modules.serving.exceptions import ModelLoadError, status_of
from tfx_modules.serving.model import ServedModel
from tfx_modules.serving.registry import Registry

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class ModelWatcher:
    """Watches one model's base path. Does not answer requests; never blocks the event loop.

    - A version is loaded before the one that it replaces is retired.
    - A version that cannot be loaded leaves what is served in place. It is tried again once its files have changed.
    - Deleting the newest version rolls back to the one before; deleting all of them ends the service.
    - A base path that cannot be read changes nothing: it may be a passing fault of a network disk.
    """

    def __init__(
        self,
        *,
        name: str,
        base_path: Path,
        registry: Registry,
        loader: Executor,
        load: Callable[[Path], ServedModel],
    ) -> None:
        """Prepare.

        Args:
            name: the model's name.
            base_path: the folder of version folders; need not exist yet.
            registry: where versions are published.
            loader: one thread in which disk is read and models are loaded.
            load: makes a model from a folder; raises ModelLoadError.
        """
        self.name = name
        self.base_path = base_path
        self._registry = registry
        self._loader = loader
        self._load = load
        self._broken: dict[int, Fingerprint] = {}
        self._unreadable = ""

    async def look(self) -> None:
        """Look at the base path once and bring the registry in step with it."""
        found = await self._find()
        if found is None:
            return
        chosen = await self._choose(found)
        if chosen is not None or not found:
            await self._retire_all_but(chosen)

    async def _find(self) -> tuple[VersionFolder, ...] | None:
        try:
            found = await self._in_loader(find_versions, self.base_path)
        except OSError as error:
            if str(error) != self._unreadable:  # say it once, not at every look
                logger.warning("model %s: cannot read the base path: %s; looking again", self.name, error)
            self._unreadable = str(error)
            return None
        self._unreadable = ""
        return found

    async def _choose(self, found: tuple[VersionFolder, ...]) -> int | None:
        """Return the newest version that is, or can be made, available."""
        available = self._registry.available(self.name)
        for folder in found:
            if folder.version in available or await self._try_to_load(folder):
                return folder.version
        return None

    async def _try_to_load(self, folder: VersionFolder) -> bool:
        version = folder.version
        if self._broken.get(version) == folder.fingerprint:
            return False
        logger.info("model %s: loading version %d", self.name, version)
        self._registry.begin(self.name, version)
        try:
            model = await self._in_loader(self._load, folder.path)
        except ModelLoadError as error:
            logger.warning("model %s: version %d: %s", self.name, version, error)
            self._broken[version] = folder.fingerprint
            self._registry.fail(self.name, version, error_code=status_of(error).code, error_message=str(error))
            return False
        self._broken.pop(version, None)
        self._registry.publish(self.name, version, model)
        logger.info("model %s: version %d is available", self.name, version)
        return True

    async def _retire_all_but(self, chosen: int | None) -> None:
        retired = [version for version in self._registry.available(self.name) if version != chosen]
        for version in retired:
            self._registry.retire(self.name, version)
            logger.info("model %s: version %d is retired", self.name, version)
        if retired:
            # A loaded SavedModel is full of reference cycles: without this its weights stay for a long while.
            await self._in_loader(gc.collect)

    async def _in_loader(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._loader, partial(work, *arguments, **options))
