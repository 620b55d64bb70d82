"""A training that was killed goes on from its last checkpoint, and ends with the weights that it would have had."""

import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tfx_modules.model.fitting.small_training import EPOCHS, PER_EPOCH, train
from tfx_modules.model.fitting import checkpoint, loop

SCRIPT = """
import sys
from pathlib import Path
from tests.tfx_modules.model.fitting.small_training import train

train(Path(sys.argv[1]), killed_at=int(sys.argv[2]))
"""

# Keras 3 saves weights by a form of NumPy's that NumPy 2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

Result = tuple[loop.Fitted, list[Any]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return train(tmp_path_factory.mktemp("undisturbed"))


def check_same(left: Result, right: Result) -> None:
    for one, other in zip(left[1], right[1], strict=True):
        np.testing.assert_array_equal(one, other)
    for metric in ("val_loss", "val_accuracy"):
        assert left[0].history[metric] == right[0].history[metric]
        assert len(left[0].history[metric]) == EPOCHS


@pytest.mark.parametrize("step", [2, PER_EPOCH, PER_EPOCH + 3])
def test_after_sigkill_it_ends_with_the_weights_that_it_would_have_had(
    step: int, undisturbed: Result, tmp_path: Path, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(step)],
        cwd=repository,
        env={"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    goes_on = train(tmp_path)

    # No checkpoint is written between an epoch's last step and its validation.
    written = step if step % PER_EPOCH else step - 1
    assert f"going on after step {written}, from the checkpoint of a try that was ended" in caplog.messages
    check_same(goes_on, undisturbed)


def test_a_try_that_was_ended_after_the_last_step_trains_no_more(
    undisturbed: Result, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path)
    caplog.set_level(logging.INFO)
    caplog.clear()
    check_same(train(tmp_path), undisturbed)
    assert not [line for line in caplog.messages if line.startswith(("epoch", "step"))]


def test_the_same_seed_and_data_give_the_same_weights(undisturbed: Result, tmp_path: Path) -> None:
    check_same(train(tmp_path, seconds=1e9), undisturbed)
    assert not (tmp_path / checkpoint.FILE).exists()


def test_a_checkpoint_of_another_training_is_left_alone(
    undisturbed: Result, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, made_by="another learning rate")
    check_same(train(tmp_path, seconds=1e9), undisturbed)
    assert f"{tmp_path / checkpoint.FILE} is of another training; this one begins anew" in caplog.messages


def test_a_checkpoint_that_cannot_be_read_is_left_alone(
    undisturbed: Result, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / checkpoint.FILE).write_bytes(b"PK half of a file")
    check_same(train(tmp_path, seconds=1e9), undisturbed)
    assert [line for line in caplog.messages if "cannot be read" in line and "training begins anew" in line]
