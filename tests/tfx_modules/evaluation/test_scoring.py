"""Models are scored on reviews in batches, and the eval split is read as a set of reviews."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.tfx_modules.promotion.numbered import export, reviews
from tfx_modules.evaluation import scoring
from tfx_modules.exceptions import ScoringError

Row = tuple[str | None, int | None]
ROWS: list[Row] = [(f"Film {n}, é", n % 2) for n in range(60)]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_scores_are_in_the_sets_order_however_the_batches_fall(tmp_path: Path, count: int) -> None:
    given = reviews(count)
    found = scoring.score(scoring.load(export(tmp_path, wrong=(3, 7))), given)
    assert (found.reviews, found.labels.tolist()) == (given.name, given.labels.tolist())
    expected = [0.9 if (n % 2 == 1) != (3 <= n < 7) else 0.1 for n in range(count)]
    assert found.scores == pytest.approx(np.array(expected))


def write(folder: Path, files: Sequence[Sequence[Row]], split: str = "eval") -> Path:
    """An Examples artifact's folder."""
    (folder / f"Split-{split}").mkdir(parents=True)
    for number, rows in enumerate(files):
        path = folder / f"Split-{split}" / f"data_tfrecord-{number:05}-of-{len(files):05}.gz"
        with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
            for row in rows:
                writer.write(example(*row).SerializeToString())
    return folder


def example(review: str | None, label: int | None) -> tf.train.Example:
    made = tf.train.Example()
    text, number = made.features.feature["review"], made.features.feature["label"]
    if review is not None:
        text.bytes_list.value.append(review.encode())
    if label is not None:
        number.int64_list.value.append(label)
    return made


def test_a_split_is_read_as_texts_and_labels(tmp_path: Path) -> None:
    found = scoring.read_split(write(tmp_path, [ROWS]))
    assert found.name == "the eval split"
    assert dict(zip(found.texts, found.labels.tolist(), strict=True)) == dict(ROWS)


def test_reviews_without_a_label_are_left_out_and_without_a_text_are_empty(tmp_path: Path) -> None:
    found = scoring.read_split(write(tmp_path, [[("Fine.", 1), ("Who knows?", None), (None, 0)]]))
    assert sorted(zip(found.texts, found.labels.tolist(), strict=True)) == [("", False), ("Fine.", True)]


def test_order_and_digest_depend_on_nothing_but_the_reviews(tmp_path: Path) -> None:
    one = scoring.read_split(write(tmp_path / "one", [ROWS]))
    other = scoring.read_split(write(tmp_path / "other", [ROWS[40:][::-1], ROWS[:40]]))
    assert (one.texts, one.labels.tolist(), one.sha256) == (other.texts, other.labels.tolist(), other.sha256)
    flipped = scoring.read_split(write(tmp_path / "flipped", [[(ROWS[0][0], 1), *ROWS[1:]]]))
    assert flipped.sha256 != one.sha256


def test_a_part_of_a_split_is_always_the_same_part(tmp_path: Path) -> None:
    folder = write(tmp_path / "one", [ROWS])
    most = {count: set(scoring.read_split(folder, most=count).texts) for count in (10, 20, 60, 100)}
    assert [len(found) for found in most.values()] == [10, 20, 60, 60]
    assert most[10] < most[20] < most[60] == most[100]
    assert set(scoring.read_split(write(tmp_path / "other", [ROWS[30:], ROWS[:30]]), most=10).texts) == most[10]


def test_a_split_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"has no files of the split eval\. Clear CsvExampleGen"):
        scoring.read_split(write(tmp_path, [ROWS], split="train"))


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path, [ROWS])
    (file,) = folder.glob("Split-eval/*.gz")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ScoringError, match=r"the split eval in .* cannot be read"):
        scoring.read_split(folder)
