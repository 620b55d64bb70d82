"""Makes batches of transformed examples, grouped by length.

Every batch has one of a few fixed shapes, so that XLA compiles one program per length bucket, and short reviews are
not padded to the longest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_transform as tft

from tfx_modules.data import features


@dataclass(frozen=True)
class BatchShape:
    """The batch size and the length buckets."""

    batch_size: int
    max_tokens: int
    length_buckets: tuple[int, ...]
    seed: int

    @property
    def lengths(self) -> list[int]:
        """Every padded length, rising."""
        return sorted({*self.length_buckets, self.max_tokens})


def read_examples(patterns: list[str], transform: tft.TFTransformOutput) -> tf.data.Dataset:
    """Read labelled transformed examples.

    Args:
        patterns: globs of gzipped TFRecord files.
        transform: has their schema.

    Returns:
        Pairs of ids (int32 [tokens], no padding) and label (float32 [], of a multilabel task [classes]), kept in memory
        after the first pass.
    """
    spec = transform.transformed_feature_spec()
    files = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))

    def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, spec)
        ids = tf.cast(example[features.INPUT_IDS], tf.int32)
        return ids[: tf.math.count_nonzero(ids, dtype=tf.int32)], tf.cast(example[features.LABEL], tf.float32)

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return records.map(parse).filter(lambda _, label: tf.reduce_all(label >= 0)).cache()


def count(examples: tf.data.Dataset) -> int:
    """Count a finite dataset's elements by reading it once."""
    return int(examples.reduce(tf.constant(0, tf.int64), lambda total, _: total + 1))


def steps_per_epoch(examples: int, shape: BatchShape) -> int:
    """Return the number of batches that hold all examples once."""
    return math.ceil(examples / shape.batch_size)


def training_batches(
    examples: tf.data.Dataset, shape: BatchShape, class_weights: Sequence[float] | None = None
) -> tf.data.Dataset:
    """Repeat the examples in a new order each time, in full batches.

    Args:
        examples: from ``read_examples``.
        shape: of the batches.
        class_weights: how much an example of each class counts; None: all the same. Not of a multilabel task, whose
            loss has them.

    Returns:
        Endless pairs of ids (int32 [batch_size, one of the lengths]) and labels (float32 [batch_size], of a multilabel
        task [batch_size, classes]); with class weights, triples of these and weights (float32 [batch_size]). Whenever
        they are read, they are the same.
    """
    # A shuffled data set has another order each time that it is read, and Keras reads once more than it trains.
    seeds = tf.data.Dataset.random(seed=shape.seed)
    endless = seeds.flat_map(lambda seed: examples.shuffle(10_000, seed=seed))
    batches = _bucket(endless, shape, drop_remainder=True)
    if class_weights is not None:
        by_class = tf.constant(class_weights, tf.float32)
        batches = batches.map(lambda ids, labels: (ids, labels, tf.gather(by_class, tf.cast(labels, tf.int32))))
    return batches.prefetch(tf.data.AUTOTUNE)


def evaluation_batches(examples: tf.data.Dataset, shape: BatchShape) -> tf.data.Dataset:
    """Batch every example once; the last batch of a length is padded with rows of weight 0.

    Returns:
        Triples of ids (int32 [batch_size, one of the lengths]), labels and weights (float32 [batch_size]).
    """

    def fill(ids: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        missing = shape.batch_size - tf.shape(ids)[0]
        weights = tf.pad(tf.ones(tf.shape(ids)[:1]), [[0, missing]])
        more = [[0, missing], *([0, 0] for _ in labels.shape[1:])]
        ids, labels = tf.pad(ids, [[0, missing], [0, 0]]), tf.pad(labels, more)
        return tf.ensure_shape(ids, [shape.batch_size, None]), labels, weights

    return _bucket(examples, shape, drop_remainder=False).map(fill).prefetch(tf.data.AUTOTUNE)


def _bucket(examples: tf.data.Dataset, shape: BatchShape, *, drop_remainder: bool) -> tf.data.Dataset:
    boundaries = [length + 1 for length in shape.lengths]
    return examples.bucket_by_sequence_length(
        element_length_func=lambda ids, _: tf.size(ids),
        bucket_boundaries=boundaries,
        bucket_batch_sizes=[shape.batch_size] * (len(boundaries) + 1),
        pad_to_bucket_boundary=True,
        drop_remainder=drop_remainder,
    )
