"""Decides the data gate's verdict on anomalies and comparisons, by the severities of the settings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tfx_modules.data import features
from tfx_modules.settings.settings import RARE_CLASS, Severity, ValidationSettings
from tfx_modules.validation.comparison import DataComparison
from tfx_modules.validation.profile import Profile

NO_DATA = "NO_DATA_IN_SPAN"
_LONGEST = 300
"""Characters of one finding; TFDV lists values of the data, which may be long."""


@dataclass(frozen=True)
class Anomaly:
    """An anomaly of the data, whatever its severity."""

    kind: str
    """One of ``config.ANOMALY_KINDS``."""
    feature: str
    """Empty for the data as a whole."""
    text: str
    """One line, with numbers."""


@dataclass(frozen=True)
class Finding:
    """An anomaly and its severity."""

    anomaly: Anomaly
    severity: Severity


@dataclass(frozen=True)
class Verdict:
    """The data gate's verdict: whether the run may train on the data, and why not."""

    findings: Sequence[Finding]
    """The gravest first."""

    @property
    def is_blocked(self) -> bool:
        """Whether the run stops here."""
        return any(finding.severity is Severity.BLOCK for finding in self.findings)

    @property
    def reason(self) -> str:
        """One line; empty where there is nothing to say."""
        severity, word = (Severity.BLOCK, "blocked") if self.is_blocked else (Severity.WARN, "warned")
        texts = [finding.anomaly.text for finding in self.findings if finding.severity is severity]
        return f"{word}: {'; '.join(texts)}" if texts else ""


def judge(anomalies: Iterable[Anomaly], comparisons: Iterable[DataComparison], settings: ValidationSettings) -> Verdict:
    """Give every anomaly its severity, and return the verdict.

    Args:
        anomalies: of the statistics.
        comparisons: those that could be made.
        settings: the severities; and below how many rows a comparison only warns.
    """
    found = [Finding(_shortened(item), settings.severity_of(item.kind)) for item in anomalies]
    for comparison in comparisons:
        found += _of_comparison(comparison, settings)
    order = [Severity.BLOCK, Severity.WARN, Severity.IGNORE]
    return Verdict(sorted(found, key=lambda finding: order.index(finding.severity)))


def rare_classes(window: Profile, settings: ValidationSettings) -> Iterator[Anomaly]:
    """Yield an anomaly for each class of which a window has fewer rows than ``minimum_class_rows``.

    Of a multilabel task, of each label, there have to be as many without it, too.

    Args:
        window: the counts of all days together.
        settings: with the limit.
    """
    *counts, _ = window.counts[features.SENTIMENT]
    for name, count in zip(window.labels, counts, strict=True):
        are, lack = ("have the label", "do not have the label") if window.has_sets else ("are", "")
        found = {f"{are} {name}": count, **({f"{lack} {name}": window.rows - count} if lack else {})}
        for what, number in found.items():
            if number < settings.minimum_class_rows:
                allowed = f"{settings.minimum_class_rows} or more are needed (validation.minimum_class_rows)"
                text = f"{number} of {window.rows:,} reviews in the window {what}; {allowed}"
                yield Anomaly(RARE_CLASS, features.SENTIMENT, text)


def _of_comparison(comparison: DataComparison, settings: ValidationSettings) -> Iterator[Finding]:
    severity = settings.severity_of(comparison.kind)
    few = comparison.rows < settings.minimum_rows
    note = f"; only {comparison.rows} rows, so no more than a warning" if few and severity is Severity.BLOCK else ""
    if note:
        severity = Severity.WARN
    for item in comparison.distances:
        if item.is_too_great:
            text = comparison.describe(item) + note
            yield Finding(Anomaly(comparison.kind, item.feature, text), severity)


def _shortened(item: Anomaly) -> Anomaly:
    text = " ".join(item.text.split())
    return replace(item, text=text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ...")
