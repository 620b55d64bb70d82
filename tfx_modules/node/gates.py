"""What the components that judge data and models have found, in a line.

Gates end well whatever they find: verdicts and blessings are in their artifacts. Here they are looked up, by the name
of the component's class; most components have no gate.
"""

import dataclasses
from collections.abc import Callable

from tfx.types import standard_component_specs

from tfx_modules.evaluation import tfma_summary
from tfx_modules.node.lineage import Artifacts, ExecutionRecord
from tfx_modules.node.outcome import Artifact, State

_BLOCKED = "blocked_by_gate"
_REASON = "reason"
_BLESSED = "blessed"
_BASELINE = "baseline_model_id"
_PUSHED = "pushed"
_VERDICT = "verdict"
_NOT_SERVED = "not blessed: the exported model could not be served; the log of InfraValidator says at which step"


@dataclasses.dataclass(frozen=True)
class GateFinding:
    """What a gate says of an execution that succeeded."""

    reason: str = ""
    state: State | None = None
    """The state that takes the place of the execution's own; None: that one stays."""


Gate = Callable[[ExecutionRecord], GateFinding]


def judge(type_name: str, execution: ExecutionRecord) -> GateFinding:
    """Ask the gate of a component.

    Args:
        type_name: the last name of the component's class.
        execution: one that succeeded.
    """
    gate = _GATES.get(type_name)
    return gate(execution) if gate else GateFinding()


def _example_validator(execution: ExecutionRecord) -> GateFinding:
    """The component has judged, by severities and distances of the settings."""
    properties = _only(execution.outputs, standard_component_specs.ANOMALIES_KEY).properties
    return GateFinding(properties[_REASON], State.BLOCKED if properties[_BLOCKED] else None)


def _evaluator(execution: ExecutionRecord) -> GateFinding:
    return GateFinding(_evaluation(execution))


def _evaluation(execution: ExecutionRecord) -> str:
    blessing = _only(execution.outputs, standard_component_specs.BLESSING_KEY)
    if _BLESSED not in blessing.properties:
        return ""  # without thresholds, TFX's Evaluator judges nothing
    told = tfma_summary.describe(_only(execution.outputs, standard_component_specs.EVALUATION_KEY).uri)
    return told if _BASELINE in blessing.properties or not blessing.properties[_BLESSED] else f"{told} (no baseline)"


def _infra_validator(execution: ExecutionRecord) -> GateFinding:
    served = _only(execution.outputs, standard_component_specs.BLESSING_KEY).properties.get(_BLESSED)
    return GateFinding() if served else GateFinding(_NOT_SERVED)


def _pusher(execution: ExecutionRecord) -> GateFinding:
    """The component has brought the model to its verdict; it is in the ledger."""
    properties = _only(execution.outputs, standard_component_specs.PUSHED_MODEL_KEY).properties
    reason = f"{properties[_VERDICT]}: {properties[_REASON]}"
    return GateFinding(reason, None if properties[_PUSHED] else State.SKIPPED)


def _only(artifacts: Artifacts, key: str) -> Artifact:
    (artifact,) = artifacts[key]
    return artifact


_GATES: dict[str, Gate] = {
    "ExampleValidator": _example_validator,
    "Evaluator": _evaluator,
    "InfraValidator": _infra_validator,
    "Pusher": _pusher,
}
