"""Compiles changed sources in the background, and publishes the result as a snapshot of the DAG bundle."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from airflow_bert_service.bundle.error_file import error_file
from airflow_bert_service.bundle.snapshots import (
    DAGS,
    ERROR_FILE,
    SnapshotStore,
    Version,
    copy_compiled,
    keep_compiled,
    sources_version,
)
from airflow_bert_service.exceptions import BertServiceError, CompileError, SettingsError
from airflow_bert_service.files import free_lock, try_lock
from airflow_bert_service.installation import MODULES, command, is_further
from airflow_bert_service.pipeline.compiler import Compilation, compiled_pipeline, is_fresh, write_digest
from airflow_bert_service.pipeline.folders import error_file_of, pipeline_folders
from airflow_bert_service.pipeline.source_digest import own_settings, pipeline_digest
from airflow_bert_service.pipeline.version import compiled_at, write_version
from airflow_bert_service.pipelines.settings import check_settings

_logger = logging.getLogger(__name__)
_AGAIN = "Where its settings are right, change a line of them, such as a comment: it is then compiled again."
_LACKS_A_PIPELINE = f"Until this is corrected, this pipeline has no new runs, and those under way wait. {_AGAIN}"
_KEEPS_A_PIPELINE = f"Until this is corrected, this pipeline runs with the settings that compiled before. {_AGAIN}"


@dataclass
class _Build:
    """A copy of the sources whose pipelines are being compiled, one after another."""

    copy: Path
    version: str
    tfx_python: Path
    waiting: list[Path]
    """The folders of the pipelines that are still to be compiled."""
    errors: dict[Path, BertServiceError] = field(default_factory=dict)
    """Why a pipeline could not be compiled, by its folder."""
    _folder: Path | None = None
    _compilation: Compilation | None = None

    def start_next(self) -> bool:
        """Start the compiler of the next pipeline; return whether there was one that could be started."""
        while self.waiting:
            folder = self._folder = self.waiting.pop(0)
            try:
                if is_further(folder):  # its settings of the Airflow side, which compiling reads none of
                    check_settings(folder, restoring=True)
                ir = compiled_pipeline(folder)
                self._compilation = Compilation(
                    root=self.copy, ir=ir, tfx_python=self.tfx_python, settings=own_settings(ir)
                )
                self._compilation.start()
            except (CompileError, SettingsError) as error:
                self._compilation = None
                self.errors[folder] = error
            else:
                return True
        return False

    def has_compiled_one(self) -> bool:
        """Whether the compiler has ended; its result is taken."""
        folder, compilation = self._folder, self._compilation
        if folder is None or compilation is None or not compilation.has_ended():
            return False
        self._compilation = None
        try:
            compilation.result()
        except CompileError as error:
            self.errors[folder] = error
        else:
            write_digest(compilation.ir, pipeline_digest(self.copy / MODULES, own_settings(compilation.ir)))
        return True

    def stop(self) -> None:
        """Stop the compiler, if one runs."""
        if self._compilation is not None:
            self._compilation.stop()


@dataclass
class Publisher:
    """Publishes the sources below a root as snapshots of a store.

    A source root may have several pipelines. Those that do not compile have an import error, beside what compiled
    before where its ``tfx_modules`` are the same; where none does, the version before stays in service.

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
            except BaseException:
                self._drop_build()  # it may wait for a compiler that was not started; the next step begins anew
                raise
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
        """Publish the compiled pipelines that stand beside the DAG files, if all are of today's sources."""
        if not self._are_fresh(self.root):
            return False
        copy = self.store.copy_sources(self.root)
        copy_compiled(self.root, copy)
        if not self._are_fresh(copy):
            return False  # something changed meanwhile; the next step sees it settled
        self._publish(copy, sources_version(copy))
        return True

    @staticmethod
    def _are_fresh(root: Path) -> bool:
        try:
            irs = [compiled_pipeline(folder) for folder in pipeline_folders(root / DAGS)]
        except SettingsError:
            return False  # the compilation that comes next tells of it
        return all(is_fresh(ir, root / MODULES) for ir in irs)

    def _start(self) -> None:
        self.store.discard_copies()
        copy = self.store.copy_sources(self.root)
        build = _Build(copy, sources_version(copy), self.tfx_python, list(pipeline_folders(copy / DAGS)))
        self._build = build
        if build.start_next():
            _logger.info("the sources are new: version %s is being compiled", build.version)
        else:
            self._end(build)

    def _finish(self, build: _Build) -> None:
        if build.has_compiled_one() and not build.start_next():
            self._end(build)

    def _end(self, build: _Build) -> None:
        """Publish what was compiled; where several pipelines were to be, those that were not show why."""
        self._build = None
        if len(build.errors) == len(pipeline_folders(build.copy / DAGS)):
            message = "\n\n".join(self._in_users_words(build.copy, error) for error in build.errors.values())
            self._fail(build.version, message)
            return
        for folder, error in build.errors.items():
            message = self._in_users_words(build.copy, error)
            self._show(build.copy, folder, message)
            _logger.error("a pipeline of version %s of the sources does not compile: %s", build.version, message)
        self._publish(build.copy, build.version)

    def _show(self, copy: Path, folder: Path, message: str) -> None:
        """Have a pipeline show why it does not compile.

        Without its DAG, Airflow would start no more tasks of its runs under way, and nobody could roll back by a DAG.
        """
        if before := self._compiled_before(copy, folder):
            keep_compiled(before, folder)
            text = error_file(
                CompileError, f"{message}\n\n{_KEEPS_A_PIPELINE}", what="newer settings are not in service"
            )
            (folder / ERROR_FILE).write_text(text, encoding="utf-8")
            return
        error_file_of(folder).parent.mkdir(parents=True, exist_ok=True)
        error_file_of(folder).write_text(f"{message}\n\n{_LACKS_A_PIPELINE}", encoding="utf-8")

    def _compiled_before(self, copy: Path, folder: Path) -> Path | None:
        """Return the pipeline's folder in the version in service, if what it compiled is of the new ``tfx_modules``."""
        current = self.store.current()
        if current is None:
            return None
        before = self.store.dags_of(current) / folder.relative_to(copy / DAGS)
        try:
            return before if is_fresh(compiled_pipeline(before), copy / MODULES) else None
        except SettingsError:
            return None  # it was never compiled

    def _publish(self, copy: Path, version: str) -> None:
        for folder in pipeline_folders(copy / DAGS):
            if not (error_file_of(folder).is_file() or (folder / ERROR_FILE).is_file()):
                ir = compiled_pipeline(folder)
                write_version(ir, version, compiled_at(ir))
        self._new = Version(version)
        self.store.publish(copy, self._new)
        _logger.info("version %s of the sources is published; runs use it once Airflow has read its DAG files", version)

    def _in_users_words(self, copy: Path, error: BertServiceError) -> str:
        """Return an error's message; the user knows the sources, not our copy of them."""
        return str(error).replace(str(copy), str(self.root))

    def _fail(self, version: str, message: str) -> None:
        current = self.store.current()
        kept = f"version {current.served} stays in service" if current and current.served else "nothing is in service"
        remedy = f"Correct the sources; or run `{command('compile')}`, which compiles the same sources again."
        self.store.publish_failure(version, f"{message}\n\nUntil this is corrected, {kept}. {remedy}")
        _logger.error("version %s of the sources does not compile, and %s: %s", version, kept, message)

    def _drop_build(self) -> None:
        if self._build is not None:
            self._build.stop()
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
