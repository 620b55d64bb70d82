"""Makes the parts of a report's page, of escaped text, and the page of its parts."""

import enum
import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

FILE = "report.html"
"""Name of a report's file, in the folder of an artifact."""
_BEGIN, _END = "<main>", "</main>"
_TEXTS = "<!--texts of the data-->", "<!--end of the texts-->"
"""What stands around texts of the data in a page; escaped text has no comments."""
NUMBER = "number"
"""Class of a table's column of numbers."""
MOST_ROWS = 500
"""Rows of a table; a page has to open on a telephone, whatever a run has found."""
MOST_NARROW = 8
"""Columns of a table that a wide screen always has room for."""
MOST_LABELS = 50
"""Labels of which a page shows each one beside all others."""
_SPACES = "\n\t\u200c\u200d"  # the last two join letters, and are not printable
NONE = "\N{EN DASH}"
"""What a table shows where there is no value."""


class Verdict(enum.Enum):
    """The kinds of results that a page may begin with; the value is the style's class and the sign."""

    BLOCK = ("block", "&#10006;")
    """Something was refused."""
    WARN = ("warn", "&#9650;")
    """There is something to look at."""
    PASS = ("pass", "&#10004;")
    """All is well."""
    PLAIN = ("plain", "&#9679;")
    """Nothing was judged."""


def page(title: str, banner: str, sections: Iterable[str], *, pipeline: str) -> str:
    """Return the page as one HTML file that loads nothing.

    Its head begins with the pipeline's name: Airflow's side shows a page to those only who may see the pipeline's DAG,
    and reads no further than 2,048 bytes for it.

    Args:
        title: plain text.
        banner: from :func:`banner`.
        sections: from :func:`section`.
        pipeline: name of the pipeline whose run the page is of.
    """
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    name = escape(title)
    whose = f'<meta name="pipeline" content="{escape(pipeline)}">'
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<head><meta charset="utf-8">{whose}{viewport}<title>{name}</title>\n<style>\n{style}</style></head>'
    body = f"<header><h1>{name}</h1>{banner}</header>\n{_BEGIN}" + "\n".join(sections) + _END
    return f'<!DOCTYPE html>\n<html lang="en">\n{head}\n<body>\n{body}\n</body>\n</html>\n'


def banner(verdict: Verdict, headline: str, text: str) -> str:
    """Return the result in a line; both are plain text."""
    kind, sign = verdict.value
    return f'<p class="verdict {kind}"><strong>{sign} {escape(headline)}</strong> <span>{escape(text)}</span></p>'


def section(title: str, *parts: str) -> str:
    """Return a section; the parts are HTML already."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def contents(titles: Iterable[str]) -> str:
    """Return links to the parts of a page, by their titles."""
    links = "".join(f'<li><a href="#{_anchor(title)}">{escape(title)}</a></li>' for title in titles)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def part(title: str, *sections: str) -> str:
    """Return a part of a page that has several; the sections are HTML already."""
    return f'<article><h2 class="part" id="{_anchor(title)}">{escape(title)}</h2>{"".join(sections)}</article>'


def content_of(made: str) -> str:
    """Return the sections of a page that :func:`page` has made."""
    return made.partition(_BEGIN)[2].rpartition(_END)[0]


def banner_of(made: str) -> str:
    """Return the result in a line of a page that :func:`page` has made; empty where it has none."""
    head = made.partition(_BEGIN)[0]
    start = head.find('<p class="verdict')
    return head[start : head.find("</p>", start) + len("</p>")] if start >= 0 else ""


def with_texts(made: str) -> str:
    """Mark HTML that has texts of the data, so that :func:`without_texts` finds it."""
    return made.join(_TEXTS)


def without_texts(made: str) -> str:
    """Return HTML without what has texts of the data."""
    kept: list[str] = []
    begin, end = _TEXTS
    for part in made.split(begin):
        kept.append(part.partition(end)[2] if kept else part)
    return "".join(kept)


def quoted(text: str, most: int) -> str:
    """Return a text of the data as HTML: its first characters, which change nothing around them.

    Args:
        text: any text.
        most: how many characters are shown.
    """
    shown = text[:most].rstrip() + "\N{HORIZONTAL ELLIPSIS}" if len(text) > most else text
    plain = "".join(one if one.isprintable() or one in _SPACES else "\N{REPLACEMENT CHARACTER}" for one in shown)
    return f'<bdi dir="auto">{escape(plain)}</bdi>'


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Return names and their values, which are plain text."""
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f"<dl>{cells}</dl>"


