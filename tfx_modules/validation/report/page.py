"""Renders the HTML report, from escaped text and SVG charts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from tfx_modules.data import features
from tfx_modules.settings.settings import SKEW, Severity
from tfx_modules.settings.task import BINARY_SENTIMENT
from tfx_modules.validation import comparison as comparing
from tfx_modules.validation import profile as profiles
from tfx_modules.validation.comparison import DataComparison
from tfx_modules.validation.profile import EDGES, Days, Profile
from tfx_modules.validation.report import pictures
from tfx_modules.validation.verdict import Finding, Verdict

FILE = "report.html"
"""Name in the folder of an ExampleAnomalies artifact."""

_WORDS = {
    Severity.BLOCK: "&#10006; blocks",
    Severity.WARN: "&#9650; warns",
    Severity.IGNORE: "&#9675; ignored",
}
_NUMBERS = ("Distance", "Allowed", "By chance", "Limit")
_NOTE = (
    "Jensen-Shannon divergence in bits: 0 for equal distributions, 1 for disjoint ones. The limit is the distance that "
    "the settings allow, plus the distance that chance explains for samples of these sizes."
)
_CAPTIONS = {
    features.WORDS: "Words in a review",
    features.CHARACTERS: "Characters in a review",
    features.UNKNOWN_SHARE: "Share of WordPieces that the encoder does not know",
    features.TAGS: "Markup tags in a review",
}


@dataclass(frozen=True)
class ChampionData:
    """The data that the model in service was trained on."""

    days: Days
    note: str = ""
    """Why there are no days, in words for the report."""


@dataclass(frozen=True)
class Report:
    """The content of the HTML report."""

    data_date: str
    """The window's last day."""
    days: Days
    champion: ChampionData
    comparisons: Sequence[DataComparison]
    verdict: Verdict


def render(report: Report) -> str:
    """Render the report as one HTML file that loads nothing."""
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    title = f"Validation of the reviews up to {escape(report.data_date)}"
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<head><meta charset="utf-8">{viewport}<title>{title}</title>\n<style>\n{style}</style></head>'
    body = "\n".join(_body(report, title))
    return f'<!DOCTYPE html>\n<html lang="en">\n{head}\n<body>\n{body}\n</body>\n</html>\n'


def _body(report: Report, title: str) -> Iterator[str]:
    yield f"<header><h1>{title}</h1>{_banner(report.verdict)}</header>"
    yield f"<main><section><h2>Data</h2>{_facts(report)}</section>"
    yield f"<section><h2>Anomalies</h2>{_findings(report.verdict.findings)}</section>"
    yield f"<section><h2>Distances</h2>{_distances(report.comparisons)}</section>"
    labels = profiles.labels_of(report.days)
    what = "sentiment" if labels == BINARY_SENTIMENT.classes else "label"
    figures = [_figure(f"Reviews of each day, by {what}", pictures.days(report.days))]
    if len(labels) == 2:
        balance = pictures.balance(report.days, report.champion.days)
        figures.append(_figure(f"Share of {labels[-1]} reviews of each day", balance))
    yield f"<section><h2>Reviews by day</h2>{_pictures(figures)}</section>"
    yield f"<section><h2>Texts</h2>{_distributions(report)}</section></main>"


def _banner(verdict: Verdict) -> str:
    if verdict.is_blocked:
        kind, icon, text = "block", "&#10006; Blocked", verdict.reason.partition(": ")[2]
    elif verdict.reason:
        kind, icon, text = "warn", "&#9650; Passed with warnings", verdict.reason.partition(": ")[2]
    else:
        kind, icon, text = "pass", "&#10004; Passed", "No anomaly warns or blocks."
    return f'<p class="verdict {kind}"><strong>{icon}</strong> <span>{escape(text)}</span></p>'


