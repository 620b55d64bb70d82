"""Judges a candidate before anything is promoted, for the person who is to approve it.

The orchestrator asks the person; this component only says whether somebody is to be asked, and what about. Pusher,
after it, promotes what was approved (:mod:`tfx_modules.promotion.approval`).
"""

import json
from pathlib import Path
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from tfx_modules.components import pusher
from tfx_modules.promotion.approval import rules
from tfx_modules.promotion.events import Draft
from tfx_modules.settings.gate import GateSettings

PROPOSAL = "proposal"
REQUEST = "request"
ASKS = "asks"
VERDICT = "verdict"
REASON = "reason"


class Proposal(types.Artifact):  # type: ignore[misc]
    """What a person is asked about a candidate: the verdict that Pusher would give it, with the numbers.

    Its custom properties are ``asks`` (1 or 0: whether a person is asked), ``verdict``, ``reason``, and ``proposal``,
    the judgement as JSON. Its folder has no files.
    """

    TYPE_NAME = "PromotionProposal"


class Executor(pusher.Executor):
    """Judges the candidate as Pusher does, and records nothing."""

    def Do(
        self,
        input_dict: pusher.Artifacts,
        output_dict: pusher.Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        """Judge; whatever the verdict is, the run goes on to Pusher, which carries it out."""
        proposal = artifact_utils.get_single_instance(output_dict[PROPOSAL])
        push = pusher.push_of(Path(self.GetModelPath(input_dict)), input_dict, exec_properties)
        verdict = push.promoter.judged(push.candidate, push.judge)
        proposal.set_int_custom_property(ASKS, int(rules.asks(verdict)))
        proposal.set_string_custom_property(VERDICT, verdict.kind.value)
        proposal.set_string_custom_property(REASON, verdict.reason)
        proposal.set_string_custom_property(PROPOSAL, _to_json(verdict))


def _to_json(verdict: Draft) -> str:
    """Return what the command ``answer`` of the ledger takes, beside the answer itself."""
    return json.dumps(
        {
            "model_uri": verdict.model_uri,
            "model_digest": verdict.model_digest,
            "champion": verdict.champion,
            "reason": verdict.reason,
            "metrics": dict(verdict.metrics),
            "pipeline_version": verdict.pipeline_version,
            **_run(verdict),
        },
        sort_keys=True,
    )


def _run(verdict: Draft) -> dict[str, str]:
    run = verdict.run
    if run is None:
        return {}
    days = {"data_date": str(run.data_date), "first_day": str(run.first_day)}
    return {"dag_id": run.dag_id, "run_id": run.run_id, **days}


class ApprovalSpec(types.ComponentSpec):  # type: ignore[misc]
    """Pusher's inputs and parameters, and how long the request waits."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        **pusher.PusherSpec.PARAMETERS,
        REQUEST: ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = pusher.PusherSpec.INPUTS
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {PROPOSAL: ChannelParameter(type=Proposal)}


class Approval(pusher.JudgingComponent):
    """Judges a candidate for a person's approval, before Pusher.

    Its arguments are those of :class:`JudgingComponent <tfx_modules.components.pusher.JudgingComponent>`. ``request``
    in the compiled pipeline is JSON for the orchestrator: ``hours``, how long the request waits, and ``timeout``, what
    happens when nobody answers (``reject`` or ``promote``).
    """

    SPEC_CLASS = ApprovalSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def further(self, gate: GateSettings) -> dict[str, Any]:
        """Return the request and the output."""
        request = json.dumps({"hours": gate.approval_hours, "timeout": gate.approval_timeout.value})
        return {REQUEST: request, PROPOSAL: types.Channel(type=Proposal)}
