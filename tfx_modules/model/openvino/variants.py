"""Writes what a version carries for OpenVINO: the precisions that lose little accuracy."""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import openvino

from tfx_modules.engines import description
from tfx_modules.engines.description import PRECISIONS, Description, Variant
from tfx_modules.engines.openvino_encoder import OpenVinoEncoder
from tfx_modules.engines.openvino_library import unusable
from tfx_modules.model.ends import Ends
from tfx_modules.model.measuring.rows import Ids, Measured, logits_of, loses_too_much, share_right
from tfx_modules.model.openvino import graph, quantization

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What was written for OpenVINO.

    Attributes:
        description: of the chosen precisions.
        accuracies: of each precision that was measured.
        reason: why the precisions were chosen, in words.
    """

    description: Description
    accuracies: Mapping[str, float]
    reason: str


def write(
    classifier: keras.Model,
    ends: Ends,
    version: Path,
    *,
    calibration: Iterable[Ids],
    measured: Measured,
    max_accuracy_loss: float,
) -> Written:
    """Write the folder ``description.PLACE`` of a version.

    Args:
        classifier: from ids to logits.
        ends: what comes before and after it.
        version: the version's folder.
        calibration: ids of training examples, int32 [tokens], without padding, which INT8 is calibrated with.
        measured: one row at least.
        max_accuracy_loss: how much lower than float32's the accuracy of INT8 and of bfloat16 may be. Where INT8 is
            lower, float32 is written. bfloat16 is measured, and written, where this processor computes in it.
    """
    folder = version / description.PLACE
    folder.mkdir(parents=True)
    began = time.monotonic()
    exact = graph.build(classifier)
    accuracies = {"float32": _written(exact, "float32", folder, measured)}
    lacking = {precision: reason for precision in ("bfloat16", "int8") if (reason := unusable(precision))}
    if "bfloat16" not in lacking:
        accuracies["bfloat16"] = _written(exact, "bfloat16", folder, measured)
    if "int8" not in lacking:
        accuracies["int8"] = _written(quantization.quantized(exact, calibration), "int8", folder, measured)
    chosen = _chosen(accuracies, max_accuracy_loss)
    for precision in set(accuracies) - {variant.precision for variant in chosen}:
        _remove(folder, precision)
    ends.save(str(folder / description.ENDS))
    made = Description(openvino.get_version().partition("-")[0], measured.name, chosen)
    description.write(made, folder)
    listed = ", ".join(f"{accuracies[each]:.4f} in {each}" for each in PRECISIONS if each in accuracies)
    where = f"{measured.task.measure} on {len(measured.labels)} of {measured.name}"
    reason = f"{where} {listed}; it may lose {max_accuracy_loss:g}"
    for precision, why in lacking.items():
        reason += f"; {precision} was not measured: {why}"
    names = " and ".join(variant.precision for variant in chosen)
    _logger.info(
        "for OpenVINO the model is exported in %s: %s. This took %.0f s.", names, reason, time.monotonic() - began
    )
    return Written(made, accuracies, reason)


def _chosen(accuracies: Mapping[str, float], max_accuracy_loss: float) -> tuple[Variant, ...]:
    """Return what loses little; float32 only where INT8 does not, for INT8 is as usable and faster."""
    exact = accuracies["float32"]
    kept = [
        Variant(precision, accuracies[precision], exact - accuracies[precision])
        for precision in ("int8", "bfloat16")
        if precision in accuracies and not loses_too_much(exact, accuracies[precision], max_accuracy_loss)
    ]
    if not any(variant.precision == "int8" for variant in kept):
        kept.append(Variant("float32", exact, 0.0))
    return tuple(kept)


def _written(model: openvino.Model, precision: str, folder: Path, measured: Measured) -> float:
    """Write a precision; return the accuracy of what was written."""
    file = folder / f"{precision}.xml"
    # What INT8 leaves in float32 is mostly the words' vectors: half of the file, and no less exact in float16. That has
    # more digits than bfloat16, too.
    openvino.save_model(model, file, compress_to_fp16=precision != "float32")
    encoder = OpenVinoEncoder(file, precision=precision)
    return share_right(logits_of(encoder.logits, measured), measured)


def _remove(folder: Path, precision: str) -> None:
    for suffix in (".xml", ".bin"):
        (folder / f"{precision}{suffix}").unlink()
