"""Words Google's errors for people; the modules that ask Vertex AI share it."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core.exceptions import (
    AlreadyExists,
    BadRequest,
    DeadlineExceeded,
    FailedPrecondition,
    Forbidden,
    GoogleAPIError,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from google.api_core.retry import if_exception_type
from google.auth.exceptions import GoogleAuthError, TransportError

from tfx_modules.exceptions import VertexError, VertexRefusalError

ANSWER_SECONDS = 60.0
PATIENCE_SECONDS = 300.0
"""For so long a question is repeated while the API is unavailable or answers with 429."""
PASSING = if_exception_type(DeadlineExceeded, InternalServerError, ServiceUnavailable, TooManyRequests)
"""Whether an error may be over soon."""

_LASTING = (BadRequest, Forbidden, NotFound, Unauthorized)
"""Errors of who asks, or of what is asked for."""


@contextmanager
def telling(endpoint: str, advice: str, there_already: str = "") -> Iterator[None]:
    """Raise Google's errors as VertexError, as VertexRefusalError where a repeat would not help.

    Args:
        endpoint: the API's host.
        advice: what to do when the API refuses.
        there_already: what to do when something of the name is there already; empty: the same.
    """
    try:
        yield
    except GoogleAuthError as error:
        passing = error.retryable or isinstance(error, TransportError)
        raise (VertexError if passing else VertexRefusalError)(
            f"Google Cloud knows nobody here: {str(error).rstrip('.')}. Run `gcloud auth application-default "
            "login`, or set GOOGLE_APPLICATION_CREDENTIALS to a file with credentials."
        ) from error
    except GoogleAPIError as error:
        known = isinstance(error, AlreadyExists) and there_already
        lasting = isinstance(error, _LASTING) and not isinstance(error, FailedPrecondition)
        raise (VertexRefusalError if lasting else VertexError)(
            f"Vertex AI at {endpoint} answers: {error}. {there_already if known else advice}"
        ) from error