def listing(lines: Iterable[str]) -> str:
    """Return a list of lines of plain text."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def figure(caption: str, svg: str, numbers: str = "") -> str:
    """Return a picture with its caption.

    Args:
        caption: plain text.
        svg: from ``drawing``.
        numbers: a table with what the picture shows, from :func:`table`; it can be opened below the picture.
    """
    text = escape(caption)
    below = f"<details><summary>Numbers</summary>{numbers}</details>" if numbers else ""
    return f'<figure><figcaption>{text}</figcaption><div role="img" aria-label="{text}">{svg}</div>{below}</figure>'


def pictures(figures: Iterable[str]) -> str:
    """Return figures beside each other, as many as there is room for."""
    return f'<div class="pictures">{"".join(figures)}</div>'


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a narrow screen shows each row as a list, with the columns' names in front.

    Args:
        columns: name, as plain text, and class of each.
        rows: cells that are HTML already; the first 500 are shown.
    """
    every = list(rows)
    names = [(escape(name), kind) for name, kind in columns]
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in names)
    body = "".join(f"<tr>{''.join(map(_cell, names, row))}</tr>" for row in every[:MOST_ROWS])
    left = paragraph(f"{len(every) - MOST_ROWS:,} further are not shown.") if len(every) > MOST_ROWS else ""
    scrolled = _scrolled("Table") if len(columns) > MOST_NARROW else ""
    return (
        f'<div class="table"{scrolled}><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{left}'
    )


def matrix(classes: Sequence[str], counts: Sequence[Sequence[float]], answers: Sequence[str] = ()) -> str:
    """Return a confusion matrix: a row for each label, a column for each answer. It is not shown of over 50 labels.

    Args:
        classes: the labels in words.
        counts: how many examples of a row's label got a column's answer.
        answers: the columns' names, where they are others than the labels.
    """
    if len(classes) > MOST_LABELS:
        return paragraph(
            f"The matrix of {len(classes):,} labels is not shown; a page shows one of up to {MOST_LABELS}."
        )
    heads = "".join(f'<th scope="col" class="{NUMBER}">{escape(name)}</th>' for name in answers or classes)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{_shares(row)}</tr>' for name, row in zip(classes, counts, strict=True)
    )
    head = f"<thead><tr><td>label, below; answer, beside</td>{heads}</tr></thead>"
    return f'<div class="matrix"{_scrolled("Confusion matrix")}><table>{head}<tbody>{rows}</tbody></table></div>'


def number(value: float | None, digits: int = 3) -> str:
    """Format a number; one that is missing or not a number is a dash."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value:,.{digits}f}"


def _scrolled(name: str) -> str:
    """Return the attributes of what may be wider than the page, so that the keyboard can scroll it, too."""
    return f' tabindex="0" role="group" aria-label="{escape(name)}"'


def _anchor(title: str) -> str:
    return escape(title.lower().replace(" ", "-"))


def _shares(row: Sequence[float]) -> str:
    all_of_row = sum(row)
    return "".join(_share(count, all_of_row) for count in row)


def _share(count: float, all_of_row: float) -> str:
    share = count / all_of_row if all_of_row else 0.0
    return (
        f'<td class="{NUMBER}" style="--share: {share:.3f}"><span>{count:,.0f}</span> <small>{share:.1%}</small></td>'
    )


def _cell(column: tuple[str, str], content: str) -> str:
    name, kind = column
    return f'<td data-label="{name}" class="{kind}"><div>{content}</div></td>'
