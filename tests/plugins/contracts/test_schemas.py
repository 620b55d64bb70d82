"""Every contract has a schema and a golden document, and the schema finds wrong fields."""

import pytest
from jsonschema import Draft202012Validator

from tests.support.contracts import (
    FOLDER,
    NAMES,
    faults,
    golden,
    schema,
    with_an_unknown_field,
    without_each_field,
)


def test_the_folder_has_a_schema_and_a_golden_document_of_each_contract_and_the_readme_names_them() -> None:
    there = {path.name for path in FOLDER.iterdir()}
    assert there == {"README.md", *(f"{name}.{kind}.json" for name in NAMES for kind in ("schema", "golden"))}
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_json_schema_and_accepts_its_golden_document(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert faults(name, golden(name)) == []


OPTIONAL = {
    "node_request": ["shown_errors", "artifact_store", "artifact_copies_gb"],
    "retention_request": ["artifact_store"],
}
"""Fields that a document may lack."""


@pytest.mark.parametrize("name", sorted({*NAMES} - {"compiled_pipeline", "span_layout"}))
def test_a_schema_finds_a_missing_and_an_unknown_field(name: str) -> None:
    document = golden(name)
    missing = [field for field, changed in without_each_field(document).items() if not faults(name, changed)]
    assert missing == OPTIONAL.get(name, [])
    assert faults(name, with_an_unknown_field(document))
