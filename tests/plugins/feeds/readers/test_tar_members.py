"""Archives that want to fill the memory, the disk or the day."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.readers.tar_members import BoundedGzip, members, refuse_broken
from hypothesis import given, settings
from hypothesis import strategies as st

PLUGINS = Path(__file__).parents[4] / "plugins"
MEGABYTE = 1 << 20


def pack(file: Path, *parts: bytes) -> Path:
    with gzip.open(file, "wb", compresslevel=1) as stream:
        for part in parts:
            stream.write(part)
    return file


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


END = bytes(2 * tarfile.BLOCKSIZE)


def names(archive: Path) -> list[str]:
    return [member.name for member in members(archive)]


def test_members_come_in_order_with_their_content(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", header("b", 3), b"two".ljust(512, b"\0"), header("a/"), END)
    made = members(archive)
    assert (next(made).content(), next(made).name) == (b"two", "a/")


def test_long_names_are_read(tmp_path: Path) -> None:
    archive, long = tmp_path / "a.tar.gz", "a/" * 200 + "b"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(archive, "w:gz", format=form) as tar:
            tar.addfile(tarfile.TarInfo(long))
        assert names(archive) == [long]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_that_would_fill_the_memory(tmp_path: Path, kind: bytes) -> None:
    archive = pack(tmp_path / "a.tar.gz", header("x", 64 * MEGABYTE, kind), bytes(64 * MEGABYTE), header("a"), END)
    with pytest.raises(FeedError, match=r"has a header of 67108864 bytes; allowed: 1048576\. .* that you trust"):
        names(archive)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [-512, -1, -(1 << 40)])
def test_a_member_of_negative_size(tmp_path: Path, kind: bytes, size: int) -> None:
    archive = pack(tmp_path / "a.tar.gz", header("x", size, kind), bytes(512), END)
    with pytest.raises(FeedError, match=r"a\.tar\.gz "):
        names(archive)


def test_a_sparse_member(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", header("x", 0, tarfile.GNUTYPE_SPARSE), END)
    with pytest.raises(FeedError, match=r"has the member 'x'; allowed: .* no sparse files"):
        names(archive)


def test_a_large_member_is_passed_over_and_not_read(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", header("x", 8 * MEGABYTE), bytes(8 * MEGABYTE), header("a"), END)
    assert names(archive) == ["x", "a"]
    with pytest.raises(FeedError, match=r"member x: 8388608 bytes; allowed: a file of up to 1048576 bytes"):
        [member.content() for member in members(archive)]


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_bert_service.feeds.readers.tar_members.LARGEST_UNPACKED", 4 * MEGABYTE)
    archive = pack(tmp_path / "a.tar.gz", header("x", 8 * MEGABYTE), bytes(8 * MEGABYTE), header("a"), END)
    with pytest.raises(FeedError, match="unpacks to more than 4194304 bytes, the most allowed"):
        names(archive)
    with pytest.raises(FeedError, match="unpacks to more than 4194304 bytes, the most allowed"):
        refuse_broken(archive, "it")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_bert_service.feeds.readers.tar_members.MOST_MEMBERS", 10)
    assert len(names(pack(tmp_path / "a.tar.gz", *[header("x")] * 10, END))) == 10
    with pytest.raises(FeedError, match="has more than 10 members, the most allowed"):
        names(pack(tmp_path / "a.tar.gz", *[header("x")] * 11, END))


def test_memory_does_not_grow_with_the_number_of_members(tmp_path: Path) -> None:
    long = header("x", 100_000, tarfile.GNUTYPE_LONGNAME) + b"n" * 100_000 + bytes(-100_000 % 512) + header("x")
    archive = pack(tmp_path / "a.tar.gz", *[long] * 2_000, END)
    code = f"""
import resource
from pathlib import Path
from airflow_bert_service.feeds.readers.tar_members import members
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(1 for _ in members(Path({str(archive)!r}))) == 2_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PLUGINS, stdout=subprocess.PIPE, text=True, check=True)
    assert int(done.stdout) < 20_000  # kilobytes; the names have 200,000


def test_an_archive_that_was_cut_within_a_member(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.gz", header("a", MEGABYTE), os.urandom(MEGABYTE), END)
    archive.write_bytes(archive.read_bytes()[: MEGABYTE // 2])
    with pytest.raises(FeedError, match=r"a\.tar\.gz cannot be read as a tar\.gz: .* ended before"):
        [member.content() for member in members(archive)]


@settings(max_examples=300)
@given(st.data())
def test_any_damage_is_an_error_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes of the tar are changed, or its gzip is: never another exception, never without end."""
    tar = bytearray(
        header("a", 3) + b"two".ljust(512, b"\0") + header("b", 9, b"x") + b"9 a=b\n".ljust(512, b"\0") + END
    )
    for _ in range(data.draw(st.integers(0, 3))):
        tar[data.draw(st.integers(0, len(tar) - 1))] = data.draw(st.integers(0, 255))
    packed = bytearray(gzip.compress(bytes(tar), mtime=0))
    if data.draw(st.booleans()):
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    archive = tmp_path_factory.getbasetemp() / f"damaged-{os.getpid()}.tar.gz"
    archive.write_bytes(packed)
    try:
        for member in members(archive):
            assert len(member.content()) <= MEGABYTE
    except FeedError:
        pass


WHOLE = gzip.compress(os.urandom(300))


@given(cut=st.integers(0, len(WHOLE) - 1))
def test_a_gzip_file_that_was_cut_is_not_whole(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    file = tmp_path_factory.getbasetemp() / f"cut-{os.getpid()}.gz"
    file.write_bytes(WHOLE)
    refuse_broken(file, "it")
    file.write_bytes(WHOLE[:cut])
    with pytest.raises(FeedError, match=r"^it is not a complete gzip file: "):
        refuse_broken(file, "it")


def test_a_stream_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    with BoundedGzip(pack(tmp_path / "a.gz", bytes(2 * MEGABYTE))) as stream:
        assert len(stream.read(MEGABYTE)) == MEGABYTE
        for size in (-1, None, 2 * MEGABYTE):
            with pytest.raises(FeedError, match=rf"has a header of {size} bytes"):
                stream.read(size)
        assert stream.seek(0, io.SEEK_SET) == 0
