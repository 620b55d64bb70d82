"""Asks an exported version as a stock TensorFlow Serving does: with TensorFlow, TensorFlow Text and nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.tfx_modules.model.test_export import ALLOWED_TEXT_OPS, UNSERVABLE_OPS, ops

# Runs in a process and a folder of its own, which have nothing of this project.
ASK = """
import json, sys
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
listed = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
core = [op.name for op in op_def_pb2.OpList.FromString(listed).op]
import tensorflow_text

model = tf.saved_model.load(sys.argv[1])
texts = tf.constant(json.loads(sys.argv[2]))
found = model.signatures["serving_default"](text=texts)
print(json.dumps({
    "labels": [label.decode() for label in found["label"].numpy()],
    "scores": found["score"].numpy().tolist(),
    "core": core,
    "own": sorted(name for name in sys.modules if name.startswith("tfx_modules")),
}))
"""


@dataclass(frozen=True)
class Answers:
    """What the signature ``serving_default`` answers to texts: the label and the score of each."""

    labels: list[str]
    scores: list[float]


def ask(version: Path, texts: Sequence[str], folder: Path) -> Answers:
    """Ask a version about texts, and check that it has no operation that a stock server has not.

    Args:
        version: folder of the version.
        texts: to ask about.
        folder: an empty one.
    """
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(version), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["own"] == []
    assert not ops(version) & UNSERVABLE_OPS
    assert ops(version) - set(found["core"]) == ALLOWED_TEXT_OPS
    return Answers(found["labels"], found["scores"])
