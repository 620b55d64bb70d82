"""Looks for faults of accessibility in a page, with axe-core in a real browser."""

import hashlib
import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scripts.screenshots.chromium import Page

AXE = Path(__file__).with_name("axe") / "axe.min.js"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
VIEWS = tuple(itertools.product((1280, 400), ("light", "dark")))
"""Widths and colour schemes."""
GRAVE = ("serious", "critical")
_RUN = (
    "void (delete window.axeFound, axe.run({resultTypes: ['violations']})"
    ".then(found => window.axeFound = found.violations, error => window.axeFound = String(error)))"
)


def assert_no_grave_fault(page: Page) -> None:
    """Check that the page that a browser shows has no serious and no critical fault.

    The page is looked at in each width and colour scheme; the browser is left with the first of them.
    """
    if not page.value_of("Boolean(window.axe)"):
        page.value_of(f"{_axe()};0")
    faults = [
        f"{width} px, {scheme}: {fault}" for width, scheme in reversed(VIEWS) for fault in _faults(page, width, scheme)
    ]
    assert not faults, "\n".join(faults)


def _faults(page: Page, width: int, scheme: str) -> Iterator[str]:
    page.set_size(width, 900)
    page.set_color_scheme(scheme)
    page.value_of(_RUN)
    page.wait_for("window.axeFound")
    found = page.value_of("window.axeFound")
    assert isinstance(found, list), found
    for fault in found:
        for node in fault["nodes"] if fault["impact"] in GRAVE else ():
            yield f"{fault['id']} ({fault['impact']}): {node['html'][:300]}: {' '.join(node['failureSummary'].split())}"


@cache
def _axe() -> str:
    content = AXE.read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256, f"{AXE} is not the pinned release; see the README beside it"
    return content.decode()
