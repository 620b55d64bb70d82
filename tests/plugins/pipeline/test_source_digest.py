import os
from pathlib import Path

import pytest
from airflow_bert_service.pipeline.source_digest import source_files, sources_digest
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(alphabet="abcxyz_", min_size=1, max_size=6)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_the_same_files_have_the_same_digest_wherever_they_are_and_in_whatever_order_they_came(tmp_path: Path) -> None:
    files = {"b.py": b"2", "a.py": b"1", "sub/c.toml": b"3"}
    one = write(tmp_path / "one", files)
    other = write(tmp_path / "other", dict(reversed(files.items())))
    assert sources_digest(one) == sources_digest(other)


@pytest.mark.parametrize(
    "changed",
    [
        {"a.py": b"other", "sub/b.py": b"2"},
        {"renamed.py": b"1", "sub/b.py": b"2"},
        {"a.py": b"1", "sub/b.py": b"2", "new.py": b""},
        {"a.py": b"1"},
        {"a.py": b"1sub/b.py\x001\x002"},
    ],
    ids=["content", "name", "empty file more", "file less", "one file that spells two"],
)
def test_another_content_or_name_gives_another_digest(tmp_path: Path, changed: dict[str, bytes]) -> None:
    before = write(tmp_path / "before", {"a.py": b"1", "sub/b.py": b"2"})
    assert sources_digest(write(tmp_path / "after", changed)) != sources_digest(before)


def test_bytecode_and_editors_swap_files_are_no_sources(tmp_path: Path) -> None:
    folder = write(tmp_path / "sources", {"a.py": b"1", ".airflowignore": b"x"})
    before = sources_digest(folder)
    write(
        folder, {"__pycache__/a.cpython-310.pyc": b"x", "__pycache__/note.txt": b"x", "b.pyc": b"x", ".a.py.swp": b"x"}
    )
    assert sources_digest(folder) == before
    assert [path.name for path in source_files(folder)] == [".airflowignore", "a.py"]


def test_entries_can_be_left_out_but_only_right_in_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "dags", {"a.py": b"1", "compiled/x.json": b"{}", "sub/compiled/y.json": b"{}"})
    names = [path.relative_to(folder).as_posix() for path in source_files(folder, without={"compiled"})]
    assert names == ["a.py", "sub/compiled/y.json"]


@pytest.mark.parametrize("linked", ["bert_pipelines", "bert_pipelines/tickets"])
def test_a_further_pipelines_folder_may_be_a_link_and_no_deeper_one_is_followed(tmp_path: Path, linked: str) -> None:
    dags = write(tmp_path / "dags", {"bert_sentiment.py": b"1"})
    elsewhere = write(tmp_path / "elsewhere", {"bert_pipelines/tickets/settings.toml": b"2"})
    (elsewhere / "bert_pipelines" / "tickets" / "up").symlink_to(dags)
    (dags / linked).parent.mkdir(exist_ok=True)
    (dags / linked).symlink_to(elsewhere / linked)
    names = [path.relative_to(dags).as_posix() for path in source_files(dags)]
    assert names == ["bert_pipelines/tickets/settings.toml", "bert_sentiment.py"]


def test_a_missing_folder_has_the_digest_of_an_empty_one(tmp_path: Path) -> None:
    assert sources_digest(tmp_path / "missing") == sources_digest(tmp_path)


@given(
    one=st.dictionaries(NAMES, st.binary(max_size=8), max_size=4),
    other=st.dictionaries(NAMES, st.binary(max_size=8), max_size=4),
)
def test_digests_are_equal_exactly_when_the_files_are(
    one: dict[str, bytes], other: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("digests")
    (folder / "one").mkdir()
    (folder / "other").mkdir()
    digests = [sources_digest(write(folder / name, files)) for name, files in (("one", one), ("other", other))]
    assert (digests[0] == digests[1]) == (one == other)


def test_a_files_name_need_not_be_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"")
    assert sources_digest(tmp_path) != sources_digest(tmp_path / "missing")
