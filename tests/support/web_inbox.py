"""A web server on loopback that keeps what is posted to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.loopback import serving


@dataclass(frozen=True)
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Inbox:
    """What came in, and how it is answered."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    """Statuses of the next answers; 204 where there is none."""
    posts: list[Post] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Inbox]:
    """Listen on a free port."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.posts.append(Post(self.path, dict(self.headers), body))
            self.send_response(inbox.statuses.pop(0) if inbox.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as inbox.port:
        yield inbox
