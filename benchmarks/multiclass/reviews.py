"""Reads IMDB's reviews with their stars, from the archive of the Large Movie Review Dataset (Maas et al., 2011).

The members are named after the stars, like ``aclImdb/train/neg/10000_4.txt``. There are none with five or six.
"""

import hashlib
import re
import tarfile
from pathlib import Path
from typing import NamedTuple

LABELS = ("1-2 stars", "3-4 stars", "7-8 stars", "9-10 stars")
_MEMBER = re.compile(r"(?:\./)?(?P<id>aclImdb/(?P<half>train|test)/(?:pos|neg)/\d+_(?P<stars>\d+))\.txt")
_MOST_STARS = (2, 4, 8, 10)


class Starred(NamedTuple):
    """A review's text, and which of ``LABELS`` it has."""

    text: str
    label: str


def read_reviews(archive: Path, half: str, count: int) -> list[Starred]:
    """Read reviews of a half of the archive, always the same ones for a count.

    Args:
        archive: the tar.gz.
        half: ``train`` or ``test``.
        count: how many, by the digests of their names.

    Raises:
        SystemExit: the half has fewer.
    """
    found: dict[str, Starred] = {}
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            named = _MEMBER.fullmatch(member.name)
            content = members.extractfile(member) if named and named["half"] == half else None
            if named and content:
                found[_rank(named["id"])] = Starred(content.read().decode(), _label(int(named["stars"])))
    if len(found) < count:
        raise SystemExit(f"{archive} has {len(found)} reviews in aclImdb/{half}; asked for: {count}.")
    return [found[rank] for rank in sorted(found)[:count]]


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _label(stars: int) -> str:
    return next(label for label, most in zip(LABELS, _MOST_STARS, strict=True) if stars <= most)
