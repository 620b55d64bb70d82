"""Reads what TFX's IR says on how a node is executed: its ``NodeExecutionOptions``."""

import datetime as dt
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
