"""A mail server on loopback (RFC 5321, as far as a client needs it), for as long as a test needs it."""

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message

from tests.support.loopback import HOST

GREETING, HELLO, OK, GO_AHEAD, BYE, BUSY = "220 hello", "250 hello", "250 ok", "354 go ahead", "221 bye", "451 busy"


@dataclass
class Mailbox:
    """What came in."""

    port: int = 0
    refuse: int = 0
    """How many of the next messages are refused, as by a server that is busy."""
    recipients: list[list[str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Mailbox]:
    """Receive mail on a free port."""
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.recipients: list[str] = []
            self.say(GREETING)
            while line := self.rfile.readline().decode().strip():
                self.say(self.answer(line))
                if line.upper() == "QUIT":
                    return

        def answer(self, line: str) -> str:
            verb = line[:4].upper()
            if verb == "RCPT":
                self.recipients.append(line.partition("<")[2].partition(">")[0])
            return self.data() if verb == "DATA" else {"EHLO": HELLO, "QUIT": BYE}.get(verb, OK)

        def data(self) -> str:
            self.say(GO_AHEAD)
            lines = list(iter(self.rfile.readline, b".\r\n"))
            if box.refuse > 0:
                box.refuse -= 1
                return BUSY
            box.recipients.append(self.recipients)
            box.messages.append(email.message_from_bytes(b"".join(lines)))
            return OK

        def say(self, answer: str) -> None:
            self.wfile.write(f"{answer}\r\n".encode())

    with socketserver.ThreadingTCPServer((HOST, 0), Session) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
