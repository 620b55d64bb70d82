"""Pusher that promotes by data date, against the champion of that moment, once a run."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import io_utils, proto_utils

from tfx_modules.components.infra_validator import MEDIAN_SECONDS
from tfx_modules.evaluation import promotion_gate, tfma_summary
from tfx_modules.exceptions import NodeError
from tfx_modules.promotion.current import current_ledger, current_measurements, current_version
from tfx_modules.promotion.events import Event, EventKind, Run
from tfx_modules.promotion.promoter import Candidate, Judge, Promoter
from tfx_modules.promotion.repository import ModelRepository
from tfx_modules.settings.gate import ApprovalRule, DamagedChampion, GateSettings
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, from_parameter, to_parameter

EVALUATION = standard_component_specs.EVALUATION_KEY
PROMOTION = "promotion"
HOLDOUT = "holdout"
GATE = "gate"
TASK = "task"
VERDICT = "verdict"
REASON = "reason"
LATENCY = "latency_ms"
"""Key, in a verdict's measurements, of the median time that the server took for a review in InfraValidator."""
NOT_SERVED = "the exported model could not be served; the log of InfraValidator says at which step"
_FIELDS = ("dag_id", "run_id", "data_date", "first_day", "older", "actor")
_BLESSED = "blessed"

Artifacts = dict[str, list[types.Artifact]]


def read_promotion(text: str) -> tuple[Run, str, bool]:
    """Read the runtime parameter ``promotion``.

    Args:
        text: a JSON object of texts: ``dag_id``, ``run_id``, ``data_date`` and ``first_day`` (ISO 8601), ``older`` (yes
            or no: whether the model may replace a model of newer data) and ``actor`` (who triggered the run).

    Returns:
        The run, the actor, and whether an older date may be promoted.

    Raises:
        NodeError: it is something else.
    """
    try:
        fields = json.loads(text)
        days = {name: dt.date.fromisoformat(fields[name]) for name in ("data_date", "first_day")}
        good = sorted(fields) == sorted(_FIELDS) and fields["older"] in ("yes", "no")
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise NodeError(
            f"parameter {PROMOTION} is {text!r}; allowed: a JSON object of the texts {', '.join(_FIELDS)}, with ISO "
            "dates and yes or no. Correct its template."
        )
    return Run(dag_id=fields["dag_id"], run_id=fields["run_id"], **days), fields["actor"], fields["older"] == "yes"


@dataclass(frozen=True)
class Push:
    """A candidate, and what judges and promotes it, as a node's inputs and parameters have them."""

    candidate: Candidate
    promoter: Promoter
    judge: Judge
    repository: ModelRepository


def push_of(model: Path, input_dict: Artifacts, exec_properties: dict[str, Any]) -> Push:
    """Read a node's inputs and parameters.

    Args:
        model: the candidate's SavedModel.
        input_dict: TFX's.
        exec_properties: TFX's.
    """
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
    repository = ModelRepository(Path(destination.filesystem.base_directory))
    run, actor, older = read_promotion(exec_properties[PROMOTION])
    seconds = _seconds(input_dict)
    gate = build(GateSettings, json.loads(exec_properties[GATE]))
    candidate = Candidate(
        run=run,
        model=model,
        actor=actor,
        objections=(*objections(input_dict), *promotion_gate.broken_limits(model, gate, seconds)),
        older=older,
        pipeline_version=current_version(),
        needs_approval=gate.approval is ApprovalRule.REQUIRED,
        measurements={**current_measurements(), **({} if seconds is None else {LATENCY: 1000 * seconds})},
    )
    examples = artifact_utils.get_single_uri(input_dict[standard_component_specs.EXAMPLES_KEY])
    sets = promotion_gate.evaluation_sets(
        exec_properties[HOLDOUT], Path(examples), gate, from_parameter(exec_properties.get(TASK))
    )
    promoter = Promoter(current_ledger(), repository, blocks_on_damage=gate.damaged_champion is DamagedChampion.BLOCK)
    return Push(candidate, promoter, promotion_gate.make_judge(model, sets, gate), repository)


