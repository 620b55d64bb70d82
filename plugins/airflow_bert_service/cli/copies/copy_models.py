"""``copy-models``: copies a model's versions to an object store, or from there into a folder."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.cli.copies.download import download
from airflow_bert_service.cli.copies.store import ModelStore
from airflow_bert_service.cli.copies.upload import upload
from airflow_bert_service.cli.places import ChosenPipeline
from airflow_bert_service.exceptions import BertServiceError, ModelCopyError
from airflow_bert_service.installation import command

NAME = "copy-models"
_MOST_FAILURES = 10
"""So many copies of ``--every`` that fail one after another end the command."""
_LOCAL = ("file", "local")


def main(arguments: Sequence[str]) -> int:
    """Copy once, or again and again until Ctrl-C; return the exit code.

    Raises:
        BertServiceError: Nothing, or not all, was copied.
    """
    flags = _parse(arguments)
    # Providers would tell of each connection at each copy.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    _copy_once(flags)  # an error ends it: address or connection may be wrong
    failures = 0
    while flags.every is not None:
        time.sleep(flags.every)
        try:
            _copy_once(flags)
            failures = 0
        except BertServiceError as error:
            failures += 1
            if failures == _MOST_FAILURES:
                raise
            print(f"{error}\nThe next try is in {flags.every:g} s.", file=sys.stderr, flush=True)
    return 0


def _copy_once(flags: argparse.Namespace) -> None:
    address = flags.to or flags.source
    try:
        for line in _copies(flags, ModelStore(address, flags.conn_id)):
            print(line, flush=True)
    except BertServiceError:
        raise
    # The connection decides which libraries the store is asked by, and their errors have no common base class.
    except Exception as error:  # noqa: BLE001 - it is raised again, in other words
        message = (
            f"{address} cannot be used: {type(error).__name__}: {error}. Check address and --conn-id, and that the "
            "provider package of the store is installed (apache-airflow-providers-amazon[s3fs] for s3://, "
            "apache-airflow-providers-google for gs://)."
        )
        raise ModelCopyError(without_credentials(message, of=address)) from None


def _copies(flags: argparse.Namespace, store: ModelStore) -> Iterator[str]:
    if flags.source:
        return download(store, flags.into.absolute())
    pipeline = ChosenPipeline.find(flags.pipeline)
    return upload(pipeline.name, pipeline.settings.models_of(pipeline.name), store)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=command(NAME),
        description="Copy the served versions of a model to an object store, such as S3; or from there into a folder "
        "that a model server watches. What is no longer served is removed at the end.",
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument(
        "--to",
        type=_address,
        metavar="ADDRESS",
        help="make this follow the served folder, like s3://bucket/models/NAME",
    )
    way.add_argument("--from", dest="source", type=_address, metavar="ADDRESS", help="make a folder follow this")
    parser.add_argument("--into", type=_folder, metavar="FOLDER", help="with --from: the folder")
    parser.add_argument("--conn-id", default="", metavar="ID", help="Airflow connection of the store (default: none)")
    parser.add_argument(
        "--every",
        type=_seconds,
        metavar="SECONDS",
        help="do it again after so many seconds, until Ctrl-C or ten errors in a row",
    )
    parser.add_argument("--pipeline", metavar="NAME", help="with --to: the pipeline (default: that of the DAGs folder)")
    flags = parser.parse_args(arguments)
    if flags.source and flags.into is None:
        parser.error("--from needs --into FOLDER")
    if flags.to and flags.into:
        parser.error("--into belongs to --from; --to copies the pipeline's served folder")
    if flags.source and flags.pipeline:
        parser.error("--pipeline belongs to --to; --from names the model by its address")
    return flags


def _address(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() in ("", *_LOCAL) or not rest.strip("/").partition("/")[2] or set(text) & set("*?["):
        raise argparse.ArgumentTypeError(
            f"{without_credentials(text)!r} is no folder of an object store; allowed: SCHEME://BUCKET/FOLDER without "
            "*, ? and [, like s3://bucket/models/bert_sentiment"
        )
    return text


def _folder(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{without_credentials(text)!r} is no folder of this machine; allowed: a path, like "
            "/srv/models/bert_sentiment"
        )
    return Path(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no time between copies; allowed: seconds from 1 to 86400")
    return value
