"""Batches of a few fixed shapes, from transformed examples on disk."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_modules.data import features
from tfx_modules.model import batches
from tfx_modules.model.batches import BatchShape

SHAPE = BatchShape(batch_size=4, max_tokens=32, length_buckets=(8, 16), seed=3)


def dataset(lengths: list[int]) -> tf.data.Dataset:
    """Example number n (from 1) is made of ids n, and its label is the parity of n."""
    return tf.data.Dataset.from_generator(
        lambda: ((np.full(length, n, "int32"), np.float32(n % 2)) for n, length in enumerate(lengths, start=1)),
        output_signature=(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.float32)),
    )


def test_lengths_end_with_the_longest_input() -> None:
    assert SHAPE.lengths == [8, 16, 32]
    assert BatchShape(4, 32, (32,), 3).lengths == [32]
    assert BatchShape(4, 32, (), 3).lengths == [32]


@settings(max_examples=25)
@given(st.lists(st.integers(2, 32), max_size=30))
def test_evaluation_gives_every_example_once_and_whole(lengths: list[int]) -> None:
    seen = []
    for ids, labels, weights in batches.evaluation_batches(dataset(lengths), SHAPE).as_numpy_iterator():
        assert ids.shape[0] == len(labels) == len(weights) == SHAPE.batch_size
        assert ids.shape[1] in SHAPE.lengths
        assert not ids[weights == 0].any()
        for row, label in zip(ids[weights == 1], labels[weights == 1], strict=True):
            seen.append((int(row[0]), int(np.count_nonzero(row))))
            assert label == row[0] % 2
        assert set(weights.tolist()) <= {0.0, 1.0}
    assert sorted(seen) == list(enumerate(lengths, start=1))


def test_examples_are_padded_to_the_next_length_only() -> None:
    found = batches.evaluation_batches(dataset([2, 8, 9, 16, 17, 32]), SHAPE).as_numpy_iterator()
    assert {(ids.shape[1], *ids[weights == 1, 0]) for ids, _, weights in found} == {(8, 1, 2), (16, 3, 4), (32, 5, 6)}


def test_training_batches_are_full_endless_and_of_fixed_shapes() -> None:
    lengths = [3] * 5 + [12] * 5 + [30] * 5
    taken = list(batches.training_batches(dataset(lengths), SHAPE).take(40).as_numpy_iterator())
    assert len(taken) == 40
    assert {ids.shape for ids, _ in taken} == {(4, 8), (4, 16), (4, 32)}
    assert all(ids.all(axis=0)[0] and (labels == ids[:, 0] % 2).all() for ids, labels in taken)
    assert {int(n) for ids, _ in taken for n in ids[:, 0]} == set(range(1, 16))


def test_examples_of_a_class_may_count_more() -> None:
    taken = batches.training_batches(dataset([3] * 8), SHAPE, class_weights=(1.0, 2.5)).take(10).as_numpy_iterator()
    for _, labels, weights in taken:
        assert weights.tolist() == [2.5 if label else 1.0 for label in labels]


def test_steps_per_epoch_hold_all_examples() -> None:
    assert [batches.steps_per_epoch(n, SHAPE) for n in (1, 4, 5, 8)] == [1, 1, 2, 2]


@pytest.fixture
def records(tmp_path: Path) -> str:
    """Two gzipped files of transformed examples: ids with padding, and labels 1, 0 and none (-1)."""
    for name, label in (("a", 1), ("b", 0), ("c", -1)):
        ids = [101, 2000 + label, 102] + [0] * 29
        made = {
            features.INPUT_IDS: tf.train.Feature(int64_list=tf.train.Int64List(value=ids)),
            features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        }
        example = tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()
        with tf.io.TFRecordWriter(str(tmp_path / f"{name}.gz"), "GZIP") as writer:
            writer.write(example)
    return str(tmp_path / "*.gz")


def test_examples_are_read_without_padding_and_unlabelled_ones_left_out(
    records: str, transform: tft.TFTransformOutput
) -> None:
    read = batches.read_examples([records], transform)
    assert [(ids.tolist(), float(label)) for ids, label in read.as_numpy_iterator()] == [
        ([101, 2001, 102], 1.0),
        ([101, 2000, 102], 0.0),
    ]
    assert batches.count(read) == 2


def test_training_batches_are_the_same_whenever_they_are_read_and_another_order_in_each_pass() -> None:
    examples = tf.data.Dataset.range(8).map(lambda n: (tf.fill([3], tf.cast(n, tf.int32)), tf.cast(n % 2, tf.float32)))
    made = batches.training_batches(examples, BatchShape(4, 3, (), seed=3)).take(4)
    first, second = ([ids.numpy()[:, 0].tolist() for ids, _ in made] for _ in range(2))
    assert first == second
    assert sorted(first[0] + first[1]) == sorted(first[2] + first[3]) == list(range(8))
    assert first[:2] != first[2:]
