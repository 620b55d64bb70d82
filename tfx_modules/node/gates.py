"""What the components that judge data and models have found, in a line.

Gates end well whatever they find: verdicts and blessings are in their artifacts. Here they are looked up, by the name
of the component's class; most components have no gate.
"""

import dataclasses
from collections.abc import Callable

from tfx.types import standard_component_specs

from tfx_modules.node import validation
from tfx_modules.node.lineage import Artifacts, ExecutionRecord, Lineage
from tfx_modules.node.outcome import Artifact, State

_BLOCKED = "blocked_by_gate"
_REASON = "reason"
_BLESSED = "blessed"
_BASELINE = "baseline_model_id"
_PUSHED = "pushed"
_NOT_SERVED = "not blessed: the exported model could not be served; the log of InfraValidator says at which step"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a gate says of an execution that succeeded."""

    reason: str = ""
    state: State | None = None
    """The state that takes the place of the execution's own; None: that one stays."""


Gate = Callable[[ExecutionRecord, Lineage], Verdict]


def judge(type_name: str, execution: ExecutionRecord, lineage: Lineage) -> Verdict:
    """Ask the gate of a component.

    Args:
        type_name: the last name of the component's class.
        execution: one that succeeded.
        lineage: where artifacts that are not the execution's own are looked up.
    """
    gate = _GATES.get(type_name)
    return gate(execution, lineage) if gate else Verdict()


def _example_validator(execution: ExecutionRecord, lineage: Lineage) -> Verdict:
    """The component has judged, by severities and distances of the settings."""
    del lineage
    properties = _only(execution.outputs, standard_component_specs.ANOMALIES_KEY).properties
    return Verdict(properties[_REASON], State.BLOCKED if properties[_BLOCKED] else None)


def _evaluator(execution: ExecutionRecord, lineage: Lineage) -> Verdict:
    del lineage
    return Verdict(_evaluation(execution))


def _evaluation(execution: ExecutionRecord) -> str:
    blessing = _only(execution.outputs, standard_component_specs.BLESSING_KEY)
    if _BLESSED not in blessing.properties:
        return ""  # without thresholds, TFX's Evaluator judges nothing
    told = validation.describe(_only(execution.outputs, standard_component_specs.EVALUATION_KEY).uri)
    return told if _BASELINE in blessing.properties or not blessing.properties[_BLESSED] else f"{told} (no baseline)"


def _infra_validator(execution: ExecutionRecord, lineage: Lineage) -> Verdict:
    del lineage
    return (
        Verdict()
        if _is_set(execution.outputs, standard_component_specs.BLESSING_KEY, _BLESSED)
        else Verdict(_NOT_SERVED)
    )


def _pusher(execution: ExecutionRecord, lineage: Lineage) -> Verdict:
    if _is_set(execution.outputs, standard_component_specs.PUSHED_MODEL_KEY, _PUSHED):
        return Verdict()
    model_blessings = execution.inputs.get(standard_component_specs.MODEL_BLESSING_KEY, ())
    reasons = [
        _model_verdict(blessing, lineage) for blessing in model_blessings if not blessing.properties.get(_BLESSED)
    ]
    infra_blessings = execution.inputs.get(standard_component_specs.INFRA_BLESSING_KEY, ())
    reasons += [_NOT_SERVED for blessing in infra_blessings if not blessing.properties.get(_BLESSED)]
    return Verdict("not pushed: model " + "; ".join(reasons or ["not blessed"]), State.SKIPPED)


def _model_verdict(blessing: Artifact, lineage: Lineage) -> str:
    """Give the reason with numbers; they are in the evaluation that was made together with the blessing."""
    made_by = lineage.producers(blessing)[0]
    return _evaluation(made_by) or "not blessed: the evaluation has no thresholds"


def _only(artifacts: Artifacts, key: str) -> Artifact:
    (artifact,) = artifacts[key]
    return artifact


def _is_set(artifacts: Artifacts, key: str, name: str) -> bool:
    return bool(_only(artifacts, key).properties.get(name))


_GATES: dict[str, Gate] = {
    "ExampleValidator": _example_validator,
    "Evaluator": _evaluator,
    "InfraValidator": _infra_validator,
    "Pusher": _pusher,
}
