"""Compares the environment's id in ledger, ML Metadata and the pipeline's folder before a node pushes a model.

Retention reads and writes the same context of ML Metadata by SQL (``tfx_modules.retention.store.environment``).
"""

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto
from tfx.orchestration.metadata import Metadata

from tfx_modules.artifact_store.store import ArtifactStore
from tfx_modules.node.request import NodeRequest
from tfx_modules.promotion import history
from tfx_modules.promotion.current import current_ledger
from tfx_modules.promotion.environment import (
    ADOPT,
    CONTEXT_TYPE,
    MARKER,
    Place,
    place_of,
    require_same,
    usable_store,
    write_marker,
)
from tfx_modules.promotion.exceptions import EnvironmentMismatchError

PUSHER = "tfx_modules.components.pusher.Pusher"
"""The class of the component that pushes by the ledger; TFX's own Pusher knows no ledger."""
APPROVAL = "tfx_modules.components.approval.Approval"
"""The class of the component that judges candidates before a person approves them, by the same ledger."""
_RUN_CONTEXT = "pipeline_run"


def check_environment(request: NodeRequest, metadata: Metadata) -> None:
    """Check that the node's ledger, ML Metadata and folder are of one environment; what has no id gets the ledger's.

    A store without an id gets it where it knows the run that promoted the version in service, or where none is.

    Args:
        request: names the ledger and the pipeline's folder.
        metadata: the store.

    Raises:
        EnvironmentMismatchError: they are of different environments, or the store does not know that run.
        LedgerError: the ledger cannot be used.
    """
    with current_ledger().exclusive() as held:
        ledger, events = held.environment, held.events()
    live = history.service(events).live
    promotion = history.promotion_of(events, live) if live is not None else None
    folder = place_of(request.pipeline_root)
    with metadata as handle:
        store = Place("the ML Metadata store of [bert_service] metadata", _read(handle.store))
        require_same([ledger, store, folder])
        if store.id is None or folder.id is None:
            run = promotion.run.run_id if promotion and promotion.run else None
            if run is not None and handle.store.get_context_by_type_and_name(_RUN_CONTEXT, run) is None:
                raise EnvironmentMismatchError(
                    f"{store.name} or {folder.name} has no environment id, and the store does not know run {run}, "
                    f"which has promoted version {live} in service by {ledger.name}; allowed: places of one "
                    f"environment. Nothing was pushed. {ADOPT}"
                )
        if store.id is None:
            _write(handle.store, str(ledger.id))
    if folder.id is None:
        write_marker(request.pipeline_root, str(ledger.id))


def check_store(store: ArtifactStore) -> None:
    """Check that an artifact store is of the node's environment; an empty one that has no id gets the ledger's.

    Raises:
        EnvironmentMismatchError: it is of another environment, whose artifacts would be removed by this one's rules;
            or it has no id, and is not empty.
        ArtifactStoreError: it does not answer.
        LedgerError: the ledger cannot be used.
    """
    with current_ledger().exclusive() as held:
        ledger = held.environment
    place = usable_store(store)
    if place.id is None:
        store.write_text(MARKER, f"{ledger.id}\n")
        return
    require_same([ledger, place])


def _read(store: MetadataStore) -> str | None:
    found = sorted({context.name for context in store.get_contexts_by_type(CONTEXT_TYPE)})
    if len(found) > 1:
        raise EnvironmentMismatchError(
            f"the ML Metadata store has {len(found)} environment ids: {', '.join(found)}; allowed: one. Nothing was "
            f"pushed. {ADOPT}"
        )
    return found[0] if found else None


def _write(store: MetadataStore, environment: str) -> None:
    kind = store.put_context_type(proto.ContextType(name=CONTEXT_TYPE))
    store.put_contexts([proto.Context(type_id=kind, name=environment)])
