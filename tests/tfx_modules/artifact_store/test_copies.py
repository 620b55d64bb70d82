"""Copies on one machine: nobody reads half of one, nobody loses one that he reads, and their size has a limit."""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tfx_modules.artifact_store.contents import Contents, describe
from tfx_modules.artifact_store.copies import Copies
from tfx_modules.artifact_store.staging import LocalStaging, Staging
from tfx_modules.artifact_store.store import ArtifactStore, Stored
from tfx_modules.exceptions import ArtifactStoreError


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(f"file://{tmp_path}/store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "pipeline"


@pytest.fixture
def put(store: ArtifactStore, tmp_path: Path) -> Callable[[str, bytes], Stored]:
    def put_one(place: str, content: bytes) -> Stored:
        path = tmp_path / "made" / place
        path.mkdir(parents=True, exist_ok=True)
        (path / "file").write_bytes(content)
        return store.put(path, place)[0]

    return put_one


Put = Callable[[str, bytes], Stored]


def fetch(staging: Staging, root: Path, stored: Stored) -> bytes:
    staging.fetch(str(root / stored.place), stored.stored_as)
    return (root / stored.place / "file").read_bytes()


def test_what_an_earlier_try_has_left_here_is_replaced_by_what_counts(
    store: ArtifactStore, root: Path, put: Put
) -> None:
    left, counts = put("Trainer/model/7", b"of a killed try"), put("Trainer/model/7", b"of the one that ended")
    with Staging(root, store, 0) as staging:
        assert fetch(staging, root, left) == b"of a killed try"
        assert fetch(staging, root, counts) == b"of the one that ended"


def test_a_copy_is_read_without_asking_the_store(store: ArtifactStore, root: Path, put: Put) -> None:
    stored = put("Trainer/model/7", b"graph")
    with Staging(root, store, 0) as staging:
        fetch(staging, root, stored)
    store.remove("Trainer/model/7")
    with Staging(root, store, 0) as staging:
        assert fetch(staging, root, stored) == b"graph"


def test_what_is_gone_from_the_store_and_here_fails_and_leaves_nothing(
    store: ArtifactStore, root: Path, put: Put
) -> None:
    stored = put("Trainer/model/7", b"graph")
    store.remove("Trainer/model/7")
    with Staging(root, store, 0) as staging, pytest.raises(ArtifactStoreError, match="somebody has removed it"):
        fetch(staging, root, stored)
    assert not (root / "Trainer").exists()
    assert list((root / ".copies" / ".coming").iterdir()) == []


def test_an_artifact_of_the_time_before_the_store_is_read_where_it_is(store: ArtifactStore, root: Path) -> None:
    (root / "Trainer" / "model" / "3").mkdir(parents=True)
    with Staging(root, store, 0) as staging:
        staging.fetch(str(root / "Trainer" / "model" / "3"), "")
        staging.fetch("/data/imported/schema", "")
        with pytest.raises(ArtifactStoreError, match=r"was made when .* artifact_store was empty, and is not on this"):
            staging.fetch(str(root / "Trainer" / "model" / "4"), "")


def test_without_a_store_whole_copies_are_read_and_what_killed_tries_have_left_is_not(
    store: ArtifactStore, root: Path, put: Put
) -> None:
    whole, left, gone = put("Gen/examples/1", b"x"), put("Gen/examples/2", b"x"), put("Gen/examples/3", b"x")
    with Staging(root, store, 0) as staging:
        fetch(staging, root, whole)
    (root / left.place).mkdir()
    (root / "Gen" / "examples" / "4").mkdir()
    with LocalStaging(root) as staging_here:
        staging_here.fetch(str(root / whole.place), whole.stored_as)
        staging_here.fetch(str(root / "Gen" / "examples" / "4"), "")
        staging_here.fetch("/data/imported/schema", "")
        for stored, told in ((left, "left by a try that did not end"), (gone, "it is not there")):
            with pytest.raises(ArtifactStoreError, match=rf"{stored.place} is on .* {told}; allowed: .* Set artifact"):
                staging_here.fetch(str(root / stored.place), stored.stored_as)
        kept = [staging_here.is_kept(str(root / item.place), item.stored_as) for item in (whole, left, gone)]
        assert kept == [True, False, False]
        staging_here.reserve([str(root / whole.place)])  # a restored metadata store gives out ids anew
        assert not staging_here.is_kept(str(root / whole.place), whole.stored_as)
    assert not [path for path in (root / ".copies").rglob("*") if path.is_file()]


def test_the_copies_that_were_used_least_recently_go_and_those_in_use_stay(
    store: ArtifactStore, root: Path, put: Put
) -> None:
    old, used, newest = (put(f"Gen/examples/{number}", b"x" * 400) for number in (1, 2, 3))
    with Staging(root, store, 0) as staging:
        for age, stored in enumerate((newest, old, used)):
            fetch(staging, root, stored)
            os.utime(root / ".copies" / f"{stored.place}.json", (time.time() - 100 * age,) * 2)
    with Staging(root, store, 0) as reader:
        reader.fetch(str(root / used.place), used.stored_as)
        os.utime(root / ".copies" / f"{used.place}.json", (1, 1))
        with Staging(root, store, 800):
            pass  # a node that ends beside it
        assert [(root / item.place).exists() for item in (old, used, newest)] == [False, True, True]
        assert (root / used.place / "file").read_bytes() == b"x" * 400
    with Staging(root, store, 400):
        pass
    assert [(root / item.place).exists() for item in (used, newest)] == [False, True]


def test_what_killed_copying_has_left_goes_when_nobody_can_be_at_it(store: ArtifactStore, root: Path) -> None:
    for name, age in (("left", 90_000), ("at work", 60)):
        (root / ".copies" / ".coming" / name).mkdir(parents=True)
        os.utime(root / ".copies" / ".coming" / name, (time.time() - age,) * 2)
    with Staging(root, store, 0):
        pass
    assert [path.name for path in (root / ".copies" / ".coming").iterdir()] == ["at work"]


def test_outputs_of_killed_tries_go_when_they_are_old_and_locks_go_with_copies(
    store: ArtifactStore, root: Path, put: Put
) -> None:
    places = {name: f"Trainer/model/{number}" for number, name in enumerate(("killed", "made", "begun", "before"))}
    for place in places.values():
        (root / place).mkdir(parents=True)
        (root / place / "file").write_bytes(b"x")
    for name in ("killed", "begun"):
        with Staging(root, store, 0) as staging:
            staging.reserve([str(root / places[name])])  # and no stamp
    copy = put("Gen/examples/1", b"x" * 400)
    with Staging(root, store, 0) as staging, Staging(root, store, 0) as making:
        fetch(staging, root, copy)
        making.reserve([str(root / places["made"])])
        for path in (*(root / ".copies").rglob("*.lock"), *(root / place for place in places.values())):
            os.utime(path, (time.time() - 90_000,) * 2)
        os.utime(root / places["begun"])
        with Staging(root, store, 0):
            pass
        assert [name for name in places if not (root / places[name]).exists()] == ["killed"]
    with Staging(root, store, 1):
        pass
    assert not (root / copy.place).exists()
    assert not list((root / ".copies" / "Gen").rglob("*.*"))
    assert (root / places["before"] / "file").exists(), "which was made before there was a store"


def test_what_is_being_made_is_no_copy_and_is_not_removed(store: ArtifactStore, root: Path, put: Put) -> None:
    """A killed try has stored its output, and the next one is making it anew at the same path."""
    stored = put("Gen/examples/1", b"x" * 400)
    with Staging(root, store, 0) as staging:
        fetch(staging, root, stored)
    with Staging(root, store, 0) as making:
        making.reserve([str(root / stored.place)])
        with Staging(root, store, 1):
            pass
        assert (root / stored.place / "file").exists()


def read_often(address: str, root: str, stored: Stored) -> None:
    """Fetch an artifact many times, while others do and all copies are over the limit."""
    for _ in range(15):
        with Staging(Path(root), ArtifactStore(address), 1) as staging:
            if (content := fetch(staging, Path(root), stored)) != b"graph" * 5000:
                raise AssertionError(len(content))


def test_processes_that_fetch_and_remove_the_same_copies_at_once_read_whole_ones(
    store: ArtifactStore, root: Path, put: Put
) -> None:
    both = [put(f"Gen/examples/{number}", b"graph" * 5000) for number in (1, 2)]
    fork = multiprocessing.get_context("fork")
    readers = [
        fork.Process(target=read_often, args=(store.address, str(root), stored)) for _ in range(2) for stored in both
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert [reader.exitcode for reader in readers] == [0, 0, 0, 0]
    assert list((root / ".copies").glob(".*/*")) == []


def test_one_who_comes_later_takes_the_copy_that_is_there(root: Path) -> None:
    stored, asked = Stored("Gen/examples/1", "aaaa"), []

    def get(path: Path) -> Contents:
        asked.append(path)
        path.mkdir()
        return describe(path)

    with Copies(root, 0) as first, Copies(root, 0) as second:
        assert first.use(stored, get) is True
        assert second.use(stored, get) is False
    assert len(asked) == 1
