"""A training that was killed goes on from its last checkpoint, and ends with the weights that it would have had."""

import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tfx_modules.model.fitting.small_training import EPOCHS, PER_EPOCH, classifier, train
from tfx_modules.model.fitting import checkpoint, loop
from tfx_modules.model.fitting.checkpoint import Position

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


def test_after_sigkill_it_ends_with_the_weights_that_it_would_have_had(
    undisturbed: Result, tmp_path: Path, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    step = PER_EPOCH + 3  # in the middle of the second epoch
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(step)],
        cwd=repository,
        env={"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    goes_on = train(tmp_path)

    assert f"going on after step {step}, from the checkpoint of a try that was ended" in caplog.messages
    check_same(goes_on, undisturbed)


def test_a_checkpoint_of_another_training_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = classifier()
    position = Position(7, 0.5, {"val_accuracy": [0.5]})
    checkpoint.write(made, position, tmp_path, made_by="a learning rate")
    assert checkpoint.read(made, tmp_path, made_by="a learning rate") == position
    assert checkpoint.read(made, tmp_path, made_by="another learning rate") is None
    assert f"{tmp_path / checkpoint.FILE} is of another training; this one begins anew" in caplog.messages


def test_a_checkpoint_that_cannot_be_read_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = classifier()
    assert checkpoint.read(made, tmp_path, made_by="") is None
    (tmp_path / checkpoint.FILE).write_bytes(b"PK half of a file")
    assert checkpoint.read(made, tmp_path, made_by="") is None
    (told,) = caplog.messages
    assert "cannot be read" in told
    assert told.endswith("; training begins anew")
