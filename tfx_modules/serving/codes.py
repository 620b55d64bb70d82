"""HTTP statuses, read as the codes that gRPC and TensorFlow share."""

_CODES = {
    200: "OK",
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def code_of_http(status: int) -> str:
    """Return the code that TensorFlow Serving answers an HTTP status for; UNKNOWN for one that it does not use."""
    return _CODES.get(status, "UNKNOWN")
