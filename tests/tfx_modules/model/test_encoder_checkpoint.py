"""Any BERT that ``save_pretrained`` has written is loaded alike; what is not supported does not compile."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import checkpoint
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.pipeline.compile import compile_pipeline, to_json
from tfx_modules.settings.settings import EncoderSettings

Tensors = dict[str, npt.NDArray[Any]]
Gelu = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 8,
    "intermediate_size": 16,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "vocab_size": 7,
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film"]
IDS = np.array([[2, 4, 6, 3, 0]])
ATOL = 1e-4
"""Less than what tells the exact GELU from its approximation."""


def tensors(config: dict[str, Any]) -> Tensors:
    """Random weights of the layout that Hugging Face's BertModel has."""
    draw, width, inner = np.random.default_rng(1), config["hidden_size"], config["intermediate_size"]
    made = {
        "embeddings.word_embeddings.weight": draw.normal(size=(config["vocab_size"], width)),
        "embeddings.position_embeddings.weight": draw.normal(size=(config["max_position_embeddings"], width)),
        "embeddings.token_type_embeddings.weight": draw.normal(size=(config["type_vocab_size"], width)),
    }
    norms, dense = ["embeddings.LayerNorm"], {"pooler.dense": (width, width)}
    for layer in (f"encoder.layer.{n}" for n in range(config["num_hidden_layers"])):
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            dense[f"{layer}.attention.{name}"] = (width, width)
        dense |= {f"{layer}.intermediate.dense": (inner, width), f"{layer}.output.dense": (width, inner)}
    for name in norms:
        made |= {f"{name}.weight": 1 + draw.normal(size=width) / 9, f"{name}.bias": draw.normal(size=width)}
    for name, shape in dense.items():
        made |= {f"{name}.weight": draw.normal(size=shape) / 3, f"{name}.bias": draw.normal(size=shape[0])}
    return {name: value.astype(np.float32) for name, value in made.items()}


def with_prefix(found: Tensors) -> Tensors:
    return {f"bert.{name}": value for name, value in found.items()}


def old_spelling(found: Tensors) -> Tensors:
    new = ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")
    return {name.replace(*new[0]).replace(*new[1]): value for name, value in found.items()}


def masked_lm(found: Tensors) -> Tensors:
    head: Tensors = {"cls.predictions.bias": np.zeros(7), "cls.predictions.transform.LayerNorm.weight": np.ones(8)}
    return {**with_prefix(without_pooler(found)), **head}


def sequence_classification(found: Tensors) -> Tensors:
    return {**with_prefix(found), "classifier.weight": np.zeros((2, 8), np.float32), "classifier.bias": np.zeros(2)}


def without_pooler(found: Tensors) -> Tensors:
    return {name: value for name, value in found.items() if "pooler" not in name}


def with_buffers(found: Tensors) -> Tensors:
    return {**found, "embeddings.position_ids": np.arange(512)[None]}


