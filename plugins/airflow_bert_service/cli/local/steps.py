"""Describes a local run, and starts the process that runs its nodes."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from airflow_bert_service.cli.local.parameters import of_node
from airflow_bert_service.cli.places import tfx_environment
from airflow_bert_service.exceptions import OutcomeError, SettingsError
from airflow_bert_service.nodes.outcome import NodeOutcome, read_outcome
from airflow_bert_service.nodes.request import NodeRequest
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan
from airflow_bert_service.settings.settings import Settings

COMMAND = "run-local"
INTERRUPTED = 130
_MODULE = "tfx_modules.local"
_BREAKPOINT = "PYTHONBREAKPOINT"
"""Python's variable for the debugger that a breakpoint starts; other variables of Python's are for another version."""


@dataclass(frozen=True, kw_only=True)
class LocalRun:
    """A run of a compiled pipeline's nodes, in the folder of local runs."""

    plan: PipelinePlan
    settings: Settings
    """The local run's."""
    run_id: str
    nodes: tuple[NodePlan, ...]
    """Those to run, in their order."""
    values: Mapping[str, str]
    """Values of runtime parameters by name."""
    use_cache: bool
    refreshed: Mapping[str, object] = field(default_factory=dict)
    """What the data's refresh returned; empty: a user's own pipeline has none."""

    @property
    def folder(self) -> Path:
        """The folder with the requests and outcomes of the run's nodes."""
        return self.settings.state / "runs" / self.run_id

    def outcome(self, node: NodePlan) -> NodeOutcome | None:
        """Return how a node ended; None: it did not run to an end."""
        path = self._outcome(node)
        try:
            return read_outcome(path, node.id) if path.exists() else None
        except OutcomeError:
            return None

    def write_requests(self) -> list[Path]:
        """Write a request of the node command for each node; return their files."""
        return [self._write_request(node) for node in self.nodes]

    def _write_request(self, node: NodePlan) -> Path:
        path = self._outcome(node).with_name("request.json")
        path.parent.mkdir(parents=True)
        settings = self.settings
        NodeRequest(
            node=node.id,
            run_id=self.run_id,
            parameters=of_node(node, self.values),
            use_cache=self.use_cache,
            gpu=settings.gpu.use_of(node),
            pipeline=self.plan.path,
            pipeline_root=settings.pipeline_root,
            metadata=settings.metadata,
            metadata_wait_seconds=settings.limits.max_metadata_wait_seconds,
            ledger=settings.ledger,
            shown_errors=settings.shown_errors,
            outcome=self._outcome(node),
        ).write(path)
        return path

    def _outcome(self, node: NodePlan) -> Path:
        return self.folder / node.id / "outcome.json"


def nodes_up_to(plan: PipelinePlan, last: str | None) -> tuple[NodePlan, ...]:
    """Return a node and those that it needs, at any distance, in the pipeline's order.

    Args:
        plan: The pipeline.
        last: The node's id; None: all nodes.

    Raises:
        SettingsError: The pipeline has no such node, or one of them asks a person, which needs Airflow.
    """
    nodes = plan.nodes if last is None else _up_to(plan, last)
    if asking := [node.id for node in nodes if node.approval]:
        raise SettingsError(
            f"node {', '.join(asking)} of the pipeline {plan.id} asks a person to approve a promotion, and without "
            'Airflow nobody can be asked; allowed: gate.approval = "none", or --to-node with a node before it. Change '
            "one of them."
        )
    return nodes


def _up_to(plan: PipelinePlan, last: str) -> tuple[NodePlan, ...]:
    known = {node.id: node for node in plan.nodes}
    if last not in known:
        raise SettingsError(
            f"--to-node is {last!r}, which is no node of the pipeline {plan.id}; allowed: {', '.join(known)}. Name one "
            "of these."
        )
    needed = {last}
    for node in reversed(plan.nodes):
        if node.id in needed:
            needed.update(node.upstream)
    return tuple(node for node in plan.nodes if node.id in needed)


def run_nodes(python: Path, module_root: Path, requests: Sequence[Path], *, verbose: bool) -> int:
    """Run nodes in one process, which has this one's terminal.

    Args:
        python: The TFX environment's.
        module_root: The folder that holds ``tfx_modules``.
        requests: Files of requests, in their order.
        verbose: Whether the libraries' logs are shown.

    Returns:
        The exit code, 130 after Ctrl-C; negative: the signal that ended the process otherwise.
    """
    kept = {_BREAKPOINT: os.environ[_BREAKPOINT]} if _BREAKPOINT in os.environ else {}
    words = [str(python), "-m", _MODULE, *(["--verbose"] if verbose else []), *map(str, requests)]
    sys.stdout.flush()
    # A terminal sends Ctrl-C to both. The nodes' process acts on it, and this one waits for its end. A handler, in
    # place of ignoring the signal, which the process would inherit.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.run(words, cwd=module_root, env=tfx_environment(COMMAND, kept), check=False).returncode
        # Before it has handlers of its own, Python ends by the signal itself.
        return INTERRUPTED if code == -signal.SIGINT else code
    finally:
        signal.signal(signal.SIGINT, before)
