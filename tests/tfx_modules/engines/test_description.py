"""The file that says what a version carries for OpenVINO."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfx_modules.engines import description
from tfx_modules.engines.description import Description, Variant
from tfx_modules.exceptions import EngineFileError

MADE = Description("2026.4.1", "some-v1", (Variant("int8", 0.87, 0.001), Variant("float32", 0.871, 0.0)))


@pytest.fixture
def version(tmp_path: Path) -> Path:
    place = tmp_path / description.PLACE
    place.mkdir(parents=True)
    description.write(MADE, place)
    for variant in MADE.variants:
        (place / variant.file).touch()
    return tmp_path


def test_what_is_written_is_read(version: Path) -> None:
    assert description.read(version) == MADE


def test_a_version_may_carry_nothing(tmp_path: Path) -> None:
    assert description.read(tmp_path) is None


def _change(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change("format", 2), "format 2; allowed: 1"),
        (_change("variants", []), "allowed: one or more of int8, float32"),
        (
            _change("variants", [{"precision": "../int8", "accuracy": 1, "accuracy_loss": 0}]),
            "precisions.*int8.*allowed",
        ),
        (_change("variants", [{"precision": "int8"}]), "accuracy"),
        (_change("variants", 3), "is no description of an engine's files"),
        (lambda document: document.pop("openvino"), "openvino"),
    ],
)
def test_another_form_is_refused(version: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    file = version / description.PLACE / description.DESCRIPTION
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(EngineFileError, match=message):
        description.read(version)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_a_damaged_file_is_refused(version: Path, content: bytes) -> None:
    (version / description.PLACE / description.DESCRIPTION).write_bytes(content)
    with pytest.raises(EngineFileError, match=r"is no description of an engine's files.*Export the model anew"):
        description.read(version)


def test_a_variant_without_its_file_is_refused(version: Path) -> None:
    (version / description.PLACE / "int8.xml").unlink()
    with pytest.raises(EngineFileError, match=r"names int8\.xml, which is not beside it"):
        description.read(version)
