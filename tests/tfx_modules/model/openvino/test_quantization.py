"""A model in INT8 answers the same on a processor that cuts sums of 8-bit products off, as those without VNNI do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as op

from tfx_modules.model.openvino import quantization

WIDTH = 64
IDS = np.arange(1, 9, dtype=np.int32)
ANSWER = """
import json, sys
import numpy as np
from pathlib import Path
from tfx_modules.engines.openvino_encoder import OpenVinoEncoder
ids = np.array([json.loads(sys.argv[2])], np.int32)
print(json.dumps(OpenVinoEncoder(Path(sys.argv[1])).logits(ids).tolist()))
"""


def model_with_large_sums() -> openvino.Model:
    """Make a model whose products of inputs and weights are all the largest that INT8 has."""
    ids = op.parameter([-1, -1], np.int32, name="ids")
    hidden = op.gather(_constant(np.ones((16, WIDTH))), ids, op.constant(np.int64(0)))
    for _ in range(2):
        hidden = op.matmul(hidden, _constant(np.full((WIDTH, WIDTH), 1 / WIDTH)), False, True)
        hidden = op.relu(op.add(hidden, _constant(np.zeros(WIDTH))))
    first = op.gather(hidden, op.constant(np.int64(0)), op.constant(np.int64(1)))
    logits = op.matmul(first, _constant(np.full((1, WIDTH), 1 / WIDTH)), False, True)
    return openvino.Model([op.result(op.squeeze(logits, op.constant(np.array([1]))))], [ids], "sums")


def _constant(values: Any) -> Any:
    return op.constant(np.asarray(values, np.float32))


@pytest.mark.parametrize("instructions", ["AVX2", "AVX512_CORE"])
def test_large_sums_are_not_cut_off_on_an_older_processor(instructions: str, tmp_path: Path) -> None:
    made = quantization.quantized(model_with_large_sums(), [IDS])
    assert any(each.get_element_type() == openvino.Type.i8 for each in made.get_ops() if each.get_output_size())
    file = tmp_path / "int8.xml"
    openvino.save_model(made, file, compress_to_fp16=True)
    older = {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions}
    command = [sys.executable, "-c", ANSWER, str(file), json.dumps(IDS.tolist())]
    done = subprocess.run(command, env=older, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == pytest.approx([1.0], abs=0.05)
