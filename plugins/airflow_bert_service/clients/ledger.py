"""Reads and writes the ledger of promotions, by the promotion command of the TFX environment."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_bert_service.clients.process import node_environment
from airflow_bert_service.clients.tfx_command import last_line, missing_python
from airflow_bert_service.exceptions import PromotionCommandError
from airflow_bert_service.promotion.approval import ApprovalAnswer, RecordedAnswer
from airflow_bert_service.promotion.events import PromotionEvent, RunEnd, event_from
from airflow_bert_service.settings.database_url import database_url
from airflow_bert_service.settings.settings import Settings

TIMEOUT = 120.0
"""Seconds until the command is killed; it waits a minute at most for other writers of the ledger."""
ROLLBACK_TIMEOUT = 600.0
"""Seconds until a rollback is killed; it waits until the model servers serve the version."""
LEDGER_VARIABLE = "BERT_SERVICE_LEDGER"
PIPELINE_VARIABLE = "BERT_SERVICE_PIPELINE"
MODELS_VARIABLE = "BERT_SERVICE_MODELS"
SERVERS_VARIABLE = "BERT_SERVICE_SERVERS"


@dataclass(frozen=True, kw_only=True)
class PromotionEnvironment:
    """The promotion command's interpreter, ledger, served folder and model servers."""

    tfx_python: Path
    module_root: Path
    """The folder that holds ``tfx_modules``."""
    ledger: str = field(repr=False)  # may hold a password
    pipeline: str
    """The pipeline's name: of the ledger's events, the command reads and writes those of this pipeline."""
    models: Path
    """The served folder."""
    model_servers: tuple[str, ...] = ()
    """Addresses of the model's status at the servers that a rollback waits for."""

    @classmethod
    def of(cls, module_root: Path, settings: Settings, pipeline: str) -> "PromotionEnvironment":
        """Select the settings that concern promotions.

        Args:
            module_root: A plan's, so that a run uses one version of ``tfx_modules``.
            settings: The Airflow side's settings.
            pipeline: The pipeline's name.
        """
        return cls(
            tfx_python=settings.tfx_python,
            module_root=module_root,
            ledger=settings.ledger,
            pipeline=pipeline,
            models=settings.models_of(pipeline),
            model_servers=tuple(status_address(server, pipeline) for server in settings.model_servers),
        )


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """A rollback that a run or a user requests."""

    reason: str
    """Why, in one line."""
    actor: str
    """Who wants it."""
    dag_id: str = ""
    run_id: str = ""
    """The run that requests it, which rolls back only once; empty: no run does."""
    version: int | None = None
    """Which version; None: the one before."""
    leaving: int | None = None
    """The version that has to be in service, or else nothing is done; None: any."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """That retention keeps a version, or no longer."""

    version: int
    reason: str
    """Why, in one line."""
    actor: str
    """Who wants it."""


def status_address(server: str, pipeline: str) -> str:
    """Return where a model server tells the state of a pipeline's model.

    Args:
        server: ``http://HOST:PORT``, to which the model's path is added; with a path of its own, it stays as it is.
        pipeline: The pipeline's name, which is the model's.
    """
    parts = urlsplit(server)
    return server if parts.path.strip("/") else f"{server.rstrip('/')}/v1/models/{pipeline}"


def promotion_environment(where: PromotionEnvironment) -> dict[str, str]:
    """Return the environment variables that the promotion command reads.

    Raises:
        SettingsError: The ledger is a connection that Airflow does not have.
    """
    return {
        LEDGER_VARIABLE: database_url(where.ledger),
        PIPELINE_VARIABLE: where.pipeline,
        MODELS_VARIABLE: str(where.models),
        SERVERS_VARIABLE: " ".join(where.model_servers),
    }


class LedgerClient:
    """Reads events of the ledger, and adds events. It does not import Airflow, and is not an Airflow hook.

    It runs ``python -m tfx_modules.promotion`` for each question, in the version of ``tfx_modules`` that the run has.
    Every method raises:

    - PromotionCommandError: the command refused, failed, took too long, or printed something else than an answer.
    - SettingsError: the TFX environment has no Python where the settings say.
    """

    def __init__(self, environment: PromotionEnvironment, *, timeout: float = TIMEOUT) -> None:
        self._environment = environment
        self._timeout = timeout

    def verdict(self, *, dag_id: str, run_id: str) -> PromotionEvent | None:
        """Return the one verdict of a run; None: it has none."""
        found = self._ask("verdict", f"--dag-id={dag_id}", f"--run-id={run_id}")
        return None if found is None else event_from(found)

    def newest(self) -> PromotionEvent | None:
        """Return the ledger's newest event; None: there is none."""
        found = self._ask("history", "--limit=1")
        if not isinstance(found, list):
            raise self._not_an_answer("history", "a list of events")
        return event_from(found[-1]) if found else None

    def record(self, end: RunEnd) -> PromotionEvent:
        """Record how a run ended that has no verdict.

        Returns:
            The event: the run's newest one where that says the same, its verdict where it has one.
        """
        return event_from(self._ask("record", text=json.dumps(end.to_json())))

    def delivered(self, position: int) -> frozenset[str]:
        """Return the names of the channels that were notified of an event."""
        names = self._ask("delivered", str(position))
        if not isinstance(names, list):
            raise self._not_an_answer("delivered", "a list of channels")
        return frozenset(map(str, names))

    def deliver(self, position: int, channel: str) -> None:
        """Record that a channel was notified of an event."""
        self._ask("deliver", str(position), channel)

    def settle(self) -> None:
        """Make the served folder follow the ledger, where a process was killed or lost the ledger's lock."""
        self._ask("settle")

    def roll_back(self, wanted: Rollback) -> PromotionEvent:
        """Put another version in service, and wait until the model servers serve it.

        Returns:
            The event; the run's first one, when it has rolled back before.
        """
        to = [] if wanted.version is None else [f"--to={wanted.version}"]
        run = [f"--dag-id={wanted.dag_id}", f"--run-id={wanted.run_id}"] if wanted.run_id else []
        leaving = [] if wanted.leaving is None else [f"--from={wanted.leaving}"]
        arguments = [*to, *leaving, *run, f"--reason={wanted.reason}", f"--actor={wanted.actor}"]
        return event_from(self._ask("roll-back", *arguments, timeout=ROLLBACK_TIMEOUT))

    def answered(self, *, dag_id: str, run_id: str, model_digest: str) -> RecordedAnswer | None:
        """Return what was answered about a model of a run, or the run's verdict; None: there is neither."""
        of_model = (f"--dag-id={dag_id}", f"--run-id={run_id}", f"--model-digest={model_digest}")
        found = self._ask("answered", *of_model)
        return None if found is None else self._recorded("answered", found)

    def answer(self, given: ApprovalAnswer) -> RecordedAnswer:
        """Record a person's answer; the first one about a model of a run stays.

        Returns:
            What the ledger has now.
        """
        return self._recorded("answer", self._ask("answer", text=json.dumps(given.to_json())))

    def _recorded(self, command: str, found: Any) -> RecordedAnswer:
        try:
            return RecordedAnswer(bool(found["approved"]), str(found["line"]))
        except (TypeError, KeyError):
            raise self._not_an_answer(command, "an answer to a request for approval") from None

    def pin(self, wanted: Pin) -> PromotionEvent:
        """Have retention keep a version, and return the event."""
        return self._pin("pin", wanted)

    def unpin(self, wanted: Pin) -> PromotionEvent:
        """Let retention remove a version again, and return the event."""
        return self._pin("unpin", wanted)

    def _pin(self, command: str, wanted: Pin) -> PromotionEvent:
        said = [f"--reason={wanted.reason}", f"--actor={wanted.actor}"]
        return event_from(self._ask(command, str(wanted.version), *said))

    def _ask(self, command: str, *arguments: str, text: str = "", timeout: float | None = None) -> Any:
        printed = self._run(command, arguments, text, timeout or self._timeout)
        try:
            return json.loads(printed)
        except ValueError:
            raise self._not_an_answer(command, "one JSON value") from None

    def _run(self, command: str, arguments: tuple[str, ...], text: str, timeout: float) -> str:
        python = self._environment.tfx_python
        variables = promotion_environment(self._environment)
        try:
            done = subprocess.run(
                [str(python), "-m", "tfx_modules.promotion", command, "--json", *arguments],
                cwd=self._environment.module_root,
                # The ledger's address may hold a password: command lines can be read by everybody on the machine.
                env={**node_environment(os.environ), **variables},
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="backslashreplace",
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise missing_python(python, self._environment.module_root) from error
        except subprocess.TimeoutExpired:
            raise PromotionCommandError(
                f"tfx_modules.promotion {command} took longer than {timeout:g} s and was killed. Check that the "
                "ledger's database answers, and that no other process holds its lock."
            ) from None
        if done.returncode != 0:
            reason = last_line(done.stderr, hidden={variables[LEDGER_VARIABLE]: "the ledger"})
            raise PromotionCommandError(f"tfx_modules.promotion {command}: {reason} (exit code {done.returncode})")
        return done.stdout

    def _not_an_answer(self, command: str, allowed: str) -> PromotionCommandError:
        return PromotionCommandError(
            f"tfx_modules.promotion {command} printed something else than {allowed}. Use a tfx_modules of the same "
            "version as the plugin."
        )
