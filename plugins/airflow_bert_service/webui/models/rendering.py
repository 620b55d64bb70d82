"""Makes pages of templates. Every text in them is escaped, and the pages can load and send nothing elsewhere."""

import base64
import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from fastapi import status
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from airflow_bert_service.webui.models import links

_TEMPLATES = Path(__file__).with_name("templates")


class Renderer:
    """Makes pages. Knows nothing of what they show.

    Args:
        airflow: The way from the list's folder to Airflow's own.
    """

    def __init__(self, airflow: str = links.FROM_LIST) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
        self._templates.globals.update(
            style=Markup(style),  # noqa: S704 (files of this package)
            script=Markup(script),  # noqa: S704
            dag_link=lambda way, dag_id: links.dag_link(way, airflow, dag_id),
            run_link=lambda way, dag_id, run_id: links.run_link(way, airflow, dag_id, run_id),
            version_link=links.version_link,
            history_link=links.history_link,
        )
        self._templates.filters.update(moment=moment, share=share, megabytes=megabytes)
        self._headers = _headers(style, script)

    def page(self, template: str, code: int = status.HTTP_200_OK, **values: Any) -> HTMLResponse:
        """Make a page.

        Args:
            template: The name of its template, without ending.
            code: The answer's HTTP status.
            values: What the template shows.
        """
        content = self._templates.get_template(f"{template}.html").render(**values)
        return HTMLResponse(content, code, self._headers)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every answer."""
        return dict(self._headers)


def moment(when: dt.datetime) -> str:
    """Format a moment to the minute, in UTC."""
    return f"{when.astimezone(dt.timezone.utc):%Y-%m-%d %H:%M}"


def share(value: float | None, digits: int = 3) -> str:
    """Format an accuracy, or another number from 0 to 1; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(value: float | None) -> str:
    """Format a count of bytes; a dash where there is none."""
    return "-" if value is None else f"{value / 1e6:,.1f} MB"


def _headers(style: str, script: str) -> dict[str, str]:
    # The one style and the one script that are in the page, by their digests. Airflow's UI shows the page in a frame.
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
