"""Defines the operator that runs the node ``Approval``, and asks a person whether the candidate is promoted."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import NEVER_EXPIRE, Context, Param  # type: ignore[attr-defined]  # Airflow's stub lacks the first
from airflow.sdk.exceptions import AirflowFailException

from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.exceptions import BertServiceError
from airflow_bert_service.notifiers.request import RequestNotifier, forget_request
from airflow_bert_service.operators.announcement import actor_of
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
    one_line,
    proposal_from,
    proposal_of,
    subject_of,
    waiting,
)
from airflow_bert_service.promotion.events import PromotionEvent
from airflow_bert_service.runs.running_task import recording_failure, storable
from airflow_bert_service.settings.settings import Settings
from airflow_bert_service.webui.urls import links_of_run

APPROVE, REJECT = "Approve", "Reject"
REASON = "reason"
"""The form's field."""
PROPOSED = "bert_service_proposal"
"""Key of the XCom that has what was asked, for the time after the answer."""
ASKED_ABOUT = "bert_service_asked_about"
"""Key, in the task's state store, of the model and the champion that the run's request is about."""

_AGAIN = "Clear the task with those after it, which asks a person again."


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
    ``awaiting_input``, which holds no worker and needs no triggerer, and the channels are notified of it. The answer
    goes into the ledger: an approval, which Pusher looks for, or the run's verdict. The first answer about a model
    counts: a retry finds it and does not ask again. Whatever the answer is, the task is a success, and Pusher carries
    it out. An answer that cannot be recorded fails the task for good: a new request could end by the time-out, against
    what the person has said.

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
            AirflowFailException: The run has asked about another model before, and the request still has its numbers.
            Others: Those of :meth:`NodeTask.run_node`.
        """
        outcome: dict[str, Any] = super().execute(context)
        with recording_failure(context, self.execution_timeout):
            proposal = _proposal(outcome)
            if proposal is None:
                return outcome
            of_run = {"dag_id": self.dag_id, "run_id": context["run_id"]}
            if found := self._ledger().answered(**of_run, model_digest=proposal.model_digest):
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
            AirflowFailException: The event is not one answer, or the ledger cannot be used; nothing is recorded.
        """
        with recording_failure(context, self.execution_timeout):
            forget_request(context)
            found = context["ti"].xcom_pull(task_ids=self.task_id, key=PROPOSED)
            try:
                # Of this run, whatever the XCom says.
                proposal = replace(proposal_from(found), dag_id=self.dag_id, run_id=context["run_id"])
                recorded = self._ledger().answer(self._answer(proposal, event))
            except BertServiceError as error:
                raise AirflowFailException(f"the answer was not recorded: {error} {_AGAIN}") from error
        self.log.info("%s", recorded.line)
        return {"approved": recorded.approved, "line": recorded.line}

    def _write_request(self, proposal: Proposal, context: Context) -> None:
        _check_first_request(proposal, context)
        context["ti"].xcom_push(PROPOSED, proposal.to_json())
        further = self.pipeline if isinstance(self.settings, FurtherSettings) else ""
        self.subject = subject_of(proposal)
        self.body = body_of(
            proposal,
            links_of_run(context, further),
            wait=self.terms.wait,
            timeout_promotes=self.terms.timeout_promotes,
        )

        def told(at: dt.datetime) -> PromotionEvent:
            end, actor = self.terms.timeout_promotes, actor_of(context)
            return waiting(proposal, at=at, actor=actor, wait=self.terms.wait, timeout_promotes=end)

        self.notifiers = [RequestNotifier(waiting=told, channels=self.settings.notifications)]

    def _answer(self, proposal: Proposal, event: Mapping[str, Any]) -> ApprovalAnswer:
        """Read an answer. Airflow has not checked the form's field: its REST API takes any value, and other fields."""
        chosen = event.get("chosen_options")
        if chosen not in ([APPROVE], [REJECT]):
            raise AirflowFailException(
                f"the request for approval was answered with {chosen!r}{_error(event)}; allowed: exactly one of "
                f"{APPROVE} and {REJECT}. Nothing was recorded. {_AGAIN}"
            )
        user = event["responded_by_user"]
        said = storable(one_line(str((event["params_input"] or {}).get(REASON) or "")))
        return ApprovalAnswer(
            proposal=proposal,
            approved=chosen == [APPROVE],
            actor=(user["name"] or user["id"]) if user else NOBODY,
            at=event["responded_at"],
            comment=said if user else f"nobody has answered within {self.terms.wait}",
        )

    def _ledger(self) -> LedgerClient:
        return LedgerClient(PromotionEnvironment.of(self.module_root, self.settings, self.pipeline))


class TfxApprovalOperator(ApprovalTask, TfxNodeOperator):  # type: ignore[misc]  # both have template fields
    """Runs the node ``Approval`` like :class:`TfxNodeOperator`, and asks a person."""


def _check_first_request(proposal: Proposal, context: Context) -> None:
    """Check that the run has asked about nothing else before: Airflow keeps a request's first text in all tries."""
    store = context["task_state_store"]
    about = f"{proposal.model_digest} in place of {proposal.champion or 'no version'}"
    before = store.get(ASKED_ABOUT, about)
    if before != about:
        raise AirflowFailException(
            f"this run has asked about model {before} before, and is to ask about {about}. Airflow would show the "
            "first request again, with numbers that do not hold, so nobody is asked, and nothing is promoted. Trigger "
            "a new run for the data date, which asks with its own numbers."
        )
    store.set(ASKED_ABOUT, about, retention=NEVER_EXPIRE)


def _error(event: Mapping[str, Any]) -> str:
    return f" ({event['error']})" if event.get("error") else ""


def _proposal(outcome: Mapping[str, Any]) -> Proposal | None:
    artifacts = outcome["outputs"].get(PROPOSAL) or [{"properties": {}}]
    return proposal_of(artifacts[0]["properties"])
