import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ManifestError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, content in {
        "saved_model.pb": b"graph",
        "variables/variables.index": b"",
        "assets/vocab.txt": b"a\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_an_untouched_model_is_the_one_of_its_manifest(model: Path) -> None:
    written = manifest.write(model)

    assert manifest.check(model) == written
    assert (sorted(written.files), written.size) == (
        ["assets/vocab.txt", "saved_model.pb", "variables/variables.index"],
        7,
    )


def test_a_model_without_a_manifest_has_nothing_to_be_compared_with(model: Path) -> None:
    assert manifest.check(model) is None


def test_the_same_bytes_have_the_same_digest_wherever_they_are(model: Path, tmp_path: Path) -> None:
    before = manifest.describe(model).digest
    manifest.write(model)

    assert manifest.describe(model.rename(tmp_path / "elsewhere")).digest == before


@given(place=st.integers(0, 4), flipped=st.integers(1, 255))
def test_a_changed_byte_is_found(tmp_path_factory: pytest.TempPathFactory, place: int, flipped: int) -> None:
    folder = tmp_path_factory.mktemp("model")
    (folder / "saved_model.pb").write_bytes(b"graph")
    manifest.write(folder)
    content = bytearray(b"graph")
    content[place] ^= flipped
    (folder / "saved_model.pb").write_bytes(content)

    with pytest.raises(ManifestError, match=r"saved_model.pb \(changed\)\. Put the model's own files back"):
        manifest.check(folder)


def test_a_model_that_was_promoted_needs_its_manifest(model: Path) -> None:
    written = manifest.write(model)
    assert manifest.check(model, written.digest) == written
    (model / manifest.PLACE).unlink()

    with pytest.raises(ManifestError, match=r"has no manifest assets.extra/manifest.json, with which it was promoted"):
        manifest.check(model, written.digest)


def test_a_model_of_another_digest_is_refused_although_its_manifest_fits(model: Path) -> None:
    digest = manifest.write(model).digest
    (model / "saved_model.pb").write_bytes(b"other")
    other = manifest.write(model).digest

    with pytest.raises(ManifestError, match=rf"its digest is {other}, and the ledger's {digest}\. Put the model's own"):
        manifest.check(model, digest)


def test_the_digest_beside_a_version_is_found_by_its_number(tmp_path: Path) -> None:
    manifest.note_digest(tmp_path, 5, "a" * 64)

    assert manifest.promoted_digest(tmp_path / "5") == manifest.promoted_digest(tmp_path / "005") == "a" * 64
    assert manifest.promoted_digest(tmp_path / "6") == manifest.promoted_digest(tmp_path / "model") == ""
    manifest.forget_digest(tmp_path, 5)
    assert manifest.promoted_digest(tmp_path / "5") == ""


def test_missing_and_added_files_are_found(model: Path) -> None:
    manifest.write(model)
    (model / "saved_model.pb").rename(model / "saved_model.old")

    with pytest.raises(ManifestError, match=r"saved_model.old \(not listed\), saved_model.pb \(missing\)"):
        manifest.check(model)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "{", '{"format": 1, "digest": "", "files": {"a": 1}}'])
def test_a_damaged_manifest_is_refused(model: Path, text: str) -> None:
    manifest.write(model)
    (model / manifest.PLACE).write_text(text)

    with pytest.raises(ManifestError, match=r"manifest .* cannot be read"):
        manifest.check(model)


def test_a_manifest_that_was_made_to_fit_is_refused_by_its_own_digest(model: Path) -> None:
    manifest.write(model)
    document = json.loads((model / manifest.PLACE).read_text())
    (model / "saved_model.pb").write_bytes(b"other")
    document["files"]["saved_model.pb"] = {"size": 5, "sha256": manifest.describe(model).files["saved_model.pb"][1]}
    (model / manifest.PLACE).write_text(json.dumps(document))

    with pytest.raises(ManifestError, match=r"has been changed: its digest is not that of what it lists"):
        manifest.check(model)
