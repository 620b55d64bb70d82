"""Defines the operator that runs the node ``Approval``, and asks a person whether the candidate is promoted."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.operators.node_task import NodeTask
from airflow_bert_service.pipeline.execution_options import ApprovalTerms
from airflow_bert_service.pipelines.settings import FurtherSettings
from airflow_bert_service.promotion.approval import (
    LONGEST_COMMENT,
    NOBODY,
    PROPOSAL,
    ApprovalAnswer,
    Proposal,
    body_of,
    proposal_from,
    proposal_of,
    subject_of,
)
from airflow_bert_service.runs.xcom import recording_failure
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.webui.urls import links_of_run

APPROVE, REJECT = "Approve", "Reject"
REASON = "reason"
"""The form's field."""
PROPOSED = "bert_service_proposal"
"""Key of the XCom that has what was asked, for the time after the answer."""


def approval_form() -> dict[str, Param]:
    """Return the field of the form."""
    return {
        REASON: Param(
            default=None,
            type=["null", "string"],  # without null, Airflow's form asks for a reason for an approval, too
            maxLength=LONGEST_COMMENT,
            title="Reason",
            description="Why you approve or reject the candidate. The ledger and the run's note have it.",
        )
    }


class ApprovalTask(NodeTask, HITLOperator):  # type: ignore[misc]  # both have template fields
    """Base class of the operators that ask a person; not an operator by itself.

    The node judges the candidate. Where Pusher would promote it, the task waits for a person, in Airflow's state
    ``awaiting_input``, which holds no worker and needs no triggerer. The answer goes into the ledger: an approval,
    which Pusher looks for, or the run's verdict. The first answer counts: a retry finds it and does not ask again.
    Whatever the answer is, the task is a success, and Pusher carries it out.

    Args:
        settings: The Airflow side's settings: the ledger, and whose page *Models* is linked.
        pipeline: The pipeline's name.
        module_root: The folder that holds the ``tfx_modules`` of the run.
        terms: How long the request waits, and what happens then.
        kwargs: Arguments of the operator that runs the node; ``params`` are those of :func:`approval_form`.
    """

    def __init__(
        self, *, settings: Settings, pipeline: str, module_root: Path, terms: ApprovalTerms, **kwargs: Any
    ) -> None:
        super().__init__(
            subject="",  # the request's texts are written when there is a candidate
            options=[APPROVE, REJECT],
            defaults=[APPROVE if terms.timeout_promotes else REJECT],
            response_timeout=terms.wait,
            **kwargs,
        )
        self.settings = settings
        self.pipeline = pipeline
        self.module_root = module_root
        self.terms = terms

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the node; ask a person, unless the candidate is not to be promoted or was answered before.

        Returns:
            The node's outcome as JSON values, with the ledger's line where the request was answered before.

        Raises:
            TaskAwaitingInput: The request waits; :meth:`execute_complete` goes on with the answer.
            PromotionCommandError: The ledger cannot be used.
            OutcomeError: The node has left no proposal.
            Others: Those of :meth:`NodeTask.run_node`.
        """
        outcome: dict[str, Any] = super().execute(context)
        with recording_failure(context, self.execution_timeout):
            proposal = _proposal(outcome)
            if proposal is None:
                return outcome
            if found := self._ledger().answered(dag_id=self.dag_id, run_id=context["run_id"]):
                self.log.info("nobody is asked again: %s", found.line)
                return {**outcome, "answer": found.line}
            self._write_request(proposal, context)
        HITLOperator.execute(self, context)
        return outcome

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Record the answer in the ledger.

        Args:
            context: The running task's.
            event: The answer, or that of the time-out.

        Returns:
            Whether the candidate is approved, and the ledger's line.

        Raises:
            PromotionCommandError: The ledger cannot be used.
        """
        with recording_failure(context, self.execution_timeout):
            given = HITLOperator.execute_complete(self, context, event)
            found = context["ti"].xcom_pull(task_ids=self.task_id, key=PROPOSED)
            recorded = self._ledger().answer(self._answer(proposal_from(found), given))
        self.log.info("%s", recorded.line)
        return {"approved": recorded.approved, "line": recorded.line}

    def _write_request(self, proposal: Proposal, context: Context) -> None:
        context["ti"].xcom_push(PROPOSED, proposal.to_json())
        further = self.pipeline if isinstance(self.settings, FurtherSettings) else ""
        self.subject = subject_of(proposal)
        self.body = body_of(
            proposal,
            links_of_run(context, further),
            until=dt.datetime.now(dt.timezone.utc) + self.terms.wait,
            timeout_promotes=self.terms.timeout_promotes,
        )

    def _answer(self, proposal: Proposal, given: Mapping[str, Any]) -> ApprovalAnswer:
        user = given["responded_by_user"]
        actor = (user["name"] or user["id"]) if user else NOBODY
        said = given["params_input"].get(REASON) or ""
        return ApprovalAnswer(
            proposal=proposal,
            approved=given["chosen_options"] == [APPROVE],
            actor=actor,
            at=given["responded_at"],
            comment=said if user else f"nobody has answered within {self.terms.wait}",
        )

    def _ledger(self) -> LedgerClient:
        return LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))


class TfxApprovalOperator(ApprovalTask, TfxNodeOperator):  # type: ignore[misc]  # both have template fields
    """Runs the node ``Approval`` like :class:`TfxNodeOperator`, and asks a person."""


def _proposal(outcome: Mapping[str, Any]) -> Proposal | None:
    artifacts = outcome["outputs"].get(PROPOSAL) or [{"properties": {}}]
    return proposal_of(artifacts[0]["properties"])
