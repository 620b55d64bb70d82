"""Texts of a form, groups of words, and requests to copy: whatever the texts are."""

import ast
import io
import json
import shlex
import subprocess
from csv import QUOTE_ALL, writer

import pytest
from airflow_bert_service.clients.classify import ClassifyRequest, Scores
from airflow_bert_service.exceptions import RequestRefusedError
from airflow_bert_service.webui.models.trying import words
from airflow_bert_service.webui.models.trying.examples import as_curl, as_python
from airflow_bert_service.webui.models.trying.forms import TextForm, TryForm
from airflow_bert_service.webui.models.trying.texts import MOST_BYTES, MOST_TEXTS, texts_of
from hypothesis import given, settings
from hypothesis import strategies as st

HOSTILE = "'; rm -rf ~; $(id) `id` \\ \" !! %s\nEND\nEND \r\t\0 \x1b[31m \x7f \u202e {a,b} été 电影 😀 \ud800"
MODEL = "http://127.0.0.1:8501/v1/models/bert_sentiment"
any_cells = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20).filter(
        str.strip
    ),
    min_size=1,
    max_size=4,
)
any_texts = st.lists(st.text(max_size=60), min_size=1, max_size=5)


def csv(text: str, column: str = "") -> tuple[str, ...]:
    return texts_of(TryForm(form=TextForm.CSV, text=text, column=column)).texts


def test_a_field_is_one_text_or_a_text_in_each_line() -> None:
    assert texts_of(TryForm(text="Fine.\n\nReally.")).texts == ("Fine.\n\nReally.",)
    assert texts_of(TryForm(form=TextForm.LINES, text="Fine.\n \nReally.\n")).texts == ("Fine.", "Really.")


def test_csv_has_texts_in_a_column_that_is_named_or_known_or_alone() -> None:
    assert csv('id,text\n1,"so, so ""good"""\n2,"two\nlines"\n\n') == ('so, so "good"', "two\nlines")
    assert csv("review,id\r\nfine,1\r\n") == ("fine",)
    assert csv("anything\nfine\n") == ("fine",)
    assert csv("text,note\na,b\n", column="note") == ("b",)
    file = TryForm(text="not this", file="\ufefftext\nfilm été\n".encode())
    assert texts_of(file).texts == ("film été",)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@settings(max_examples=30, deadline=None)
@given(texts=any_cells, numbers=st.lists(any_cells, max_size=2))
def test_what_stands_between_cells_is_found_by_the_first_row(
    separator: str, texts: list[str], numbers: list[list[str]]
) -> None:
    others = [[cells[index % len(cells)] for index in range(len(texts))] for cells in numbers]
    rows = [["text", *(f"a,b;c\td{n}" for n in range(len(others)))], *map(list, zip(texts, *others, strict=True))]
    content = io.StringIO()
    writer(content, delimiter=separator, quoting=QUOTE_ALL).writerows(rows)
    found = texts_of(TryForm(form=TextForm.CSV, text=content.getvalue()))
    assert found.texts == tuple(texts)
    assert (found.column, found.header) == ("text", tuple(rows[0]))


def test_csv_of_a_spreadsheet_of_any_country_is_read() -> None:
    assert csv("id;text\n1;good, fine\n") == ("good, fine",)
    assert csv("id\ttext\n1\tgood, fine; so\n") == ("good, fine; so",)
    lone = texts_of(TryForm(form=TextForm.CSV, text="A fine film\nAn awful film\n"))
    assert (lone.texts, lone.column, lone.header) == (("An awful film",), "A fine film", ("A fine film",))


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("id,label\n1,2\n", "", "no column 'text' or 'review'; its first row has: 'id', 'label'. Name"),
        ("text\nfine\n", "note", "no column 'note'; its first row has: 'text'"),
        ("", "", "its first row has: nothing"),
        ("id,text\n1,a\n2,b,c\n", "", "ends at line 3 has 3 cells, and the first row 2"),
        ("id,text\n1,a\n2, \n", "", "ends at line 3 has no text"),
        ('text\n"open\n', "", "cannot be read at line 2: unexpected end of data"),
        ("text\n", "", "There is no text."),
        ("a;review of it\n1;fine\n", "", "no column 'text' or 'review'; its first row has: 'a', 'review of it'"),
        ("id;text\n1;a;b\n", "", "ends at line 2 has 3 cells, and the first row 2. Put cells with semicolons"),
        ("A film; fine\nAnother one\n", "", "its first row has: 'A film', 'fine'. Name"),
    ],
)
def test_csv_that_is_none_is_told_with_the_place(text: str, column: str, told: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        csv(text, column)
    assert told in str(refused.value)
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (TryForm(text=" \n "), r"There is no text. Write one"),
        (TryForm(form=TextForm.LINES, text="x\n" * (MOST_TEXTS + 1)), r"There are 65 texts; allowed: 1 to 64"),
        (TryForm(text="é" * (MOST_BYTES // 2 + 1)), r"The texts have 65,538 bytes; allowed: 65,536"),
    ],
)
def test_texts_have_bounds(form: TryForm, told: str) -> None:
    with pytest.raises(RequestRefusedError, match=told):
        texts_of(form)
    assert len(texts_of(TryForm(form=TextForm.LINES, text="x\n" * MOST_TEXTS)).texts) == MOST_TEXTS


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=600))
def test_each_word_is_left_out_once_in_few_texts(text: str) -> None:
    groups = words.groups_of(text)
    asked = words.texts_without(text, groups)
    assert asked[0] == text
    assert len(asked) == len(groups) + 1 <= words.MOST_ASKED
    assert "".join("".join(text[begin:end] for begin, end in groups).split()) == "".join(text.split())
    scores = [Scores({"no": 1 / (3 + len(one)), "yes": 1 - 1 / (3 + len(one))}) for one in asked]
    weighed = words.weigh(text, groups, scores)
    assert "".join(piece.text for piece in weighed.pieces) == text
    assert all(-words.SHADES <= piece.shade <= words.SHADES for piece in weighed.pieces)
    assert sum(piece.weight is not None for piece in weighed.pieces) == len(groups)


