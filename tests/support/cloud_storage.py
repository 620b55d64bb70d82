"""A stand-in for Google Cloud Storage on loopback, of which objects can be downloaded by its JSON API."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

VARIABLE = "STORAGE_EMULATOR_HOST"
"""Google's own client asks the address in this variable, without credentials."""
_DOWNLOAD = re.compile(r"/download/storage/v1/b/([^/]+)/o/([^?]+)\?alt=media.*")


@dataclass
class CloudStorage:
    """The objects, by ``BUCKET/NAME``."""

    address: str
    objects: dict[str, bytes] = field(default_factory=dict)

    def copy(self, folder: Path, to: str) -> None:
        """Put a folder's files below ``BUCKET/FOLDER``."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.objects[f"{to}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()


@contextmanager
def running() -> Iterator[CloudStorage]:
    """Run one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.storage = CloudStorage(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.storage  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        storage: CloudStorage = self.server.storage  # type: ignore[attr-defined]
        found = _DOWNLOAD.fullmatch(self.path)
        body = storage.objects.get(f"{found[1]}/{unquote(found[2])}") if found else None
        self.send_response(404 if body is None else 200)
        body = b"No such object" if body is None else body
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class' name)
        del format, args
