"""A headless Chromium that is steered through a pipe, in the Chrome DevTools protocol.

Messages are JSON objects that end with a zero byte (https://chromedevtools.github.io/devtools-protocol/). Chromium
reads them from its file descriptor 3 and answers on 4; so nothing listens on a port, and no package is needed.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from scripts.errors import StackError
from scripts.stack.descendants import end_with_parent

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium refuses to start as root otherwise; it opens pages of this machine only
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
SECONDS = 60.0
STOP_SECONDS = 5.0
ROUND_SECONDS = 0.25
FIRST_FREE = 10
"""Lowest descriptor of our ends, so that 3 and 4 are free in the shell that becomes Chromium."""
END = b"\0"


def find_chromium() -> str:
    """Return the path of Chromium.

    Raises:
        StackError: It is not installed.
    """
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise StackError(
        f"No Chromium was found on PATH; looked for {', '.join(PROGRAMS)}. Install it, on Debian with "
        "`apt-get install chromium`, and repeat."
    )


class MessagePipe:
    """Asks for one method after another over two file descriptors. Events that nobody asked for are dropped."""

    def __init__(self, writer: BinaryIO, reader: BinaryIO) -> None:
        self._writer = writer
        self._reader = reader
        self._number = 0
        self._unread = b""

    def ask(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Return the result of a method.

        Args:
            method: Like ``Page.navigate``.
            session: Of the page that is meant; empty for the browser.
            parameters: Of the method.

        Raises:
            StackError: The method failed, there is no answer in time, or the browser has ended.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        try:
            self._writer.write(json.dumps(message).encode() + END)
            self._writer.flush()
        except OSError as error:
            raise StackError(f"Chromium has ended before {method}: {error}.") from error
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._read(method, deadline)
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise StackError(f"Chromium refused {method}: {answer['error']}.")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self, method: str, deadline: float) -> dict[str, Any]:
        while END not in self._unread:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise StackError(f"Chromium did not answer {method} within {SECONDS:.0f} s.")
            piece = os.read(self._reader.fileno(), 1 << 16)
            if not piece:
                raise StackError(f"Chromium ended while it was asked for {method}.")
            self._unread += piece
        text, _, self._unread = self._unread.partition(END)
        found: dict[str, Any] = json.loads(text)
        return found


class Page:
    """One page of the browser. Not a test driver: it opens, waits, runs JavaScript and takes a picture."""

    def __init__(self, pipe: MessagePipe) -> None:
        self._pipe = pipe
        target = pipe.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(pipe.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def set_size(self, width: int, height: int) -> None:
        """Set the size of the page, in CSS pixels, which are the picture's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", **size)

    def set_color_scheme(self, name: str) -> None:
        """Have pages believe that the user prefers ``light`` or ``dark``."""
        wanted = [{"name": "prefers-color-scheme", "value": name}]
        self._ask("Emulation.setEmulatedMedia", features=wanted)

    def set_cookie(self, name: str, value: str, url: str) -> None:
        """Set a cookie for the server at an address."""
        self._ask("Network.setCookie", name=name, value=value, url=url)

    def open(self, url: str) -> None:
        """Open an address.

        Raises:
            StackError: Nobody answers there.
        """
        if error := self._ask("Page.navigate", url=url).get("errorText"):
            raise StackError(f"Chromium cannot open {url}: {error}.")

    def value_of(self, script: str) -> Any:
        """Return the value of a JavaScript expression, as JSON has it."""
        result = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise StackError(f"The page cannot evaluate {script!r}: {result['exceptionDetails'].get('text')}.")
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true.

        Raises:
            StackError: It is not in time; the message holds the beginning of the page's text.
        """
        deadline = time.monotonic() + SECONDS
        while not self.value_of(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                text = self.value_of("document.body ? document.body.innerText.slice(0, 500) : ''")
                raise StackError(f"The page did not come to {condition} in {SECONDS:.0f} s. It shows:\n{text}")
            time.sleep(ROUND_SECONDS)

    def picture(self) -> bytes:
        """Return what the page shows, as a PNG file."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._pipe.ask(method, self._session, **parameters)


@contextmanager
def open_page(folder: Path, environ: Mapping[str, str]) -> Iterator[Page]:
    """Start Chromium; end it, with its children, when the block ends.

    Args:
        folder: Gets its profile and its log; its home, too, so that none of the user's is touched.
        environ: The environment to build on.

    Raises:
        StackError: It is not installed, or does not start.
    """
    program = find_chromium()
    folder.mkdir(parents=True, exist_ok=True)
    (to_read, our_write), (our_read, to_write) = _pipe(), _pipe()
    command = (program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank")
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ("bash", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}', *command),
            env={**environ, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(to_read, to_write),
            preexec_fn=end_with_parent,
        )
    os.close(to_read)
    os.close(to_write)
    try:
        with os.fdopen(our_write, "wb") as writer, os.fdopen(our_read, "rb", buffering=0) as reader:
            yield Page(MessagePipe(writer, reader))
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def _pipe() -> tuple[int, int]:
    """Return a pipe's two ends, none of which is 3 or 4."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
