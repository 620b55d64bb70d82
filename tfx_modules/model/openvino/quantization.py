"""Quantises an OpenVINO model to INT8, after training, by NNCF.

Matrix products are computed in INT8, from weights of 7 bits; NNCF finds the range of each product's input by running
training examples. Embeddings, layer norms and attention stay as they are.
"""

from collections.abc import Iterable, Sequence

import nncf
import numpy as np
import numpy.typing as npt
import openvino

CALIBRATION_EXAMPLES = 100
"""More make the quantisation slower, not better: measured with 100 and 300 reviews."""

Ids = npt.NDArray[np.int32]


def quantized(model: openvino.Model, examples: Iterable[Ids]) -> openvino.Model:
    """Return the model in INT8.

    Args:
        model: in float32; stays as it is.
        examples: ids int32 [tokens] of training examples, without padding; the first ``CALIBRATION_EXAMPLES`` count.
    """
    rows: Sequence[Ids] = [ids[np.newaxis] for ids, _ in zip(examples, range(CALIBRATION_EXAMPLES), strict=False)]
    return nncf.quantize(
        model,
        nncf.Dataset(rows),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=max(len(rows), 1),
        # Weights of 7 bits. A processor without VNNI adds two products of 8 bits in 16, where large sums are cut off:
        # it would answer otherwise than the one that the accuracy was measured on.
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )
