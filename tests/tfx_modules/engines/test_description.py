"""What a version says that it carries for OpenVINO is read as it was written, or refused with the reason."""

import json
from pathlib import Path

import pytest

from tfx_modules.engines import description
from tfx_modules.engines.description import MAX_BYTES, Description, Variant
from tfx_modules.exceptions import EngineFileError

WRITTEN = Description(
    "2026.4.1",
    "sample-v1",
    (Variant("int8", 0.91, 0.002), Variant("bfloat16", 0.913, -0.001), Variant("float32", 0.912, 0.0)),
)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    place = tmp_path / description.PLACE
    place.mkdir(parents=True)
    for precision in description.PRECISIONS:
        (place / f"{precision}.xml").touch()
    description.write(WRITTEN, place)
    return tmp_path


def rewrite(version: Path, text: str) -> None:
    (version / description.PLACE / description.DESCRIPTION).write_text(text)


def variant(precision: str, accuracy: object = 0.9) -> dict[str, object]:
    return {"precision": precision, "accuracy": accuracy, "accuracy_loss": 0.0}


def of_variants(*variants: object) -> str:
    return json.dumps({"format": 1, "openvino": "2026.4.1", "measured_on": "some", "variants": variants})


def test_it_is_read_as_it_was_written(version: Path) -> None:
    assert description.read(version) == WRITTEN


def test_a_version_without_it_carries_nothing(tmp_path: Path) -> None:
    assert description.read(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "Expecting value", id="nothing"),
        pytest.param("[]", "list indices", id="no object"),
        pytest.param("\x00\xff", "", id="no JSON"),
        pytest.param('{"format": 2}', "format 2; allowed: 1", id="later format"),
        pytest.param(of_variants(), r"precisions \[\]; allowed: one or more", id="no variants"),
        pytest.param(of_variants(variant("../../x")), r"precisions .*\.\./x.*; allowed", id="path"),
        pytest.param(of_variants(variant("int8"), variant("int8")), "each once, in this order", id="twice"),
        pytest.param(of_variants(variant("float32"), variant("int8")), "each once, in this order", id="other order"),
        pytest.param(
            of_variants(variant("bfloat16"), variant("int8")), "each once, in this order", id="bfloat16 first"
        ),
        pytest.param(of_variants(variant("int8", float("nan"))), "no finite number", id="NaN"),
        pytest.param(of_variants(variant("int8", 10**400)), "too large", id="huge number"),
        pytest.param("[" * 50_000, "recursion", id="deep"),
        pytest.param(of_variants(variant("int8" * MAX_BYTES)), f"more than {MAX_BYTES} bytes", id="large"),
    ],
)
def test_a_damaged_one_is_refused_with_the_reason(version: Path, text: str, reason: str) -> None:
    rewrite(version, text)
    with pytest.raises(EngineFileError, match=f"is no description of an engine's files: .*{reason}"):
        description.read(version)


def test_files_that_it_names_must_be_there(version: Path) -> None:
    (version / description.PLACE / "int8.xml").unlink()
    with pytest.raises(EngineFileError, match=r"names int8\.xml, which is not beside it"):
        description.read(version)
