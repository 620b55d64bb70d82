"""Runs one node on TFX's Launcher."""

import functools
import logging
import re
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

from google.protobuf.message import Message
from tfx.orchestration.metadata import Metadata
from tfx.orchestration.portable import execution_watcher, outputs_utils
from tfx.orchestration.portable.launcher import DEFAULT_EXECUTOR_OPERATORS, Launcher
from tfx.proto.orchestration.executable_spec_pb2 import BeamExecutableSpec
from tfx.types import artifact_utils
from tfx.types.value_artifact import ValueArtifact

from tfx_modules.artifact_store.current import current_staging, using
from tfx_modules.beam.forking import Forker
from tfx_modules.beam.operator import BeamOperator
from tfx_modules.common.files import make_folder
from tfx_modules.exceptions import ArtifactStoreError, NodeError, PipelineError
from tfx_modules.node import connection, gates, ir
from tfx_modules.node.environment import APPROVAL, PUSHER, check_environment, check_store
from tfx_modules.node.gpu_check import preflight
from tfx_modules.node.launching import measurements, skipping
from tfx_modules.node.launching.calls import begin_call
from tfx_modules.node.launching.flushing import flushing
from tfx_modules.node.launching.inputs import found_nothing, missing_inputs
from tfx_modules.node.launching.outputs import resolver_for
from tfx_modules.node.launching.storing import keep_report, read_value, staged, storing, verify_artifacts
from tfx_modules.node.launching.users_code import use_code_of
from tfx_modules.node.lineage import ExecutionRecord, Lineage
from tfx_modules.node.outcome import NodeState, Outcome
from tfx_modules.node.request import NodeRequest
from tfx_modules.node.store import metadata_of
from tfx_modules.promotion import current
from tfx_modules.promotion.exceptions import EnvironmentMismatchError
from tfx_modules.reports import writer
from tfx_modules.reports.node_record import NodeRecord

_MODULE = re.compile(r"^(?:\w+\.)+(?=\w+(?::|$))")

_FOUND_NOTHING = "it found no artifacts, and the nodes after it can run without"

_logger = logging.getLogger(__name__)


class NoExecutionWatcher:
    """Stands for TFX's server by which executors elsewhere report to the Launcher; it opens none.

    TFX's own is on loopback while an executor runs, and lets every user of the machine write into the execution's
    properties. Executors here run in the Launcher's process, and none reports by it.
    """

    address = ""

    def __init__(self, **arguments: object) -> None:
        """Take what the Launcher passes."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def run_node(request: NodeRequest, *, forks_workers: bool = True) -> Outcome:
    """Run a node, unless its run has a successful execution of it already; an exit handler runs each time.

    Args:
        request: what to run.
        forks_workers: whether Beam may run in forks of this process. Not where threads of TensorFlow are left of a
            node before, or where breakpoints shall work: Beam then runs in this process.

    Returns:
        How it ended. Whatever was raised is in the outcome as a line, and in the log with its traceback.
    """
    # TFX hands the rest of the command line to executors, as flags; here it is a request's path or a server's socket.
    del sys.argv[1:]
    try:
        return _run(request, forks_workers=forks_workers)
    except (NodeError, ArtifactStoreError, EnvironmentMismatchError) as error:
        return Outcome(request.node, NodeState.FAILED, reason=one_line(error))
    # The outermost level of the node command: only a crash of the process may leave it without an outcome.
    except Exception as error:
        _logger.exception("node %s failed", request.node)
        return Outcome(request.node, NodeState.FAILED, reason=one_line(error))


def _run(request: NodeRequest, *, forks_workers: bool) -> Outcome:
    use_code_of(request.pipeline)
    bound = ir.bind(request)
    with (
        current.using(request.ledger, bound.pipeline_info.id, ir.version_of(request.pipeline)),
        using(request.artifact_store, request.pipeline_root, request.artifact_copies_gb),
    ):
        if not (forks_workers and bound.chooses_beam_workers):
            return _run_bound(request, bound, None)
        # Before TFX starts its first thread.
        with Forker() as forker:
            return _run_bound(request, bound, forker)


def _run_bound(request: NodeRequest, bound: ir.BoundNode, forker: Forker | None) -> Outcome:
    metadata = metadata_of(connection.connection_config(request.metadata), request.metadata_wait_seconds)
    lineage = Lineage(metadata)
    if bound.is_exit_handler:
        begin_call(bound.node, request.run_id, lineage)
    earlier = lineage.of_run(bound.node)
    if earlier and earlier.succeeded:
        # Launcher would find this out for components, but run system nodes again, which could then resolve to
        # artifacts that this very run has made.
        reused = "node %s has already succeeded in run %s; it reuses the outputs of execution %d"
        _logger.info(reused, request.node, request.run_id, earlier.id)
        return _judged(bound, metadata, NodeState.REUSED, earlier)
    preflight(request.node, request.gpu)
    measured: Mapping[str, Any] = {}
    if not {APPROVAL, PUSHER}.isdisjoint(bound.class_paths):
        check_environment(request, metadata)
        measured = measurements.of_run(functools.partial(_nodes_of_run, bound, metadata))
    outputs_utils.OutputsResolver = resolver_for(earlier.id if earlier else None)
    make_folder(request.pipeline_root)
    staging = current_staging()
    if staging and staging.store:
        check_store(staging.store)
    with current.measured(measured):
        operators = storing(flushing(_operators(forker), request.pipeline_root), staging)
        failure = _launch(bound, metadata, operators)
    connection.flush(request.metadata)
    return _launched(bound, metadata, failure)


def one_line(error: BaseException) -> str:
    """Format an error as one line: the message of ours, type and message of others."""
    text = str(error)
    if "Traceback (most recent call last)" in text:
        return last_line(text)  # Beam puts the traceback of its worker into the message
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if isinstance(error, PipelineError) and lines:
        return " ".join(lines)
    return ": ".join([type(error).__name__, *lines[:1]])


def last_line(traceback: str) -> str:
    """Return the last line of a traceback, without the module of the exception's class."""
    lines = traceback.strip().splitlines()
    return _MODULE.sub("", lines[-1].strip()) if lines else ""


