"""Reads a Hugging Face BERT folder's config and the names of its tensors, and refuses what is not supported.

The folder is one that ``save_pretrained`` of a BERT model writes: of ``BertModel``, ``BertForMaskedLM``,
``BertForSequenceClassification`` and others, whose heads are left out. Tensors may be named with the prefix ``bert.``
or without, and those of layer normalisations ``weight`` and ``bias`` or, as in old checkpoints, ``gamma`` and ``beta``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import files
from tfx_modules.settings.settings import EncoderSettings

EPSILON = 1e-12
"""The epsilon of layer normalisation that keras-hub's BERT computes with."""
ACTIVATIONS = ("gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh")
"""The activations that keras-hub's BERT computes, which has the approximation of GELU by tanh."""
TYPES = ("F32", "F16")
"""Types of the tensors, by safetensors' names, that NumPy has too."""
POOLER = ("pooler.dense.weight", "pooler.dense.bias")
"""The tensors that a checkpoint may lack; the classifier does not use them."""
_PREFIX = "bert."
_NORMS = {"gamma": "weight", "beta": "bias"}
_OLD_NORM = re.compile(r"LayerNorm\.(gamma|beta)$")
_OF_ENCODER = ("embeddings.", "encoder.", "pooler.")
_BUFFERS = re.compile(r"embeddings\.(position_ids|token_type_ids)$")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_MOST_NAMED = 3


@dataclass(frozen=True)
class BertConfig:
    """The numbers of a BERT encoder."""

    vocabulary: int
    """Rows of the word embeddings."""
    layers: int
    heads: int
    width: int
    """Numbers of each token's vector; a multiple of ``heads``."""
    intermediate: int
    """Numbers between the two dense layers of a feed-forward block."""
    positions: int
    """The longest input, in tokens."""
    segments: int
    """Rows of the token type embeddings."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by its name without prefix, the pooler's among them."""
        made = {
            "embeddings.word_embeddings.weight": (self.vocabulary, self.width),
            "embeddings.position_embeddings.weight": (self.positions, self.width),
            "embeddings.token_type_embeddings.weight": (self.segments, self.width),
            **_dense("pooler.dense", self.width, self.width),
            **_norm("embeddings.LayerNorm", self.width),
        }
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            for name in ("self.query", "self.key", "self.value", "output.dense"):
                made |= _dense(f"{layer}.attention.{name}", self.width, self.width)
            made |= _dense(f"{layer}.intermediate.dense", self.intermediate, self.width)
            made |= _dense(f"{layer}.output.dense", self.width, self.intermediate)
            made |= _norm(f"{layer}.attention.output.LayerNorm", self.width)
            made |= _norm(f"{layer}.output.LayerNorm", self.width)
        return made


def check(settings: EncoderSettings) -> EncoderSettings:
    """Check that the encoder of the settings is there and is supported, and pin the bytes that the settings leave open.

    The digests make the cache honest: an encoder that is replaced in its place trains anew. A keras-hub preset is
    checked when it is loaded, since it may have to be downloaded.

    Args:
        settings: of the encoder.

    Returns:
        The same settings, with the digest of every file.

    Raises:
        EncoderError: a file is missing, its bytes are not the pinned ones, or the encoder is not supported.
    """
    vocabulary = files.vocab_path(settings)
    pinned = replace(settings, vocab_sha256=settings.vocab_sha256 or files.sha256(vocabulary))
    if settings.source.startswith(files.PRESET):
        return pinned
    folder = files.weights_folder(settings)
    config = read_config(folder)
    tensor_names(folder, config)
    _check_vocabulary(vocabulary, folder, config, settings)
    if settings.max_tokens > config.positions:
        raise _refused(
            folder,
            f"max_position_embeddings {config.positions}",
            f"encoder.max_tokens of the settings, {settings.max_tokens}, or more. Lower encoder.max_tokens",
        )
    return replace(
        pinned,
        weights_sha256=settings.weights_sha256 or files.sha256(folder / files.WEIGHTS),
        config_sha256=settings.config_sha256 or files.sha256(folder / files.CONFIG),
    )


def read_config(folder: Path) -> BertConfig:
    """Read ``config.json``.

    Raises:
        EncoderError: it is missing or no JSON, lacks a number, or asks for what keras-hub's BERT does not compute.
    """
    fields = _json(folder, files.CONFIG)
    _check_kind(folder, fields)
    heads, width = _number(folder, fields, "num_attention_heads"), _number(folder, fields, "hidden_size")
    if width % heads:
        raise _refused(folder, f"hidden_size {width} with {heads} heads", "a multiple of num_attention_heads")
    return BertConfig(
        vocabulary=_number(folder, fields, "vocab_size"),
        layers=_number(folder, fields, "num_hidden_layers"),
        heads=heads,
        width=width,
        intermediate=_number(folder, fields, "intermediate_size"),
        positions=_number(folder, fields, "max_position_embeddings"),
        segments=_number(folder, fields, "type_vocab_size", 2),
    )