class Executor(executor.Executor):  # type: ignore[misc]
    """Decides the run's verdict, and puts the model into service when the verdict is ``promoted``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Promote; a copy of a promoted model stays in the pipeline's folder, as TFX's Pusher keeps one."""
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        push = push_of(Path(self.GetModelPath(input_dict)), input_dict, exec_properties)
        event = push.promoter.promote(push.candidate, push.judge)
        self._mark(pushed, event, push.candidate, push.repository)

    def _mark(self, pushed: types.Artifact, event: Event, candidate: Candidate, repository: ModelRepository) -> None:
        pushed.set_string_custom_property(VERDICT, event.kind.value)
        pushed.set_string_custom_property(REASON, event.reason)
        if event.kind is not EventKind.PROMOTED:
            self._MarkNotPushed(pushed)
            return
        io_utils.copy_dir(str(candidate.model), pushed.uri)
        destination = str(repository.served / str(event.version))
        self._MarkPushed(pushed, pushed_destination=destination, pushed_version=str(event.version))


def objections(input_dict: Artifacts) -> tuple[str, ...]:
    """Return the objections of the earlier gates to the model, a line each.

    TFX takes a blessing that is not there for a validator that the pipeline does not have; here it has both.
    """
    found = []
    if not _is_blessed(input_dict, standard_component_specs.MODEL_BLESSING_KEY):
        found.append(tfma_summary.describe(input_dict[EVALUATION][0].uri).removeprefix("not blessed: "))
    if not _is_blessed(input_dict, standard_component_specs.INFRA_BLESSING_KEY):
        found.append(NOT_SERVED)
    return tuple(found)


def _is_blessed(input_dict: Artifacts, key: str) -> bool:
    return any(item.get_int_custom_property(_BLESSED) for item in input_dict.get(key, ()))


def _seconds(input_dict: Artifacts) -> float | None:
    (blessing,) = input_dict[standard_component_specs.INFRA_BLESSING_KEY]
    return blessing.get_float_custom_property(MEDIAN_SECONDS) if blessing.has_custom_property(MEDIAN_SECONDS) else None


class PusherSpec(types.ComponentSpec):  # type: ignore[misc]
    """TFX's specification, with the evaluation, the run's promotion parameter, the holdout and the gate's settings."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        standard_component_specs.PUSH_DESTINATION_KEY: ExecutionParameter(type=pusher_pb2.PushDestination),
        PROMOTION: ExecutionParameter(type=str),
        HOLDOUT: ExecutionParameter(type=str),
        GATE: ExecutionParameter(type=str),
        TASK: ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {
        standard_component_specs.MODEL_KEY: ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        EVALUATION: ChannelParameter(type=standard_artifacts.ModelEvaluation),
        standard_component_specs.MODEL_BLESSING_KEY: ChannelParameter(type=standard_artifacts.ModelBlessing),
        standard_component_specs.INFRA_BLESSING_KEY: ChannelParameter(type=standard_artifacts.InfraBlessing),
    }
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {
        standard_component_specs.PUSHED_MODEL_KEY: ChannelParameter(type=standard_artifacts.PushedModel),
    }


class JudgingComponent(BaseComponent):  # type: ignore[misc]
    """Base class of the components that judge a candidate beside the model in service; not a component by itself.

    Args:
        model: The model.
        examples: The run's reviews, on whose eval split candidate and champion are compared.
        evaluation: The Evaluator's numbers.
        model_blessing: The Evaluator's blessing.
        infra_blessing: InfraValidator's blessing.
        push_destination: TFX's PushDestination; ``filesystem.base_directory`` is the folder that servers watch.
        promotion: The run, its dates and its actor (:func:`read_promotion`). The run's id in it keeps a push from
            being taken from the cache.
        holdout: The reviews that models are never trained on (``holdout.parse``).
        gate: Limits, and how candidate and champion are compared.
        task: The labels of the reviews.
    """

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        evaluation: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        push_destination: RuntimeParameter,
        promotion: RuntimeParameter,
        holdout: RuntimeParameter,
        gate: GateSettings,
        task: TaskSettings = BINARY_SENTIMENT,
    ) -> None:
        super().__init__(
            spec=self.SPEC_CLASS(
                model=model,
                examples=examples,
                evaluation=evaluation,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                push_destination=push_destination,
                promotion=promotion,
                holdout=holdout,
                gate=gate.to_parameter(),
                task=to_parameter(task),
                **self.further(gate),
            )
        )

    def further(self, gate: GateSettings) -> dict[str, Any]:
        """Return what the component's specification has beside: outputs and further parameters."""
        raise NotImplementedError


class Pusher(JudgingComponent):
    """TFX's Pusher to a file system, with versions by data date and a ledger.

    Its arguments are those of :class:`JudgingComponent`.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def further(self, gate: GateSettings) -> dict[str, Any]:  # noqa: ARG002 (Approval's needs it)
        """Return the output."""
        return {standard_component_specs.PUSHED_MODEL_KEY: types.Channel(type=standard_artifacts.PushedModel)}
