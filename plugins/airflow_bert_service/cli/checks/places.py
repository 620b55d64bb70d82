"""Checks folders, the node server's socket, the feed's files and connections, and the model servers."""

import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.cli.checks.finding import Finding
from airflow_bert_service.clients.ledger import status_address
from airflow_bert_service.installation import program
from airflow_bert_service.settings.databases import sqlite_file
from airflow_bert_service.settings.settings import FeedName, Settings

_SECONDS = 5.0
_CONNECTIONS = {
    FeedName.FILES: "files_conn_id",
    FeedName.SQL: "sql_conn_id",
    FeedName.HTTP: "http_conn_id",
}


def folders(settings: Settings, name: str) -> Iterator[Finding]:
    """Check that the folders that runs write to are writable.

    Args:
        settings: The Airflow side's settings.
        name: The pipeline's name.
    """
    yield _folder(settings.state)
    wanted = [settings.models_of(name), settings.spans, settings.pipeline_root, settings.outcomes]
    wanted += [file.parent for file in map(sqlite_file, (settings.metadata, settings.ledger)) if file is not None]
    found = (_folder(folder) for folder in dict.fromkeys(wanted) if folder != settings.state)
    yield from (finding for finding in found if finding.is_wrong)


def own_folders(settings: Settings, pipeline: str) -> Iterator[Finding]:
    """Check the folders that only a further pipeline writes to; none of them has to be there yet.

    Args:
        settings: The pipeline's settings.
        pipeline: Its name.
    """
    found = (_folder(folder, pipeline) for folder in (settings.models_of(pipeline), settings.spans))
    yield from (finding for finding in found if finding.is_wrong)


def _named(what: str, pipeline: str) -> str:
    return f"{pipeline}: {what}" if pipeline else what


def _folder(folder: Path, pipeline: str = "") -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    what = _named("state folder", pipeline)
    if not there.is_dir():
        return Finding(what, f"{there} is not a folder", "move it away, or set [bert_service] state")
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            what,
            f"{there} is not writable for user {os.geteuid()}",
            f"let this user write to it (chown, chmod), or set [bert_service] state to another folder than {folder}",
        )
    return Finding(what, str(folder) if there == folder else f"{folder}, which the first run makes")


def node_socket(settings: Settings) -> Iterator[Finding]:
    """Check that the node server listens on the socket of the setting ``node_socket``, where that is set."""
    path = settings.node_socket
    if path is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_SECONDS)
        try:
            probe.connect(str(path))
        except OSError as error:
            start = f"start `{program()} node-server`"
            yield Finding("node_socket", f"{path}: {error.strerror or error}", f"{start}, or empty node_socket")
            return
    yield Finding("node_socket", f"{path} answers")


def feed(settings: Settings, pipeline: str = "") -> Iterator[Finding]:
    """Check that the feed's files or connection and the holdout exist.

    Args:
        settings: The pipeline's settings.
        pipeline: The name of a further pipeline, for the findings; empty: the one beside the DAG files.
    """
    yield _feed(settings, _named(f"feed {settings.feed.value}", pipeline))
    if settings.holdout and not settings.holdout.is_file():
        what = _named("holdout", pipeline)
        yield Finding(what, f"{settings.holdout} does not exist", "put the file there, or correct holdout")


def _feed(settings: Settings, name: str) -> Finding:
    files = {FeedName.SAMPLE: str(settings.sample_feed), FeedName.IMDB: settings.imdb_archive}
    source = files.get(settings.feed, "")
    if source and "://" not in source and not Path(source).is_file():
        got = f"{without_credentials(source)} does not exist"
        return Finding(name, got, "put the file there, or correct the setting")
    if settings.feed in _CONNECTIONS and (conn_id := getattr(settings.source, _CONNECTIONS[settings.feed])):
        return _connection(name, conn_id)
    pattern = settings.source.files_pattern
    if settings.feed is FeedName.FILES and "://" not in pattern and not _has_a_file(pattern):
        return Finding(name, f"no file, of any day, is {pattern}", "put the files there, or correct files_pattern")
    return Finding(name, without_credentials(source or pattern))


def _has_a_file(pattern: str) -> bool:
    """Tell whether some local file is named as a pattern with ``{date}`` has it, whatever the day."""
    parts = Formatter().parse(pattern)
    anywhere = "".join(
        text + ("" if name is None else re.sub("%[-_0^#]?.", "*", form or "%F")) for text, name, form, _ in parts
    )
    # Between other characters, and more than two of them, stars are refused by pathlib.
    named = [part if part == "**" else re.sub(r"\*+", "*", part) for part in anywhere.lstrip("/").split("/")]
    return any(path.is_file() for path in Path("/").glob("/".join(named)))


def _connection(what: str, conn_id: str) -> Finding:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

    try:
        BaseHook.get_connection(conn_id)
    except (AirflowException, AirflowRuntimeError):
        return Finding(what, f"Airflow has no connection {conn_id!r}", "add it, or correct the setting")
    return Finding(what, f"connection {conn_id}")


def model_servers(settings: Settings, name: str) -> Iterator[Finding]:
    """Check that the model servers of the setting ``model_servers`` answer; one without a model yet passes.

    Args:
        settings: The Airflow side's settings.
        name: The pipeline's name, which is the model's.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for address in (status_address(server, name) for server in settings.model_servers):
        try:
            opener.open(address, timeout=_SECONDS).close()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                yield Finding("model server", f"{address}: HTTP {error.code}", "look at the server's log")
                continue
        except OSError as error:
            reason = getattr(error, "reason", error)
            yield Finding("model server", f"{address}: {reason}", "start it, or remove it from model_servers")
            continue
        yield Finding("model server", f"{address} answers")