def write(folder: Path, found: Tensors, config: dict[str, Any], vocabulary: list[str] = VOCABULARY) -> EncoderSettings:
    folder.mkdir(exist_ok=True)
    safetensors.numpy.save_file(found, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    return EncoderSettings(source=str(folder), max_tokens=32)


def output(settings: EncoderSettings) -> npt.NDArray[np.float32]:
    inputs = {"token_ids": IDS, "segment_ids": np.zeros_like(IDS), "padding_mask": (IDS > 0).astype(int)}
    return np.asarray(load_backbone(settings)(inputs)["sequence_output"])


@pytest.mark.parametrize(
    "spelled",
    [with_prefix, old_spelling, masked_lm, sequence_classification, without_pooler, with_buffers],
)
def test_all_spellings_are_the_same_encoder(tmp_path: Path, spelled: Callable[[Tensors], Tensors]) -> None:
    plain = write(tmp_path / "plain", tensors(CONFIG), CONFIG)
    other = write(tmp_path / "other", spelled(tensors(CONFIG)), CONFIG)
    checkpoint.check(other)
    expected = output(plain)
    assert np.std(expected) > 0.1
    np.testing.assert_array_equal(output(other), expected)


def exact(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """GELU (Hendrycks and Gimpel, 2016)."""
    return np.asarray(x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2)


def approximate(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """GELU by its approximation, of the same paper."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


@pytest.mark.parametrize(
    ("activation", "gelu", "other"), [("gelu", exact, approximate), ("gelu_new", approximate, exact)]
)
def test_the_encoder_computes_what_bert_does(tmp_path: Path, activation: str, gelu: Gelu, other: Gelu) -> None:
    found = output(write(tmp_path / "bert", tensors(CONFIG), {**CONFIG, "hidden_act": activation}))[0, :4]
    np.testing.assert_allclose(found, bert(tensors(CONFIG), IDS[0, :4], gelu), atol=ATOL)
    assert np.abs(found - bert(tensors(CONFIG), IDS[0, :4], other)).max() > 2 * ATOL


def test_an_encoder_of_another_package_computes_its_own_activation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "an_encoders_package"
    package.mkdir()
    (package / "__init__.py").touch()
    write(package / "model", tensors(CONFIG), CONFIG)
    monkeypatch.syspath_prepend(tmp_path)
    found = output(EncoderSettings(source="package:an_encoders_package/model", max_tokens=32))[0, :4]
    np.testing.assert_allclose(found, bert(tensors(CONFIG), IDS[0, :4], exact), atol=ATOL)


def bert(weights: Tensors, ids: npt.NDArray[Any], gelu: Gelu) -> npt.NDArray[Any]:
    """BERT by hand (Devlin et al., 2019), for one text without padding."""

    def dense(name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])

    def norm(name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    def heads(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return x.reshape(len(ids), 2, 4).transpose(1, 0, 2)

    words, places, kinds = (weights[f"embeddings.{n}_embeddings.weight"] for n in ("word", "position", "token_type"))
    x = norm("embeddings.LayerNorm", words[ids] + places[: len(ids)] + kinds[0])
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        query, key, value = (heads(dense(f"{layer}.attention.self.{n}", x)) for n in ("query", "key", "value"))
        weight = np.exp(query @ key.transpose(0, 2, 1) / 2)
        seen = (weight / weight.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(ids), 8)
        x = norm(f"{layer}.attention.output.LayerNorm", x + dense(f"{layer}.attention.output.dense", seen))
        inner = gelu(dense(f"{layer}.intermediate.dense", x))
        x = norm(f"{layer}.output.LayerNorm", x + dense(f"{layer}.output.dense", inner))
    return x


@pytest.mark.parametrize("positions", [64, 1024])
def test_the_config_says_how_long_texts_may_be(tmp_path: Path, positions: int) -> None:
    config = {**CONFIG, "max_position_embeddings": positions}
    settings = write(tmp_path / "bert", tensors(config), config)
    checkpoint.check(settings)
    assert load_backbone(settings).max_sequence_length == positions


def test_half_precision_is_read(tmp_path: Path) -> None:
    halves = {name: value.astype(np.float16) for name, value in tensors(CONFIG).items()}
    expected = output(write(tmp_path / "plain", tensors(CONFIG), CONFIG))
    np.testing.assert_allclose(output(write(tmp_path / "half", halves, CONFIG)), expected, atol=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model_type": "roberta"},
            r"model_type 'roberta' \(its tokenizer is a byte-level BPE, .* allowed: bert, distil",
        ),
        ({"model_type": "modernbert"}, r"model_type 'modernbert' \(its tokenizer is a byte-level BPE"),
        ({"model_type": "xlm-roberta"}, r"model_type 'xlm-roberta' \(its tokenizer is a SentencePiece model"),
        ({"model_type": "mpnet"}, r"model_type 'mpnet' \(its layers compute otherwise than BERT's"),
        ({"model_type": ["bert"]}, r"model_type \['bert'\] \(this project does not know how it computes"),
        ({"hidden_act": ["gelu"]}, r"hidden_act \['gelu'\]; allowed: gelu"),
        ({"pad_token_id": 1}, "pad_token_id 1; allowed: 0"),
        (
            {"tokenizer_class": "BertJapaneseTokenizer"},
            "config.json with tokenizer_class 'BertJapaneseTokenizer'; allow",
        ),
        ({"num_hidden_layers": 10**6}, "[0-9,]+ weights beside the words' vectors; allowed: up to 500,000,000"),
        ({"hidden_act": "relu"}, "hidden_act 'relu'; allowed: gelu, gelu_new"),
        ({"layer_norm_eps": 1e-3}, "layer_norm_eps 0.001; allowed: 1e-12"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key'; allowed: 'absolute'"),
        ({"is_decoder": True}, "is_decoder True; allowed: false"),
        ({"num_attention_heads": 3}, "hidden_size 8 with 3 heads; allowed: a multiple of num_attention_heads"),
        ({"hidden_size": None}, "hidden_size None; allowed: a whole number, 1 or more"),
        ({"num_hidden_layers": 1}, r"the tensor encoder\.layer\.1\.\S+; allowed: those of the model that config.json"),
        ({"num_hidden_layers": 3}, r"no tensors encoder\.layer\.2\.\S+, .* and 13 more; allowed: all tensors"),
        ({"intermediate_size": 32}, r"the tensor encoder.* with the shape \[16(, 8)?\]; allowed: \[32(, 8)?\]"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused_with_the_folders_name(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    settings = write(tmp_path / "bert", tensors(CONFIG), {**CONFIG, **change})
    with pytest.raises(EncoderError, match=rf"encoder {tmp_path}/bert has {message}"):
        checkpoint.check(settings)
    with pytest.raises(EncoderError, match=message):
        load_backbone(settings)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({**tensors(CONFIG), **with_prefix(tensors(CONFIG))}, r"has the tensors .* and .*; allowed: one of them"),
        ({name: value.astype(np.float64) for name, value in tensors(CONFIG).items()}, "of type F64; allowed: F32, F16"),
    ],
)
def test_tensors_that_cannot_be_used_are_refused(tmp_path: Path, found: Tensors, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        checkpoint.check(write(tmp_path / "bert", found, CONFIG))


@pytest.mark.parametrize("content", [b"", b"\x10\0\0\0\0\0\0\0{not json", b"\xff" * 64])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    settings = write(tmp_path / "bert", tensors(CONFIG), CONFIG)
    (tmp_path / "bert" / "model.safetensors").write_bytes(content)
    with pytest.raises(
        EncoderError, match=r"bert: model.safetensors cannot be read: .*\. Get the encoder's files anew"
    ):
        checkpoint.check(settings)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ([*VOCABULARY, "more"], "has 8 tokens; allowed: up to the 7 of the encoder"),
        (["[PAD]", "good"], r"lacks \[UNK\], \[CLS\], \[SEP\]; allowed: a WordPiece vocabulary of BERT's"),
    ],
)
def test_a_vocabulary_of_another_encoder_is_refused(tmp_path: Path, vocabulary: list[str], message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        checkpoint.check(write(tmp_path / "bert", tensors(CONFIG), CONFIG, vocabulary))


def test_texts_may_not_be_longer_than_the_encoders_positions(tmp_path: Path) -> None:
    config = {**CONFIG, "max_position_embeddings": 31}
    settings = write(tmp_path / "bert", tensors(config), config)
    with pytest.raises(EncoderError, match=r"max_position_embeddings 31; allowed: encoder.max_tokens .*, 32, or more"):
        checkpoint.check(settings)


def compiled(folder: Path, settings: EncoderSettings) -> str:
    path = folder / "settings.toml"
    names = ("source", "max_tokens")
    encoder = [f"{name} = {json.dumps(getattr(settings, name))}" for name in names]
    path.write_text("\n".join(["[encoder]", *encoder, "[training]", "length_buckets = [16]"]), encoding="utf-8")
    return to_json(compile_pipeline(path))


def test_what_is_not_supported_does_not_compile(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="hidden_act 'relu'"):
        compiled(tmp_path, write(tmp_path / "bert", tensors(CONFIG), {**CONFIG, "hidden_act": "relu"}))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
def test_an_encoder_that_is_replaced_in_its_place_is_another_one_for_the_cache(tmp_path: Path, name: str) -> None:
    settings = write(tmp_path / "bert", tensors(CONFIG), CONFIG)
    before = compiled(tmp_path, settings)
    assert compiled(tmp_path, settings) == before
    changed = {
        "model.safetensors": lambda: write(tmp_path / "bert", {n: v + 1 for n, v in tensors(CONFIG).items()}, CONFIG),
        "config.json": lambda: write(tmp_path / "bert", tensors(CONFIG), {**CONFIG, "comment": "new"}),
        "vocab.txt": lambda: write(tmp_path / "bert", tensors(CONFIG), CONFIG, [*VOCABULARY[:-1], "movie"]),
    }
    changed[name]()
    assert compiled(tmp_path, settings) != before
