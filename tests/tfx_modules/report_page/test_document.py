"""The parts that all reports are made of."""

import functools
import re
from html import escape, unescape
from html.parser import HTMLParser
from importlib import resources
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.report_page import document, drawing
from tfx_modules.report_page.document import Verdict
from tfx_modules.validation.report import pictures

HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'too' $x^2$"


def style() -> str:
    return resources.files("tfx_modules.report_page").joinpath("style.css").read_text(encoding="utf-8")


@functools.cache
def drawn() -> str:
    """A chart of each kind, with all styles."""
    line = drawing.Line("_one", [(0, 0.5), (1, 0.25)])
    rows = [
        drawing.Row(HOSTILE, [0.5, None]),
        drawing.Row("<b>$x$</b> &", [0.5, None]),
        drawing.Row("two", [0.25, 0.75]),
    ]
    return "".join(
        [
            drawing.lines([line, line, line], "step", "loss"),
            drawing.calibration([line, line], "probability", "share"),
            drawing.values(["this model", "model in service"], rows, "accuracy"),
        ]
    )


def parts_of(text: str) -> list[str]:
    """Every part that takes plain text."""
    return [
        document.banner(Verdict.WARN, text, text),
        document.section(text, document.paragraph(text), document.listing([text])),
        document.facts([(text, text)]),
        document.figure(text, ""),
        document.table([(text, "")], [["x"]]),
        document.matrix([text], [[1]]),
        document.contents([text]),
        document.part(text),
    ]


