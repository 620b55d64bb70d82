"""A push, and a rollback, during which the power is lost: what the disk holds is whole, and a retry succeeds."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.faults import Faults, FaultyProgram, faults_library
from tests.support.power_loss import losses
from tests.tfx_modules.promotion import pushing
from tests.tfx_modules.promotion.site_checks import check_always, check_settled
from tests.tfx_modules.promotion.test_faults import SITUATIONS, folder, program

__all__ = ["faults_library", "folder", "program"]

EXAMPLES = int(os.environ.get("POWER_LOSSES", "40"))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_was_not_flushed_is_gone_and_a_retry_succeeds(
    program: FaultyProgram, folder: Path, situation: str
) -> None:
    before, what = SITUATIONS[situation]
    for day in (3, 4, 5):
        pushing.train(folder, day)
    for earlier in before:
        pushing.act(str(folder), earlier)
    image, log = folder.with_name("image"), folder.with_name("log")
    shutil.copytree(folder, image)
    done = program.call(Faults(below=folder, log=log), "act", str(folder), what)
    assert not done.raised

    for moment, is_last in losses(log, folder, image=image, examples=EXAMPLES):
        service = check_always(folder)
        if is_last:
            # What was reported as done is not lost.
            check_settled(folder)
            assert len(service.past) == len(before) + 1, moment

        assert pushing.act(str(folder), what) == done.returned, moment
        check_settled(folder)
