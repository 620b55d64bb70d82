"""Which reviews a run holds out, and that the IMDB feed's are written once and never change."""

import csv
import io
import json
import multiprocessing
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from airflow_bert_service.exceptions import FeedError, HoldoutError
from airflow_bert_service.feeds import imdb_holdout
from airflow_bert_service.feeds.imdb import rank
from airflow_bert_service.files import sha256
from airflow_bert_service.ingestion.holdout import Holdout, find_holdout, to_json
from airflow_bert_service.pipeline.task import Task
from airflow_bert_service.settings.settings import Settings, settings_from

ROOT = Path(__file__).parents[3]
OWN = {"feed": "files", "first_day": "2026-11-01", "files_pattern": "{date}.csv"}


def write(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("review,sentiment\nWarm.,positive\n")
    return file


def test_the_sample_feeds_is_in_the_repository() -> None:
    file = ROOT / "data" / "holdout" / "sample-v1.csv"
    assert find_holdout(settings_from({})) == Holdout("sample-v1", str(file), sha256(file))


def test_users_own_feeds_have_none_unless_the_setting_names_one(tmp_path: Path) -> None:
    assert find_holdout(settings_from({"root": str(tmp_path), **OWN})) is None
    write(tmp_path / "letters-v3.csv")
    found = find_holdout(settings_from({"root": str(tmp_path), "holdout": "letters-v3.csv", **OWN}))
    assert found is not None
    assert (found.name, found.sha256) == ("letters-v3", sha256(Path(found.path)))
    assert reviews(found) == [("Warm.", "positive")]


def test_the_setting_goes_before_the_feeds_own(tmp_path: Path) -> None:
    write(tmp_path / "data" / "holdout" / "sample-v1.csv")
    write(tmp_path / "letters-v3.csv")
    found = find_holdout(settings_from({"root": str(tmp_path), "holdout": "letters-v3.csv"}))
    assert found is not None
    assert found.name == "letters-v3"


def test_a_file_that_is_not_there_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(
        HoldoutError, match=r"gone\.csv cannot be read \(No such file or directory\)\. Put it there, or"
    ):
        find_holdout(settings_from({"root": str(tmp_path), "holdout": "gone.csv"}))


OTHER_NAMES = {"text_column": "body", "sentiment_column": "stars", "labels": "positive: 4, 5; negative: 1, 2"}


@pytest.mark.parametrize(
    "content",
    [
        'id,body,stars\n1,"Warm, funny.",5.0\n2,Dull.,1\n',
        'stars,body\n4,"Warm, funny."\n2,Dull.\n',
        'review,sentiment\n"Warm, funny.",positive\nDull.,negative\n',
    ],
)
def test_a_holdout_may_have_the_columns_and_labels_of_the_feed(tmp_path: Path, content: str) -> None:
    (tmp_path / "own-v1.csv").write_text(content)
    own = settings_from({"root": str(tmp_path), "holdout": "own-v1.csv", **OWN, **OTHER_NAMES})
    found = find_holdout(own)
    assert reviews(found) == [("Warm, funny.", "positive"), ("Dull.", "negative")]
    assert find_holdout(own) == found, "the same content is the same holdout"


def test_a_holdout_has_the_pipeline_s_labels(tmp_path: Path) -> None:
    (tmp_path / "own-v1.csv").write_text("review,sentiment\nBuy now!,SPAM\nSee you at nine.,0\n")
    task = Task(labels=("ham", "Spam"), positive="Spam")
    rules = {"labels": "spam: 1; ham: 0"}
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "settings.toml").write_text('[task]\nlabels = ["ham", "Spam"]\npositive = "Spam"\n')
    found = find_holdout(settings_from({"root": str(tmp_path), "holdout": "own-v1.csv", **rules}), task)
    assert reviews(found) == [("Buy now!", "Spam"), ("See you at nine.", "ham")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"body,stars\nWarm.,3\n", r"row 1 has the label '3'; allowed: one of 1, 2, 4, 5, negative, positive"),
        (b"body,stars\nWarm.,5\n  ,1\n", "row 2 has the text '  '; allowed: a text in UTF-8"),
        (b"body,stars\ncan\xe9t,5\n", r"row 1 has the text 'can\\udce9t'; allowed: a text in UTF-8"),
        (b"body,stars\nWarm, funny.,5\n", "row 1 has 3 values; allowed: a line of CSV with the header's 2 columns"),
        (b"body,body,stars\na,b,5\n", "the columns are body, body, stars; missing, or there twice: body"),
        (b"text,stars\na,5\n", "the columns are text, stars; missing, or there twice: review, sentiment"),
        (b"body,stars\n", "has no reviews; allowed: one or more"),
        (b"", "has no reviews"),
    ],
)
def test_a_holdout_with_a_bad_row_is_refused_before_anything_is_trained(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "own-v1.csv").write_bytes(content)
    with pytest.raises(HoldoutError, match=message):
        find_holdout(settings_from({"root": str(tmp_path), "holdout": "own-v1.csv", **OWN, **OTHER_NAMES}))


def test_nodes_get_it_as_json() -> None:
    assert json.loads(to_json(Holdout("a-v1", "/a.csv", "c0de"))) == {
        "name": "a-v1",
        "path": "/a.csv",
        "sha256": "c0de",
    }
    assert to_json(None) == "{}"


