"""Numbered reviews, and tiny real SavedModels that have those of chosen numbers wrong."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfx_modules.data.review_set import ReviewSet, review_set

TEXT = tf.TensorSpec([None], tf.string, "text")
Numbers = tuple[int, int]
"""First number, and the one after the last."""


def reviews(count: int, name: str = "sample-v1", start: int = 0) -> ReviewSet:
    """Every second review is a positive one."""
    rows = [(f"{('bad', 'good')[n % 2]} film {n}", n % 2 == 1) for n in range(start, start + count)]
    return review_set(name, rows, f"digest of {name}")


class Numbered(tf.Module):  # type: ignore[misc]
    """Reads a review's own word, and says the opposite where it has the number wrong."""

    def __init__(self, wrong: Numbers) -> None:
        super().__init__()
        self._wrong = wrong
        self.asked = tf.Variable(0, dtype=tf.int64)  # a SavedModel without variables is a rare one

    def texts(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        number = tf.strings.to_number(tf.strings.regex_replace(text, "[^0-9]", ""), tf.int32)
        is_wrong = (number >= self._wrong[0]) & (number < self._wrong[1])
        is_good = tf.strings.regex_full_match(text, "good.*")
        return {
            "score": tf.where(tf.math.logical_xor(is_good, is_wrong), 0.9, 0.1) + tf.zeros_like(self.asked, tf.float32)
        }

    def other_output(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logit": tf.zeros(tf.shape(text))}

    def refusing(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.debugging.assert_less(tf.strings.length(text), 1, message="no review is short enough")
        return {"score": tf.zeros(tf.shape(text))}

    def without_numbers(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": tf.fill(tf.shape(text), float("nan"))}


Method = Callable[[Numbered, tf.Tensor], dict[str, tf.Tensor]]


def export(
    folder: Path, wrong: Numbers = (0, 0), signature: str = "serving_default", method: Method = Numbered.texts
) -> Path:
    """Write a model that has some numbers wrong; return its folder."""
    model = Numbered(wrong)
    function = tf.function(lambda text: method(model, text)).get_concrete_function(TEXT)
    tf.saved_model.save(model, str(folder), signatures={signature: function})
    return folder
