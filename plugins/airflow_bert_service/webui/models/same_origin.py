"""Refuses requests that another site has a user's browser send (cross-site request forgery).

Browsers send Airflow's cookie by themselves, so that a login proves nothing about whose page asked. ``SameSite`` alone
would let other apps of the same site through (OWASP, Cross-Site Request Forgery Prevention).
"""

from urllib.parse import urlsplit

from fastapi import HTTPException, Request, status


def require_same_origin(request: Request) -> None:
    """Let a request pass that a page of this very server has sent, or a program with a token (a dependency of FastAPI).

    Raises:
        HTTPException: 403; it is of another origin, or does not say of which.
    """
    if not _is_ours(request):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            "This request did not come from a page of this server, so nothing was changed. Open the page Models in "
            "Airflow, and send its form; programs send their token in the header Authorization.",
        )


def _is_ours(request: Request) -> bool:
    # Browsers set these themselves; scripts cannot. Over plain HTTP, they send the first one to this machine only.
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is not None:
        return bool(_host_of(origin)) and _host_of(origin) == request.headers.get("host")
    # Browsers send by themselves what a proxy has asked a password for ("Basic"); a token they do not know.
    return request.headers.get("authorization", "").lower().startswith("bearer ")


def _host_of(origin: str) -> str:
    """Return host and port of an origin; empty: it has none, like ``null``."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