def test_many_words_are_left_out_in_groups_and_ideographs_one_by_one() -> None:
    groups = words.groups_of(" ".join(str(number) for number in range(1000)))
    assert len(groups) == words.MOST_ASKED - 1
    assert {end - begin for begin, end in groups[10:]} <= {16 * 4 - 1, 15 * 4 - 1}
    assert len(words.groups_of("这部电影 good")) == 5
    with pytest.raises(RequestRefusedError, match=r"The text has 8,193 bytes; allowed, .*: 8,192. Shorten it."):
        words.groups_of("x" * 8193)


def test_a_word_weighs_by_how_much_the_score_of_the_label_falls_without_it() -> None:
    text = "Awful? No, good!"
    scores = [Scores({"bad": 1 - good, "good": good}) for good in (0.7, 0.9, 0.7, 0.2)]
    weighed = words.weigh(text, words.groups_of(text), scores)
    found = [(one.text, one.weight and round(one.weight, 3), one.shade) for one in weighed.pieces if one.text != " "]
    assert found == [("Awful?", -0.2, -2), ("No,", 0.0, 0), ("good!", 0.5, 4)]
    assert [piece.text for piece in weighed.heaviest] == ["good!", "Awful?", "No,"]
    flat = words.weigh(text, words.groups_of(text), [Scores({"good": 0.9, "bad": 0.1 + n / 1000}) for n in range(4)])
    assert flat.is_flat, "differences by chance are not shaded"


def body_of(command: str, shell: str) -> tuple[list[str], object]:
    """The arguments and the body that a shell gives to curl."""
    spy = 'curl() { printf "%s\\n" "$@" >&2; cat; }\n'
    done = subprocess.run([shell], input=(spy + command).encode(), capture_output=True, timeout=20, check=True)
    return done.stderr.decode().splitlines(), json.loads(done.stdout)


def python_texts(program: str) -> object:
    assigned = [node for node in ast.parse(program).body if isinstance(node, ast.Assign)]
    return next(ast.literal_eval(node.value) for node in assigned if ast.unparse(node.targets[0]) == "texts")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_takes_no_text_for_a_command(shell: str) -> None:
    request = ClassifyRequest(model=MODEL, version="2026110501", texts=(HOSTILE, "", "END"), key="secret")
    arguments, body = body_of(as_curl(request), shell)
    assert body == request.body
    assert arguments[:2] == ["--globoff", f"{MODEL}/versions/2026110501:classify"]
    assert arguments[4:6] == ["-H", "Authorization: Bearer "], "the key is not in it, but the variable"
    assert "secret" not in as_curl(request) + as_python(request)


@settings(max_examples=30, deadline=None)
@given(any_texts)
def test_requests_to_copy_have_the_very_texts_and_ascii_alone(texts: list[str]) -> None:
    request = ClassifyRequest(model=MODEL, texts=tuple(texts))
    command, program = as_curl(request), as_python(request)
    assert all(" " <= character <= "~" or character == "\n" for character in command + program)
    assert body_of(command, "sh")[1] == request.body
    assert python_texts(program) == texts


def test_an_address_has_no_credentials_and_is_quoted() -> None:
    request = ClassifyRequest(model="http://me:secret@host:1/v1/models/it's?token=abcdef", texts=("x",))
    assert "secret" not in as_curl(request) + as_python(request)
    assert "abcdef" not in as_curl(request) + as_python(request)
    assert shlex.split(as_curl(request).partition("\\\n")[0]) == [
        "curl",
        "--globoff",
        "http://***@host:1/v1/models/it's:classify?***",
    ]
