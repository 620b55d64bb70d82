"""Queries the served model over REST and gRPC, and checks the answers."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from scripts.errors import RunFailedError
from scripts.stack.credentials import ensure_credentials
from scripts.stack.environment import plain_environment
from scripts.stack.paths import StackPaths
from scripts.stack.ports import Ports
from scripts.stack.services import model_address

SECONDS = 120.0
STATUS_SECONDS = 5.0
KEY_VARIABLE = "BERT_SERVICE_MODEL_SERVER_KEY"


class Kind(StrEnum):
    """What a review's label is told from."""

    OBVIOUS = "obvious"
    """Words of praise or of blame, and nothing else."""
    CONTRAST = "contrast"
    """Which of two opinions, or of hope and outcome, counts."""
    NEGATION = "negation"
    """What is denied."""
    IRONY = "irony"
    """What is meant, and not what is said."""


@dataclass(frozen=True)
class Question:
    """A review and its label."""

    text: str
    label: str
    kind: Kind


REST_QUESTIONS = (
    Question("A wonderful film. I laughed, I cried, and I would see it again tomorrow.", "positive", Kind.OBVIOUS),
    Question("Not as funny as the trailer, but the ending won me over.", "positive", Kind.CONTRAST),
    Question("The jokes are not funny, and the story does not work.", "negative", Kind.NEGATION),
    Question("Congratulations to everyone involved: I have never slept so well in a cinema.", "negative", Kind.IRONY),
)
GRPC_QUESTIONS = (
    Question("Two dull hours. The acting is awful and the plot makes no sense at all.", "negative", Kind.OBVIOUS),
    Question("I wanted to like it far more than I did.", "negative", Kind.CONTRAST),
    Question("I was never bored, and the ending did not disappoint me.", "positive", Kind.NEGATION),
    Question("The only thing wrong with it is that it has to end.", "positive", Kind.IRONY),
)
"""These reviews are in no file of the sample feed, and no phrase was written after them: keep it so."""


def newest_version(models: Path) -> int | None:
    """Return the number of the newest published version, None where there is none; version 10 comes after 9."""
    return max((int(folder.name) for folder in models.iterdir() if folder.name.isdigit()), default=None)


def missing_version(ports: Ports, model: str, version: int) -> str:
    """Return "" once the model server serves `version` of `model`, else what is missing."""
    try:
        answer = httpx.get(model_address(ports, model), timeout=STATUS_SECONDS, trust_env=False)
    except httpx.TransportError:
        return "the model server"
    states = answer.json().get("model_version_status", []) if answer.status_code == httpx.codes.OK else []
    served = {str(state["version"]) for state in states if state["state"] == "AVAILABLE"}
    return "" if str(version) in served else f"the model server to load version {version}"


def ask(
    paths: StackPaths, server: Sequence[str], questions: Sequence[Question], environ: Mapping[str, str]
) -> list[str]:
    """Query the served model with the project's own client, and the stack's key.

    Args:
        paths: Where the stack lives.
        server: The client's flag for protocol and address.
        questions: The reviews to classify.
        environ: The environment to build on.

    Returns:
        The client's line for each question.

    Raises:
        RunFailedError: The client failed, or an obvious review was misjudged.
    """
    client = [str(paths.tfx_python), "-m", "tfx_modules.serving.client", "predict"]
    command = [*client, *server, "--model_name", paths.pipeline, "--api_key_env", KEY_VARIABLE, "--"]
    key = ensure_credentials(paths.secrets).model_server_key
    done = subprocess.run(
        [*command, *(question.text for question in questions)],
        env={**plain_environment(environ), KEY_VARIABLE: key},
        cwd=paths.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RunFailedError(f"The model server did not answer ({' '.join(server)}): {done.stderr.strip()}")
    lines = done.stdout.splitlines()
    check_answers(questions, lines)
    return lines


def check_answers(questions: Sequence[Question], lines: Sequence[str]) -> None:
    """Check the answers to obvious reviews; a line begins with the label.

    Raises:
        RunFailedError: One is wrong, or missing.
    """
    if len(lines) != len(questions):
        raise RunFailedError(f"{len(questions)} reviews were sent, {len(lines)} answers came: {lines}")
    for question, line in zip(questions, lines, strict=True):
        if question.kind is Kind.OBVIOUS and not is_right(question, line):
            label = line.partition(" ")[0]
            raise RunFailedError(f"The model calls an obviously {question.label} review {label!r}: {question.text!r}")


def is_right(question: Question, line: str) -> bool:
    """Tell whether an answer, a line that begins with the label, is the review's label."""
    return line.partition(" ")[0] == question.label
