"""Parses the client's command line."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfx_modules.common.program import program
from tfx_modules.serving.client.model_name import default_model_name
from tfx_modules.serving.client.specs import Model, RetryPolicy, Server, Tls
from tfx_modules.serving.exceptions import ClientError, FlagError
from tfx_modules.serving.flags.parser import FlagParser

DEFAULT_ADDRESS = "127.0.0.1:8501"


@dataclass(frozen=True)
class Given:
    """The parsed command line.

    Attributes:
        command: ``predict``, ``status`` or ``metadata``.
        json: print JSON, one value a line.
        texts: what to ask about; empty with ``file``.
        column: the file's CSV column, or JSON key.
        batch_size: texts in a request.
    """

    command: str
    server: Server
    model: Model
    retry_policy: RetryPolicy
    json: bool
    texts: tuple[str, ...] = ()
    file: Path | None = None
    column: str = "text"
    batch_size: int = 32


def parse(arguments: Sequence[str]) -> Given:
    """Read the command line.

    Raises:
        FlagError: a flag is unknown, missing, or has a wrong value.
    """
    parser = FlagParser(
        prog=program("python -m tfx_modules.serving.client"),
        description="Ask this project's model server, or any TensorFlow Serving.",
        allow_abbrev=False,
    )
    # What the commands that ask about no texts have instead of flags.
    parser.set_defaults(texts=(), file=None, column="text", batch_size=32, signature_name="", input_name="text")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{predict,status,metadata}")
    _add_predict(commands.add_parser("predict", help="classify texts", allow_abbrev=False))
    _add_common(commands.add_parser("status", help="show the versions and their states", allow_abbrev=False))
    _add_common(commands.add_parser("metadata", help="show the signatures", allow_abbrev=False))
    found = parser.parse_args(arguments)
    try:
        return _given(found)
    except ClientError as error:
        raise FlagError(str(error)) from error


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("texts", nargs="*", metavar="TEXT")
    parser.add_argument("--file", type=Path, help="classify the texts of a file: .txt, .csv or .jsonl")
    parser.add_argument("--column", default="text", help="CSV column, or JSON key, that holds the text (text)")
    parser.add_argument("--batch_size", type=_positive, default=32, metavar="N", help="texts in a request (32)")
    parser.add_argument("--signature_name", default="", help="signature (serving_default)")
    parser.add_argument("--input_name", default="text", help="the signature's input for the texts (text)")
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    frontend = parser.add_mutually_exclusive_group()
    frontend.add_argument("--rest", metavar="HOST:PORT", help=f"ask over REST ({DEFAULT_ADDRESS})")
    frontend.add_argument("--grpc", metavar="HOST:PORT", help="ask over gRPC")
    parser.add_argument("--model_name", help="the model's name there (MODEL_NAME, else name in settings.toml)")
    parser.add_argument("--version", type=int, metavar="N", help="version (the newest)")
    parser.add_argument("--label", default="", help="version label")
    parser.add_argument("--tls", action="store_true", help="encrypt, and check the server's certificate")
    parser.add_argument("--ca_file", type=Path, help="with --tls: certificates to check it with (the system's)")
    parser.add_argument("--cert_file", type=Path, help="with --tls: this client's certificate")
    parser.add_argument("--key_file", type=Path, help="with --tls: its key")
    parser.add_argument("--api_key_env", metavar="NAME", help="environment variable that holds the API key")
    parser.add_argument(
        "--timeout_seconds", type=_seconds, default=60.0, metavar="S", help="time limit of each try (60)"
    )
    parser.add_argument("--retries", type=int, default=3, metavar="N", help="tries after the first (3)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _given(found: argparse.Namespace) -> Given:
    if found.command == "predict" and bool(found.texts) == (found.file is not None):
        raise FlagError("give texts to ask about, or --file with a file of them")
    name = default_model_name(os.environ) if found.model_name is None else found.model_name
    return Given(
        command=found.command,
        server=_server(found),
        model=Model(name, found.version, found.label, found.signature_name, found.input_name),
        retry_policy=RetryPolicy(found.timeout_seconds, max(found.retries, 0)),
        json=found.json,
        texts=tuple(found.texts),
        file=found.file,
        column=found.column,
        batch_size=found.batch_size,
    )


def _server(found: argparse.Namespace) -> Server:
    tls = Tls(found.ca_file, found.cert_file, found.key_file)
    if tls != Tls() and not found.tls:
        raise FlagError("--ca_file, --cert_file and --key_file are for --tls; give it too")
    make, address = (Server.rest, found.rest or DEFAULT_ADDRESS) if found.grpc is None else (Server.grpc, found.grpc)
    return make(address, tls=tls if found.tls else None, api_key=_api_key(found.api_key_env))


def _api_key(name: str | None) -> str:
    if name is None:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise FlagError(f"--api_key_env={name}: there is no such environment variable, or it is empty; export {name}")
    return key
