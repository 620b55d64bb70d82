"""Reads the tensors of a ``model.safetensors``: which they are, and their numbers as float32.

safetensors checks the file: its header, and that each tensor lies within it. NumPy has no bfloat16, so such a tensor is
read from the file's bytes (https://huggingface.co/docs/safetensors: eight bytes with the header's length, the header
as JSON, the tensors).
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder.config import POOLER, EncoderConfig
from tfx_modules.model.encoder.files import WEIGHTS
from tfx_modules.model.encoder.refusal import listed, refused

TYPES = ("F32", "F16", "BF16")
"""Types of the tensors, by safetensors' names."""
_NORMS = {"gamma": "weight", "beta": "bias"}
_OLD_NORM = re.compile(r"LayerNorm\.(gamma|beta)$")
_OF_ENCODER = ("embeddings.", "embeddings_project.", "encoder.", "transformer.", "pooler.")
_BUFFERS = re.compile(r"embeddings\.(position_ids|token_type_ids)$")
_LENGTH = 8


def tensor_names(folder: Path, config: EncoderConfig) -> dict[str, str]:
    """Match the tensors of a folder with those of its config.

    Args:
        folder: with ``model.safetensors``.
        config: of the folder.

    Returns:
        The name in the file by the name in a BERT without prefix, as ``EncoderConfig.shapes`` has it. The pooler's may
        be missing.

    Raises:
        EncoderError: the file cannot be read, or a tensor is missing, of another shape or type, there twice, or one
            too many.
    """
    expected = {config.kind.tensor(name): (name, shape) for name, shape in config.shapes().items()}
    names = dict[str, str]()
    try:
        with safetensors.safe_open(folder / WEIGHTS, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                plain = _plain(name, config.kind.prefix)
                if not plain.startswith(_OF_ENCODER) or _BUFFERS.fullmatch(plain):
                    continue  # of a head
                if plain not in expected:
                    raise refused(folder, f"the tensor {name}", "those of the model that config.json describes")
                as_bert, shape = expected[plain]
                if as_bert in names:
                    raise refused(folder, f"the tensors {names[as_bert]} and {name}", "one of them")
                _check_tensor(folder, name, file.get_slice(name), shape)
                names[as_bert] = name
    except (safetensors.SafetensorError, OSError) as error:
        raise EncoderError(
            f"encoder {folder}: {WEIGHTS} cannot be read: {error}. Get the encoder's files anew."
        ) from error
    missing = [own for own, (name, _) in expected.items() if name not in names and name not in POOLER]
    if missing:
        raise refused(folder, f"no tensors {listed(missing)}", "all tensors of the model that config.json describes")
    return names


def read_tensors(folder: Path, names: Mapping[str, str]) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield the tensors that ``tensor_names`` has found, as float32, one by one: a large encoder is not there twice."""
    path = folder / WEIGHTS
    header, begin = _header(path)
    with safetensors.safe_open(path, framework="np") as file:
        for as_bert, name in names.items():
            if header[name]["dtype"] == "BF16":
                yield as_bert, _bfloat16(path, begin, header[name])
            else:
                yield as_bert, file.get_tensor(name).astype(np.float32)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        return json.loads(file.read(length)), _LENGTH + length


def _bfloat16(path: Path, begin: int, tensor: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Read a tensor whose numbers are the upper halves of float32's."""
    first, last = tensor["data_offsets"]
    halves = np.fromfile(path, "<u2", count=(last - first) // 2, offset=begin + first)
    return (halves.astype(np.uint32) << 16).view(np.float32).reshape(tensor["shape"])


def _plain(name: str, prefix: str) -> str:
    return _OLD_NORM.sub(lambda found: f"LayerNorm.{_NORMS[found[1]]}", name.removeprefix(prefix))


def _check_tensor(folder: Path, name: str, tensor: Any, shape: tuple[int, ...]) -> None:
    if tuple(tensor.get_shape()) != shape:
        raise refused(folder, f"the tensor {name} with the shape {list(tensor.get_shape())}", f"{list(shape)}")
    if tensor.get_dtype() not in TYPES:
        raise refused(
            folder, f"the tensor {name} of type {tensor.get_dtype()}", f"{', '.join(TYPES[:-1])} and {TYPES[-1]}"
        )
