"""What a version carries for OpenVINO, beside its SavedModel.

The folder ``assets.extra/engines/openvino`` of a version; stock TensorFlow Serving passes it over::

    engine.json          this description
    ends/                a SavedModel with what comes before and after the encoder: for each signature S of the version
                         ``S/ids``, from S's inputs to ``ids`` int32 [rows, tokens], 0 is padding at the end of a row;
                         and ``S/outputs``, from ``logits`` float32 [rows] or [rows, classes] to S's outputs.
    <precision>.xml      the encoder as OpenVINO's intermediate representation, from ``ids`` to ``logits``; in bfloat16,
                         which OpenVINO rounds to when it is loaded, the file has float16
    <precision>.bin      its weights
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfx_modules.exceptions import EngineFileError

PLACE = "assets.extra/engines/openvino"
DESCRIPTION = "engine.json"
ENDS = "ends"
IDS = "ids"
OUTPUTS = "outputs"
FORMAT = 1
PRECISIONS = ("int8", "bfloat16", "float32")
"""What the encoder may be computed in; the first one that can be used is the fastest on most processors."""
MAX_BYTES = 2**16
"""Of the description; one has some hundred."""


@dataclass(frozen=True)
class Variant:
    """The encoder in one precision.

    Attributes:
        precision: one of ``PRECISIONS``.
        accuracy: of the model in this precision on the reviews that it was measured on.
        accuracy_loss: how much less that is than float32's.
    """

    precision: str
    accuracy: float
    accuracy_loss: float

    @property
    def file(self) -> str:
        """The name of the intermediate representation's file."""
        return f"{self.precision}.xml"


@dataclass(frozen=True)
class Description:
    """What a version carries.

    Attributes:
        openvino: the version of OpenVINO that wrote it, as ``2026.4.1``.
        measured_on: the name of the reviews that the accuracies are of.
        variants: the precisions that lose no more accuracy than the pipeline's settings allow, in the order of
            ``PRECISIONS``.
    """

    openvino: str
    measured_on: str
    variants: tuple[Variant, ...]


def write(description: Description, folder: Path) -> None:
    """Write it into the folder ``PLACE`` of a version."""
    text = json.dumps({"format": FORMAT, **asdict(description)}, indent=2)
    (folder / DESCRIPTION).write_text(text + "\n")


def read(version: Path) -> Description | None:
    """Read a version's description.

    Args:
        version: the version's folder.

    Returns:
        None where the version carries nothing for OpenVINO.

    Raises:
        EngineFileError: the file is damaged, of a later format, or names files that are not there.
        OSError: the disk does not give it.
    """
    file = version / PLACE / DESCRIPTION
    if not file.is_file():
        return None
    try:
        description = _parsed(json.loads(_bytes(file)))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise EngineFileError(
            f"{file} is no description of an engine's files: {error}. Export the model anew."
        ) from error
    for variant in description.variants:
        if not (file.parent / variant.file).is_file():
            raise EngineFileError(f"{file} names {variant.file}, which is not beside it. Export the model anew.")
    return description


def _bytes(file: Path) -> bytes:
    with file.open("rb") as opened:
        found = opened.read(MAX_BYTES + 1)
    if len(found) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    return found


def _parsed(made: Any) -> Description:
    if made["format"] != FORMAT:
        raise ValueError(f"format {made['format']!r}; allowed: {FORMAT}")
    variants = tuple(
        Variant(str(each["precision"]), float(each["accuracy"]), float(each["accuracy_loss"]))
        for each in made["variants"]
    )
    listed = [each.precision for each in variants]
    if not listed or listed != [precision for precision in PRECISIONS if precision in listed]:
        raise ValueError(
            f"precisions {listed}; allowed: one or more of {', '.join(PRECISIONS)}, each once, in this order"
        )
    if not all(math.isfinite(each.accuracy) and math.isfinite(each.accuracy_loss) for each in variants):
        raise ValueError("an accuracy that is no finite number")
    return Description(str(made["openvino"]), str(made["measured_on"]), variants)
