"""Runs the retention command of the TFX environment."""

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.clients.tfx_command import last_line, missing_python
from airflow_bert_service.exceptions import RetentionError
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.retention import RetentionSettings
from airflow_bert_service.settings.settings import Settings

FORMAT = 3
"""Version of the request's format; the retention command refuses others."""


@dataclass(frozen=True, kw_only=True)
class RetentionRequest:
    """The request to the retention command; the command reads it from standard input."""

    rules: RetentionSettings
    ledger: str = field(repr=False)  # may hold a password
    metadata: str = field(repr=False)  # likewise
    name: str
    models: Path
    pipeline: Path
    spans: Path
    scores: Path
    logs: tuple[Path, ...]
    artifact_store: str = ""
    """Address that artifacts are kept at; empty: they are in ``pipeline`` alone."""

    @classmethod
    def of(cls, settings: Settings, name: str, logs: Iterable[Path]) -> "RetentionRequest":
        """Select the settings that concern retention.

        Args:
            settings: The Airflow side's settings.
            name: The pipeline's name.
            logs: Folders of logs (:func:`airflow_bert_service.runs.log_folders.log_folders`).

        Raises:
            SettingsError: A database is a connection that Airflow does not have.
        """
        return cls(
            rules=settings.retention,
            ledger=database_url(settings.ledger),
            metadata=database_url(settings.metadata),
            name=name,
            models=settings.models_of(name),
            pipeline=settings.pipeline_root,
            spans=settings.spans,
            scores=settings.scores_of(name),
            logs=tuple(logs),
            artifact_store=settings.artifacts.artifact_store,
        )

    def to_json(self) -> str:
        """Return the request as JSON; without an artifact store it has no field for it."""
        keys = ("ledger", "metadata", "name", "models", "pipeline", "spans", "scores", "artifact_store")
        texts = {key: text for key in keys if (text := str(getattr(self, key)))}
        return json.dumps({"format": FORMAT, "rules": asdict(self.rules), **texts, "logs": list(map(str, self.logs))})


@dataclass(frozen=True, kw_only=True)
class RetentionFlags:
    """The flags of the retention command, which apply to one retention."""

    dry_run: bool
    """Whether to report only what would be removed."""
    max_removed_share: float | None = None
    """The largest share of each kind that may go this time; None: that of the rules."""
    trust_clock: bool = False
    """Whether to go on where the machine's clock does not fit what was written last."""

    @property
    def texts(self) -> list[str]:
        """The flags as the command line has them."""
        share = [] if self.max_removed_share is None else [f"--max-removed-share={self.max_removed_share}"]
        flags = {"--dry-run": self.dry_run, "--trust-clock": self.trust_clock}
        return [*(flag for flag, is_set in flags.items() if is_set), *share]


@dataclass(frozen=True, kw_only=True)
class RetentionReport:
    """What the retention command removed; after a dry run, what it would remove."""

    dry_run: bool
    table: str
    """A line for each removed item, with its kind, age, size and the reason; and the totals."""
    totals: Mapping[str, Mapping[str, int]]
    """``count`` and ``bytes`` by kind, and of ``all``."""

    def to_xcom(self) -> dict[str, object]:
        """Return the totals as JSON values, and whether it was a dry run."""
        return {"dry_run": self.dry_run, **{kind: dict(total) for kind, total in self.totals.items()}}


class RetentionClient:
    """Runs ``python -m tfx_modules.retention`` once. It does not import Airflow, and is not an Airflow hook.

    Killing the command at any moment is harmless: the next run continues.

    Args:
        tfx_python: The TFX environment's Python.
        module_root: The folder that holds ``tfx_modules``.
    """

    def __init__(self, *, tfx_python: Path, module_root: Path) -> None:
        self._python = tfx_python
        self._module_root = module_root
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def run(self, request: RetentionRequest, flags: RetentionFlags) -> RetentionReport:
        """Remove what the rules of the request do not keep.

        Args:
            request: Rules, databases and folders.
            flags: Whether to report only what would be removed, and what is allowed this time.

        Returns:
            What was removed, or would be.

        Raises:
            RetentionError: The command failed, was cancelled, or printed something else than a report.
            SettingsError: The TFX environment has no Python where the settings say.
        """
        return read_report(self._printed(request, ["--json", *flags.texts]))

    def adopt(self, request: RetentionRequest, *, dry_run: bool) -> str:
        """Give the ledger's environment id to the metadata store and the folders, and remove nothing.

        Args:
            request: Databases and folders.
            dry_run: Whether to change nothing.

        Returns:
            A table of the places with their ids before and after.

        Raises:
            RetentionError: The command failed, or was cancelled.
            SettingsError: The TFX environment has no Python where the settings say.
        """
        return self._printed(request, ["adopt", *(["--dry-run"] if dry_run else [])])

    def settle(self, request: RetentionRequest) -> str:
        """Move aside what restored databases do not know, and have the version in service served; remove nothing.

        Args:
            request: Databases and folders. Nothing else may use them meanwhile.

        Returns:
            A line for each folder that was moved, with where it is now; and which version is in service.

        Raises:
            RetentionError: Databases and folders do not belong together, or the command failed.
            SettingsError: The TFX environment has no Python where the settings say.
        """
        return self._printed(request, ["settle"])

    def _printed(self, request: RetentionRequest, arguments: Sequence[str]) -> str:
        process = self._process = self._start(arguments)
        if self._cancelled:
            self.cancel()  # the signal came while the process was being started
        # Addresses may hold passwords: command lines and environments can be read by others, a pipe cannot.
        printed, errors = process.communicate(request.to_json())
        if self._cancelled:
            raise RetentionError("retention was stopped: its task was cancelled. The next run continues from there.")
        if process.returncode != 0:
            hidden = {request.ledger: "the ledger", request.metadata: "the ML Metadata store"}
            reason = last_line(errors, hidden=hidden)
            raise RetentionError(f"tfx_modules.retention: {reason} (exit code {process.returncode})")
        return printed

    def cancel(self) -> None:
        """Stop the command's process group. It may be called from a signal handler in the middle of :meth:`run`."""
        self._cancelled = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def _start(self, arguments: Sequence[str]) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                [str(self._python), "-m", "tfx_modules.retention", *arguments],
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
            raise missing_python(self._python, self._module_root) from error


def read_report(text: str) -> RetentionReport:
    """Read what the command printed.

    Raises:
        RetentionError: The text is not a report.
    """
    try:
        found = json.loads(text)
        totals = {
            str(kind): {name: int(total[name]) for name in ("count", "bytes")}
            for kind, total in found["totals"].items()
        }
        return RetentionReport(dry_run=bool(found["dry_run"]), table=str(found["table"]), totals=totals)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RetentionError(
            f"tfx_modules.retention printed something else than a report ({type(error).__name__}: {error}). Use a "
            "tfx_modules of the same version as the plugin."
        ) from error
