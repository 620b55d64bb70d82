"""The config of a server: its models, and the versions to serve. Knows no protocol and no file format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfx_modules.serving.exceptions import ModelConfigError
from tfx_modules.serving.specs import first_repeated


@dataclass(frozen=True)
class VersionPolicy:
    """The version policy of a model: the versions to serve, from the newest down.

    Attributes:
        most: how many at most; None = as many as there are.
        only: no others than these; None = any.
    """

    most: int | None = 1
    only: frozenset[int] | None = None

    def allows(self, version: int) -> bool:
        """Return whether the policy allows the version."""
        return self.only is None or version in self.only

    def is_met_by(self, count: int) -> bool:
        """Return whether so many versions satisfy the policy."""
        return self.most is not None and count >= self.most


def latest(count: int) -> VersionPolicy:
    """Serve the newest ones that can be loaded. TensorFlow Serving reads 0 as 1."""
    return VersionPolicy(most=max(count, 1))


def specific(*versions: int) -> VersionPolicy:
    """Serve these and no others."""
    return VersionPolicy(most=None, only=frozenset(versions))


LATEST = latest(1)
ALL = VersionPolicy(most=None)


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        name: what requests call it.
        base_path: absolute; its sub-folders are the versions. It need not exist yet.
        labels: further names of versions, which requests may use in place of the number.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = LATEST
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or ":" in self.name:
            raise ModelConfigError(f"model name {self.name!r} cannot be part of a URL; leave out '/' and ':'")
        if not self.base_path.is_absolute():
            raise ModelConfigError(
                f"Expected model {self.name} to have an absolute path or URI; got base_path()={self.base_path}"
            )


@dataclass(frozen=True)
class ServerConfig:
    """All models of a server; a model that is not among them is not served."""

    models: tuple[ModelConfig, ...] = ()

    def __post_init__(self) -> None:
        twice = first_repeated(model.name for model in self.models)
        if twice is not None:
            raise ModelConfigError(f"Illegal to list model {twice} multiple times in config list")
