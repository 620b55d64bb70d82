"""Makes the batches that both sides train on from the same reviews, each side's as that side makes batches."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_modules.data import features
from tfx_modules.model import batches
from tfx_modules.model.preprocessing import preprocessing_fn
from tfx_modules.settings.settings import EncoderSettings

MEGA_BATCHES = 50
"""As many batches are sorted by length together with Hugging Face's ``group_by_length``."""

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Workload:
    """Batches that a side trains on.

    Attributes:
        file: has them.
        examples: rows, without padding rows.
        padded: WordPieces with padding.
        real: WordPieces without.
        lengths: the padded lengths of its batches, rising.
    """

    file: Path
    examples: int
    padded: int
    real: int
    lengths: tuple[int, ...]


def tokenise(reviews: Sequence[str], tokens: int) -> list[Ids]:
    """Return each review's ids (int32 [at most tokens])."""
    config = EncoderSettings(max_tokens=tokens, head_tokens=tokens).to_config()
    rows = tf.sparse.from_dense(tf.constant([review.encode() for review in reviews])[:, tf.newaxis])
    labels = tf.sparse.from_dense(tf.ones([len(reviews), 1], tf.int64))
    made = preprocessing_fn({features.REVIEW: rows, features.LABEL: labels}, {"encoder": config})
    return [ids[ids != 0].astype(np.int32) for ids in made[features.INPUT_IDS].numpy()]


def ours(texts: Sequence[Ids], shape: batches.BatchShape) -> list[Ids]:
    """Return the batches of one pass as the Trainer makes them."""

    def again() -> Iterator[tuple[Ids, np.float32]]:
        yield from ((ids, np.float32(0)) for ids in texts)

    signature = (tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.float32))
    examples = tf.data.Dataset.from_generator(again, output_signature=signature)
    endless = batches.training_batches(examples, shape)
    return [ids for ids, _ in endless.take(batches.steps_per_epoch(len(texts), shape)).as_numpy_iterator()]


def random(texts: Sequence[Ids], batch_size: int, seed: int) -> list[Ids]:
    """Return the full batches of one pass in a random order, each padded to its longest text."""
    order = np.random.default_rng(seed).permutation(len(texts))
    full = range(0, len(order) - batch_size + 1, batch_size)
    return [_padded([texts[number] for number in order[first : first + batch_size]]) for first in full]


def grouped(texts: Sequence[Ids], batch_size: int, seed: int) -> list[Ids]:
    """Return the same, of texts that are sorted by length within 50 batches, as ``group_by_length`` has them."""
    order = np.random.default_rng(seed).permutation(len(texts))
    step = batch_size * MEGA_BATCHES
    mega = [sorted(order[first : first + step], key=lambda n: -len(texts[n])) for first in range(0, len(order), step)]
    numbers = np.concatenate(mega)
    full = range(0, len(numbers) - batch_size + 1, batch_size)
    return [_padded([texts[number] for number in numbers[first : first + batch_size]]) for first in full]


def _padded(texts: Sequence[Ids]) -> Ids:
    longest = max(map(len, texts))
    return np.stack([np.pad(ids, (0, longest - len(ids))) for ids in texts])


def sample(file: Path, made: Sequence[Ids], count: int) -> Workload:
    """Write a few of a pass's batches: evenly taken from all, sorted by their padded length, so they stand for all."""
    by_size = sorted(made, key=lambda ids: ids.size)
    stride = len(by_size) / count
    chosen = [by_size[math.floor((number + 0.5) * stride)] for number in range(count)]
    arrays: dict[str, Any] = {f"ids{number}": ids for number, ids in enumerate(chosen)}
    arrays |= {f"labels{number}": np.arange(len(ids), dtype=np.float32) % 2 for number, ids in enumerate(chosen)}
    np.savez(file, **arrays)
    return Workload(
        file,
        examples=sum(map(len, chosen)),
        padded=sum(ids.size for ids in chosen),
        real=sum(int((ids != 0).sum()) for ids in chosen),
        lengths=tuple(sorted({ids.shape[1] for ids in made})),
    )
