"""``python -m tfx_modules.doctor``: checks this environment's packages, the encoder's bytes and the databases.

Reads a request as JSON from standard input: ``lock`` (the file that pins this environment's packages), ``settings``
(the pipeline's TOML file), ``further`` (those of further pipelines by their names), ``ledger`` and ``metadata``
(addresses of databases) and ``artifact_store`` (an address; empty: none). Prints a JSON list of findings, each with
``what``, ``got``, ``do`` (empty where nothing is wrong). It imports no TensorFlow, and changes nothing.
"""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import sqlalchemy as sa

from tfx_modules.artifact_store.store import ArtifactStore
from tfx_modules.common import database_url
from tfx_modules.exceptions import PipelineError
from tfx_modules.model.encoder import files as encoder_files
from tfx_modules.promotion.exceptions import LedgerError
from tfx_modules.settings.settings import EncoderSettings, load_settings

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_SHOWN = 5
_CONNECT_SECONDS = 5
_DATABASES = {"metadata": "the ML Metadata store's address", "ledger": "the ledger's address"}


class Finding(TypedDict):
    """The result of one check."""

    what: str
    got: str
    do: str
    """What to do; empty: nothing is wrong."""


def main() -> int:
    """Print the findings; return the exit code, 0 also where something is wrong."""
    request: dict[str, Any] = json.load(sys.stdin)
    findings = [
        packages(Path(request["lock"])),
        *encoder(Path(request["settings"])),
        *(
            Finding(what=f"{name}: {found['what']}", got=found["got"], do=found["do"])
            for name, path in request["further"].items()
            for found in encoder(Path(path))
        ),
        *(database(name, request[name]) for name in _DATABASES),
        *(artifact_store(address) for address in [request["artifact_store"]] if address),
    ]
    print(json.dumps(findings))
    return 0


def packages(lock: Path) -> Finding:
    """Compare the installed packages with the lock."""
    pinned = dict(_PINNED.findall(lock.read_text(encoding="utf-8")))
    wrong = [
        f"{name} {found or 'missing'}, not {version}" for name, version, found in _installed(pinned) if found != version
    ]
    if not wrong:
        return Finding(what="packages of the TFX environment", got=f"{len(pinned)}, as pinned", do="")
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return Finding(
        what="packages of the TFX environment",
        got=f"{', '.join(wrong[:_SHOWN])}{more}",
        do="build the environment anew from the lock of this version",
    )


def _installed(pinned: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    found: dict[str, str] = {}
    for item in importlib.metadata.distributions():
        found.setdefault(_plain(item.name), item.version)  # as an import takes the first one on the path
    return ((name, version, found.get(_plain(name), "")) for name, version in pinned.items())


def _plain(name: str) -> str:
    """Return a distribution's name in its one form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def encoder(settings: Path) -> Iterator[Finding]:
    """Compare the pretrained encoder's bytes with the digests in the pipeline's settings, or with the known ones."""
    try:
        chosen = load_settings(settings).encoder
    except PipelineError as error:
        yield Finding(what="the pipeline's settings", got=str(error), do=f"correct {settings}")
        return
    yield Finding(what="the pipeline's settings", got=str(settings), do="")
    yield _checked("the encoder's vocabulary", chosen)
    if not chosen.source.startswith(encoder_files.PRESET):
        yield _checked("the encoder's weights", chosen)


def _checked(what: str, settings: EncoderSettings) -> Finding:
    check, digest = {
        "the encoder's vocabulary": (encoder_files.vocab_path, encoder_files.vocab_sha256),
        "the encoder's weights": (encoder_files.weights_folder, encoder_files.weights_sha256),
    }[what]
    try:
        path, expected = check(settings), digest(settings)
    except PipelineError as error:
        return Finding(what=what, got=str(error), do="install the pinned encoder, or correct [encoder] of the settings")
    return Finding(what=what, got=f"{path}, SHA-256 {expected[:12] or 'pinned when compiled'}", do="")


def database(name: str, address: str) -> Finding:
    """Connect to a database without creating it; a file of SQLite's may be missing, since the first run makes it."""
    try:
        parsed = database_url.parse(address, what=_DATABASES[name], setting=name, error=LedgerError)
    except LedgerError as error:
        return Finding(what=name, got=str(error), do=f"correct [bert_service] {name}")
    if parsed.file and not parsed.file.exists():
        return Finding(what=name, got=f"{parsed.file}, which the first run will create", do="")
    shown = database_url.shown(parsed.url)
    options = {} if parsed.file else {"connect_timeout": _CONNECT_SECONDS}
    engine = sa.create_engine(parsed.url, connect_args=options)
    try:
        with engine.connect() as connection:
            tables = len(sa.inspect(connection).get_table_names())
    except sa.exc.SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        return Finding(what=name, got=f"{shown}: {reason}", do=f"start the database, or correct [bert_service] {name}")
    finally:
        engine.dispose()
    return Finding(what=name, got=f"{shown}, {tables} tables", do="")


def artifact_store(address: str) -> Finding:
    """Ask an artifact store whether it is there, as nodes do."""
    try:
        ArtifactStore(address).check()
    except PipelineError as error:
        return Finding(what="artifact_store", got=str(error), do="correct what the message names")
    return Finding(what="artifact_store", got=f"{address} answers", do="")


if __name__ == "__main__":
    sys.exit(main())
