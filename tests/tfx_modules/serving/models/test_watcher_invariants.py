"""Whatever happens on disk and to the policy, the watcher keeps its promises.

- Those versions are served that the policy asks for and that can be loaded; if there are none of them, what was before.
- At no moment is the last version taken away while there is one to serve.
- What replaces a version is loaded before that is retired.
"""

import asyncio
import gc
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tfx_modules.serving.exceptions import ModelLoadError, WarmupError
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.models.model_config import ALL, ModelConfig, VersionPolicy, latest, specific
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.models.watcher import ModelWatcher
from tfx_modules.serving.specs import ModelSpec, VersionState

NAME = "reviews"
VERSIONS = st.integers(1, 12)
KINDS = st.sampled_from(["good", "broken", "cold"])  # cold: its warm-up fails
POLICIES = st.one_of(
    st.integers(0, 3).map(latest),
    st.just(ALL),
    st.sets(VERSIONS, min_size=1, max_size=3).map(lambda versions: specific(*versions)),
)


class Remembering(Registry):
    """A registry that remembers what was available after each change."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[list[int]] = []

    def publish(self, name: str, version: int, model: ServedModel) -> None:
        super().publish(name, version, model)
        self.moments.append(self.available(name))

    def retire(self, name: str, version: int) -> None:
        super().retire(name, version)
        self.moments.append(self.available(name))


class Disk(RuleBasedStateMachine):
    """Versions come, go, break and are repaired, and the policy changes; after each of these, the watcher looks."""

    model: ServedModel  # a real one, the same for every version that can be loaded

    @initialize(policy=POLICIES)
    def start(self, policy: VersionPolicy) -> None:
        self._folder = Path(tempfile.mkdtemp())
        self._loader = ThreadPoolExecutor(1)
        self._policy = policy
        self._while_loading: list[tuple[int, list[int]]] = []
        self._registry = Remembering()
        config = ModelConfig(NAME, self._folder, policy)
        self._watcher = ModelWatcher(config=config, registry=self._registry, loader=self._loader, load=self._load)

    def _load(self, folder: Path) -> ServedModel:
        self._while_loading.append((int(folder.name), self._registry.available(NAME)))
        kind = (folder / "saved_model.pb").read_text()
        if kind == "broken":
            raise ModelLoadError("broken")
        if kind == "cold":
            raise WarmupError("cold")
        return self.model

    @rule(version=VERSIONS, kind=KINDS)
    def write(self, version: int, kind: str) -> None:
        folder = self._folder / str(version)
        folder.mkdir(exist_ok=True)
        (folder / "saved_model.pb").write_text(kind)
        self._look()

    @rule(version=VERSIONS)
    def begin_to_copy(self, version: int) -> None:
        (self._folder / str(version) / "variables").mkdir(parents=True, exist_ok=True)
        self._look()

    @rule(version=VERSIONS)
    def delete(self, version: int) -> None:
        shutil.rmtree(self._folder / str(version), ignore_errors=True)
        self._look()

    @rule(policy=POLICIES)
    def follow(self, policy: VersionPolicy) -> None:
        self._policy = policy
        self._watcher.follow(ModelConfig(NAME, self._folder, policy))
        self._look()

    def _look(self) -> None:
        before = self._registry.available(NAME)
        self._registry.moments = [before]
        self._while_loading.clear()
        expected = self._expected(before)
        asyncio.run(self._watcher.poll())
        assert self._registry.available(NAME) == expected
        if before and expected:
            assert all(self._registry.moments), "the last version was taken away before another was there"
            assert all(available for _, available in self._while_loading)
        for version, available in self._while_loading:
            assert set(before) <= set(available), f"something was retired before {version} was loaded"
        self._check_statuses()

    def _expected(self, before: list[int]) -> list[int]:
        kinds = {int(path.parent.name): path.read_text() for path in self._folder.glob("*/saved_model.pb")}
        allowed = sorted((version for version in kinds if self._policy.allows(version)), reverse=True)
        # One that is in memory stays as it is, whatever becomes of its files.
        loadable = [version for version in allowed if version in before or kinds[version] == "good"]
        return loadable[: self._policy.most] or (before if allowed else [])

    def _check_statuses(self) -> None:
        for version, _ in self._while_loading:
            (status,) = self._registry.statuses(ModelSpec(NAME, version))
            served = status.state is VersionState.AVAILABLE
            assert served or (status.state is VersionState.END and status.error_message in ("broken", "cold"))

    def teardown(self) -> None:
        if hasattr(self, "_loader"):
            self._loader.shutdown()
            shutil.rmtree(self._folder)


@pytest.fixture
def disk(served_model: ServedModel) -> type[Disk]:
    return type("DiskWithModel", (Disk,), {"model": served_model})


def test_the_watcher_keeps_its_promises(disk: type[Disk]) -> None:
    gc.freeze()  # the watcher collects garbage after each retirement: TensorFlow's objects need not be looked at
    try:
        run_state_machine_as_test(disk, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))
    finally:
        gc.unfreeze()
