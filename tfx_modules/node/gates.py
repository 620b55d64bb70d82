"""Reads the results of the gates (ExampleValidator, Evaluator, InfraValidator, Approval, Pusher) from their artifacts.

A gate's execution succeeds whatever the gate finds: verdicts and blessings are in its artifacts. They are looked up
here, by the paths of the component's class and its base classes: components of TFX and of other people have other
artifacts, also where their classes have the same last names. Most components are no gate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfx.types import standard_component_specs

from tfx_modules.evaluation import tfma_summary
from tfx_modules.node.environment import APPROVAL, PUSHER
from tfx_modules.node.launching.storing import staged
from tfx_modules.node.lineage import Artifacts, ExecutionRecord
from tfx_modules.node.outcome import Artifact, NodeState

_BLOCKED = "blocked_by_gate"
_REASON = "reason"
_BLESSED = "blessed"
_BASELINE = "baseline_model_id"
_PUSHED = "pushed"
_VERDICT = "verdict"
_PROPOSAL = "proposal"
_ASKS = "asks"
_NOT_SERVED = "not blessed: the exported model could not be served; the log of InfraValidator says at which step"


@dataclass(frozen=True)
class GateFinding:
    """The result of a gate whose execution succeeded."""

    reason: str = ""
    state: NodeState | None = None
    """The state that replaces the execution's own; None: the execution's own state stays."""


Gate = Callable[[ExecutionRecord], GateFinding]


def judge(class_paths: Sequence[str], execution: ExecutionRecord) -> GateFinding:
    """Return the result of a component's gate; an empty one where the component is no gate.

    Args:
        class_paths: the component's class and its base classes with their modules, the most special one first.
        execution: one that succeeded.
    """
    gate = next((_GATES[path] for path in class_paths if path in _GATES), None)
    return gate(execution) if gate else GateFinding()


def _example_validator(execution: ExecutionRecord) -> GateFinding:
    """Read the result that the component has made by the settings' severities and distances."""
    properties = _only(execution.outputs, standard_component_specs.ANOMALIES_KEY).properties
    return GateFinding(properties[_REASON], NodeState.BLOCKED if properties[_BLOCKED] else None)


def _evaluator(execution: ExecutionRecord) -> GateFinding:
    return GateFinding(_evaluation(execution))


def _evaluation(execution: ExecutionRecord) -> str:
    blessing = _only(execution.outputs, standard_component_specs.BLESSING_KEY)
    if _BLESSED not in blessing.properties:
        return ""  # without thresholds, TFX's Evaluator blesses nothing
    # The artifact is fetched where there is a store: an earlier run, elsewhere, may have made it.
    (evaluation,) = staged(execution.outputs)[standard_component_specs.EVALUATION_KEY]
    described = tfma_summary.describe(evaluation.uri)
    return (
        described
        if _BASELINE in blessing.properties or not blessing.properties[_BLESSED]
        else f"{described} (no baseline)"
    )


def _infra_validator(execution: ExecutionRecord) -> GateFinding:
    served = _only(execution.outputs, standard_component_specs.BLESSING_KEY).properties.get(_BLESSED)
    return GateFinding() if served else GateFinding(_NOT_SERVED)


def _pusher(execution: ExecutionRecord) -> GateFinding:
    """Read the verdict, which the component has written into the ledger."""
    properties = _only(execution.outputs, standard_component_specs.PUSHED_MODEL_KEY).properties
    reason = f"{properties[_VERDICT]}: {properties[_REASON]}"
    return GateFinding(reason, None if properties[_PUSHED] else NodeState.SKIPPED)


def _approval(execution: ExecutionRecord) -> GateFinding:
    """Read the verdict that Pusher would give, which is not in the ledger."""
    properties = _only(execution.outputs, _PROPOSAL).properties
    asking = "asks for approval" if properties[_ASKS] else "asks nobody"
    return GateFinding(f"{asking}; {properties[_VERDICT]}: {properties[_REASON]}")


def _only(artifacts: Artifacts, key: str) -> Artifact:
    (artifact,) = artifacts[key]
    return artifact


_GATES: dict[str, Gate] = {
    "tfx_modules.components.example_validator.ExampleValidator": _example_validator,
    "tfx.components.evaluator.component.Evaluator": _evaluator,
    "tfx_modules.components.infra_validator.InfraValidator": _infra_validator,
    "tfx.components.infra_validator.component.InfraValidator": _infra_validator,
    APPROVAL: _approval,
    PUSHER: _pusher,
}
