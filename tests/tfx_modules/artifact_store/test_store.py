"""What is stored of an artifact comes back as it was, or not at all. The store is a folder."""

import errno
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from botocore.exceptions import ClientError, NoCredentialsError  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.s3_server import s3_server
from tfx_modules.artifact_store.contents import Contents, describe
from tfx_modules.artifact_store.exceptions import DamagedArtifactError
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

    with pytest.raises(DamagedArtifactError, match=r"saved_model\.pb"):
        store.get(stored, tmp_path / "copy")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "\0"])
def test_a_description_that_leads_out_of_the_artifact_is_refused(name: str) -> None:
    text = json.dumps({"format": 1, "folders": [], "files": {name: {"size": 1, "sha256": ""}}})
    with pytest.raises(DamagedArtifactError, match="the description of s3://b/x is damaged; allowed"):
        Contents.from_json(text, "s3://b/x")


def test_what_a_store_cannot_give_back_is_refused(store: ArtifactStore, model: Path, tmp_path: Path) -> None:
    (model / "latest").symlink_to(tmp_path / "gone")
    with pytest.raises(ArtifactStoreError, match=r"model/latest is neither a file nor a folder"):
        store.put(model, PLACE)
    (model / "latest").unlink()
    (model / "latest").symlink_to(tmp_path)
    with pytest.raises(ArtifactStoreError, match=r"latest/model is a link to a folder|model is a link to a folder"):
        store.put(model, PLACE)


def test_links_are_stored_as_what_they_lead_to(store: ArtifactStore, model: Path, tmp_path: Path) -> None:
    (tmp_path / "vocabulary").mkdir()
    (tmp_path / "vocabulary" / "words").write_text("good", encoding="utf-8")
    (model / "vocabulary").symlink_to(tmp_path / "vocabulary")
    (model / "words").symlink_to(tmp_path / "vocabulary" / "words")
    store.get(store.put(model, PLACE)[0], tmp_path / "copy")
    assert not any(path.is_symlink() for path in (tmp_path / "copy").rglob("*"))
    assert (tmp_path / "copy" / "vocabulary" / "words").read_text(encoding="utf-8") == "good"
    assert (tmp_path / "copy" / "words").read_text(encoding="utf-8") == "good"


def test_an_output_that_is_not_there_is_told_as_what_it_is(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ArtifactStoreError) as caught:
        store.put(tmp_path / "nothing", PLACE)
    assert "/nothing, which the node has made, cannot be read: FileNotFoundError" in str(caught.value)
    assert "credentials" not in str(caught.value)


class Unsteady:
    """A file system that fails some times before it does what it is asked."""

    def __init__(self, fs: Any, *errors: BaseException) -> None:
        self._fs, self._errors = fs, list(errors)
        self.arguments: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self.arguments.append(keywords)
            if self._errors:
                raise self._errors.pop(0)
            return getattr(self._fs, name)(*arguments, **keywords)

        return call


def make_unsteady(store: ArtifactStore, *errors: BaseException) -> Unsteady:
    """Have a store fail some times before it does what it is asked."""
    steady = fsspec.filesystem("file", auto_mkdir=True)
    store.__dict__["_fs"] = unsteady = Unsteady(steady, *errors)
    return unsteady


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Has nobody wait; what was waited for."""
    waited: list[float] = []
    monkeypatch.setattr("tfx_modules.artifact_store.trying.time.sleep", waited.append)
    return waited


def test_a_short_outage_is_waited_for(
    store: ArtifactStore, model: Path, tmp_path: Path, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    outage = [ConnectionResetError("reset"), TimeoutError("slow"), OSError(errno.EBUSY, "SlowDown")]
    unsteady = make_unsteady(store, *outage)
    stored, contents = store.put(model, PLACE)
    assert waits == [1, 2, 4]
    assert [item["batch_size"] for item in unsteady.arguments if item] == [8] * 4
    assert "was not stored at" in caplog.text
    assert "ConnectionResetError: reset; that was try 1 of 11, and the next one is in 1 s" in caplog.text

    waits.clear()
    make_unsteady(store, *outage)
    assert store.get(stored, tmp_path / "copy") == contents
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("code", ["502", "504", "429", "SlowDownWrite"])
def test_an_answer_that_the_library_does_not_know_is_waited_for(
    store: ArtifactStore, model: Path, waits: list[float], code: str
) -> None:
    translated = pytest.importorskip("s3fs.errors").translate_boto_error
    answer = ClientError({"Error": {"Code": code, "Message": "busy"}}, "PutObject")
    assert translated(answer).errno == errno.EIO
    make_unsteady(store, translated(answer), translated(answer))
    store.put(model, PLACE)
    assert waits == [1, 2]


def test_a_long_outage_is_told_after_some_minutes(store: ArtifactStore, model: Path, waits: list[float]) -> None:
    make_unsteady(store, *(ConnectionRefusedError("down") for _ in range(20)))
    with pytest.raises(ArtifactStoreError, match=r"was not stored at .*: ConnectionRefusedError: down"):
        store.put(model, PLACE)
    assert sum(waits) == 303
    assert waits == sorted(waits)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError("AccessDenied"), "AccessDenied. Look at .*credentials"),
        (FileNotFoundError("NoSuchBucket"), "NoSuchBucket. Look at .*credentials"),
        (NoCredentialsError(), "NoCredentialsError: .*credentials"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device. Look at this machine's disk"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error. Look at this machine's disk"),
        (ImportError("no module s3fs"), "Add the package to the TFX environment"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_wait_mends_is_told_at_once(
    store: ArtifactStore, model: Path, waits: list[float], error: BaseException, told: str
) -> None:
    make_unsteady(store, error)
    with pytest.raises(ArtifactStoreError, match=told):
        store.put(model, PLACE)
    assert waits == []


@given(name=st.text("[]*?ab", min_size=1, max_size=5))
@settings(max_examples=8, deadline=None)
def test_names_like_patterns_are_names_on_s3(s3: ArtifactStore, name: str) -> None:
    place = f"Node{name}/model/1"
    with tempfile.TemporaryDirectory() as folder:
        made, other = Path(folder, "made"), Path(folder, "other")
        made.mkdir()
        for each in (name, "a", "b"):
            (made / each).write_text(each, encoding="utf-8")
        kept, _ = s3.put(made, "Nodeab/model/1")
        stored, contents = s3.put(made, place)
        assert s3.get(stored, other) == contents
        s3.remove(place)
        assert s3.objects(place) == {}
        assert (s3.contents(kept) is None) is (kept.place == place)
        s3.remove(kept.place)
        assert s3.objects() == {}


@pytest.fixture(scope="module")
def s3() -> Iterator[ArtifactStore]:
    """A store on S3."""
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in (("ACCESS_KEY_ID", "made-up"), ("SECRET_ACCESS_KEY", "made-up"), ("ENDPOINT_URL", address)):
            patch.setenv(f"AWS_{name}", value)
        s3fs = pytest.importorskip("s3fs")
        s3fs.S3FileSystem().mkdir("bucket")
        yield ArtifactStore("s3://bucket/artifacts")
        s3fs.S3FileSystem.clear_instance_cache()  # one that knows this address would be found by others


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