def _operators(forker: Forker | None) -> dict[type[Message], Callable[..., Any]]:
    """Return what runs executors: TFX's operators, but for those that use Beam."""
    return {**DEFAULT_EXECUTOR_OPERATORS, BeamExecutableSpec: functools.partial(BeamOperator, forker=forker)}


def _launch(bound: ir.BoundNode, metadata: Metadata, operators: Mapping[type[Message], Callable[..., Any]]) -> str:
    """Launch the node.

    Returns:
        What it raised, as a line; empty when it raised nothing.
    """
    execution_watcher.ExecutionWatcher = NoExecutionWatcher
    artifact_utils.verify_artifacts = verify_artifacts
    ValueArtifact.read = read_value
    try:
        Launcher(
            pipeline_node=bound.node,
            mlmd_connection=metadata,
            pipeline_info=bound.pipeline_info,
            pipeline_runtime_spec=bound.runtime_spec,
            executor_spec=bound.executor_spec,
            custom_driver_spec=bound.driver_spec,
            custom_executor_operators=operators,
        ).launch()
    # The node's code may raise anything; the outcome tells of it, together with the execution.
    except Exception as error:
        _logger.exception("node %s failed", bound.node.node_info.id)
        return one_line(error)
    return ""


def _launched(bound: ir.BoundNode, metadata: Metadata, failure: str) -> Outcome:
    node = bound.node.node_info.id
    execution = Lineage(metadata).of_run(bound.node)
    if execution is None:
        reason = failure or skipping.CONDITION
        return Outcome(node, NodeState.FAILED if failure else NodeState.SKIPPED, reason=reason)
    if failure or not execution.succeeded:
        # Launcher does not raise where inputs cannot be resolved; it records the traceback.
        if not failure and bound.follows_condition and (skipped := skipping.skipped_before(bound.node, metadata)):
            return Outcome(node, NodeState.SKIPPED, execution.id, reason=skipping.reason_of(skipped))
        if not failure and not bound.needed_by and found_nothing(execution.error):
            return Outcome(node, NodeState.COMPLETE, execution.id, reason=_FOUND_NOTHING)
        recorded = missing_inputs(bound.node, execution.error) or last_line(execution.error)
        reason = failure or recorded or "TFX recorded a failure without saying why"
        return Outcome(node, NodeState.FAILED, execution.id, reason=reason)
    return _judged(bound, metadata, NodeState.CACHED if execution.cached else NodeState.COMPLETE, execution)


def _judged(bound: ir.BoundNode, metadata: Metadata, state: NodeState, execution: ExecutionRecord) -> Outcome:
    verdict = gates.judge(bound.class_paths, execution)
    _leave_reports(bound, metadata, execution)
    return Outcome(
        node=bound.node.node_info.id,
        state=verdict.state or state,
        execution_id=execution.id,
        outputs=execution.outputs,
        reason=verdict.reason,
    )


def _leave_reports(bound: ir.BoundNode, metadata: Metadata, execution: ExecutionRecord) -> None:
    """Write what people read of a node that has succeeded; an error is logged, and nothing depends on it."""
    record = _node_record(bound, execution)
    if (report := writer.write(bound.class_paths, record)) is not None:
        keep_report(report, execution.outputs)
    if PUSHER in bound.class_paths:
        writer.write_card(record, functools.partial(_nodes_of_run, bound, metadata))


def _nodes_of_run(bound: ir.BoundNode, metadata: Metadata, known: Collection[str]) -> dict[str, NodeRecord]:
    """Return the nodes of the run that have succeeded, of the known components."""
    nodes = Lineage(metadata).nodes_of_run(bound.node, known)
    return {kind: _node_record(bound, found) for kind, found in nodes.items()}


def _node_record(bound: ir.BoundNode, execution: ExecutionRecord) -> NodeRecord:
    pipeline = bound.pipeline_info.id
    inputs, outputs = staged(execution.inputs), staged(execution.outputs)
    return NodeRecord(pipeline, inputs, outputs, execution.texts, bound.shown_errors)
