"""Makes the values of a run's runtime parameters, and puts them into the components of a pipeline.

InteractiveContext knows no runtime parameters: it would hand them to the executors as they are. In the DAG, the node
command puts the values into the compiled pipeline.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter

from tfx_modules.exceptions import InteractiveError
from tfx_modules.interactive.window import Window

_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a person chooses for a run, besides its window."""

    models: Path
    """The folder that promoted models go into."""
    holdout: Path | None = None
    """A CSV file of reviews that are never trained on; None: there are none."""
    train_steps: int = 0
    """The number of batches to train on; 0: the settings' epochs."""
    tune: bool = False
    """Whether hyperparameters are searched."""
    actor: str = "notebook"
    """Who is recorded in the ledger."""


def run_values(pipeline: str, window: Window, options: RunOptions) -> dict[str, str]:
    """Return the values of all runtime parameters, by name, for a run that begins now.

    Args:
        pipeline: the pipeline's name.
        window: the days of the run.
        options: what else was chosen.
    """
    now = dt.datetime.now(dt.UTC)
    promotion = {
        "dag_id": pipeline,
        "run_id": f"notebook__{now.strftime('%Y-%m-%dT%H-%M-%S-%f')}",
        "data_date": str(window.last_day),
        "first_day": str(window.first_day),
        "older": "no",
        "actor": options.actor,
    }
    span = {"start_span_number": _number(window.first_day), "end_span_number": _number(window.last_day)}
    documents = {
        "range_config": {"static_range": span},
        "span_versions": {str(day): version for day, version in window.versions.items()},
        "holdout": _holdout(options.holdout) if options.holdout else {},
        "train_args": {"splits": ["train"], "num_steps": options.train_steps},
        "push_destination": {"filesystem": {"base_directory": str(options.models.absolute())}},
        "promotion": promotion,
    }
    texts = {name: json.dumps(document) for name, document in documents.items()}
    return {**texts, "input_base": str(window.folder), "tune": "yes" if options.tune else "no"}


def bind(pipeline: tfx.dsl.Pipeline, values: Mapping[str, str]) -> dict[str, BaseNode]:
    """Put values in the place of a pipeline's runtime parameters.

    Args:
        pipeline: its components are changed; InteractiveContext can then run them.
        values: by name of the parameter.

    Returns:
        The components by their ids, in the pipeline's order.

    Raises:
        InteractiveError: a parameter has no value.
    """
    for node in pipeline.components:
        properties = _properties(node)
        for name, parameter in properties.items():
            if isinstance(parameter, RuntimeParameter):
                properties[name] = _value(parameter, node, values)
    return {node.id: node for node in pipeline.components}


def _properties(node: BaseNode) -> dict[str, Any]:
    spec = getattr(node, "spec", None)  # resolvers have none
    found: dict[str, Any] = spec.exec_properties if isinstance(spec, types.ComponentSpec) else node.exec_properties
    return found


def _value(parameter: RuntimeParameter, node: BaseNode, values: Mapping[str, str]) -> str:
    if parameter.name not in values:
        raise InteractiveError(
            f"the component {node.id} has the runtime parameter {parameter.name}, which got no value; allowed: a value "
            f"for each. There are values of {', '.join(sorted(values)) or 'none'}. Add one."
        )
    return values[parameter.name]


def _number(day: dt.date) -> int:
    return (day - _EPOCH).days


def _holdout(path: Path) -> dict[str, str]:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InteractiveError(
            f"the holdout {path} cannot be read: {error.strerror}; allowed: a CSV file with the columns review and "
            "sentiment, or None for no holdout. Name one."
        ) from error
    return {"name": path.stem, "path": str(path.absolute()), "sha256": digest}
