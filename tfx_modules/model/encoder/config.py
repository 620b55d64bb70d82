"""Reads the ``config.json`` of a Hugging Face folder, and refuses what is not supported."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import files
from tfx_modules.model.encoder.kinds import KINDS, TOKENIZER_CLASSES, Kind, reason_against
from tfx_modules.model.encoder.refusal import refused

EPSILON = 1e-12
"""The epsilon of layer normalisation that keras-hub's encoders compute with."""
ACTIVATIONS = {"gelu": True, "gelu_new": False, "gelu_fast": False, "gelu_pytorch_tanh": False}
"""The activations that are computed, by Hugging Face's names: whether it is the exact GELU, and not the approximation
by tanh."""
POOLER = ("pooler.dense.weight", "pooler.dense.bias")
"""The tensors that a checkpoint may lack; the classifier does not use them."""
PROJECTION = "embeddings_project"
"""The dense layer between words' vectors and layers of another width."""
MOST_BYTES = 2_000_000_000
"""Of the weights that are constants of the served graph, in float32: protobuf has a limit of 2 GiB."""
_BYTES = 4


@dataclass(frozen=True)
class EncoderConfig:
    """The numbers of an encoder."""

    kind: Kind
    vocabulary: int
    """Rows of the word embeddings."""
    layers: int
    heads: int
    width: int
    """Numbers of each token's vector between the layers; a multiple of ``heads``."""
    embedding: int
    """Numbers of each word's vector."""
    intermediate: int
    """Numbers between the two dense layers of a feed-forward block."""
    positions: int
    """The longest input, in tokens."""
    segments: int
    """Rows of the token type embeddings; 0 for a kind that has none."""
    is_gelu_exact: bool
    """Whether the activation is the exact GELU, and not its approximation."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name in a BERT without prefix, the pooler's among them."""
        made = {
            "embeddings.word_embeddings.weight": (self.vocabulary, self.embedding),
            "embeddings.position_embeddings.weight": (self.positions, self.embedding),
            **_dense("pooler.dense", self.width, self.width),
            **_norm("embeddings.LayerNorm", self.embedding),
        }
        if self.segments:
            made["embeddings.token_type_embeddings.weight"] = (self.segments, self.embedding)
        if self.embedding != self.width:
            made |= _dense(PROJECTION, self.width, self.embedding)
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            for name in ("self.query", "self.key", "self.value", "output.dense"):
                made |= _dense(f"{layer}.attention.{name}", self.width, self.width)
            made |= _dense(f"{layer}.intermediate.dense", self.intermediate, self.width)
            made |= _dense(f"{layer}.output.dense", self.width, self.intermediate)
            made |= _norm(f"{layer}.attention.output.LayerNorm", self.width)
            made |= _norm(f"{layer}.output.LayerNorm", self.width)
        return made


def read_config(folder: Path) -> EncoderConfig:
    """Read ``config.json``.

    Raises:
        EncoderError: it is missing or no JSON, lacks a number, or asks for what is not computed.
    """
    fields = read_json(folder, files.CONFIG)
    kind = _kind(folder, fields)
    numbers = {
        name: _number(folder, fields, kind.field(name))
        for name in ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
    }
    heads, width = numbers["num_attention_heads"], numbers["hidden_size"]
    if width % heads:
        names = kind.field("hidden_size"), kind.field("num_attention_heads")
        raise refused(folder, f"{names[0]} {width} with {heads} heads", f"a multiple of {names[1]}")
    positions = _number(folder, fields, "max_position_embeddings")
    config = EncoderConfig(
        kind=kind,
        vocabulary=_number(folder, fields, "vocab_size"),
        layers=numbers["num_hidden_layers"],
        heads=heads,
        width=width,
        embedding=_number(folder, fields, "embedding_size", width) if kind is KINDS["electra"] else width,
        intermediate=numbers["intermediate_size"],
        positions=positions,
        segments=_number(folder, fields, "type_vocab_size", 2) if kind.has_segments else 0,
        is_gelu_exact=ACTIVATIONS[fields.get(kind.field("hidden_act"), "gelu")],
    )
    _check_size(folder, config)
    return config


def read_json(folder: Path, name: str) -> Mapping[str, Any]:
    """Read a file of a folder that holds an object.

    Raises:
        EncoderError: it cannot be read, or holds something else.
    """
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderError(
            f"encoder {folder}: {name} cannot be read: {error}. Allowed: a Hugging Face folder; get its files anew."
        ) from error
    if not isinstance(found, dict):
        raise refused(folder, f"{name} with {type(found).__name__}", "an object")
    return found


def check_class(folder: Path, name: str, fields: Mapping[str, Any]) -> None:
    """Check the class of the tokenizer that a file names.

    Raises:
        EncoderError: it is one that splits words otherwise.
    """
    found = fields.get("tokenizer_class")
    if found is not None and found not in TOKENIZER_CLASSES:
        raise refused(folder, f"{name} with tokenizer_class {found!r}", ", ".join(TOKENIZER_CLASSES))


def _kind(folder: Path, fields: Mapping[str, Any]) -> Kind:
    """Find the kind; refuse what keras-hub would compute otherwise without a word."""
    model_type = fields.get("model_type", "bert")
    kind = KINDS.get(model_type) if isinstance(model_type, str) else None
    if kind is None:
        allowed = f"{', '.join(KINDS)}, of any size and language, with a WordPiece vocabulary"
        raise refused(folder, f"model_type {model_type!r} ({reason_against(model_type)})", allowed)
    name = kind.field("hidden_act")
    activation = fields.get(name, "gelu")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise refused(folder, f"{name} {activation!r}", ", ".join(ACTIVATIONS))
    only = {"layer_norm_eps": EPSILON, "position_embedding_type": "absolute", "pad_token_id": 0}
    for name, value in only.items():
        if fields.get(name, value) not in (value, None):
            raise refused(folder, f"{name} {fields[name]!r}", repr(value))
    for name in ("is_decoder", "add_cross_attention"):
        if fields.get(name, False) is not False:
            raise refused(folder, f"{name} {fields[name]!r}", "false")
    check_class(folder, files.CONFIG, fields)
    return kind


def _check_size(folder: Path, config: EncoderConfig) -> None:
    none, one = (_constants(replace(config, layers=layers)) for layers in (0, 1))
    numbers = none + config.layers * (one - none)
    if numbers * _BYTES > MOST_BYTES:
        raise refused(
            folder,
            f"{numbers:,} weights beside the words' vectors",
            f"up to {MOST_BYTES // _BYTES:,}, since an exported graph holds them and may have 2 GiB",
        )


def _constants(config: EncoderConfig) -> int:
    """Count the weights that are constants of the served graph, which words' vectors are not."""
    left_out = ("embeddings.word_embeddings.weight", *POOLER)
    return sum(math.prod(shape) for name, shape in config.shapes().items() if name not in left_out)


def _number(folder: Path, fields: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = fields.get(name, default)
    if type(value) is not int or value < 1:
        raise refused(folder, f"{name} {value!r}", "a whole number, 1 or more")
    return value


def _dense(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
