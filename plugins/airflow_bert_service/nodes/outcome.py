"""How a node ended, as the node command wrote it to a file. It is never read from logs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from airflow_bert_service.exceptions import OutcomeError

FORMAT = 1
"""Version of the outcome's form."""

_REMEDY = "Use the node command of the same version as the plugin."


class NodeState(str, Enum):
    """Ways for a node to end."""

    COMPLETE = "complete"
    """It ran."""
    CACHED = "cached"
    """An earlier run had the same inputs; its outputs were taken."""
    REUSED = "reused"
    """It had succeeded in this same run before (its task was cleared)."""
    SKIPPED = "skipped"
    """It had nothing to do: the Pusher, with a model that was not blessed."""
    BLOCKED = "blocked"
    """A gate on the data stopped the run; trying again cannot help."""
    FAILED = "failed"
    """It went wrong; trying again may help."""


@dataclass(frozen=True)
class ArtifactRef:
    """An artifact in the ML Metadata store: where it is, not what is in it."""

    id: int
    type: str
    uri: str
    properties: Mapping[str, Any]

    @property
    def stored_as(self) -> str:
        """The name that the artifact store has it by; empty: it was made without a store."""
        return str(self.properties.get("stored_as", ""))


@dataclass(frozen=True)
class NodeOutcome:
    """The outcome of one run of one node."""

    node: str
    state: NodeState
    execution_id: int | None
    """Id of the execution in the ML Metadata store; None when there was none."""
    outputs: Mapping[str, tuple[ArtifactRef, ...]]
    """Artifacts by output key."""
    reason: str
    """One line; empty when there is nothing to say."""

    def to_xcom(self) -> dict[str, object]:
        """Return the outcome as JSON values, for XCom: URIs and properties, never data."""
        outputs = {key: [asdict(artifact) for artifact in artifacts] for key, artifacts in self.outputs.items()}
        return {
            "node": self.node,
            "state": self.state.value,
            "execution_id": self.execution_id,
            "outputs": outputs,
            "reason": self.reason,
        }


def read_outcome(path: Path, node: str) -> NodeOutcome:
    """Read an outcome file.

    Args:
        path: The file that the request named.
        node: Id of the node that ran.

    Returns:
        The outcome.

    Raises:
        OutcomeError: The file is missing, is not an outcome, or is another node's.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        outcome = _outcome(values)
        outcome_format = values["format"]
    except FileNotFoundError:
        raise OutcomeError(f"node {node!r} wrote no outcome to {path}; its log says how far it came.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutcomeError(
            f"{path} is not an outcome ({type(error).__name__}: {error}); allowed: what tfx_modules.node writes, with "
            f"a state of {', '.join(state.value for state in NodeState)}. {_REMEDY}"
        ) from error
    if (outcome_format, outcome.node) != (FORMAT, node):
        raise OutcomeError(
            f"{path} is an outcome of format {outcome_format!r} of node {outcome.node!r}; allowed: format {FORMAT} of "
            f"node {node!r}. {_REMEDY}"
        )
    return outcome


def _outcome(values: Mapping[str, Any]) -> NodeOutcome:
    return NodeOutcome(
        node=str(values["node"]),
        state=NodeState(values["state"]),
        execution_id=values["execution_id"],
        outputs={key: tuple(map(_artifact, artifacts)) for key, artifacts in values["outputs"].items()},
        reason=str(values["reason"]),
    )


def _artifact(values: Mapping[str, Any]) -> ArtifactRef:
    return ArtifactRef(values["id"], values["type"], values["uri"], values["properties"])
