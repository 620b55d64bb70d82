"""Compiles the pipeline in the TFX environment, and checks whether a compiled pipeline is fresh."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from airflow_bert_service.exceptions import CompileError
from airflow_bert_service.installation import MODULES, require_tfx_python
from airflow_bert_service.pipeline import parent_death
from airflow_bert_service.pipeline.folders import COMPILED
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipeline.source_digest import own_settings, pipeline_digest
from airflow_bert_service.pipeline.version import DIGITS, compiled_at, version_file, write_version

TIMEOUT_SECONDS = 600.0
_LAST_LINES = 15
_STRIPPED = ("AIRFLOW", "_AIRFLOW", "PYTHON")


def compiled_pipeline(dags: Path) -> Path:
    """Return the path of the compiled pipeline of some DAG files; it has the pipeline's name.

    Args:
        dags: The folder of the DAG files, or that of a further pipeline.

    Raises:
        SettingsError: The pipeline's settings cannot be read, or its name is not allowed.
    """
    return dags / COMPILED / f"{pipeline_name(dags)}.json"


def ir_file(root: Path) -> Path:
    """Return the path of the compiled pipeline of a source root; of several, that of the DAG files beside each other.

    Raises:
        SettingsError: As for :func:`compiled_pipeline`.
    """
    return compiled_pipeline(root / "dags")


def digest_file(ir: Path) -> Path:
    """Return the path of the file with the digest of an IR's sources."""
    return ir.with_suffix(".sha256")


def write_digest(ir: Path, digest: str) -> None:
    """Write the digest of the sources that an IR was compiled from."""
    digest_file(ir).write_text(digest + "\n", encoding="ascii")


def is_fresh(ir: Path, modules: Path) -> bool:
    """Whether an IR file exists and was compiled from the current sources and settings.

    Args:
        ir: The compiled pipeline.
        modules: The folder ``tfx_modules``.
    """
    recorded = digest_file(ir)
    if not (ir.is_file() and recorded.is_file()):
        return False
    return recorded.read_text(encoding="ascii").strip() == pipeline_digest(modules, own_settings(ir))


@dataclass
class Compilation:
    """Runs the compiler once, in a process that does not outlive the one that started it.

    It writes the IR and nothing else: the caller writes its digest, and publishes it.
    """

    root: Path
    """The folder that holds ``tfx_modules``."""
    ir: Path
    """Where the IR is written to; a file beside it takes the compiler's output."""
    tfx_python: Path
    """The TFX environment's interpreter."""
    settings: Path | None = None
    """The pipeline's settings file; None: the one in ``tfx_modules``."""
    command: tuple[str, ...] = ()
    """A module of ``tfx_modules``, and its arguments; empty: the compiler of this project's own pipeline."""
    what: str = ""
    """What is compiled, for errors; empty: the pipeline in ``tfx_modules``."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _deadline: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start the compiler; do not wait for it. Call it from a thread that lasts as long as the process.

        Raises:
            CompileError: The TFX environment does not exist.
        """
        require_tfx_python(self.tfx_python, CompileError)
        self.ir.parent.mkdir(parents=True, exist_ok=True)
        module, *arguments = self.command or self._own_command
        compiler = [str(self.tfx_python), "-m", f"{MODULES}.{module}", *arguments]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *compiler],
                cwd=self.root,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._deadline = time.monotonic() + TIMEOUT_SECONDS

    def has_ended(self) -> bool:
        """Whether :meth:`result` returns at once: the compiler has ended, or its time limit has passed."""
        return self._process is None or self._process.poll() is not None or time.monotonic() > self._deadline

    def result(self) -> None:
        """Wait for the compiler to end.

        Raises:
            CompileError: There is no IR; the message ends with the end of the compiler's output.
        """
        if self._process is None:
            raise CompileError(f"the compiler of {self.root} was never started. Call start() first.")
        try:
            code = self._process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise CompileError(self._described(f"not done after {TIMEOUT_SECONDS:.0f} s")) from error
        finally:
            self.stop()
        if code != 0 or not self.ir.is_file():
            raise CompileError(self._described(f"exit code {code}" if code >= 0 else f"killed by signal {-code}"))
        self._log.unlink()

    def stop(self) -> None:
        """Kill the compiler if it still runs."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def _own_command(self) -> tuple[str, ...]:
        settings = ("--settings", str(self.settings)) if self.settings else ()
        return ("pipeline.compile", "--output", str(self.ir), *settings)

    @property
    def _log(self) -> Path:
        return self.ir.with_name("compiler.log")

    def _described(self, end: str) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        settings = f" with the settings in {self.settings}" if self.settings else ""
        what = self.what or f"the pipeline in {self.root / MODULES}{settings}"
        return "\n".join([f"{what} cannot be compiled ({end}):", *lines])


def _environment() -> dict[str, str]:
    # Airflow's settings are none of the compiler's business, and Python's are those of another version.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STRIPPED)}
    # What Google's packages say about this Python, and TensorFlow about missing GPUs, would bury the compiler's error.
    return {**kept, "PYTHONWARNINGS": "ignore::FutureWarning", "TF_CPP_MIN_LOG_LEVEL": "3"}


def compile_pipeline(root: Path, ir: Path, tfx_python: Path) -> None:
    """Compile the pipeline of a source root; the IR appears complete, its digest after it.

    Args:
        root: The folder that holds ``tfx_modules``.
        ir: Where the compiled pipeline goes; replaced where it exists. A ``settings.toml`` beside the DAG files, in the
            folder above the IR's, goes before the one in ``tfx_modules``.
        tfx_python: The TFX environment's interpreter.

    Raises:
        CompileError: The TFX side could not compile; what was there before stays.
    """
    settings = own_settings(ir)
    digest = pipeline_digest(root / MODULES, settings)
    ir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".compiling-", dir=ir.parent) as folder:
        compilation = Compilation(root=root, ir=Path(folder, ir.name), tfx_python=tfx_python, settings=settings)
        try:
            compilation.start()
            compilation.result()
        finally:
            compilation.stop()
        write_digest(compilation.ir, digest)
        write_version(compilation.ir, digest[:DIGITS], compiled_at(compilation.ir))
        # Between the renames the old digest stands beside the new IR: stale, which is an error, never a mix-up.
        compilation.ir.replace(ir)
        version_file(compilation.ir).replace(version_file(ir))
        digest_file(compilation.ir).replace(digest_file(ir))
