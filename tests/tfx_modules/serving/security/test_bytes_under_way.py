"""The bytes of all requests together are bounded."""

import pytest

from tfx_modules.serving.exceptions import OverloadedError
from tfx_modules.serving.security.bytes_under_way import BytesUnderWay


def test_what_does_not_fit_beside_the_others_is_refused_until_they_are_answered() -> None:
    all_requests = BytesUnderWay(100)
    with all_requests.holding(60):
        with (
            pytest.raises(OverloadedError, match=r"have 60 bytes, 41 would come, and 100 may .*--max_bytes_under_way"),
            all_requests.holding(41),
        ):
            pass
        with all_requests.holding(40):
            assert all_requests.held == 100
    assert all_requests.held == 0


def test_a_request_that_grows_too_much_gives_back_what_it_held() -> None:
    all_requests = BytesUnderWay(100)
    with all_requests.holding(10) as held:
        held.resize(20)
        with pytest.raises(OverloadedError):
            held.resize(101)
        assert all_requests.held == 20
    assert all_requests.held == 0


def test_zero_is_no_limit() -> None:
    with BytesUnderWay(0).holding(2**60):
        pass
