"""Compiled pipelines of the tests: a folder with sources, an IR and the digest of the sources."""

from pathlib import Path

from airflow_bert_service.pipeline.source_digest import sources_digest

SMALL_IR = Path(__file__).parent / "data" / "small_ir.json"


def compile_small(root: Path) -> Path:
    """Lay out a folder as `make compile` leaves it, and return the IR's path."""
    sources = root / "tfx_modules"
    sources.mkdir(parents=True)
    (sources / "pipeline.py").write_text("# small\n")
    path = root / "dags" / "compiled" / "small.json"
    path.parent.mkdir(parents=True)
    path.write_text(SMALL_IR.read_text())
    path.with_suffix(".sha256").write_text(sources_digest(sources) + "\n")
    return path
