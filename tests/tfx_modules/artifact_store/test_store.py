"""What is stored of an artifact comes back as it was, or not at all. The store is a folder."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfx_modules.artifact_store.contents import Contents, describe
from tfx_modules.artifact_store.store import ArtifactStore, Stored
from tfx_modules.exceptions import ArtifactStoreError

PLACE = "Trainer/model/7"
NAMES = st.text("ab. é[*#?%", min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))
TREES = st.recursive(st.binary(max_size=20), lambda tree: st.dictionaries(NAMES, tree, max_size=3), max_leaves=6)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(f"file://{tmp_path}/store")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "assets").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


def write(tree: bytes | dict[str, object], path: Path) -> None:
    if isinstance(tree, bytes):
        path.write_bytes(tree)
        return
    path.mkdir()
    for name, below in tree.items():
        write(below, path / name)  # type: ignore[arg-type]


@given(tree=TREES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_files_and_folders_come_back_the_empty_ones_too(
    store: ArtifactStore, tmp_path_factory: pytest.TempPathFactory, tree: bytes | dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    write(tree, folder / "made")
    stored, contents = store.put(folder / "made", PLACE)

    assert store.get(stored, folder / "copied") == contents
    assert describe(folder / "copied") == describe(folder / "made") == contents


def test_what_is_stored_again_changes_nothing_of_what_is_there(
    store: ArtifactStore, model: Path, tmp_path: Path
) -> None:
    first, _ = store.put(model, PLACE)
    (model / "saved_model.pb").write_bytes(b"another graph")
    second, _ = store.put(model, PLACE)

    store.get(first, tmp_path / "first")
    store.get(second, tmp_path / "second")

    assert (tmp_path / "first" / "saved_model.pb").read_bytes() == b"graph"
    assert (tmp_path / "second" / "saved_model.pb").read_bytes() == b"another graph"


def test_what_was_not_stored_to_the_end_is_not_there(store: ArtifactStore, model: Path, tmp_path: Path) -> None:
    stored, _ = store.put(model, PLACE)
    (tmp_path / "store" / stored.key / "contents.json").unlink()

    assert store.contents(stored) is None
    with pytest.raises(
        ArtifactStoreError, match=r"is not there, or is incomplete: somebody has removed it\. Start a run"
    ):
        store.get(stored, tmp_path / "copy")


@pytest.mark.parametrize("content", [b"grapH", b"gra", None], ids=["changed", "cut", "removed"])
def test_a_damaged_file_is_told_and_not_taken(
    store: ArtifactStore, model: Path, tmp_path: Path, content: bytes | None
) -> None:
    stored, _ = store.put(model, PLACE)
    file = tmp_path / "store" / stored.key / "files" / "saved_model.pb"
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ArtifactStoreError, match=r"saved_model\.pb"):
        store.get(stored, tmp_path / "copy")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "\0"])
def test_a_description_that_leads_out_of_the_artifact_is_refused(name: str) -> None:
    text = json.dumps({"format": 1, "folders": [], "files": {name: {"size": 1, "sha256": ""}}})
    with pytest.raises(ArtifactStoreError, match="the description of s3://b/x is damaged; allowed"):
        Contents.from_json(text, "s3://b/x")


def test_what_a_store_cannot_give_back_is_refused(store: ArtifactStore, model: Path, tmp_path: Path) -> None:
    (model / "latest").symlink_to(tmp_path)
    with pytest.raises(ArtifactStoreError, match=r"model/latest is neither a file nor a folder"):
        store.put(model, PLACE)


def test_all_of_an_artifact_is_removed_and_nothing_of_another(store: ArtifactStore, model: Path) -> None:
    gone, _ = store.put(model, PLACE)
    again, _ = store.put(model, PLACE)
    other, _ = store.put(model, f"{PLACE}7")

    store.remove(PLACE)
    store.remove(PLACE)

    assert [store.contents(stored) for stored in (gone, again)] == [None, None]
    assert {name.split("/")[2] for name in store.objects()} == {"77"}
    assert store.contents(other) is not None


def test_what_nodes_have_not_written_is_neither_listed_nor_removed(
    store: ArtifactStore, model: Path, tmp_path: Path
) -> None:
    stored, _ = store.put(model, PLACE)
    stored_value, _ = store.put(model / "saved_model.pb", f"{PLACE}/value")
    store.put_beside(stored, written(tmp_path / "report.html"))
    foreign = [
        written(tmp_path / "store" / name)
        for name in (
            "reviews/2025/11/part.csv",
            f"{PLACE}/part.csv",
            f"{PLACE}/files/part.csv",
            f"{PLACE}/{'a' * 32}/part.csv",
            f"Trainer/model/{'a' * 32}/contents.json",
            f".trash/model/7/{'a' * 32}/contents.json",
        )
    ]

    assert sorted(store.objects()) == sorted(
        [f"{stored.key}/{name}" for name in ("contents.json", "files/saved_model.pb", "report.html")]
        + [f"{stored_value.key}/{name}" for name in ("contents.json", "file")]
    )
    store.remove(PLACE)
    store.remove("reviews/2025/11")

    assert store.objects() == {}
    assert sorted(path for path in (tmp_path / "store").rglob("*") if path.is_file()) == sorted(foreign)


def written(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("text", encoding="utf-8")
    return file


def test_a_store_that_does_not_answer_is_told_with_its_address(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    broken = ArtifactStore(f"file://{tmp_path}/file/store")
    with pytest.raises(ArtifactStoreError, match=r"/file/store/x/7/0/contents.json cannot be read: NotADirectoryError"):
        broken.contents(Stored("x/7", "0"))
    with pytest.raises(ArtifactStoreError, match=r"cannot be used: .*/file/store does not exist"):
        broken.check()
