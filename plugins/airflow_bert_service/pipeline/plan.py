"""Reads the compiled pipeline, TFX's IR, into frozen data.

The IR is a ``pipeline_pb2.Pipeline`` as JSON, written by ``tfx_modules.pipeline.compile`` into ``dags/compiled``,
with a digest of the sources that it was compiled from beside it. Here it is neither compiled nor run.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from airflow_bert_service.exceptions import CompiledPipelineError
from airflow_bert_service.installation import MODULES, command, module_root_of
from airflow_bert_service.pipeline.execution_options import (
    ApprovalTerms,
    ExecutionOptions,
    read_approval_terms,
    read_execution_options,
)
from airflow_bert_service.pipeline.folders import error_file_of
from airflow_bert_service.pipeline.source_digest import own_settings, pipeline_digest
from airflow_bert_service.pipeline.version import PipelineVersion, read_version

TFX_OWN_PARAMETERS = frozenset({"pipeline-root", "pipeline-run-id"})
"""Runtime parameters that the node command fills in itself."""
FINAL_STATUS = "final-status"
"""The runtime parameter of exit handlers, which the operator fills in: how the nodes before them have ended."""

_REMEDY = f"Run `{command('compile')}`."


class ParameterType(Enum):
    """Declared type of a runtime parameter; the node command converts to it."""

    STRING = "STRING"
    INT = "INT"
    DOUBLE = "DOUBLE"


@dataclass(frozen=True)
class ParameterPlan:
    """A runtime parameter of a node."""

    name: str
    type: ParameterType
    has_default: bool
    default: str | int | float | None = None
    """The value where a run gives none; None where there is no such value."""


@dataclass(frozen=True)
class NodePlan:
    """One TFX node: a component, an importer or a resolver. It becomes one Airflow task."""

    id: str
    type: str
    """TFX's name of the node's type, dotted for types outside TFX's own components."""
    upstream: tuple[str, ...]
    """Ids of the nodes that must have ended before."""
    parameters: tuple[ParameterPlan, ...] = ()
    options: ExecutionOptions = field(default_factory=ExecutionOptions)
    has_condition: bool = False
    """Whether it runs only where a condition holds (``tfx.dsl.Cond``)."""
    approval: ApprovalTerms | None = None
    """How it asks a person to approve the candidate; None: it asks nobody."""
    is_exit_handler: bool = False
    """Whether it is told how the nodes before it have ended."""

    @property
    def short_type(self) -> str:
        """The type's last name, like ``Resolver``."""
        return self.type.rpartition(".")[2]


@dataclass(frozen=True)
class PipelinePlan:
    """A compiled pipeline: its nodes in topological order."""

    id: str
    nodes: tuple[NodePlan, ...]
    path: Path
    """The IR's file; the node command reads it too."""
    module_root: Path
    """The folder that holds the ``tfx_modules`` that the IR was compiled from; nodes run their code from there."""
    version: PipelineVersion | None = None
    """Its version; None: an earlier release compiled it, and wrote none."""
    code: Path | None = None
    """The folder of the user's modules that nodes run; None: the pipeline is this project's own."""

    @property
    def approval_wait(self) -> dt.timedelta:
        """How long a run may wait for a person."""
        return sum((node.approval.wait for node in self.nodes if node.approval), dt.timedelta())

    @property
    def roots(self) -> tuple[str, ...]:
        """Ids of the nodes that wait for no other node."""
        return tuple(node.id for node in self.nodes if not node.upstream)

    @property
    def after_skipped(self) -> frozenset[str]:
        """Ids of the nodes that have a node with a condition before them, at any distance.

        TFX may skip what is before them: it skips a node whose condition does not hold, and those that need what such a
        node would have made.
        """
        may_be_skipped: set[str] = set()
        found: set[str] = set()
        for node in self.nodes:
            if may_be_skipped.intersection(node.upstream):
                found.add(node.id)
            if node.id in found or node.has_condition:
                may_be_skipped.add(node.id)
        return frozenset(found)


