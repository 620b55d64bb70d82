"""Runs the retention command, which lives in the TFX environment."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.clients.tfx_command import last_words, not_there
from airflow_bert_service.exceptions import RetentionError
from airflow_bert_service.settings.retention import RetentionReport, RetentionRequest, read_report


class RetentionClient:
    """One run of ``python -m tfx_modules.retention``. It needs no Airflow, and is no connection of Airflow's.

    Killing it at any moment is harmless: the next run goes on.

    Args:
        tfx_python: The TFX environment's Python.
        module_root: The folder that holds ``tfx_modules``.
    """

    def __init__(self, *, tfx_python: Path, module_root: Path) -> None:
        self._python = tfx_python
        self._module_root = module_root
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def run(self, request: RetentionRequest, *, dry_run: bool) -> RetentionReport:
        """Remove what has had its time.

        Args:
            request: Rules and places.
            dry_run: Whether only to tell what would go.

        Returns:
            What has gone, or would.

        Raises:
            RetentionError: The command failed, was cancelled, or printed something else than an answer.
            SettingsError: The TFX environment has no Python where the settings say.
        """
        process = self._process = self._start(dry_run=dry_run)
        if self._cancelled:
            self.cancel()  # the signal came while the process was being started
        # Addresses may hold passwords: command lines and environments can be read by others, a pipe cannot.
        printed, said = process.communicate(request.to_json())
        if self._cancelled:
            raise RetentionError("retention was stopped: its task was cancelled. The next one goes on where it was.")
        if process.returncode != 0:
            told = last_words(said, hidden={request.ledger: "the ledger", request.metadata: "the ML Metadata store"})
            raise RetentionError(f"tfx_modules.retention: {told} (exit code {process.returncode})")
        return read_report(printed)

    def cancel(self) -> None:
        """Stop the command's process group. It may be called from a signal handler in the middle of :meth:`run`."""
        self._cancelled = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def _start(self, *, dry_run: bool) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                [str(self._python), "-m", "tfx_modules.retention", "--json", *(["--dry-run"] if dry_run else [])],
                cwd=self._module_root,
                env=node_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="backslashreplace",
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise not_there(self._python, self._module_root) from error
