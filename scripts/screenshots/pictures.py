"""What is in each picture: where it is in the UI, when it has loaded, and what is clicked then."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import StackError
from scripts.screenshots.chromium import Page

WIDTH = 1280
LARGEST = 250 * 1000
"""Bytes that a picture may have."""
SETTLE_SECONDS = 2.5
"""For what moves: a graph that is fitted into its box, a dialog that fades in."""


@dataclass(frozen=True)
class Picture:
    """One picture."""

    name: str
    """Of its file, without the ending."""
    path: str
    """In the UI, beginning with a slash."""
    loaded: str
    """A JavaScript expression that is true when the page shows what is wanted."""
    height: int
    view: str = "grid"
    """What the UI shows beside the details: its ``grid`` or its ``graph``."""
    clicks: tuple[str, ...] = ()
    """The CSS selectors of what is clicked then."""


def pictures(dag_id: str, run_id: str, note: str, report: str) -> tuple[Picture, ...]:
    """Return the pictures of README.md.

    Args:
        dag_id: The DAG.
        run_id: A run of it that was blocked.
        note: The run's note; the report has its reason, too.
        report: The path of its validation report.
    """
    return (
        Picture(
            "dag-graph",
            f"/dags/{dag_id}",
            "document.querySelectorAll('.react-flow__node').length > 10",
            height=1000,
            view="graph",
            clicks=("[aria-label='Collapse Details Panel']", "[aria-label='Fit View']"),
        ),
        Picture("run-note", f"/dags/{dag_id}/runs/{run_id}", shows(note), height=640),
        Picture("validation-report", report, shows(note.partition(": blocked: ")[2]), height=760),
    )


def shows(text: str) -> str:
    """Return the JavaScript expression that is true when the page shows a text, whatever its line breaks."""
    wanted = json.dumps(" ".join(text.split()))
    return f"document.body && document.body.innerText.replace(/\\s+/g, ' ').includes({wanted})"


def log_in(page: Page, base: str, token: str, dag_id: str) -> None:
    """Log in to the UI, and let it lay out the graph from top to bottom, where it is large enough to be read."""
    page.set_cookie("_token", token, base)
    page.open(f"{base}/api/v2/version")
    page.wait_for(f"document.readyState === 'complete' && location.origin === {json.dumps(base)}")
    page.value_of(f"localStorage.setItem('direction-{dag_id}', {json.dumps(json.dumps('DOWN'))})")


def take(page: Page, base: str, picture: Picture, folder: Path) -> Path:
    """Write a picture as a PNG file and return its path.

    Raises:
        StackError: The page does not load, or the picture is too large.
    """
    page.set_size(WIDTH, picture.height)
    page.value_of(f"localStorage.setItem('default_dag_view', {json.dumps(json.dumps(picture.view))})")
    page.open(base + picture.path)
    page.wait_for(picture.loaded)
    for selector in map(json.dumps, picture.clicks):
        page.wait_for(f"document.querySelector({selector})")
        time.sleep(SETTLE_SECONDS)
        page.value_of(f"document.querySelector({selector}).click()")
    time.sleep(SETTLE_SECONDS)
    content = page.picture()
    if len(content) > LARGEST:
        raise StackError(f"The picture {picture.name} has {len(content)} bytes; allowed: {LARGEST}. Make it less high.")
    path = folder / f"{picture.name}.png"
    path.write_bytes(content)
    return path