class Tags(HTMLParser):
    """Notes the tags and the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags_of(html: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(html)
    parser.close()
    return parser.found


@given(st.text() | st.sampled_from([HOSTILE, "</main><script>", '" onload="x', "' style='x"]))
def test_no_text_makes_a_tag_or_an_attribute(text: str) -> None:
    assert [tags_of(part) for part in parts_of(text)] == [tags_of(part) for part in parts_of("x")]


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    banner = document.banner(Verdict.PASS, "Passed", HOSTILE)
    page = document.page(
        HOSTILE, banner, [document.figure(HOSTILE, drawn(), document.paragraph(HOSTILE))], pipeline=HOSTILE
    )
    assert set(re.findall(r"https?://[^\"' <]+", page)) == {
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/2000/svg",
    }
    assert not re.search(r"<(script|link|img|iframe|object|embed)|@import|url\((?!#)| on\w+=\"", page)


@given(st.text())
def test_a_page_names_its_pipeline_at_its_begin(name: str) -> None:
    page = document.page("title", document.banner(Verdict.PASS, "Passed", ""), [], pipeline=name)
    shown = escape(name, quote=True)
    assert f'<meta name="pipeline" content="{shown}">' in page
    assert page.index('<meta name="pipeline"') < 100
    assert tags_of(page) == tags_of(document.page("t", document.banner(Verdict.PASS, "P", ""), [], pipeline="x"))


def test_pictures_are_well_formed_whatever_their_names_are() -> None:
    found = re.findall(r"<svg.*?</svg>", drawn(), re.DOTALL)
    assert len(found) == 3
    texts = {"".join(one.itertext()) for svg in found for one in ET.fromstring(svg).iter() if one.tag.endswith("text")}  # noqa: S314 - our own
    assert {
        "<b>$x$</b> &",
        f"{HOSTILE[:25]}\N{HORIZONTAL ELLIPSIS}",
        "two",
        " _one",
        "this model",
        "model in service",
    } <= texts


def test_every_colour_of_a_picture_is_another_on_a_dark_page() -> None:
    styles = [*drawing.STYLES, *drawing.BAR_STYLES, *pictures.CLASS_STYLES, pictures.OTHERS]
    used = {one["color"].removeprefix("#") for one in styles} | set(re.findall(r"var\(--c([0-9a-f]{6}),", drawn()))
    assert len(used) > 10
    dark = dict(re.findall(r"--c([0-9a-f]{6}): #([0-9a-f]{6});", style()))
    assert {colour for colour in used if dark.get(colour, colour) == colour} == set()
    assert not re.search(r'(fill|stroke)(: |=")#', drawn()), "a colour that does not change"


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("is_dark", [False, True])
def test_texts_and_lines_can_be_told_from_the_ground(*, is_dark: bool) -> None:
    light, dark = style().split("prefers-color-scheme: dark")
    found = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6}|[0-9a-f]{3});", dark if is_dark else light))
    colours = {name: value if len(value) == 6 else "".join(2 * one for one in value) for name, value in found.items()}
    assert contrast(colours["ink"], colours["paper"]) >= 7
    for name in ("faint", "blue"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("block", "warn", "pass"):
        assert contrast(colours[name], colours[f"{name}-ground"]) >= 4.5, name
    shown = dict(re.findall(r"--c([0-9a-f]{6}): #([0-9a-f]{6});", dark))
    for line in drawing.STYLES:
        colour = line["color"].removeprefix("#")
        assert contrast(shown[colour] if is_dark else colour, colours["paper"]) >= 3, colour


def test_a_confusion_matrix_has_counts_and_shares_of_the_row() -> None:
    made = document.matrix(["ham", "spam"], [[3, 1], [0, 0]])
    cells = re.findall(r"<span>([^<]*)</span> <small>([^<]*)</small>", made)
    assert cells == [("3", "75.0%"), ("1", "25.0%"), ("0", "0.0%"), ("0", "0.0%")]


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (None, document.NONE), (float("nan"), document.NONE), (1234.5, "1,234.500")]
)
def test_a_missing_number_is_a_dash(value: float | None, text: str) -> None:
    assert document.number(value) == text


def test_a_long_table_says_how_much_of_it_is_not_shown() -> None:
    rows = [[f"row {number}"] for number in range(1503)]
    made = document.table([("name", "")], iter(rows))
    assert made.count("<tr>") == 501
    assert made.endswith("<p>1,003 further are not shown.</p>")
    assert "not shown" not in document.table([("name", "")], rows[:500])


def test_a_matrix_of_many_labels_is_not_shown() -> None:
    names = [f"label {number}" for number in range(51)]
    told = document.matrix(names, [[1.0] * 51] * 51)
    assert told == "<p>The matrix of 51 labels is not shown; a page shows one of up to 50.</p>"
    assert document.matrix(names[1:], [[1.0] * 50] * 50).count("<td ") == 2500


def test_of_many_rows_the_first_are_drawn() -> None:
    rows = [drawing.Row(f"slice {number}", [0.5]) for number in range(300)]
    svg = drawing.values(["this model"], rows, "accuracy", is_share=True)
    assert re.findall(r">slice (\d+)<", svg) == [str(number) for number in range(40)]


@pytest.mark.parametrize("found", [[1.0], [1.0, 0.97], [0.0], [0.0, 1.0], [0.5]])
def test_an_axis_of_shares_ends_at_1(found: list[float]) -> None:
    rows = [drawing.Row("slice", [value]) for value in found]
    ticks = ticks_of(drawing.values(["this model"], rows, "accuracy", is_share=True))
    assert len(ticks) > 1
    assert max(ticks) <= 1
    assert min(ticks) >= 0
    line = drawing.Line("training", list(enumerate([*found, *found])))
    ticks = ticks_of(drawing.lines([line], "epoch", "accuracy", is_share=True), "%")
    assert max(ticks) <= 100
    assert min(ticks) >= 0


def test_an_axis_of_other_values_has_room_beside_the_marks() -> None:
    rows = [drawing.Row("trial", [value]) for value in (1.0, 1.0)]
    assert max(ticks_of(drawing.values(["loss"], rows, "loss"))) > 1


def ticks_of(svg: str, unit: str = "") -> list[float]:
    """The numbers at the ticks of a chart's axis."""
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in re.findall(rf">(.?\d+(?:\.\d+)?){unit}<", svg)]


@given(st.text(), st.integers(1, 40))
def test_a_text_of_the_data_is_shown_as_text_and_is_cut(text: str, most: int) -> None:
    made = document.quoted(text, most)
    inside = made.removeprefix('<bdi dir="auto">').removesuffix("</bdi>")
    assert not {"<", ">", '"', "\N{RIGHT-TO-LEFT OVERRIDE}", "\x00", "\x1b"} & set(inside)
    assert len(unescape(inside)) <= most + 1


@given(st.lists(st.tuples(st.text(), st.booleans())))
def test_what_has_texts_of_the_data_can_be_left_out(parts: list[tuple[str, bool]]) -> None:
    shown = [document.paragraph(text) for text, _ in parts]
    made = "".join(
        document.with_texts(part) if is_marked else part for part, (_, is_marked) in zip(shown, parts, strict=True)
    )
    assert document.without_texts(made) == "".join(
        part for part, (_, is_marked) in zip(shown, parts, strict=True) if not is_marked
    )


def test_the_result_of_a_page_can_be_taken_out() -> None:
    banner = document.banner(Verdict.PASS, "Blessed", HOSTILE)
    assert document.banner_of(document.page("Evaluation", banner, ["<p>more</p>"], pipeline="tiny")) == banner
    assert document.banner_of("<main><p class='verdict'>") == ""
