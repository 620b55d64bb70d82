"""Renders the HTML report, from escaped text and SVG charts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tfx_modules.data import features
from tfx_modules.report_page import document
from tfx_modules.report_page.document import NUMBER, figure, section, table
from tfx_modules.settings.settings import SKEW, Severity
from tfx_modules.settings.task import BINARY_SENTIMENT
from tfx_modules.validation import comparison as comparing
from tfx_modules.validation import profile as profiles
from tfx_modules.validation.comparison import DataComparison
from tfx_modules.validation.profile import EDGES, Days, Profile
from tfx_modules.validation.report import pictures
from tfx_modules.validation.verdict import Finding, Verdict

FILE = document.FILE
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


def render(report: Report, pipeline: str) -> str:
    """Render the report as one HTML file that loads nothing.

    Args:
        report: its content.
        pipeline: name of the pipeline whose run it is of.
    """
    title = f"Validation of the reviews up to {report.data_date}"
    return document.page(title, _banner(report.verdict), _sections(report), pipeline=pipeline)


def _sections(report: Report) -> Iterator[str]:
    yield section("Data", _facts(report))
    yield section("Anomalies", _findings(report.verdict.findings))
    yield section("Distances", _distances(report.comparisons))
    labels = profiles.labels_of(report.days)
    what = "sentiment" if labels == BINARY_SENTIMENT.classes else "label"
    several = " (a review may have several, or none)" if profiles.has_sets(report.days) else ""
    figures = [figure(f"Reviews of each day, by {what}{several}", pictures.days(report.days))]
    if len(labels) == 2:
        balance = pictures.balance(report.days, report.champion.days)
        figures.append(figure(f"Share of {labels[-1]} reviews of each day", balance))
    yield section("Reviews by day", document.pictures(figures))
    yield section("Texts", _distributions(report))


def _banner(verdict: Verdict) -> str:
    if verdict.is_blocked:
        return document.banner(document.Verdict.BLOCK, "Blocked", verdict.reason.partition(": ")[2])
    if verdict.reason:
        return document.banner(document.Verdict.WARN, "Passed with warnings", verdict.reason.partition(": ")[2])
    return document.banner(document.Verdict.PASS, "Passed", "No anomaly warns or blocks.")


def _facts(report: Report) -> str:
    rows = [("Data date", report.data_date), ("Window", _dated(report.days))]
    rows.append(("Newest day", _rows(report.days.get(report.data_date))))
    rows += [(_title(item), f"{item.newer.name} against {item.older.name}") for item in report.comparisons]
    rows.append(("Model in service", report.champion.note or f"trained on {_dated(report.champion.days)}"))
    if report.champion.days and (labels := profiles.labels_of(report.champion.days)) != profiles.labels_of(report.days):
        rows.append(("Its labels", f"{', '.join(labels)}; their shares were not compared"))
    if not any(item.kind != SKEW for item in report.comparisons):
        rows.append(("Day before", "not in the window; drift was not checked"))
    return document.facts(rows)


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
    return table(columns, rows)


def _distances(comparisons: Sequence[DataComparison]) -> str:
    if not comparisons:
        return "<p>There are no reviews to compare with.</p>"
    figures = [figure(f"{_title(item)}: {_names(item)}", pictures.distances(item)) for item in comparisons]
    columns = (("Comparison", ""), ("Feature", ""), *((name, NUMBER) for name in _NUMBERS), ("Verdict", ""))
    rows = [
        (
            _title(item),
            escape(one.name),
            *(f"{number:.3f}" for number in (one.value, one.allowed, one.chance, one.limit)),
            "too great" if one.is_too_great else "passes",
        )
        for item in comparisons
        for one in item.distances
    ]
    return f"{document.pictures(figures)}<p>{_NOTE}</p>{table(columns, rows)}"


def _names(item: DataComparison) -> str:
    return f"{item.newer.name} against {item.older.name}"


def _distributions(report: Report) -> str:
    sets = _sets(report)
    return document.pictures(figure(_CAPTIONS[name], pictures.distribution(name, sets)) for name in EDGES)


def _sets(report: Report) -> list[tuple[str, Profile]]:
    """Return the newest day, the day before and the champion's window, as far as there are any."""
    window = comparing.window(report.days)
    newest = report.days.get(report.data_date)
    found = [(f"newest day, {report.data_date}", newest)] if newest else []
    for item in report.comparisons:
        name = "champion's" if item.kind == SKEW else "day before"
        found.append((f"{name}, {item.older.name}", item.older.profile))
    return found or ([(f"window, {window.name}", window.profile)] if window else [])