# IMDB


def texts(count: int = 600) -> dict[str, bytes]:
    """The archive's files: as many positive test reviews as negative ones, training reviews, and a ratings file."""
    files = {
        f"aclImdb/{part}/{folder}/{number}_{score}.txt": f"A {word} {part} film,\nnumber {number}. É".encode()
        for part in ("test", "train")
        for folder, score, word in (("pos", 9, "good"), ("neg", 2, "bad"))
        for number in range(count // 2)
    }
    return {**files, "aclImdb/test/urls_pos.txt": b"no review"}


def pack(file: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    archive = pack(tmp_path / "acl.tar.gz", texts())
    return settings_from({"root": str(tmp_path), "feed": "imdb", "imdb_archive": str(archive)})


def reviews(holdout: Holdout | None) -> list[tuple[str, str]]:
    assert holdout is not None
    with Path(holdout.path).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert header == ["review", "sentiment"]
    return [(text, sentiment) for text, sentiment in rows]


def test_imdbs_is_made_of_the_test_reviews_of_lowest_rank(settings: Settings) -> None:
    found = find_holdout(settings)
    assert found is not None
    assert (found.name, found.path) == ("imdb-v1", f"{settings.state}/holdouts/imdb-v1/reviews.csv")
    rows = reviews(found)
    assert Counter(sentiment for _, sentiment in rows) == {"negative": 200, "positive": 200}
    lowest = sorted((rank(f"test/pos/{number}_9"), number) for number in range(300))[:200]
    assert [text for text, sentiment in rows if sentiment == "positive"] == [
        f"A good test film,\nnumber {number}. É" for _, number in lowest
    ]


def test_it_does_not_depend_on_the_archives_order(settings: Settings, tmp_path: Path) -> None:
    first = find_holdout(settings)
    shutil.rmtree(settings.imdb_holdout)
    pack(tmp_path / "acl.tar.gz", dict(reversed(texts().items())))
    assert find_holdout(settings) == first


def test_the_holdout_is_written_once_and_the_archive_is_not_read_again(settings: Settings) -> None:
    first = find_holdout(settings)
    Path(settings.imdb_archive).unlink()
    assert find_holdout(settings) == first
    manifest = json.loads((settings.imdb_holdout / "manifest.json").read_text())
    assert (manifest["reviews"], manifest["sha256"]) == (400, first and first.sha256)


def test_another_archive_does_not_change_it(settings: Settings, tmp_path: Path) -> None:
    first = find_holdout(settings)
    pack(tmp_path / "acl.tar.gz", texts(200))
    assert find_holdout(settings) == first


@pytest.mark.parametrize("name", ["reviews.csv", "manifest.json"])
def test_a_change_by_other_hands_is_an_error(settings: Settings, name: str) -> None:
    find_holdout(settings)
    with (settings.imdb_holdout / name).open("a") as file:
        file.write("more,positive\n")
    with pytest.raises(
        HoldoutError, match=r"imdb-v1 (has changed|cannot be read).* delete the folder to have it written"
    ):
        find_holdout(settings)


def test_a_lost_file_is_an_error(settings: Settings) -> None:
    find_holdout(settings)
    (settings.imdb_holdout / "reviews.csv").unlink()
    with pytest.raises(HoldoutError, match=r"imdb-v1 cannot be read: FileNotFoundError"):
        find_holdout(settings)


def test_the_leftovers_of_a_killed_writer_are_no_holdout_and_are_cleared(settings: Settings) -> None:
    left = settings.imdb_holdout.with_name(".staging-imdb-v1")
    write(left / "reviews.csv")
    assert len(reviews(find_holdout(settings))) == 400
    assert sorted(path.name for path in settings.imdb_holdout.parent.iterdir()) == ["imdb-v1", "lock"]


def test_two_runs_at_once_write_one(settings: Settings) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        one, other = pool.map(find_holdout, [settings, settings])
    assert one == other
    assert len(reviews(one)) == 400


def test_reviews_that_cannot_be_used_are_passed_over(settings: Settings, tmp_path: Path) -> None:
    lowest = min((rank(f"test/pos/{number}_9"), number) for number in range(300))[1]
    bad = {f"aclImdb/test/pos/{lowest}_9.txt": b"\xff broken"}
    pack(tmp_path / "acl.tar.gz", {**texts(), **bad})
    rows = reviews(find_holdout(settings))
    assert len(rows) == 400
    assert not any("broken" in text for text, _ in rows)


def test_an_archive_without_test_reviews_says_what_to_do(settings: Settings, tmp_path: Path) -> None:
    pack(tmp_path / "acl.tar.gz", {name: text for name, text in texts(20).items() if "/test/pos" not in name})
    message = r"has no positive reviews in aclImdb/test, which the holdout is made of\. Get the whole archive, or set"
    with pytest.raises(HoldoutError, match=message):
        find_holdout(settings)
    assert not settings.imdb_holdout.exists()


def test_an_archive_that_cannot_be_read_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    archive = tmp_path / "acl.tar.gz"
    archive.write_bytes(archive.read_bytes()[:500])
    with pytest.raises(FeedError, match=r"cannot be read as a tar\.gz"):
        find_holdout(settings)
    assert not settings.imdb_holdout.exists()
    assert imdb_holdout.frozen(settings.imdb_holdout) is None
