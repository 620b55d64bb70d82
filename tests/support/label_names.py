"""Makes names of labels for tests: any Unicode that the settings allow, and names easily taken for something else."""

import unicodedata
from typing import Literal

from hypothesis import strategies as st

ODD_NAMES = (
    "1",
    "0",
    "-0.5",
    "1e3",
    "nan",
    "true",
    "none",
    'say "no"',
    "it's",
    "a,b;c:d",
    '{"x"}',
    "[0]",
    "_hidden",
    "<b>&amp;</b>",
    "label=1",
    "%s %(x)s",
    "$HOME",
    "back\\slash",
    "#",
    "مرحبا",
    "שלום",
    "\u202eevil",
    "👩‍🚀",
    "ß",
    "İstanbul",
    "e\u0301",
    "zwei  Wörter",
    "x" * 100,
)
_CONTROL: tuple[Literal["Cc"], Literal["Cs"], Literal["Zl"], Literal["Zp"]] = ("Cc", "Cs", "Zl", "Zp")


def label_names() -> st.SearchStrategy[str]:
    """Make names that a label may have."""
    texts = st.text(
        st.characters(exclude_categories=_CONTROL, exclude_characters="\ufffe\uffff"), min_size=1, max_size=100
    )
    return st.sampled_from(ODD_NAMES) | texts.filter(lambda text: text.strip() == text)


def labels(count: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Make as many labels, of which no two are alike."""
    return st.lists(label_names(), min_size=count, max_size=count, unique_by=_alike).map(tuple)


def _alike(name: str) -> str:
    """Return less than what tells labels apart, so that no two of a list are alike for anybody."""
    try:
        return f"{float(name):g}"
    except ValueError:
        return unicodedata.normalize("NFKD", name).casefold().lower()
