"""Dropout by a hash drops the share that it is told to, at places that have nothing to do with each other."""

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_modules.model.fused.dropout import dropped, seed_of

SHAPE = (40, 500)
of_ones = tf.function(lambda seed, rate: dropped(tf.ones(SHAPE), rate, seed), jit_compile=True)
seeds = st.tuples(*[st.integers(0, 2**32 - 1)] * 2)


def kept(seed: tuple[int, int], rate: float) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = np.asarray(of_ones(tf.constant(seed, tf.uint32), rate)) != 0
    return found


@given(seeds, st.sampled_from([0.1, 0.5]))
@settings(deadline=None)
def test_about_the_share_is_dropped_and_the_others_are_enlarged(seed: tuple[int, int], rate: float) -> None:
    made = np.asarray(of_ones(tf.constant(seed, tf.uint32), rate))
    spread = 5 * (rate * (1 - rate) / made.size) ** 0.5
    assert (made == 0).mean() == pytest.approx(rate, abs=spread)
    np.testing.assert_allclose(made[made != 0], 1 / (1 - rate), rtol=1e-6)


@given(seeds)
@settings(deadline=None)
def test_the_next_step_drops_others_and_the_same_seed_the_same(seed: tuple[int, int]) -> None:
    first, again = kept(seed, 0.5), kept(seed, 0.5)
    after = kept((seed[0], (seed[1] + 1) % 2**32), 0.5)
    np.testing.assert_array_equal(first, again)
    assert np.corrcoef(first.ravel(), after.ravel())[0, 1] == pytest.approx(0.0, abs=5 / first.size**0.5)


@given(seeds)
@settings(deadline=None)
def test_what_is_dropped_says_nothing_of_its_neighbours(seed: tuple[int, int]) -> None:
    made = kept(seed, 0.5).astype(float)
    for left, right in ((made[:, 1:], made[:, :-1]), (made[1:], made[:-1])):
        assert np.corrcoef(left.ravel(), right.ravel())[0, 1] == pytest.approx(0.0, abs=5 / made.size**0.5)


def of_layer(key: int) -> int:
    """Return the seed of a layer that is mixed to this key."""
    bits = key
    for shift, factor in ((16, 0x846CA68B), (15, 0x7FEB352D)):
        bits ^= bits >> shift
        if shift == 15:
            bits ^= bits >> 30
        bits = bits * pow(factor, -1, 2**32) % 2**32
    bits ^= bits >> 16
    return (bits - 0x9E3779B9) % 2**32


def test_two_layers_whose_numbers_overlap_drop_other_values() -> None:
    first, second = kept((of_layer(1000), 3), 0.5).ravel(), kept((of_layer(1100), 3), 0.5).ravel()
    assert np.corrcoef(first[100:], second[:-100])[0, 1] == pytest.approx(0.0, abs=5 / first.size**0.5)


def test_a_layer_has_another_seed_at_each_step() -> None:
    layer = keras.layers.Dropout(0.1, seed=2**31 + 5)
    assert [seed_of(layer).numpy().tolist() for _ in range(2)] == [[2**31 + 5, 0], [2**31 + 5, 1]]


def test_a_rate_of_0_changes_nothing() -> None:
    values = tf.constant([1.0, 2.0])
    assert dropped(values, 0.0, tf.zeros([2], tf.uint32)) is values
