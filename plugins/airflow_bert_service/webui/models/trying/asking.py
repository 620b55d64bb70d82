"""Asks the model servers about texts, and gathers what the page shows. Knows nothing of HTTP."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.clients.classify import Classified, ClassifyRequest, classify
from airflow_bert_service.clients.ledger import status_address
from airflow_bert_service.clients.model_status import ServerStatus, ask_servers
from airflow_bert_service.exceptions import RequestRefusedError, SettingsError
from airflow_bert_service.installation import dags_folder
from airflow_bert_service.pipeline.folders import further_folders
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.webui.models.trying.examples import as_curl, as_python
from airflow_bert_service.webui.models.trying.forms import TryForm
from airflow_bert_service.webui.models.trying.texts import FoundTexts, texts_of
from airflow_bert_service.webui.models.trying.words import Weighed, groups_of, texts_without, weigh

SECONDS = 10.0
"""How long a version has to answer."""
WORDS_SECONDS = 30.0
"""The same where it is asked which words mattered: 64 texts in place of one."""
AT_A_TIME = 4
"""Requests that are answered at the same time: each keeps one of the threads that answer all of Airflow's requests."""
_LONGEST_KEY = 4096
_UNAVAILABLE = 503
_WRONG = 422
_TOO_MANY = 429


class _Places:
    """The places of requests that are answered at the same time, one for each user, for all pipelines together."""

    def __init__(self) -> None:
        self._users: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, user: str) -> Iterator[None]:
        """Keep a place for a user's request; raises RequestRefusedError where there is none."""
        with self._lock:
            if user in self._users:
                raise RequestRefusedError(
                    _TOO_MANY, "Another request of yours is being answered just now. Ask again when it is."
                )
            if len(self._users) >= AT_A_TIME:
                raise RequestRefusedError(
                    _UNAVAILABLE, f"{AT_A_TIME} requests are being answered just now. Ask again in a moment."
                )
            self._users.add(user)
        try:
            yield
        finally:
            with self._lock:
                self._users.remove(user)


_PLACES = _Places()


