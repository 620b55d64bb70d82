"""Compressed bodies: any that is whole is undone, and none takes more memory than allowed."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.serving.exceptions import InvalidRequestError
from tfx_modules.serving.rest.body import uncompress


@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=3))
def test_one_or_more_members_are_undone(parts: list[bytes]) -> None:
    assert uncompress(b"".join(map(gzip.compress, parts)), limit=900) == b"".join(parts)


@given(content=st.binary(max_size=300), limit=st.integers(0, 300))
def test_the_limit_is_what_may_come_out(content: bytes, limit: int) -> None:
    compressed = gzip.compress(content)
    if len(content) <= limit:
        assert uncompress(compressed, limit=limit) == content
    else:
        with pytest.raises(InvalidRequestError, match=f"more than {limit} bytes when uncompressed; send fewer"):
            uncompress(compressed, limit=limit)


@given(content=st.binary(max_size=300), kept=st.floats(0, 1, exclude_max=True))
def test_a_body_that_is_cut_off_is_refused(content: bytes, kept: float) -> None:
    compressed = gzip.compress(content)
    with pytest.raises(InvalidRequestError, match="cut off before its end"):
        uncompress(compressed[: int(kept * len(compressed))], limit=300)


def test_a_body_that_is_no_gzip_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"not valid gzip: .*incorrect header"):
        uncompress(b'{"instances": [1]}')


def test_thousands_of_members_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="more than 1000 gzip members; compress it as one"):
        uncompress(gzip.compress(b"") * 1001)
