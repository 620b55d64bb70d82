"""A PostgreSQL that runs here, in a folder of its own, for as long as a test or a session needs it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BINARIES = (*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *Path("/usr/lib/postgresql").glob("*/bin"))
OPTIONS = "-c fsync=off -c timezone=America/New_York"


def _binaries() -> Path:
    for folder in BINARIES:
        # Debian's stand-ins on PATH look for their neighbours beside themselves.
        if all((folder.resolve() / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    pytest.skip("no PostgreSQL server (initdb, pg_ctl, postgres) on PATH or in /usr/lib/postgresql; install postgresql")


def _user() -> str | None:
    """As whom the server runs: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres; run the tests as another user")


@contextmanager
def running_postgres(port: int | None = None) -> Iterator[Path]:
    """Run a server; user and database are both called postgres, and nobody needs a password. Its time zone is not UTC.

    Args:
        port: Where it listens on loopback; None: on its unix socket alone.

    Yields:
        The folder of its unix socket.
    """
    binaries, user = _binaries(), _user()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # the path of a socket is 107 bytes at most
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        listen = f"-h 127.0.0.1 -p {port}" if port else "-c listen_addresses=''"

        def run(*command: str | Path) -> None:
            quiet = subprocess.DEVNULL
            subprocess.run(
                command, check=True, cwd=folder, user=user, stdin=quiet, stdout=quiet, stderr=quiet, timeout=60
            )

        run(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        run(
            binaries / "pg_ctl",
            "-D",
            data,
            "-w",
            "-l",
            folder / "log",
            "-o",
            f"{OPTIONS} {listen} -k {folder}",
            "start",
        )
        try:
            yield folder
        finally:
            run(binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart_postgres(folder: Path) -> None:
    """Kill a running server, as a crash does, and start it again.

    Args:
        folder: What :func:`running_postgres` has yielded.
    """
    quiet = subprocess.DEVNULL
    subprocess.run(
        (_binaries() / "pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "-l", folder / "log", "restart"),
        check=True,
        cwd=folder,
        user=_user(),
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        timeout=60,
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """Folder of a server's unix socket, see :func:`running_postgres`."""
    with running_postgres() as folder:
        yield folder
