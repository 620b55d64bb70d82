"""Writes a request as curl and as Python, to copy. Texts in it are ASCII, so that no terminal takes them for more."""

import json

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.clients.classify import CHOSEN, FEATURE, SETS_SIGNATURE, SIGNATURE, ClassifyRequest

KEY_VARIABLE = "MODEL_KEY"
"""The environment variable that has the API key: the page does not show it."""
SECONDS = 10
_END = "END"
"""Ends the body; no line of it is that word, since all of them are lines of an indented JSON object."""


def as_curl(request: ClassifyRequest) -> str:
    """Return a command of a POSIX shell. The shell takes the body as it is, whatever stands in the texts."""
    lines = [
        f"curl --globoff {_quoted(_address(request))}",
        "-H 'Content-Type: application/json'",
        *([f'-H "Authorization: Bearer ${KEY_VARIABLE}"'] if request.key else []),
        f"--data-binary @- <<'{_END}'",
    ]
    return " \\\n  ".join(lines) + f"\n{json.dumps(request.body, indent=1)}\n{_END}\n"


def as_python(request: ClassifyRequest) -> str:
    """Return a program that needs Python's standard library alone."""
    imports = ["import json", *(["import os"] if request.key else []), "import urllib.request"]
    key = [f'headers["Authorization"] = "Bearer " + os.environ["{KEY_VARIABLE}"]'] if request.key else []
    lines = [
        *imports,
        "",
        "texts = [",
        *(f"    {text!a}," for text in request.texts),
        "]",
        _body(request),
        'headers = {"Content-Type": "application/json"}',
        *key,
        f"address = {_address(request)!a}",
        "request = urllib.request.Request(address, json.dumps(body).encode(), headers)",
        f"with urllib.request.urlopen(request, timeout={SECONDS}) as response:",
        *_printed(request),
    ]
    return "\n".join(lines) + "\n"


def _body(request: ClassifyRequest) -> str:
    if request.has_sets:
        return f'body = {{"signature_name": "{SETS_SIGNATURE}", "instances": texts}}'
    return f'body = {{"signature_name": "{SIGNATURE}", "examples": [{{"{FEATURE}": text}} for text in texts]}}'


def _printed(request: ClassifyRequest) -> list[str]:
    if request.has_sets:
        return [
            '    for text, found in zip(texts, json.load(response)["predictions"]):',
            '        labels = dict(zip(found["labels"], found["scores"]))',
            f'        has = [label for label, there in zip(labels, found["{CHOSEN}"]) if there]',
            "        print(has, labels, repr(text))",
        ]
    return [
        '    for text, scores in zip(texts, json.load(response)["results"]):',
        "        print(dict(scores), repr(text))",
    ]


def _address(request: ClassifyRequest) -> str:
    return without_credentials(request.address)


def _quoted(text: str) -> str:
    """Quote a text for a POSIX shell, always: an address reads better so than with some characters escaped."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
