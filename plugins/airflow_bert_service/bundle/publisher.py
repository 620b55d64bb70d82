"""Compiles changed sources in the background, and publishes the result as a snapshot of the DAG bundle."""

import datetime as dt
import logging
from dataclasses import dataclass, field
from pathlib import Path

from airflow_bert_service.bundle.snapshots import SnapshotStore, Version, copy_compiled, sources_version
from airflow_bert_service.exceptions import BertServiceError, CompileError, SettingsError
from airflow_bert_service.files import free_lock, try_lock
from airflow_bert_service.installation import MODULES, command
from airflow_bert_service.pipeline.compiler import Compilation, ir_file, is_fresh, write_digest
from airflow_bert_service.pipeline.source_digest import own_settings, pipeline_digest
from airflow_bert_service.pipeline.version import compiled_at, write_version

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Build:
    """A copy of the sources that is being compiled."""

    copy: Path
    version: str
    compilation: Compilation


@dataclass
class Publisher:
    """Publishes the sources below a root as snapshots of a store.

    Of several processes, one at a time publishes: the one that holds the store's lock. A process that compiles holds
    it until it has published; if it dies, its compiler dies too, the lock is free, and another begins anew.
    """

    store: SnapshotStore
    root: Path
    """The folder that holds ``dags`` and ``tfx_modules``."""
    tfx_python: Path
    """The TFX environment's interpreter."""
    _lock: int | None = field(default=None, init=False)
    _build: _Build | None = field(default=None, init=False)
    _new: Version | None = field(default=None, init=False)
    """The version that the step before has put in service."""

    @property
    def is_compiling(self) -> bool:
        """Whether this process has a compiler that its next step looks after."""
        return self._build is not None

    def step(self, *, compiling: bool) -> Version | None:
        """Start, check or publish a compilation, without waiting for the compiler.

        Sources that have been in service before, or whose compiled pipeline stands in ``dags/compiled``, are put in
        service. For others, a compiler is started, or looked after. Sources that did not compile are not tried again.

        Args:
            compiling: Whether a compiler may be started.

        Returns:
            The version in service, None for none.
        """
        if self._has_lock():
            try:
                self._advance(sources_version(self.root), compiling=compiling)
            finally:
                if self._build is None:
                    self._free_lock()
        return self.store.current()

    def _advance(self, wanted: str, *, compiling: bool) -> None:
        current = self.store.current()
        self._have_read_again(current)
        if self._build is not None and self._build.version != wanted:
            self._drop_build()  # of sources that have changed since
        if current == Version(wanted):
            return
        if self.store.has(Version(wanted)):
            self._new = Version(wanted)
            self.store.put_in_service(self._new)
            _logger.info("the sources are those of version %s again, which is published", wanted)
        elif self._take_over():
            self._drop_build()
        elif self._build is not None:
            self._finish(self._build)
        elif compiling and (current is None or current.failed != wanted):
            self._start()

    def _have_read_again(self, current: Version | None) -> None:
        """Have Airflow read the DAG files of a new version once more.

        A file of the version before may have been in its queue when the new one was published. It took the result for
        the new version's, and would have read the new file 30 s later.
        """
        if self._new is not None and self._new == current:
            self.store.touch(self._new)
        self._new = None

    def _take_over(self) -> bool:
        """Publish the compiled pipeline that stands beside the DAG files, if it is one of today's sources."""
        try:
            ir = ir_file(self.root)
        except SettingsError:
            return False  # the compilation that comes next tells of it
        if not is_fresh(ir, self.root / MODULES):
            return False
        copy = self.store.copy_sources(self.root)
        copy_compiled(self.root, copy)
        if not is_fresh(ir_file(copy), copy / MODULES):
            return False  # something changed meanwhile; the next step sees it settled
        self._publish(copy, sources_version(copy), compiled_at(ir))
        return True

    def _start(self) -> None:
        self.store.discard_copies()
        copy = self.store.copy_sources(self.root)
        version = sources_version(copy)
        try:
            ir = ir_file(copy)
            compilation = Compilation(root=copy, ir=ir, tfx_python=self.tfx_python, settings=own_settings(ir))
            compilation.start()
        except (CompileError, SettingsError) as error:
            self._fail(copy, version, error)
        else:
            self._build = _Build(copy, version, compilation)
            _logger.info("the sources are new: version %s is being compiled", version)

    def _finish(self, build: _Build) -> None:
        if not build.compilation.has_ended():
            return
        self._build = None
        try:
            build.compilation.result()
        except CompileError as error:
            self._fail(build.copy, build.version, error)
        else:
            ir = ir_file(build.copy)
            write_digest(ir, pipeline_digest(build.copy / MODULES, own_settings(ir)))
            self._publish(build.copy, build.version, compiled_at(ir))

    def _publish(self, copy: Path, version: str, compiled: dt.datetime) -> None:
        write_version(ir_file(copy), version, compiled)
        self._new = Version(version)
        self.store.publish(copy, self._new)
        _logger.info("version %s of the sources is published; runs use it once Airflow has read its DAG files", version)

    def _fail(self, copy: Path, version: str, error: BertServiceError) -> None:
        current = self.store.current()
        kept = f"version {current.served} stays in service" if current and current.served else "nothing is in service"
        # The user knows the sources, not our copy of them.
        message = str(error).replace(str(copy), str(self.root))
        remedy = f"Correct the sources; or run `{command('compile')}`, which compiles the same sources again."
        self.store.publish_failure(version, f"{message}\n\nUntil this is corrected, {kept}. {remedy}")
        _logger.error("version %s of the sources does not compile, and %s: %s", version, kept, message)

    def _drop_build(self) -> None:
        if self._build is not None:
            self._build.compilation.stop()
            self._build = None

    def _has_lock(self) -> bool:
        """Take the lock if it is free. The kernel frees the lock of a process that dies."""
        if self._lock is None:
            self._lock = try_lock(self.store.lock_file)
        return self._lock is not None

    def _free_lock(self) -> None:
        if self._lock is not None:
            free_lock(self._lock)
            self._lock = None
