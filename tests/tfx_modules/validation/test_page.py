"""The page that a run leaves."""

import re
from dataclasses import replace
from html import escape
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from tests.support.label_names import labels
from tfx_modules.settings.settings import Severity, ValidationSettings
from tfx_modules.validation import comparison, profile
from tfx_modules.validation.profile import EMPTY, Days, Profile
from tfx_modules.validation.report import pictures
from tfx_modules.validation.report.page import ChampionData, Report, render
from tfx_modules.validation.verdict import Anomaly, Finding, Verdict

HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'too' $x^2$ $"


def day(rows: int) -> Profile:
    counts = {name: (rows, *EMPTY.counts[name][1:]) for name in profile.SIZES}
    return replace(EMPTY, rows=rows, counts=counts)


DAYS: Days = {f"2026-11-{number:02}": day(60 + number) for number in range(1, 15)}
NONE = ChampionData({}, "none yet; skew was not checked")


def report(
    severity: Severity | None = None, champion: ChampionData = NONE, days: Days = DAYS, text: str = "x"
) -> Report:
    rules = ValidationSettings()
    made = [comparison.drift(days, max(days), rules), comparison.skew(days, champion.days, rules)]
    findings = [Finding(Anomaly("FEATURE_TYPE_NOT_PRESENT", text, text), severity)] if severity else []
    return Report(max(days), days, champion, [item for item in made if item], Verdict(findings))


@pytest.mark.parametrize(
    ("severity", "banner", "row"),
    [
        (Severity.BLOCK, "&#10006; Blocked", "&#10006; blocks"),
        (Severity.WARN, "&#9650; Passed with warnings", "&#9650; warns"),
        (Severity.IGNORE, "&#10004; Passed", "&#9675; ignored"),
        (None, "&#10004; Passed", "None."),
    ],
)
def test_the_verdict_is_said_in_words(severity: Severity | None, banner: str, row: str) -> None:
    page = render(report(severity), "films")
    assert '<meta name="pipeline" content="films">' in page
    assert f"<strong>{banner}</strong>" in page
    assert row in page


def test_what_comes_from_the_data_is_escaped() -> None:
    page = render(report(Severity.BLOCK, text=HOSTILE), "films")
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &#x27;too&#x27; $x^2$ $") == 3


@pytest.mark.parametrize("champion", [NONE, ChampionData(dict(list(DAYS.items())[:9]))])
@pytest.mark.parametrize(
    "days", [DAYS, {"2026-11-05": day(1)}, {"": day(3), "2026-11-05": day(0)}, {"2026-11-05": EMPTY}]
)
def test_a_page_comes_of_any_days(days: Days, champion: ChampionData) -> None:
    page = render(report(days=days, champion=champion), "films")
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) >= 6
    for picture in pictures:
        ET.fromstring(picture)  # noqa: S314 - our own
    assert "nan" not in page


def test_the_page_loads_nothing() -> None:
    page = render(report(Severity.BLOCK, ChampionData(DAYS)), "films")
    assert set(re.findall(r"https?://[^\"' <]+", page)) == {
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/2000/svg",
    }
    assert not re.search(r"<(script|link|img|iframe|object|embed)|@import|url\((?!#)", page)


def test_the_same_report_is_the_same_page() -> None:
    assert render(report(Severity.WARN, ChampionData(DAYS)), "films") == render(
        report(Severity.WARN, ChampionData(DAYS)), "films"
    )


def test_numbers_are_there_without_the_pictures() -> None:
    page = render(report(champion=ChampionData(DAYS)), "films")
    assert page.count('<td data-label="Limit"') == 12
    assert "2026-11-01 to 2026-11-14, 14 days" in page
    assert f"{sum(item.rows for item in DAYS.values()):,} reviews" in page


def test_the_newest_day_is_drawn_in_front_of_days_that_are_alike() -> None:
    drawn = pictures.distribution("tags", [("newest", day(60)), ("day before", day(60))])
    curves = drawn.partition('id="legend')[0]
    assert 0 < curves.index("var(--cc2570c, #c2570c)") < curves.index("var(--c0b5394, #0b5394)")


def test_the_hidden_heads_of_tables_make_a_narrow_screen_no_wider() -> None:
    # Out of sight is not out of the way: at its full size it could be scrolled to.
    assert re.search(
        r"\.table thead \{ position: absolute; width: 1px; height: 1px; overflow: hidden;", render(report(), "films")
    )


def test_a_page_is_small() -> None:
    assert len(render(report(champion=ChampionData(DAYS)), "films")) < 400_000


def labelled(names: tuple[str, ...], rows: int = 40) -> Days:
    """Two days that have reviews of all labels, fewer of each next one."""
    nothing = profile.empty(names)
    counts = {name: (rows, *found[1:]) for name, found in nothing.counts.items()}
    counts["sentiment"] = (*(rows + 2 * (len(names) - n) for n in range(len(names))), 3)
    made = replace(nothing, rows=sum(counts["sentiment"]), counts=counts)
    return {"2026-11-04": made, "2026-11-05": made}


@given(labels(2))
@settings(max_examples=6, deadline=None)
def test_labels_of_any_script_are_shown_as_they_are(names: tuple[str, ...]) -> None:
    page = render(report(days=labelled(names)), "films")
    assert f"Share of {escape(names[1])} reviews of each day" in page
    drawn = {
        "".join(found.itertext()).strip()
        for picture in re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        for found in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
    }
    assert {f"{name} (88)" if name == names[0] else f"{name} (84)" for name in names} <= drawn


def test_many_labels_are_the_most_frequent_ones_and_the_others() -> None:
    page = render(report(days=labelled(tuple(f"label {n}" for n in range(12)))), "films")
    assert "Reviews of each day, by label" in page
    assert "label 7 (" in page
    assert "label 8 (" not in page
    assert "4 other labels (" in page
    assert "no label (6)" in page
    assert "Share of" not in page.replace("Share of WordPieces", "")


def test_shares_of_other_labels_are_not_compared_and_the_page_says_so() -> None:
    champion = ChampionData(labelled(("ham", "spam")))
    made = report(days=labelled(("no", "yes")), champion=champion)
    page = render(made, "films")
    assert "ham, spam; their shares were not compared" in page
    (skew,) = (item for item in made.comparisons if item.kind == "SKEW")
    assert "sentiment" not in {item.feature for item in skew.distances}
    assert "words" in {item.feature for item in skew.distances}
