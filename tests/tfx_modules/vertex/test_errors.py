"""Which of Google's errors may be over at a repeat."""

import pytest
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from tfx_modules.exceptions import VertexError, VertexRefusalError
from tfx_modules.vertex.errors import telling


@pytest.mark.parametrize(
    ("error", "is_refusal"),
    [
        (api.InvalidArgument("machine_type"), True),
        (api.PermissionDenied("no"), True),
        (api.Unauthenticated("who?"), True),
        (api.NotFound("no endpoint"), True),
        (auth.DefaultCredentialsError("none"), True),
        (auth.RefreshError("busy", retryable=True), False),
        (auth.TransportError("no route"), False),
        (api.FailedPrecondition("the endpoint is being changed"), False),
        (api.Aborted("etag"), False),
        (api.ResourceExhausted("quota"), False),
        (api.ServiceUnavailable("later"), False),
        (api.RetryError("no answer", None), False),
    ],
)
def test_a_refusal_is_what_a_repeat_would_meet_again(error: Exception, is_refusal: bool) -> None:
    with pytest.raises(VertexError) as raised, telling("vertex.example", "Look at the project."):
        raise error
    assert isinstance(raised.value, VertexRefusalError) == is_refusal
