"""Defers imports of TFX's that take long and that next to nobody needs.

``tfx.v1`` imports the clients of Google Cloud AI Platform, a fifth of the processor time that importing TFX takes, and
the Kubernetes client, by which TFX's InfraValidator starts servers in a cluster, a tenth of it: in the node server, in
every compilation, and in every node with a process of its own. They are imported when something of theirs is first
used.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any

DEFERRED = frozenset(
    {
        "tfx.components.infra_validator.model_server_runners.kubernetes_runner",
        "tfx.extensions.google_cloud_ai_platform.prediction_clients",
        "tfx.extensions.google_cloud_ai_platform.training_clients",
    }
)
"""The modules of TFX that import what takes long, and that other modules import as modules."""


_one_at_a_time = threading.RLock()


class DeferredModule(ModuleType):
    """A module that is imported when it is asked for a name that it does not have."""

    def __getattr__(self, name: str) -> Any:
        # Libraries look at all modules for names with underscores, and do not mean this one.
        if not name.startswith("__"):
            with _one_at_a_time:  # other threads wait until all of the module is there
                if isinstance(self.__dict__["__loader__"], _Loader):
                    self._import()
                if name in self.__dict__:
                    return self.__dict__[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def _import(self) -> None:
        deferring = self.__dict__["__loader__"]
        try:
            importlib.reload(self)
        except BaseException:
            self.__loader__ = deferring  # the next use says again why it cannot be imported
            raise


class _Loader(importlib.abc.Loader):
    """Makes a module without running its code."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return an empty module."""
        return DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


class DeferredFinder(importlib.abc.MetaPathFinder):
    """Finds the modules that are deferred, at their first import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of an empty module; None, which is Python's own way, for every other, and for a reload."""
        if name not in DEFERRED or target is not None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec:
            spec.loader = _Loader()
        return spec


def defer() -> None:
    """Defer them in this process. What is imported already stays."""
    # By name: a fork of the node server imports this module anew, and finds the finder of the server.
    if not any(type(finder).__name__ == DeferredFinder.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, DeferredFinder())
