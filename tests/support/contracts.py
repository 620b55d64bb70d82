"""The documents in `contracts/` that both sides' tests read: a schema and a golden document of each kind."""

import copy
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2] / "contracts"
NAMES = (
    "compiled_pipeline",
    "node_outcome",
    "node_request",
    "promotion_answer",
    "promotion_arguments",
    "promotion_event",
    "promotion_record",
    "retention_report",
    "retention_request",
    "scoring_report",
    "scoring_request",
    "scoring_text",
    "span_layout",
)


def golden_text(name: str) -> str:
    """The golden document's text."""
    return (FOLDER / f"{name}.golden.json").read_text(encoding="utf-8")


def golden(name: str) -> Any:
    """The golden document, as JSON values of the caller's own."""
    return json.loads(golden_text(name))


def schema(name: str) -> Any:
    """The schema, as JSON values."""
    return json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))


def faults(name: str, document: Any) -> list[str]:
    """What the schema finds wrong with a document; nothing for a good one."""
    validator = Draft202012Validator(schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def without_each_field(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Copies of a document, each without one of its fields, by the field's name."""
    return {name: {key: copy.deepcopy(value) for key, value in document.items() if key != name} for name in document}


def with_wrong_fields(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Copies of a document, each without one of its fields, and as `unknown` one with an unknown field."""
    return {**without_each_field(document), "unknown": with_an_unknown_field(document)}


def with_an_unknown_field(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of a document with an unknown field."""
    return {**copy.deepcopy(document), "unknown": 1}


def span_files(layout: dict[str, Any]) -> dict[str, str]:
    """The text of each file of a golden span layout, by its path below the folder of the spans."""
    return {path: _text(path, content) for path, content in layout.items()}


def lay_out_spans(folder: Path, layout: dict[str, Any]) -> None:
    """Write the files of a golden span layout."""
    for path, text in span_files(layout).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")


def read_span_layout(folder: Path) -> dict[str, Any]:
    """Read all files below the folder of the spans, in the form of the golden document."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _content(path) for path in files}


def _text(path: str, content: Any) -> str:
    if path.endswith(".json"):
        return json.dumps(content, indent=1) + "\n"
    lines = [json.dumps(row, ensure_ascii=False) for row in content] if path.endswith(".jsonl") else content
    return "".join(f"{line}\n" for line in lines)


def _content(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    lines = text.splitlines()
    return [json.loads(line) for line in lines] if path.suffix == ".jsonl" else lines
