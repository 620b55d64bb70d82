"""Reads command-line values that name something in Google Cloud. Imports no TFX, no client of Google."""

import argparse
import re
from collections.abc import Callable, Mapping

_RULES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "project": (re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]"), "a project's id, like my-project"),
    "location": (re.compile(r"[a-z]+-[a-z]+\d+"), "a region, like europe-west4"),
    "root": (re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/[^/\s]+)*/?"), "gs://BUCKET or gs://BUCKET/FOLDER"),
    "network": (
        re.compile(r"projects/\d+/global/networks/[a-z][a-z0-9-]*"),
        "projects/NUMBER/global/networks/NAME with the project's number",
    ),
    "service account": (
        re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com"),
        "its address, like bert@my-project.iam.gserviceaccount.com",
    ),
    "job id": (re.compile(r"[a-z][a-z0-9-]{0,126}"), "up to 127 of a-z, 0-9 and -, a letter first"),
    "range": (re.compile(r"[a-z][a-z0-9-]*"), "the name of an IP range that is reserved in the network"),
    "API endpoint": (re.compile(r"[A-Za-z0-9.-]+(:\d+)?"), "HOST or HOST:PORT"),
    "endpoint": (re.compile(r"[a-z0-9][a-z0-9-]{0,62}"), "its id, as `gcloud ai endpoints list` shows it"),
    "model id": (re.compile(r"[a-z_][a-z0-9_-]{0,62}"), "up to 63 of a-z, 0-9, - and _, a letter or _ first"),
    "image": (
        re.compile(r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)/[^\s:@]+([:@][^\s]+)?"),
        "one in Artifact Registry or Container Registry, like REGION-docker.pkg.dev/PROJECT/REPOSITORY/serving:1",
    ),
    "address": (
        re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/[^/\s]+)+/?"),
        "gs://BUCKET/FOLDER, as `copy-models --to` has it",
    ),
    "machine type": (re.compile(r"[a-z0-9]+-[a-z0-9-]+"), "a machine type of Compute Engine, like n1-standard-8"),
}


def checked(what: str) -> Callable[[str], str]:
    """Return a function that reads a value, as a parser's ``type``.

    Args:
        what: a key of the rules.
    """
    pattern, allowed = _RULES[what]

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(f"{text!r} is no {what} here; allowed: {allowed}")
        return text

    return read
