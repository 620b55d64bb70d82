"""What the labels of a task may be, and when two ways to write a label are alike.

The Airflow side has this module with the same text (``pipeline/labels.py``); neither side imports the other. A test
compares them.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

LONGEST = 100
"""Characters of a label."""
MOST = 50
"""Labels of a task."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of pairs, and what breaks lines and paragraphs."""
_NO_CHARACTERS = "\ufffe\uffff"
"""Code points that XML, and with it SVG, may not have."""


def normal_label(value: object) -> str:
    """Write a label in the one form that the settings and all sources share.

    Upper and lower case, white space around it, and the ways to write a number (1, 1.0, "1.00") make no difference.

    Args:
        value: A text, a number or a truth value.

    Returns:
        The label; empty where the value is no label.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value.strip().lower()
        return _number(text) if _NUMBER.fullmatch(text) else text
    return _number(value) if isinstance(value, (int, float, Decimal)) else ""


def problem(labels: Sequence[object]) -> str:
    """Return what is wrong with a task's labels, and what is allowed; empty: nothing.

    Args:
        labels: The labels, in the settings' order.
    """
    if len(labels) < 2 or len(labels) > MOST:
        return f"has {len(labels)}; allowed: 2 to {MOST} labels"
    seen: dict[str, object] = {}
    for label in labels:
        if wrong := _fault(label):
            return f"has {label!r}, {wrong}"
        alike = unicodedata.normalize("NFC", normal_label(label))
        if alike in seen:
            return (
                f"has {seen[alike]!r} and {label!r}, which a feed's rows cannot tell apart; allowed: labels that "
                "differ in more than upper and lower case, or the way to write a number"
            )
        seen[alike] = label
    return ""


def set_text(labels: Iterable[str]) -> str:
    """Write the labels that one text has, as spans and holdouts of a multilabel task have them: a list in JSON.

    Args:
        labels: In the settings' order, each once; none is a set, too.
    """
    return json.dumps(list(labels), ensure_ascii=False)


def read_set(text: str) -> tuple[str, ...] | None:
    """Read what :func:`set_text` wrote; None: it is no such text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_set = isinstance(found, list) and all(isinstance(label, str) for label in found)
    return tuple(found) if is_set else None


def _fault(label: object) -> str:
    if not isinstance(label, str):
        return "which is no text; allowed: texts, in quotes"
    if not label or label.strip() != label:
        return "which is empty or has white space around it; allowed: a text without"
    if len(label) > LONGEST:
        return f"which has {len(label)} characters; allowed: up to {LONGEST}"
    if any(unicodedata.category(character) in _UNSEEN or character in _NO_CHARACTERS for character in label):
        return "which has a control character or a line break; allowed: a text of one line"
    return ""


def _number(value: str | float | Decimal) -> str:
    try:
        return f"{float(value) + 0.0:.15g}"  # + 0.0: there is one zero
    except (ValueError, OverflowError):
        return ""
