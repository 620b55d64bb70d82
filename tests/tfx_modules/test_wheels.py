"""Set-up's check of the machine (scripts/setup/machine.py) goes by the wheels that are installed."""

import re
from importlib.metadata import Distribution, distribution, distributions

import pytest

from scripts.setup.machine import GLIBC, PROCESSORS

# They have wheels for older ones too, or run without a part: installers take the newest that the machine can have.
_ALSO_FOR_OLDER = {"cryptography", "tensorboard-data-server"}


def _needs(found: Distribution) -> tuple[int, int]:
    """The glibc that a wheel needs, by its tags; (0, 0) where it needs none."""
    tags = re.findall(r"^Tag: .*-manylinux_(\d+)_(\d+)_", found.read_text("WHEEL") or "", re.MULTILINE)
    return min(((int(major), int(minor)) for major, minor in tags), default=(0, 0))


def test_the_packages_need_the_glibc_that_set_up_asks_for() -> None:
    needs = {found.name: _needs(found) for found in distributions() if found.name not in _ALSO_FOR_OLDER}

    assert max(needs.values()) == GLIBC["tfx"], max(needs, key=lambda name: needs[name])


@pytest.mark.parametrize("name", ["tfx-bsl", "tensorflow-data-validation", "ml-metadata", "tensorflow"])
def test_the_packages_need_the_processor_that_set_up_asks_for(name: str) -> None:
    tags = re.findall(r"^Tag: .*linux.*$", distribution(name).read_text("WHEEL") or "", re.MULTILINE)

    assert tags
    assert all(any(tag.endswith(processor) for processor in PROCESSORS) for tag in tags)
