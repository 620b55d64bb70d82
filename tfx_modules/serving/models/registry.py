"""Keeps the state of every version of every model, and counts the servable handles that are open.

Every look-up carries the version. A version is made available before the one that it replaces is retired, and a retired
one stays in memory until the last servable handle of it is released. Used from one thread, the event loop's, and never
waits, so that no two look-ups can disagree about what is served.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tfx_modules.serving.exceptions import NotServedError, UnknownLabelError
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.specs import ModelSpec, VersionState, VersionStatus

ENGINE_LABELS = ("model_name", "model_version", "engine", "precision")


@dataclass
class _Entry:
    status: VersionStatus
    model: ServedModel | None = None
    open_handles: int = 0


@dataclass(frozen=True)
class ServableHandle:
    """A version that cannot be unloaded while this is held.

    Attributes:
        spec: its name and number, never None.
    """

    spec: ModelSpec
    model: ServedModel


class Registry:
    """Holds the versions of all models. It loads nothing itself."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, _Entry]] = {}
        self._labels: dict[str, dict[str, int]] = {}

    def set_labels(self, name: str, labels: Mapping[str, int]) -> None:
        """Replace a model's labels and their versions."""
        self._labels[name] = dict(labels)

    def resolve_label(self, name: str, label: str) -> int:
        """Return the version that a label stands for; it need not be available.

        Raises:
            UnknownLabelError: the model has no such label.
        """
        labels = self._labels.get(name, {})
        if label not in labels:
            raise UnknownLabelError(
                f"Unrecognized servable version label: {label}; "
                f"model {name} has {', '.join(sorted(labels)) or 'no labels, give a version'}"
            )
        return labels[label]

    def available(self, name: str) -> list[int]:
        """Return the versions that answer requests, newest first."""
        entries = self._models.get(name, {})
        return sorted((v for v, entry in list(entries.items()) if _is(entry, VersionState.AVAILABLE)), reverse=True)

    def statuses(self, spec: ModelSpec) -> list[VersionStatus]:
        """Return the state of the version, or of all that were ever seen, newest first.

        Raises:
            NotServedError: no such model, version or label was ever seen.
        """
        spec = self._resolved(spec)
        entries = self._models.get(spec.name, {})
        if spec.version is not None:
            if spec.version not in entries:
                raise NotServedError(f"Could not find version {spec.version} of model {spec.name}")
            return [entries[spec.version].status]
        if not entries:
            raise NotServedError(f"Could not find any versions of model {spec.name}")
        return [entries[version].status for version in sorted(entries, reverse=True)]

    def engines(self) -> list[tuple[str, str, str, str]]:
        """Return model, version, engine and precision of each version that answers requests (``ENGINE_LABELS``)."""
        return [
            (name, str(version), entry.model.engine.choice.value, entry.model.engine.precision)
            for name, entries in list(self._models.items())
            for version, entry in list(entries.items())
            if entry.model is not None and _is(entry, VersionState.AVAILABLE)
        ]

    @contextmanager
    def servable_handle(self, spec: ModelSpec) -> Iterator[ServableHandle]:
        """Open a servable handle; without version and label in the spec, of the newest version that is available.

        Raises:
            NotServedError: the version, or any version of the model, is not available, or the label unknown.
        """
        spec = self._resolved(spec)
        newest = self.available(spec.name)[:1] if spec.version is None else [spec.version]
        entry = self._models.get(spec.name, {}).get(newest[0]) if newest else None
        if entry is None or entry.model is None or not _is(entry, VersionState.AVAILABLE):
            raise NotServedError(f"Servable not found for request: {spec}")
        entry.open_handles += 1
        try:
            yield ServableHandle(ModelSpec(spec.name, newest[0]), entry.model)
        finally:
            entry.open_handles -= 1
            _unload_if_unused(entry)

    def _resolved(self, spec: ModelSpec) -> ModelSpec:
        return spec if spec.label is None else ModelSpec(spec.name, self.resolve_label(spec.name, spec.label))

    def begin(self, name: str, version: int) -> None:
        """Record that a version is being loaded."""
        self._models.setdefault(name, {})[version] = _Entry(VersionStatus(version, VersionState.LOADING))

    def publish(self, name: str, version: int, model: ServedModel) -> None:
        """Make a version available for requests."""
        self._models[name][version] = _Entry(VersionStatus(version, VersionState.AVAILABLE), model)

    def fail(self, name: str, version: int, *, error_code: str, error_message: str) -> None:
        """Record that a version could not be loaded, or not even read."""
        status = VersionStatus(version, VersionState.END, error_code, error_message)
        self._models.setdefault(name, {})[version] = _Entry(status)

    def retire(self, name: str, version: int) -> None:
        """Take a version out of service; it is unloaded when its last servable handle is released."""
        entry = self._models[name][version]
        entry.status = VersionStatus(version, VersionState.UNLOADING)
        _unload_if_unused(entry)


def _is(entry: _Entry, state: VersionState) -> bool:
    return entry.status.state is state


def _unload_if_unused(entry: _Entry) -> None:
    if _is(entry, VersionState.UNLOADING) and not entry.open_handles:
        entry.model = None
        entry.status = VersionStatus(entry.status.version, VersionState.END)
