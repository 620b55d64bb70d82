"""Sends the form of the page *Try it*, as a browser does."""

from collections.abc import Mapping
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

from tests.plugins.api_server import login
from tests.plugins.models_pages import PAGE, text_of

OURS = {"Origin": "http://testserver"}


def send(
    pages: TestClient,
    text: str = "",
    *,
    path: str = "try",
    file: bytes | None = None,
    role: str | None = "viewer",
    user: str = "anna",
    headers: Mapping[str, str] = OURS,
    **fields: str,
) -> Response:
    """Send the form as a browser does that is logged in by its cookie."""
    token = login(role, user)["Authorization"].removeprefix("Bearer ")
    parts: list[tuple[str, tuple[str | None, bytes]]] = [
        (name, (None, value.encode())) for name, value in {"text": text, "form": "one", **fields}.items()
    ]
    parts.append(("file", ("texts.csv" if file is not None else "", file or b"")))
    answer: Response = pages.post(
        PAGE + path, files=parts, headers={"Cookie": f"_token={token}", **headers}, follow_redirects=False
    )
    return answer


def asked(pages: TestClient, text: str = "", **fields: Any) -> str:
    """What the page says after a question that it has answered."""
    answer = send(pages, text, **fields)
    assert answer.status_code == 200, answer.text
    return text_of(answer.text)
