"""Digests are written behind the tags of images: all of them, or none."""

import gc
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from scripts.errors import StackError
from scripts.image_digests import ask_engine, files, tags, write_digests

ROOT = Path(__file__).parents[2]


def digest_of(tag: str) -> str:
    return f"sha256:{sha256(tag.encode()).hexdigest()}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docker").mkdir()
    for file in files(ROOT):
        shutil.copy(file, tmp_path / file.relative_to(ROOT))
    return tmp_path


def test_every_image_gets_the_digest_of_its_tag_where_it_is_named(project: Path) -> None:
    found = write_digests(project, digest_of)

    assert {tag.partition(":")[0] for tag in found} == {
        *("python", "postgres", "redis", "tensorflow/serving", "prom/prometheus", "grafana/grafana"),
    }
    texts = [file.read_text(encoding="utf-8") for file in files(project)]
    for tag, digest in found.items():
        assert sum(text.count(f"{tag}@{digest}") for text in texts) == sum(text.count(tag) for text in texts)
    assert write_digests(project, digest_of) == found
    assert [file.read_text(encoding="utf-8") for file in files(project)] == texts


def test_images_that_are_built_here_have_none(project: Path) -> None:
    write_digests(project, digest_of)

    assert "bert-service/worker:local}" in (project / "docker-compose.yaml").read_text(encoding="utf-8")


def test_where_one_cannot_be_looked_up_no_file_is_changed(project: Path) -> None:
    before = [file.read_text(encoding="utf-8") for file in files(project)]
    last = tags(before)[-1]

    def resolve(tag: str) -> str:
        if tag == last:
            raise StackError("unreachable")
        return digest_of(tag)

    with pytest.raises(StackError, match="unreachable"):
        write_digests(project, resolve)

    assert [file.read_text(encoding="utf-8") for file in files(project)] == before


# docker-py leaves its socket open where the engine does not answer.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_an_engine_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="Start one, or set DOCKER_HOST"):
        ask_engine({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})("postgres:1.0")
    gc.collect()  # here, where the warning of it is passed over