def _facts(report: Report) -> str:
    rows = [("Data date", report.data_date), ("Window", _dated(report.days))]
    rows.append(("Newest day", _rows(report.days.get(report.data_date))))
    rows += [(_title(item), f"{item.newer.name} against {item.older.name}") for item in report.comparisons]
    rows.append(("Model in service", report.champion.note or f"trained on {_dated(report.champion.days)}"))
    if report.champion.days and (labels := profiles.labels_of(report.champion.days)) != profiles.labels_of(report.days):
        rows.append(("Its labels", f"{', '.join(labels)}; their shares were not compared"))
    if not any(item.kind != SKEW for item in report.comparisons):
        rows.append(("Day before", "not in the window; drift was not checked"))
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f"<dl>{cells}</dl>"


def _dated(days: Days) -> str:
    window = comparing.window(days)
    if not window:
        return "no reviews with a date"
    count = sum(map(bool, days))
    return f"{window.name}, {count} {'day' if count == 1 else 'days'}, {_rows(window.profile)}"


def _rows(profile: Profile | None) -> str:
    return f"{profile.rows if profile else 0:,} reviews"


def _title(item: DataComparison) -> str:
    return "Against the champion's data" if item.kind == SKEW else "Against the day before"


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "<p>None.</p>"
    columns = (("Severity", ""), ("Feature", ""), ("What", ""), ("Kind in the settings", ""))
    rows = [
        (
            f'<span class="{item.severity.value}">{_WORDS[item.severity]}</span>',
            escape(item.anomaly.feature or "all data"),
            escape(item.anomaly.text),
            f"<code>{escape(item.anomaly.kind).replace('_', '_<wbr>')}</code>",
        )
        for item in findings
    ]
    return _table(columns, rows)


def _distances(comparisons: Sequence[DataComparison]) -> str:
    if not comparisons:
        return "<p>There are no reviews to compare with.</p>"
    figures = [_figure(f"{_title(item)}: {_names(item)}", pictures.distances(item)) for item in comparisons]
    columns = (("Comparison", ""), ("Feature", ""), *((name, "number") for name in _NUMBERS), ("Verdict", ""))
    rows = [
        (
            _title(item),
            escape(one.feature),
            *(f"{number:.3f}" for number in (one.value, one.allowed, one.chance, one.limit)),
            "too great" if one.is_too_great else "passes",
        )
        for item in comparisons
        for one in item.distances
    ]
    return f"{_pictures(figures)}<p>{_NOTE}</p>{_table(columns, rows)}"


def _names(item: DataComparison) -> str:
    return f"{item.newer.name} against {item.older.name}"


def _distributions(report: Report) -> str:
    sets = _sets(report)
    return _pictures(_figure(_CAPTIONS[name], pictures.distribution(name, sets)) for name in EDGES)


def _sets(report: Report) -> list[tuple[str, Profile]]:
    """Return the newest day, the day before and the champion's window, as far as there are any."""
    window = comparing.window(report.days)
    newest = report.days.get(report.data_date)
    found = [(f"newest day, {report.data_date}", newest)] if newest else []
    for item in report.comparisons:
        name = "champion's" if item.kind == SKEW else "day before"
        found.append((f"{name}, {item.older.name}", item.older.profile))
    return found or ([(f"window, {window.name}", window.profile)] if window else [])


def _figure(caption: str, svg: str) -> str:
    text = escape(caption)
    return f'<figure><figcaption>{text}</figcaption><div role="img" aria-label="{text}">{svg}</div></figure>'


def _pictures(figures: Iterable[str]) -> str:
    return f'<div class="pictures">{"".join(figures)}</div>'


def _table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """Render a table; a narrow screen shows each row as a list, with the columns' names in front.

    Args:
        columns: name and class of each.
        rows: cells that are HTML already.
    """
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in columns)
    body = "".join(f"<tr>{''.join(map(_cell, columns, row))}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(column: tuple[str, str], content: str) -> str:
    name, kind = column
    return f'<td data-label="{name}" class="{kind}"><div>{content}</div></td>'
