"""Defines the DAG bundle: DAG files, compiled pipeline and ``tfx_modules`` under one version."""

from functools import cached_property
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from airflow_bert_service.bundle.publisher import Publisher
from airflow_bert_service.bundle.reading_interval import keep_reading_interval
from airflow_bert_service.bundle.snapshots import SnapshotStore, Version, sources_on_disk
from airflow_bert_service.bundle.wrong_settings import WrongSettings
from airflow_bert_service.exceptions import CompiledPipelineError, SettingsError
from airflow_bert_service.settings.settings import Settings, load_settings


class PipelineDagBundle(BaseDagBundle):
    """Versions DAG files, compiled pipeline and ``tfx_modules`` together; a run keeps its version to its end.

    The DAG processor calls :meth:`refresh` in its loop, which compiles in a child and never waits for it. Tasks get the
    bundle with the version of their run. Sources that do not compile leave the version before in service, and show as
    an import error, and so do settings that cannot be used. It is not what versions ``plugins/``: that package is the
    same for all runs, as in Airflow always.

    Old versions stay; :mod:`airflow_bert_service.bundle.snapshots` says who may remove them.

    Args:
        name: The bundle's name, and the name of its folder below ``state``.
        root: The folder that holds ``dags`` and ``tfx_modules``; left out: as in ``[bert_service]``.
        state: Snapshots go below its folder ``bundles``; left out: likewise.
        tfx_python: The TFX environment's interpreter; left out: likewise.
        kwargs: Arguments that every bundle takes (``version``, ``refresh_interval``, ``view_url_template``).
    """

    supports_versioning = True

    def __init__(
        self,
        *,
        name: str,
        root: str | None = None,
        state: str | None = None,
        tfx_python: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._root = root
        self._state = state
        self._tfx_python = tfx_python
        self._shown: Version | None = None
        self._wrong_settings: WrongSettings | None = None
        self._usual_refresh_interval = self.refresh_interval

    def initialize(self) -> None:
        """Make :attr:`path` usable, without compiling: where nothing is published yet, it may be an empty folder.

        Raises:
            CompiledPipelineError: The bundle is pinned to a version that there is no snapshot of.
            SettingsError: It is pinned to a version, and the settings cannot be used.
        """
        if self.version is not None:
            self._check_pinned(Version.parse(self.version))
        elif self._has_settings():
            self._shown = self._store.current() or self._publisher.step(compiling=False)
        super().initialize()

    @property
    def path(self) -> Path:
        """The folder of the DAG files; ``tfx_modules`` stands beside it.

        Of a bundle that is not pinned, it changes only in :meth:`refresh`: Airflow takes note of it there.
        """
        if self.version is not None:
            return self._store.dags_of(Version.parse(self.version))
        if wrong := self._shown_settings_error():
            return wrong.path
        return self._store.dags_of(self._shown if self.is_initialized else self._store.current())

    def get_current_version(self) -> BundleVersion | None:
        """Return the version that :attr:`path` has; None while nothing is published."""
        if self.version is not None:
            return BundleVersion(version=self.version)
        if wrong := self._shown_settings_error():
            return BundleVersion(version=wrong.version)
        shown = self._shown if self.is_initialized else self._store.current()
        return BundleVersion(version=str(shown)) if shown else None

    def refresh(self) -> None:
        """Check whether sources have changed or a compiler has ended, and act on it. Returns at once.

        Call it in the process's main thread: the compiler is killed when the thread that started it ends.

        Raises:
            CompiledPipelineError: The bundle is pinned to a version.
        """
        if self.version is not None:
            raise CompiledPipelineError(
                f"DAG bundle {self.name!r} is pinned to version {self.version}, which does not change; only a bundle "
                "without a version can be refreshed. Make one without version."
            )
        keep_reading_interval()
        if self._has_settings():
            self._shown = self._publisher.step(compiling=True)
            # Airflow looks after a compiler at each of its checks, so that its result shows within seconds.
            self.refresh_interval = 0 if self._publisher.is_compiling else self._usual_refresh_interval

    def _shown_settings_error(self) -> WrongSettings | None:
        if not self.is_initialized:  # some of Airflow's commands read the path of such a bundle
            self._has_settings()
        return self._wrong_settings

    def _has_settings(self) -> bool:
        """Whether the settings can be used; where they cannot, the bundle shows why."""
        try:
            _ = self._settings  # read once they can be
        except SettingsError as error:
            self._wrong_settings = WrongSettings(self.base_dir, error)
            self._wrong_settings.write()
            return False
        self._wrong_settings = None
        return True

    def served_sources(self) -> str:
        """Return the version of the sources that the DAG files at :attr:`path` are from; empty: there are none."""
        current = self.get_current_version()
        return Version.parse(current.version).served if current else ""

    def other_sources(self) -> str:
        """Return the version of the sources on this machine's disk where :attr:`path` has another one.

        Returns:
            The version; empty where it is the same, or where this machine has no sources.
        """
        found = sources_on_disk(self._source_root)
        return "" if found == self.served_sources() else found

    def _check_pinned(self, version: Version) -> None:
        if not self._store.has(version):
            raise CompiledPipelineError(
                f"version {version} of DAG bundle {self.name!r} is missing; there are "
                f"{', '.join(self._store.names()) or 'none'} in {self._store.root_of(version).parent}. Clear the run's "
                "tasks with the latest bundle version, or trigger a new run."
            )

    @cached_property
    def _settings(self) -> Settings:
        return load_settings()

    @cached_property
    def _store(self) -> SnapshotStore:
        state = Path(self._state) if self._state else self._settings.state
        return SnapshotStore(state / "bundles" / self.name)

    @cached_property
    def _source_root(self) -> Path:
        return Path(self._root) if self._root else self._settings.root

    @cached_property
    def _publisher(self) -> Publisher:
        return Publisher(
            store=self._store,
            root=self._source_root,
            tfx_python=Path(self._tfx_python) if self._tfx_python else self._settings.tfx_python,
        )
