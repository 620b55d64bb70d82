"""A node server that follows the protocol, with a process where the real one forks."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

KILL_AFTER_SECONDS = 3.0


def kill_when_client_leaves(connection: socket.socket, child: "subprocess.Popen[bytes]") -> None:
    if connection.recv(1):
        return
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILL_AFTER_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def serve(connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as lines, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        line = lines.readline()
        if not line:
            return
        message = json.loads(line)
        if message["request"]["node"] == "Nonsense":
            connection.sendall(b"HTTP/1.1 400 Bad Request\n")
            return
        if message["request"]["node"] == "Hangup":
            return
        json.dump(message["request"], file)
        file.flush()
        child = subprocess.Popen(
            [sys.executable, "-m", "tfx_modules.node", file.name],
            cwd=message["module_root"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=kill_when_client_leaves, args=(connection, child), daemon=True).start()
        with contextlib.suppress(BrokenPipeError):  # the client has left
            for text in child.stdout or ():
                log = text.decode(errors="backslashreplace").rstrip("\r\n")
                connection.sendall(json.dumps({"log": log}).encode() + b"\n")
            connection.sendall(json.dumps({"exit": child.wait()}).encode() + b"\n")


def main(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address + ".starting")
        listener.listen()
        Path(address + ".starting").rename(address)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[2])
