"""What a JSON body holds is counted before it is parsed, and texts may hold whatever they like."""

import gc
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.flags.request_flags import RequestFlags
from tfx_modules.serving.rest.json import parser
from tfx_modules.serving.rest.json.parser import check_json, parse_json
from tfx_modules.serving.rest.json.tensor import MAX_SHOWN, shown

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.sampled_from('a,:[]{}"\\\n')),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('a[,"\\')), inner),
)


def values(document: Any) -> int:
    """The separators and opening brackets that are not in strings."""
    if isinstance(document, dict):
        return 1 + len(document) + max(0, len(document) - 1) + sum(map(values, document.values()))
    if isinstance(document, list):
        return 1 + max(0, len(document) - 1) + sum(map(values, document))
    return 0


def depth(document: Any) -> int:
    if isinstance(document, dict | list):
        inner = document.values() if isinstance(document, dict) else document
        return 1 + max(map(depth, inner), default=0)
    return 0


def limits(values: int = 0, depth: int = 0) -> RequestFlags:
    return RequestFlags(max_request_values=values, max_json_depth=depth)


@given(document=ANY, ascii_only=st.booleans())
def test_what_is_in_texts_does_not_count(document: Any, ascii_only: bool) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    count, deep = values(document), depth(document)
    assert parse_json(body, limits(count, deep)) == document
    if count > 1:
        with pytest.raises(InvalidRequestError, match="more than"):
            check_json(body, limits(count - 1))
    if deep > 1:
        with pytest.raises(InvalidRequestError, match="nested too deeply"):
            check_json(body, limits(0, deep - 1))


@given(document=ANY, piece=st.integers(1, 9))
def test_pieces_end_where_they_may(document: Any, piece: int) -> None:
    body = json.dumps(document).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "PIECE", piece)
        check_json(body, limits(values(document), depth(document)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[" + b"[]," * 300_000 + b"1]", r"more than 262144 values, keys and lists \(--max_request_values\)"),
        (b'["' + b'","' * 300_000 + b'"]', "send fewer rows at a time"),
        (b"{" + b'"a":1,' * 200_000 + b'"a":1}', "more than 262144 values"),
        (b"[" * 101 + b"]" * 101, r"more than 100 lists and objects within each other \(--max_json_depth\)"),
        (b"[" + b"1" * 70_000 + b"]", "a number of 70000 characters; at most 1000 are read"),
        (b"[0." + b"1" * 70_000 + b"]", "a number of 70002 characters"),
    ],
)
def test_what_is_too_much_is_refused_with_the_flag_that_allows_more(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        parse_json(body, RequestFlags())


def test_a_long_review_full_of_commas_is_no_list() -> None:
    body = json.dumps({"instances": ['so, "good", [really]: \\ {yes}, ' * 50_000]}).encode()
    assert parse_json(body, RequestFlags())["instances"][0].startswith("so, ")


def test_garbage_is_collected_again_after_a_large_body() -> None:
    parse_json(b"[" + b"[]," * 100_000 + b"1]", RequestFlags())
    assert gc.isenabled()


@given(document=ANY)
def test_messages_show_the_beginning(document: Any) -> None:
    text = json.dumps(document)
    assert shown(document) == (text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def test_a_large_value_is_not_written_as_a_whole_to_be_shown() -> None:
    assert len(shown([["x" * 10_000_000] * 1000] * 1000)) == MAX_SHOWN + 3
