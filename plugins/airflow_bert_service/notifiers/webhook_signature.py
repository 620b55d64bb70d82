"""Signs the body of a webhook's request, so that its receiver can check who sent it, and when.

The header is ``t=UNIX,v1=HEX``: the moment in seconds since 1970, and the HMAC-SHA256 (RFC 2104) of ``UNIX.BODY`` with
the secret that both ends have. The moment is signed too, so that an old message cannot be sent again later.
"""

import hashlib
import hmac

HEADER = "X-Bert-Service-Signature"
TOLERANCE_SECONDS = 300


def sign(body: bytes, secret: str, *, at: int) -> str:
    """Return the value of the signature header.

    Args:
        body: The request's body, byte for byte as it is sent.
        secret: Known to both ends.
        at: Seconds since 1970-01-01 UTC.
    """
    return f"t={at},v1={_digest(body, secret, at)}"


def is_signed(header: str, body: bytes, secret: str, *, now: int, tolerance: int = TOLERANCE_SECONDS) -> bool:
    """Check a message's signature and age; for receivers.

    Args:
        header: The header's value, as it came.
        body: The request's body, byte for byte as it was received.
        secret: Known to both ends.
        now: Seconds since 1970-01-01 UTC.
        tolerance: Seconds that the message may be old, or that the clocks may differ.
    """
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at = parts.get("t", "")
    if not (at.isascii() and at.isdigit()) or abs(now - int(at)) > tolerance:
        return False
    # In constant time: how far a guess is right must not show.
    return hmac.compare_digest(_digest(body, secret, int(at)).encode(), parts.get("v1", "").encode())


def _digest(body: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
