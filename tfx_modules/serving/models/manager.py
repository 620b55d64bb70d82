"""Manages the models of the current config, with a watcher for each of them."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from tfx_modules.serving.models.labels import check_labels
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.model_config import ModelConfig, ServerConfig
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.models.trouble import not_counted
from tfx_modules.serving.models.watcher import ModelWatcher

_logger = logging.getLogger(__name__)


class ModelManager:
    """Applies model configs, one after the other, and polls all models' folders. Answers no requests."""

    def __init__(
        self,
        *,
        registry: Registry,
        loader: Executor,
        load: Callable[[Path], ServedModel],
        allow_labels_for_unavailable: bool = False,
        count_disk_error: Callable[[str], None] = not_counted,
    ) -> None:
        """Prepare; there are no models yet.

        Args:
            registry: where versions are published.
            loader: one thread in which disk is read and models are loaded.
            load: makes a model from a folder; raises ModelLoadError.
            allow_labels_for_unavailable: whether a new label may name a version that is not available yet.
            count_disk_error: called with the place whenever the disk does not give what is read.
        """
        self.config = ServerConfig()
        self._registry = registry
        self._loader = loader
        self._load = load
        self._allow = allow_labels_for_unavailable
        self.count_disk_error = count_disk_error
        self._watchers: dict[str, ModelWatcher] = {}
        self._one_at_a_time = asyncio.Lock()

    async def apply(self, config: ServerConfig) -> tuple[str, ...]:
        """Serve what the config asks for and nothing else, and wait until that is loaded.

        Models that were there before, and versions that stay, answer requests all the while. Who is cancelled while
        waiting (a client's deadline has passed) gets no answer, but the config is realised to its end.

        Returns:
            Names of models that are new and have no available version.

        Raises:
            LabelError: a label is given to a version that is not available; nothing is changed then.
        """
        return await asyncio.shield(asyncio.create_task(self._apply(config)))

    async def poll(self) -> None:
        """Bring the registry in step with all models' folders."""
        async with self._one_at_a_time:
            await self._poll_all()

    @property
    def is_serving(self) -> bool:
        """Whether there are models, and each has an available version."""
        return bool(self._watchers) and all(self._registry.available(name) for name in self._watchers)

    async def _apply(self, config: ServerConfig) -> tuple[str, ...]:
        async with self._one_at_a_time:
            check_labels(self._registry, config.models, allow_unavailable=self._allow)
            before, self.config = self._watchers, config
            self._watchers = {model.name: self._watch(model) for model in config.models}
            _logger.info("the config has the models %s", ", ".join(self._watchers) or "(none)")
            for model in config.models:
                self._registry.set_labels(model.name, model.labels)
            for name in before.keys() - self._watchers.keys():
                self._registry.set_labels(name, {})
                await before[name].give_up()
            await self._poll_all()
            new = [name for name in self._watchers if name not in before]
            return tuple(name for name in new if not self._registry.available(name))

    def _watch(self, model: ModelConfig) -> ModelWatcher:
        watcher = self._watchers.get(model.name)
        if watcher is None:
            return ModelWatcher(
                config=model,
                registry=self._registry,
                loader=self._loader,
                load=self._load,
                count_disk_error=self.count_disk_error,
            )
        watcher.follow(model)
        return watcher

    async def _poll_all(self) -> None:
        for watcher in self._watchers.values():
            await watcher.poll()
