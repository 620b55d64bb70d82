"""The environment's id: the ledger is made with a random one, and the other places carry copies of it.

The places are the ledger, the ML Metadata store, and the folders of models, artifacts and spans. Whoever is about to
change one by what another says compares their ids first, since an address of another environment's ledger or store
looks like any other. ``tfx_modules.retention.safety`` and the Pusher's node give copies to the places that have none.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tfx_modules.common.files import write_atomically
from tfx_modules.promotion.exceptions import EnvironmentMismatchError

MARKER = ".environment"
"""The file with the id in a folder. It is one line; model servers and TFX pass over it."""
CONTEXT_TYPE = "airflow_bert_service.environment"
"""Type of the one context in ML Metadata whose name is the id."""
ADOPT = (
    "Correct [bert_service] ledger, metadata or state. Where they do belong together, as after a restore or a move, "
    "run `bert-service retention adopt` (in a checkout `scripts/bert retention adopt`)."
)
"""What to do about places that do not belong together."""
_ADOPT_STORE = (
    "Correct [bert_service] artifact_store first, or else ledger: each installation has a folder of its own in a "
    "bucket. Where the store is this installation's, as after a restore or a move, run `bert-service retention adopt` "
    "(in a checkout `scripts/bert retention adopt`). Of a store that another installation uses, it takes that one's "
    "artifacts: its nodes are refused from then on."
)


@dataclass(frozen=True)
class Place:
    """A place that carries the environment's id."""

    name: str
    """For people, without passwords: ``the ledger at ...``."""
    id: str | None
    """Its id; None: it has none yet."""
    advice: str = ADOPT
    """What to do where it does not belong to another place."""


class MarkedStore(Protocol):
    """An object store with the file :data:`MARKER`."""

    address: str

    def read_text(self, name: str) -> str | None:
        """Return a file's text; None: it is not there."""

    def is_empty(self) -> bool:
        """Return whether nothing is in it."""


def place_of_store(store: MarkedStore) -> Place:
    """Return an artifact store with its id, if it has one."""
    found = store.read_text(MARKER)
    name = f"[bert_service] artifact_store ({store.address})"
    return Place(name, (found and found.strip()) or None, _ADOPT_STORE)


def usable_store(store: MarkedStore) -> Place:
    """Return an artifact store with its id; one without an id has to be empty.

    Raises:
        EnvironmentMismatchError: it has no id, and has something: nobody knows whose that is.
    """
    place = place_of_store(store)
    if place.id is None and not store.is_empty():
        # Another node may have marked it, and stored something, between the two questions.
        place = place_of_store(store)
        if place.id is None:
            raise EnvironmentMismatchError(
                f"{place.name} has objects, and no {MARKER} with an environment id; allowed: an address with nothing "
                "below it, or one that an installation has used. Nothing was changed. Name a folder of its own, such "
                f"as {store.address}/artifacts; where the objects are this installation's artifacts, run "
                "`bert-service retention adopt` (in a checkout `scripts/bert retention adopt`)."
            )
    return place


def place_of(folder: Path) -> Place:
    """Return a folder with its id.

    Raises:
        EnvironmentMismatchError: the folder's file holds no id.
    """
    return Place(f"the folder {folder}", read_marker(folder))


def require_same(places: Iterable[Place]) -> None:
    """Compare the ids of places; those without an id agree with all.

    Raises:
        EnvironmentMismatchError: two differ; the message names both places and ids.
    """
    known = [place for place in places if place.id is not None]
    for place in known[1:]:
        if place.id != known[0].id:
            raise EnvironmentMismatchError(
                f"{known[0].name} has environment id {known[0].id}, and {place.name} has {place.id}; allowed: places "
                f"of one environment. Nothing was changed. {place.advice}"
            )


def read_marker(folder: Path) -> str | None:
    """Return a folder's id; None: it has none, or is not there.

    Raises:
        EnvironmentMismatchError: its file holds no id.
    """
    try:
        text = (folder / MARKER).read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise EnvironmentMismatchError(
            f"{folder / MARKER} holds {text[:50]!r}; allowed: an environment id, as 8f14e45f-ceea-467f-ab71-"
            f"5b2d6e1f0a3c. Nothing was changed. {ADOPT}"
        ) from None


def write_marker(folder: Path, environment: str) -> None:
    """Give a folder its id, in one step; the folder is made where it is missing."""
    write_atomically(folder / MARKER, f"{environment}\n", durable=True)
