"""A push onto disks of twenty sizes, from too small for anything to large enough; a retry with more space succeeds."""

import os
from pathlib import Path

from tests.support.small_disk import enlarge, small_disk
from tests.tfx_modules.promotion import pushing
from tests.tfx_modules.promotion.site_checks import check_always, check_settled
from tfx_modules.promotion.exceptions import PromotionError

SIZES = range(12, 252, 12)
"""Kilobytes that are free; a push needs some 140."""


def test_a_push_onto_disks_of_twenty_sizes(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    refused = []
    for free in SIZES:
        with small_disk(folder, 4096):
            for day in (3, 4, 5):
                pushing.train(folder, day)
            (folder / "trained" / "5" / "variables" / "variables.data").write_bytes(b"v" * 80_000)
            for earlier in ("4", "3"):
                pushing.act(str(folder), earlier)
            fill(folder, free)

            try:
                pushing.act(str(folder), "5")
            except PromotionError as error:
                refused.append((free, str(error)))
            check_always(folder)

            enlarge(folder)
            assert pushing.act(str(folder), "5") == "promoted"
            check_settled(folder)
    assert 3 < len(refused) < len(SIZES)
    assert all("No space left on device" in text or "full" in text for _, text in refused), refused


def fill(folder: Path, free: int) -> None:
    """Leave some kilobytes of a disk free."""
    found = os.statvfs(folder)
    (folder / "filling").write_bytes(b"f" * (found.f_bavail * found.f_bsize - free * 1024))
