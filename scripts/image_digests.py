"""`make image-digests`: looks up the digest of every image that is named by its tag, and writes it behind the tag.

A tag can be moved to other bytes, a digest cannot. The engine asks the registry, with the mirrors and the login that it
has. Images are named in the compose files and in `docker/Dockerfile.*`; to take a newer version, write its tag there
without a digest, and call this. Nothing is written unless every digest was found.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import docker
from docker.errors import DockerException

from scripts.errors import StackError

ROOT = Path(__file__).resolve().parent.parent
# ${BERT_X_IMAGE:-NAME:TAG} in a compose file, ARG X_IMAGE=NAME:TAG in a Dockerfile.
IMAGE = re.compile(r"(?<=_IMAGE:-)[^\s}]+(?=})|(?<=_IMAGE=)[^\s$]+")
LOCAL = ":local"  # built here, not fetched

Resolve = Callable[[str], str]


def files(root: Path) -> list[Path]:
    """Return the files that name images."""
    return [*sorted(root.glob("docker-compose*.yaml")), *sorted((root / "docker").glob("Dockerfile.*"))]


def tags(texts: Iterable[str]) -> list[str]:
    """Return the images that texts name, without digests, each once."""
    found = {image.partition("@")[0] for text in texts for image in IMAGE.findall(text)}
    return sorted(image for image in found if not image.endswith(LOCAL))


def write_digests(root: Path, resolve: Resolve) -> dict[str, str]:
    """Write every image's digest behind its tag; return the digests by tag.

    Args:
        root: the project's folder.
        resolve: returns the digest of an image's tag, `sha256:...`.

    Raises:
        StackError: A digest cannot be looked up. No file is changed then.
    """
    texts = {file: file.read_text(encoding="utf-8") for file in files(root)}
    digests = {tag: resolve(tag) for tag in tags(texts.values())}

    def pinned(match: "re.Match[str]") -> str:
        tag = match[0].partition("@")[0]
        return f"{tag}@{digests[tag]}" if tag in digests else match[0]

    for file, text in texts.items():
        if (changed := IMAGE.sub(pinned, text)) != text:
            file.write_text(changed, encoding="utf-8")
    return digests


def ask_engine(environ: Mapping[str, str]) -> Resolve:
    """Return what asks the engine, which asks the registry.

    Raises:
        StackError: There is no engine.
    """
    try:
        client = docker.from_env(environment=dict(environ))
    except DockerException as error:
        raise StackError(f"No Docker engine answers: {error}. Start one, or set DOCKER_HOST.") from None

    def resolve(image: str) -> str:
        try:
            return str(client.images.get_registry_data(image).id)
        except DockerException as error:
            raise StackError(
                f"The digest of {image} cannot be looked up: {error}. No file was changed. Call this on a machine "
                "whose engine reaches the registry."
            ) from None

    return resolve


def main(environ: Mapping[str, str]) -> int:
    """Write the digests, and print them."""
    try:
        digests = write_digests(ROOT, ask_engine(environ))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(*(f"{tag}@{digest}" for tag, digest in digests.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
