"""Runs of the tiny pipeline up to its push."""

import json
from typing import Any

from tests.tfx_modules.node.conftest import Ended, Nodes


def train(
    nodes: Nodes, run_id: str = "run-1", *, text: str = "model", accuracy: float = 0.91, served: int = 1
) -> list[Ended]:
    """Run what comes before the Pusher: a model of a text, of which the gates find what is said here."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("Writer", {"text": text}),
        ("Reader", {}),
        ("Reviews", {}),
        ("Evaluator", {"accuracy": accuracy, "baseline": 0}),
        ("InfraValidator", {"served": served}),
    ]
    return [nodes.run(node, run_id, **parameters) for node, parameters in steps]


def push(nodes: Nodes, run_id: str = "run-1", day: int = 5, *, node: str = "Pusher", **changes: Any) -> Ended:
    """Run the Pusher, or what judges before it, for a day of November 2026.

    Changes are made to the parameter ``promotion``.
    """
    about = {"dag_id": "tiny", "run_id": run_id, "data_date": f"2026-11-{day:02}", "first_day": "2026-10-23"}
    promotion = json.dumps({**about, "older": "no", "actor": "somebody", **changes})
    destination = json.dumps({"filesystem": {"base_directory": str(nodes.state / "served")}})
    return nodes.run(node, run_id, push_destination=destination, promotion=promotion, holdout="{}")