@dataclass(frozen=True, kw_only=True)
class AskedVersion:
    """A version, and what it answered."""

    name: str
    """Its number or its label; empty: the live version of a server that does not say which that is."""
    is_live: bool
    """Whether the server chose it."""
    answer: Classified
    asked: int
    """Texts in the request."""
    curl: str
    python: str
    has_key: bool
    """Whether an API key was sent."""
    weighed: Weighed | None = None
    """Which words mattered; None: that was not asked, or there is no answer."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What versions answered about texts."""

    found: FoundTexts
    versions: tuple[AskedVersion, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts."""
        return self.found.texts

    @property
    def differing(self) -> tuple[bool, ...] | None:
        """Whether the labels of each text differ; None: there are no two answers."""
        answers = [one.answer for one in self.versions if not one.answer.problem]
        if len(answers) != 2:
            return None
        return tuple(one.labels != other.labels for one, other in zip(*(each.scores for each in answers), strict=True))


class ModelAsker:
    """Asks model servers about a pipeline's model. Asks nobody whether the user may.

    Args:
        settings: The Airflow side's settings: the model servers, and the file of their key.
        pipeline: Returns the pipeline's name, which is the model's.
    """

    def __init__(self, settings: Settings, pipeline: Callable[[], str]) -> None:
        self._settings = settings
        self._pipeline = pipeline

    def servers(self) -> Sequence[ServerStatus]:
        """Ask all model servers which versions they serve, but for those that would answer for another pipeline."""
        addresses = self._addresses()
        troubles = {address: trouble for address in addresses if (trouble := self._trouble_of(address))}
        asked = iter(ask_servers([address for address in addresses if address not in troubles]))
        return [
            ServerStatus(address=without_credentials(address), problem=f"it is not asked: {troubles[address]}")
            if address in troubles
            else next(asked)
            for address in addresses
        ]

    def ask(self, form: TryForm, servers: Sequence[ServerStatus], user: str) -> Outcome:
        """Ask one version, or two, one after the other: asked at once, each would be slower by the other.

        Args:
            form: What the user asks.
            servers: What :meth:`servers` has returned just now.
            user: The id of the user who asks.

        Raises:
            RequestRefusedError: The form has no texts, or too many; or the user asks already, or too many users do; or
                the server's address is that of another pipeline's model.
            SettingsError: The API key cannot be read.
        """
        found = texts_of(form)
        texts = found.texts
        if form.words and len(texts) != 1:
            raise RequestRefusedError(
                _WRONG,
                f"There are {len(texts)} texts; allowed, to see which words mattered: one. Leave the others out.",
            )
        if form.beside and form.beside == form.version:
            raise RequestRefusedError(_WRONG, f"Both versions are {form.version}. Name another one beside it.")
        model, key = self._address(form.server), self._key()
        names = [form.version, *([form.beside] if form.beside else [])]
        requests = [ClassifyRequest(model=model, version=name, texts=texts, key=key) for name in names]
        live = servers[form.server].served
        with _PLACES.of(user):
            versions = tuple(_asked(request, live, words=form.words) for request in requests)
        return Outcome(found=found, versions=versions)

    def _addresses(self) -> list[str]:
        return [status_address(server, self._pipeline()) for server in self._settings.model_servers]

    def _address(self, server: int) -> str:
        addresses = self._addresses()
        if not addresses:
            raise RequestRefusedError(
                _UNAVAILABLE, f"There is no model server to ask: [{SECTION}] model_servers is empty. Set it."
            )
        if server >= len(addresses):
            raise RequestRefusedError(
                _WRONG, f"server is {server}; allowed: 0 to {len(addresses) - 1}. Choose one on the page."
            )
        if trouble := self._trouble_of(addresses[server]):
            raise RequestRefusedError(_UNAVAILABLE, f"The model server is not asked: {trouble}")
        return addresses[server]

    def _trouble_of(self, address: str) -> str:
        """Return why an address leads to a model that may be another pipeline's; empty: it does not."""
        pipeline = self._pipeline()
        if urlsplit(address).path.rstrip("/").endswith(f"/{pipeline}"):
            return ""
        if not further_folders(dags_folder(self._settings.root)):
            return ""  # there is one pipeline, whose model may have any name
        return (
            f"[{SECTION}] model_servers has {without_credentials(address)}, the address of one model, which is not "
            f"that of {pipeline}; allowed, with several pipelines: addresses without a path, like "
            "http://127.0.0.1:8501. Leave the path out."
        )

    def _key(self) -> str:
        """Read the API key; it is read each time, since it may be changed while this server runs."""
        file = self._settings.model_server_key_file
        return _read_key(file) if file else ""


def _read_key(file: Path) -> str:
    name = f"[{SECTION}] model_server_key_file"
    try:
        with file.open(encoding="ascii") as opened:
            key = opened.read(_LONGEST_KEY).strip()
    except OSError as error:
        reason = error.strerror or "it is not a file"
        raise SettingsError(f"{name} is {file}, which cannot be read ({reason}). Name a file with the key.") from None
    except UnicodeDecodeError:
        key = ""
    if not key or not key.isprintable() or " " in key:
        raise SettingsError(
            f"{name} is {file}, which does not hold an API key; allowed: one word of ASCII characters. Write one of "
            "the model server's keys into it."
        )
    return key


def _asked(request: ClassifyRequest, live: int | None, *, words: bool) -> AskedVersion:
    answer, asked, weighed = _weighed(request) if words else (classify(request, SECONDS), len(request.texts), None)
    is_live = not request.version
    shown = replace(request, has_sets=answer.has_sets)
    return AskedVersion(
        name=str(live or "") if is_live else request.version,
        is_live=is_live,
        answer=answer,
        asked=asked,
        curl=as_curl(shown),
        python=as_python(shown),
        has_key=bool(request.key),
        weighed=weighed,
    )


def _weighed(request: ClassifyRequest) -> tuple[Classified, int, Weighed | None]:
    """Ask about a text, and about it without each group of its words, in one request."""
    (text,) = request.texts
    groups = groups_of(text)
    texts = texts_without(text, groups)
    answer = classify(
        ClassifyRequest(model=request.model, version=request.version, texts=texts, key=request.key), WORDS_SECONDS
    )
    if answer.problem:
        return answer, len(texts), None
    whole = Classified(scores=answer.scores[:1], milliseconds=answer.milliseconds)
    return whole, len(texts), weigh(text, groups, answer.scores)
