"""Reads what TFX's IR says on how a node is executed: its ``NodeExecutionOptions``, and how long it asks a person."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_bert_service.exceptions import CompiledPipelineError


class Trigger(Enum):
    """When a node runs; TFX's trigger strategies that Airflow has a counterpart of."""

    SUCCEEDED = "ALL_UPSTREAM_NODES_SUCCEEDED"
    """When all nodes before it have succeeded; one that was skipped because of its condition counts as succeeded."""
    COMPLETED = "ALL_UPSTREAM_NODES_COMPLETED"
    """When all nodes before it have ended, however they ended."""


_TRIGGERS = {"TRIGGER_STRATEGY_UNSPECIFIED": Trigger.SUCCEEDED, **{trigger.value: trigger for trigger in Trigger}}
_READ = frozenset({"strategy", "max_execution_retries", "execution_timeout_sec", "caching_options"})


@dataclass(frozen=True)
class ExecutionOptions:
    """How a node is executed; the default values are those of a node whose pipeline says nothing."""

    trigger: Trigger = Trigger.SUCCEEDED
    retries: int | None = None
    """How often it is tried again after a failure; None: the pipeline does not say."""
    timeout: dt.timedelta | None = None
    """Time limit of one try; None: the pipeline sets none."""


APPROVAL = "tfx_modules.components.approval.Approval"
"""Type of the node before which a person is asked; its parameter ``request`` has the terms."""
_TIMEOUTS = {"reject": False, "promote": True}


@dataclass(frozen=True)
class ApprovalTerms:
    """How a person is asked to approve a candidate."""

    wait: dt.timedelta
    """How long the request waits for an answer."""
    timeout_promotes: bool
    """Whether the candidate is promoted when nobody has answered by then; else it is rejected."""


def read_approval_terms(node_type: str, parameters: Mapping[str, Any]) -> ApprovalTerms | None:
    """Read how a node asks a person; None: it does not.

    Args:
        node_type: TFX's name of the node's type.
        parameters: The IR's parameters of the node, as JSON values.

    Raises:
        CompiledPipelineError: It asks a person, in a way that this side does not know.
    """
    if node_type != APPROVAL:
        return None
    text = parameters.get("request", {}).get("field_value", {}).get("string_value", "")
    try:
        terms = json.loads(text)
        return ApprovalTerms(dt.timedelta(hours=terms["hours"]), _TIMEOUTS[terms["timeout"]])
    except (ValueError, TypeError, KeyError) as error:
        raise CompiledPipelineError(
            f"a node of type {APPROVAL} has the request {text!r}; allowed: JSON with hours, a number, and timeout, one "
            f"of {', '.join(_TIMEOUTS)}. Compile the pipeline with tfx_modules of the same version as the plugin."
        ) from error


def read_execution_options(node: str, options: Mapping[str, Any]) -> ExecutionOptions:
    """Read a node's options; whether it may use the cache is read by the node command.

    Args:
        node: The node's id.
        options: The IR's ``execution_options``, as JSON values.

    Raises:
        CompiledPipelineError: There is an option that has no counterpart in Airflow.
    """
    strategy = options.get("strategy", Trigger.SUCCEEDED.value)
    # JSON leaves values out that are the default ones, so that what is there asks for something.
    unknown = sorted(name for name, value in options.items() if name not in _READ and value)
    if unknown or strategy not in _TRIGGERS:
        wrong = ", ".join([*unknown, *([] if strategy in _TRIGGERS else [f"strategy {strategy}"])])
        raise CompiledPipelineError(
            f"node {node!r} has the execution options {wrong}, which have no counterpart in Airflow; allowed: "
            f"max_execution_retries, execution_timeout_sec, and a strategy of {', '.join(t.value for t in Trigger)}. "
            "Change the component's node_execution_options, and compile the pipeline again."
        )
    seconds = int(options.get("execution_timeout_sec", 0))
    retries = options.get("max_execution_retries")
    return ExecutionOptions(
        trigger=_TRIGGERS[strategy],
        retries=None if retries is None else int(retries),
        timeout=dt.timedelta(seconds=seconds) if seconds else None,
    )
