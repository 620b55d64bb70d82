"""Launches nodes of the tiny pipeline in a process whose disk fails, or is recorded (tests/support/faults.py)."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from tfx_modules.node.command import run_fields

HERE = Path(__file__).parent
NAME = "tiny"
NODES = ("Writer", "Reader", "Reviews", "Evaluator", "InfraValidator", "Pusher")


def launch(pipeline: str, folder: str, node: str, day: str) -> dict[str, Any]:
    """Launch a node of the compiled pipeline for the run of a day of November 2026.

    Returns:
        Its outcome; empty where there is none.
    """
    state, run_id = Path(folder), f"run-{day}"
    about = {"dag_id": NAME, "run_id": run_id, "data_date": f"2026-11-0{day}", "first_day": "2026-10-23"}
    destination = {"filesystem": {"base_directory": str(state / "models" / NAME)}}
    parameters: dict[str, dict[str, Any]] = {
        "Writer": {"text": f"model of {day}"},
        "Evaluator": {"accuracy": 0.91, "baseline": 0},
        "InfraValidator": {"served": 1},
        "Pusher": {
            "push_destination": json.dumps(destination),
            "promotion": json.dumps({**about, "older": "no", "actor": "somebody"}),
            "holdout": "{}",
        },
    }
    outcome = state / "outcomes" / f"{node}-{run_id}.json"
    run_fields(
        {
            "format": 1,
            "pipeline": pipeline,
            "node": node,
            "run_id": run_id,
            "pipeline_root": str(state / "pipeline"),
            "metadata": f"sqlite:///{state}/metadata/mlmd.db",
            "metadata_wait_seconds": 120,
            "shown_errors": 0,
            "ledger": f"sqlite:///{state}/ledger/ledger.db",
            "parameters": parameters.get(node, {}),
            "use_cache": True,
            "gpu": "none",
            "outcome": str(outcome),
        }
    )
    return dict(json.loads(outcome.read_text(encoding="utf-8"))) if outcome.exists() else {}


def rehearse() -> None:
    """Import what nodes need; nothing is run, for TensorFlow's threads would be missing in forked processes."""
    sys.path.insert(0, str(HERE))
    for name in ("node_pipeline", "tfx_modules.node.run", "tfx_modules.promotion.promoter", "alembic.command"):
        importlib.import_module(name)
