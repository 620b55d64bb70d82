"""Which version of which model is in which state, and who is using it.

Every look-up carries the version. A version is made available before the one that it replaces is retired, and a retired
one stays in memory until the last request that holds a lease on it is done. Used from one thread, the event loop's, and
never waits, so that no two look-ups can disagree about what is served.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tfx_modules.serving.exceptions import LabelError, LabelNotFoundError, NotServedError
from tfx_modules.serving.model import ServedModel
from tfx_modules.serving.specs import ModelSpec, VersionState, VersionStatus

_WAY_OUT = {
    True: "load that version first, beside the one that the label names now",
    False: "load that version first, or start with --allow_version_labels_for_unavailable_models",
}


@dataclass
class _Entry:
    status: VersionStatus
    model: ServedModel | None = None
    leases: int = 0


@dataclass(frozen=True)
class Lease:
    """A version that cannot be unloaded while this is held.

    Attributes:
        spec: its name and number, never None.
    """

    spec: ModelSpec
    model: ServedModel


class Registry:
    """The versions of all models. Loads nothing itself."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, _Entry]] = {}
        self._labels: dict[str, dict[str, int]] = {}

    def available(self, name: str) -> list[int]:
        """Return the versions that answer requests, newest first."""
        entries = self._models.get(name, {})
        return sorted((v for v, entry in entries.items() if _is(entry, VersionState.AVAILABLE)), reverse=True)

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """Return the state of the version, or of all that were ever seen, newest first.

        Raises:
            NotServedError: no such model or version was ever seen.
        """
        entries = self._models.get(spec.name, {})
        if spec.version is not None:
            if spec.version not in entries:
                raise NotServedError(f"Could not find version {spec.version} of model {spec.name}")
            return [entries[spec.version].status]
        if not entries:
            raise NotServedError(f"Could not find any versions of model {spec.name}")
        return [entries[version].status for version in sorted(entries, reverse=True)]

    def resolve_label(self, name: str, label: str) -> int:
        """Return the version that a label of a model stands for, available or not.

        Raises:
            NotServedError: the model has no such label.
        """
        if label not in self._labels.get(name, {}):
            raise LabelNotFoundError(f"Unrecognized servable version label: {label}")
        return self._labels[name][label]

    def relabel(self, labels: Mapping[str, Mapping[str, int]], *, allow_unavailable: bool) -> None:
        """Replace all labels of all models, or, on an error, none.

        Args:
            labels: versions by model and label.
            allow_unavailable: let new labels name versions that are not available yet. A label that is in use may
                never move to one, so that requests with it go on being answered.

        Raises:
            LabelError: a version is not available.
        """
        for name, versions in labels.items():
            for label, version in versions.items():
                in_use_elsewhere = self._labels.get(name, {}).get(label, version) != version
                allowed = allow_unavailable and not in_use_elsewhere
                if not allowed and version not in self.available(name):
                    raise LabelError(
                        f"Request to assign label to version {version} of model {name}, which is not currently "
                        f"available for inference: label {label!r}; {_WAY_OUT[in_use_elsewhere]}"
                    )
        self._labels = {name: dict(versions) for name, versions in labels.items()}

    @contextmanager
    def lease(self, spec: ModelSpec) -> Iterator[Lease]:
        """Hold a version while it is used; without a version in the spec, the newest that is available.

        Raises:
            NotServedError: the version, or any version of the model, is not available.
        """
        newest = self.available(spec.name)[:1] if spec.version is None else [spec.version]
        entry = self._models.get(spec.name, {}).get(newest[0]) if newest else None
        if entry is None or entry.model is None or not _is(entry, VersionState.AVAILABLE):
            raise NotServedError(f"Servable not found for request: {spec}")
        entry.leases += 1
        try:
            yield Lease(ModelSpec(spec.name, newest[0]), entry.model)
        finally:
            entry.leases -= 1
            _unload_if_unused(entry)

    def begin(self, name: str, version: int) -> None:
        """Note that a version is being loaded."""
        self._models.setdefault(name, {})[version] = _Entry(VersionStatus(version, VersionState.LOADING))

    def publish(self, name: str, version: int, model: ServedModel) -> None:
        """Let a version answer requests from now on."""
        self._models[name][version] = _Entry(VersionStatus(version, VersionState.AVAILABLE), model)

    def fail(self, name: str, version: int, *, error_code: str, error_message: str) -> None:
        """Note that a version could not be loaded."""
        status = VersionStatus(version, VersionState.END, error_code, error_message)
        self._models[name][version] = _Entry(status)

    def retire(self, name: str, version: int) -> None:
        """Take a version out of service; it is unloaded as soon as nobody uses it."""
        entry = self._models[name][version]
        entry.status = VersionStatus(version, VersionState.UNLOADING)
        _unload_if_unused(entry)


def _is(entry: _Entry, state: VersionState) -> bool:
    return entry.status.state is state


def _unload_if_unused(entry: _Entry) -> None:
    if _is(entry, VersionState.UNLOADING) and not entry.leases:
        entry.model = None
        entry.status = VersionStatus(entry.status.version, VersionState.END)