def load_plan(path: Path) -> PipelinePlan:
    """Read a compiled pipeline, and check that it was compiled from the current sources.

    Args:
        path: The IR, ``<root>/dags/compiled/<pipeline>.json``; the digest of what it was compiled from is
            ``<pipeline>.sha256`` beside it. Its sources are ``<root>/tfx_modules`` (where there are none, the ones
            that an installed wheel carries) and, where there is one, ``<root>/dags/settings.toml``. A further
            pipeline has its folder, ``<root>/dags/bert_pipelines/<pipeline>``, in place of ``<root>/dags``.

    Returns:
        The plan.

    Raises:
        CompiledPipelineError: The IR or its digest is missing, is older than the sources, or has another form; or the
            sources do not compile.
    """
    if (failed := error_file_of(path.parents[1])).is_file():
        raise CompiledPipelineError(_read(failed))
    compiled_from = _read(path.with_suffix(".sha256")).strip()
    module_root = module_root_of(path.parents[1])
    present = pipeline_digest(module_root / MODULES, own_settings(path))
    if compiled_from != present:
        raise CompiledPipelineError(
            f"{path} is stale: it was compiled from sources {compiled_from[:12]!r}, and {module_root / MODULES} "
            f"now has {present[:12]!r}. {_REMEDY}"
        )
    pipeline_id, nodes = parse_ir(_read(path), str(path))
    return PipelinePlan(pipeline_id, nodes, path, module_root, read_version(path))


def parse_ir(text: str, name: str) -> tuple[str, tuple[NodePlan, ...]]:
    """Parse the IR's text.

    Args:
        text: The IR as proto3 JSON with snake_case names.
        name: What to call it in an error.

    Returns:
        The pipeline's id, and its nodes in the IR's order, which is topological.

    Raises:
        CompiledPipelineError: The text is not an IR that this side can run.
    """
    try:
        ir = json.loads(text)
        nodes = tuple(_node(entry["pipeline_node"]) for entry in ir["nodes"])
        pipeline_id = str(ir["pipeline_info"]["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise CompiledPipelineError(
            f"{name} is not a compiled pipeline ({type(error).__name__}: {error}); allowed: a pipeline_pb2.Pipeline as "
            f"JSON with pipeline_info.id and nodes, each with a pipeline_node (no subpipelines). {_REMEDY}"
        ) from error
    _check_order(nodes, name)
    return pipeline_id, nodes


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CompiledPipelineError(f"{path} is missing: the pipeline has not been compiled. {_REMEDY}") from None


def _node(node: Mapping[str, Any]) -> NodePlan:
    found = {str(entry["name"]): entry for entry in _runtime_parameters(node)}
    return NodePlan(
        id=str(node["node_info"]["id"]),
        type=str(node["node_info"]["type"]["name"]),
        upstream=tuple(str(name) for name in node.get("upstream_nodes", ())),
        parameters=tuple(
            ParameterPlan(name, ParameterType(entry["type"]), "default_value" in entry, _default(entry))
            for name, entry in sorted(found.items())
            if name not in TFX_OWN_PARAMETERS | {FINAL_STATUS}
        ),
        options=read_execution_options(str(node["node_info"]["id"]), node.get("execution_options", {})),
        has_condition=bool(node.get("inputs", {}).get("conditionals")),
        approval=read_approval_terms(
            str(node["node_info"]["type"]["name"]), node.get("parameters", {}).get("parameters", {})
        ),
        is_exit_handler=FINAL_STATUS in found,
    )


def _default(entry: Mapping[str, Any]) -> str | int | float | None:
    """Return the default of a runtime parameter; JSON has whole numbers as texts."""
    value = entry.get("default_value", {})
    if "int_value" in value:
        return int(value["int_value"])
    return value.get("double_value", value.get("string_value"))  # type: ignore[no-any-return]  # JSON


def _runtime_parameters(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the runtime parameters anywhere inside a node: they can stand for any value of it."""
    if isinstance(value, dict):
        if "runtime_parameter" in value:
            yield value["runtime_parameter"]
        inner = list(value.values())
    else:
        inner = value if isinstance(value, list) else []
    for item in inner:
        yield from _runtime_parameters(item)


def _check_order(nodes: tuple[NodePlan, ...], name: str) -> None:
    seen: set[str] = set()
    for node in nodes:
        if unknown := [upstream for upstream in node.upstream if upstream not in seen]:
            raise CompiledPipelineError(
                f"{name}: node {node.id!r} comes after {', '.join(unknown)}, which is not among the nodes before it: "
                f"{', '.join(sorted(seen)) or 'none'}. {_REMEDY}"
            )
        if node.id in seen:
            raise CompiledPipelineError(f"{name}: two nodes have the id {node.id!r}; ids must be unique. {_REMEDY}")
        seen.add(node.id)