def tensor_names(folder: Path, config: BertConfig) -> dict[str, str]:
    """Match the tensors of a folder with those of its config.

    Args:
        folder: with ``model.safetensors``.
        config: of the folder.

    Returns:
        The name in the file by the name without prefix, as ``BertConfig.shapes`` has it. The pooler's may be missing.

    Raises:
        EncoderError: the file cannot be read, or a tensor is missing, of another shape or type, there twice, or one
            too many.
    """
    expected, names = config.shapes(), dict[str, str]()
    try:
        with safetensors.safe_open(folder / files.WEIGHTS, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                plain = _plain(name)
                if not plain.startswith(_OF_ENCODER) or _BUFFERS.fullmatch(plain):
                    continue  # of a head
                if plain in names:
                    raise _refused(folder, f"the tensors {names[plain]} and {name}", "one of them")
                _check_tensor(folder, name, file.get_slice(name), expected.get(plain))
                names[plain] = name
    except (safetensors.SafetensorError, OSError) as error:
        raise EncoderError(
            f"encoder {folder}: {files.WEIGHTS} cannot be read: {error}. Get the encoder's files anew."
        ) from error
    if missing := [name for name in expected if name not in names and name not in POOLER]:
        raise _refused(folder, f"no tensors {_listed(missing)}", "all tensors of the model that config.json describes")
    return names


def _plain(name: str) -> str:
    return _OLD_NORM.sub(lambda found: f"LayerNorm.{_NORMS[found[1]]}", name.removeprefix(_PREFIX))


def _check_tensor(folder: Path, name: str, tensor: Any, shape: tuple[int, ...] | None) -> None:
    if shape is None:
        raise _refused(folder, f"the tensor {name}", "those of the model that config.json describes")
    if tuple(tensor.get_shape()) != shape:
        raise _refused(folder, f"the tensor {name} with the shape {list(tensor.get_shape())}", f"{list(shape)}")
    if tensor.get_dtype() not in TYPES:
        raise _refused(folder, f"the tensor {name} of type {tensor.get_dtype()}", f"{' and '.join(TYPES)}")


def _check_kind(folder: Path, fields: Mapping[str, Any]) -> None:
    """Refuse what keras-hub's BERT would compute otherwise without a word."""
    kind = fields.get("model_type", "bert")
    if kind != "bert":
        raise _refused(folder, f"model_type {kind!r}", "'bert'")
    activation = fields.get("hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        raise _refused(folder, f"hidden_act {activation!r}", ", ".join(ACTIVATIONS))
    epsilon = fields.get("layer_norm_eps", EPSILON)
    if epsilon != EPSILON:
        raise _refused(folder, f"layer_norm_eps {epsilon!r}", f"{EPSILON}")
    positions = fields.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise _refused(folder, f"position_embedding_type {positions!r}", "'absolute'")
    for name in ("is_decoder", "add_cross_attention"):
        if fields.get(name, False) is not False:
            raise _refused(folder, f"{name} {fields[name]!r}", "false")


def _check_vocabulary(path: Path, folder: Path, config: BertConfig, settings: EncoderSettings) -> None:
    tokens = path.read_text(encoding="utf-8").splitlines()
    if len(tokens) > config.vocabulary:
        raise EncoderError(
            f"vocabulary {path} has {len(tokens)} tokens; allowed: up to the {config.vocabulary} of the encoder in "
            f"{folder}. Set [encoder] vocab to the encoder's own vocabulary."
        )
    if missing := [token for token in _SPECIAL if token not in tokens]:
        raise EncoderError(
            f"vocabulary {path} lacks {', '.join(missing)}; allowed: a WordPiece vocabulary of BERT's, one token a "
            "line. Set [encoder] vocab to the encoder's own vocabulary."
        )
    tokenizer = folder / "tokenizer_config.json"
    if tokenizer.is_file() and path.resolve().parent == folder.resolve():
        lower = _json(folder, tokenizer.name).get("do_lower_case", settings.lower_case)
        if lower is not settings.lower_case:
            raise EncoderError(
                f"encoder {folder}: tokenizer_config.json has do_lower_case {json.dumps(lower)}, and [encoder] "
                f"lower_case is {json.dumps(settings.lower_case)}; allowed: the same in both. Correct [encoder] "
                "lower_case."
            )


def _json(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderError(
            f"encoder {folder}: {name} cannot be read: {error}. Allowed: a Hugging Face BERT folder; get its files "
            "anew."
        ) from error
    if not isinstance(found, dict):
        raise _refused(folder, f"{name} with {type(found).__name__}", "an object")
    return found


def _number(folder: Path, fields: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = fields.get(name, default)
    if type(value) is not int or value < 1:
        raise _refused(folder, f"{name} {value!r}", "a whole number, 1 or more")
    return value


def _refused(folder: Path, got: str, allowed: str) -> EncoderError:
    return EncoderError(
        f"encoder {folder} has {got}; allowed: {allowed}. Use such an encoder: change [encoder] source of the settings."
    )


def _dense(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _listed(names: list[str]) -> str:
    more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])
