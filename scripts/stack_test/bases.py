"""Builds base images without a registry: a Debian by debootstrap, with this machine's Pythons in /usr/local."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.errors import StackError
from scripts.setup.pythons import find_python
from scripts.stack_test.engine import Engine

MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# What CPython's modules are linked with.
PACKAGES = (
    *("ca-certificates", "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libreadline8"),
    *("libsqlite3-0", "libssl3", "libuuid1", "netbase", "tzdata", "zlib1g"),
)
VERSIONS = ("3.12", "3.11")
TRIES = 3
# Containers trust what this machine trusts.
CHANGE = (
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "
    f"SSL_CERT_FILE=/{CERTIFICATES} PIP_CERT=/{CERTIFICATES}"
)


def image_of(version: str) -> str:
    """Return the name of the image with a Python."""
    return f"bert-service-test/python:{version}"


def ensure_bases(engine: Engine, folder: Path, environ: Mapping[str, str]) -> None:
    """Make the images that the engine lacks.

    Args:
        engine: Where they go.
        folder: Room for a gigabyte.
        environ: STACK_TEST_MIRROR and STACK_TEST_SUITE name another Debian mirror and release.

    Raises:
        StackError: debootstrap is missing or fails, or this machine lacks a Python.
    """
    wanted = [version for version in VERSIONS if not engine.has_image(image_of(version))]
    if not wanted:
        return
    pythons = {version: _prefix(version, environ) for version in wanted}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as test_stack:
        debian = Path(test_stack) / "debian"
        _bootstrap(debian, environ)
        for version, prefix in pythons.items():
            _import(engine, debian, prefix, version)


def _prefix(version: str, environ: Mapping[str, str]) -> Path:
    python = find_python(version, environ)
    if python is None:
        raise StackError(f"The base image needs a Python {version} of this machine; none was found.")
    code = "import sys; print(sys.base_prefix)"
    return Path(_run([str(python), "-c", code]).strip())


def _bootstrap(debian: Path, environ: Mapping[str, str]) -> None:
    if shutil.which("debootstrap", path=f"{environ.get('PATH', '')}:/usr/sbin") is None:
        raise StackError("debootstrap is missing; the base image is made with it. Run: apt-get install debootstrap")
    suite = environ.get("STACK_TEST_SUITE") or SUITE
    mirror = environ.get("STACK_TEST_MIRROR") or MIRROR
    command = ["debootstrap", "--no-check-gpg", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    for attempt in range(1, TRIES + 1):
        try:
            _run([*command, suite, str(debian), mirror])
            break
        except StackError:  # a mirror that fails once in 200 downloads is nothing unusual
            shutil.rmtree(debian, ignore_errors=True)
            if attempt == TRIES:
                raise
    if Path("/", CERTIFICATES).exists():
        shutil.copyfile(Path("/", CERTIFICATES), debian / CERTIFICATES)
    for package in (debian / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


def _import(engine: Engine, debian: Path, prefix: Path, version: str) -> None:
    """Put the interpreter into /usr/local, where the images `python` have it, and hand the whole to the engine."""
    local = debian / "usr" / "local"
    shutil.rmtree(local)
    ignore = shutil.ignore_patterns("__pycache__", "test", "*.a")
    for name in ("bin", "include", "lib"):
        shutil.copytree(prefix / name, local / name, symlinks=True, ignore=ignore)
    packages = local / "lib" / f"python{version}" / "site-packages"
    shutil.rmtree(packages)
    packages.mkdir()
    _run(["chroot", str(debian), "/sbin/ldconfig"])
    archive = debian.with_name("image.tar")
    _run(["tar", "--create", "--file", str(archive), "--directory", str(debian), "."])
    engine.docker("import", "--change", CHANGE, str(archive), image_of(version))
    archive.unlink()


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, env=_root_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join([*done.stdout.splitlines()[-5:], *done.stderr.splitlines()[-5:]])
        raise StackError(f"`{' '.join(command[:3])} ...` exited with {done.returncode}:\n{said}")
    return done.stdout


def _root_environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "DEBIAN_FRONTEND": "noninteractive"}
