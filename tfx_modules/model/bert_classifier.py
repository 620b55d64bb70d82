"""Builds the classifier: pretrained encoder, CLS output, dropout, and one logit, or one for each class."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import keras_hub
import tensorflow as tf

from tfx_modules.model.encoder.last_layer import compute_first_token_alone
from tfx_modules.model.fitting import device
from tfx_modules.model.fused.layer import fuse_layers
from tfx_modules.model.fused.optimizer import FusedAdamW
from tfx_modules.settings.settings import TrainingSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

_UNDECAYED = ("bias", "gamma", "beta")
_CLIP_NORM = 1.0  # of each variable's gradient


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters that the Tuner searches and the Trainer uses."""

    learning_rate: float
    dropout: float
    warmup_fraction: float


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate schedule: linear warm-up from 0 to the peak, then cosine decay to 0.

    Keras' own CosineDecay chooses between the two by a graph conditional, and AdamW asks for the rate once for each
    variable: tracing them took most of a minute. This one has no branch.
    """

    def __init__(self, peak: float, warmup_steps: int, steps: int) -> None:
        """Set the peak rate and the lengths, in batches; ``steps`` includes the warm-up."""
        super().__init__()
        self._peak, self._warmup_steps, self._steps = peak, warmup_steps, steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate (float32 []) of a step (int [], the first is 0)."""
        done = keras.ops.cast(step, "float32")
        rise = done / max(1, self._warmup_steps) if self._warmup_steps else keras.ops.ones_like(done)
        fall = (done - self._warmup_steps) / max(1, self._steps - self._warmup_steps)
        cosine = 0.5 * (1.0 + keras.ops.cos(math.pi * keras.ops.clip(fall, 0.0, 1.0)))
        return self._peak * keras.ops.minimum(rise, cosine)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"peak": self._peak, "warmup_steps": self._warmup_steps, "steps": self._steps}


class SentimentClassifier(keras.Model):  # type: ignore[misc]
    """A functional model of which XLA compiles the passes through the encoder, or parts of them, and nothing else.

    XLA takes time for each operation that it compiles, once per length bucket. AdamW is a third of a training step's
    operations, and steps are as fast without XLA for it: it stays outside, as on several GPUs, where the gradients are
    summed between the two.

    On one CPU, XLA compiles what is between the products of the encoder's layers (``fused``), and oneDNN computes the
    products. Keras calls the steps one by one there instead of compiling its loop around them: only so can
    :meth:`prepare` have all programs compiled beforehand, a core each.
    """

    def compile(self, *, jit_compile: bool, label_shape: Sequence[int] = (), **settings: Any) -> None:
        """Set what Keras' ``compile`` sets.

        Args:
            jit_compile: whether XLA may compile the passes through the encoder, or on one CPU parts of them.
            label_shape: of one example's label.
            settings: what else Keras' takes.
        """
        self._label_shape = tuple(label_shape)
        one_by_one = device.is_one_cpu()
        whole = jit_compile and not one_by_one
        self._forward = tf.function(self._scores, reduce_retracing=True, jit_compile=whole)
        self._backward = tf.function(self._gradients, reduce_retracing=True, jit_compile=whole)
        self._update = tf.function(self._apply) if one_by_one else self._apply
        self._one_by_one, self._has_xla = one_by_one, jit_compile  # Keras has a _jit_compile of its own
        super().compile(jit_compile=False, run_eagerly=one_by_one, **settings)

    def prepare(self, batch_size: int, lengths: Sequence[int]) -> None:
        """Trace the passes, and compile XLA's programs for all batch shapes in parallel.

        Otherwise each is compiled at its first batch. It learns nothing. With several devices or a GPU, it does
        nothing.

        Args:
            batch_size: rows of a batch.
            lengths: their numbers of tokens.
        """
        if not self._one_by_one:
            return
        ids = tf.TensorSpec([batch_size, None], tf.int32)
        labels = tf.TensorSpec([batch_size, *self._label_shape], tf.float32)
        self._forward.get_concrete_function(ids)
        self._backward.get_concrete_function(ids, labels, None)
        if not self._has_xla:
            return
        kept = [variable.numpy() for variable in self.non_trainable_variables]
        jobs = [(program, length) for program in (self._backward_once, self._forward) for length in reversed(lengths)]
        with ThreadPoolExecutor(min(len(jobs), os.cpu_count() or 1)) as pool:
            done = [pool.submit(program, tf.zeros([batch_size, length], tf.int32)) for program, length in jobs]
        for job in done:
            job.result()
        # Dropout has drawn numbers; training begins with those that it would have begun with.
        for variable, value in zip(self.non_trainable_variables, kept, strict=True):
            variable.assign(value)

    def _backward_once(self, ids: tf.Tensor) -> None:
        self._backward(ids, tf.zeros([tf.shape(ids)[0], *self._label_shape]), None)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Learn from a batch, as Keras asks; returns the metrics so far."""
        ids, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        logits, loss, gradients = self._backward(ids, labels, weights)
        self._update(gradients)
        return self._measured(ids, labels, weights, logits, loss)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Score a batch, as Keras asks; returns the metrics so far."""
        ids, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        logits = self._forward(ids)
        loss = self.compute_loss(ids, labels, logits, weights, training=False)
        return self._measured(ids, labels, weights, logits, loss)

    def predict_step(self, data: Any) -> tf.Tensor:
        """Score a batch of ids alone, as Keras asks; returns the logits."""
        return self._forward(keras.utils.unpack_x_y_sample_weight(data)[0])

    def _scores(self, ids: tf.Tensor) -> tf.Tensor:
        return self(ids, training=False)

    def _gradients(
        self, ids: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = self(ids, training=True)
            loss = self.compute_loss(ids, labels, logits, weights, training=True)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        if self._one_by_one:
            # Those of the embeddings are rows, one for each token: the update would be traced for each length.
            gradients = [_summed(gradient) for gradient in gradients]
        return logits, loss, gradients

    def _apply(self, gradients: list[tf.Tensor]) -> None:
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))

    def _measured(
        self, ids: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None, logits: tf.Tensor, loss: tf.Tensor
    ) -> dict[str, Any]:
        # Keras divides a loss by the number of replicas, for gradients to be summed; its mean is of the whole loss.
        whole = loss * tf.distribute.get_strategy().num_replicas_in_sync
        # It also divides by all rows of a batch, of which those of weight 0 are padding.
        rows = tf.cast(tf.shape(ids)[0], tf.float32)
        examples = rows if weights is None else tf.math.count_nonzero(weights, dtype=tf.float32)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(tf.math.divide_no_nan(whole * rows, examples), sample_weight=examples)
        return dict(self.compute_metrics(ids, labels, logits, weights))


def _summed(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    """Sum the rows of a gradient that are for the same row of a variable, always in the same order.

    TensorFlow's own sum on a CPU adds them in the order in which its threads come to them.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    order = tf.argsort(gradient.indices, stable=True)
    rows = tf.cast(tf.gather(gradient.indices, order), tf.int32)
    is_first = tf.concat([[True], rows[1:] != rows[:-1]], axis=0)
    numbers = tf.cumsum(tf.cast(is_first, tf.int32)) - 1
    sums = tf.math.segment_sum(tf.gather(gradient.values, order), numbers)
    shape = tf.cast(gradient.dense_shape, tf.int32)
    return tf.scatter_nd(tf.boolean_mask(rows, is_first)[:, tf.newaxis], sums, shape)


def default_hyperparameters(settings: TrainingSettings) -> Hyperparameters:
    """Take the values of the settings, for a pipeline that has never been tuned."""
    return Hyperparameters(settings.learning_rate, settings.dropout, settings.warmup_fraction)


def build_classifier(
    backbone: keras_hub.models.Backbone, dropout: float, outputs: int = 1, *, freeze_embeddings: bool = False
) -> SentimentClassifier:
    """Build the classifier on the encoder's last layer.

    Args:
        backbone: the encoder; it is trained too.
        dropout: share of the CLS output dropped while training.
        outputs: 1, or the number of classes.
        freeze_embeddings: whether the vectors of WordPieces stay as they are.

    Returns:
        A model from ``input_ids`` (int [batch, tokens], 0 is padding) to the logit of positive (float32 [batch, 1]), or
        to one of each class (float32 [batch, classes]).
    """
    backbone.get_layer("pooled_dense").trainable = False  # its output is not used
    backbone.get_layer("token_embedding").trainable = not freeze_embeddings
    compute_first_token_alone(backbone)
    ids = keras.Input(shape=(None,), dtype="int32", name="input_ids")
    mask = keras.ops.cast(keras.ops.not_equal(ids, 0), "int32")
    encoded = backbone({"token_ids": ids, "segment_ids": keras.ops.zeros_like(ids), "padding_mask": mask})
    start = keras.layers.Dropout(dropout, name="dropout")(encoded["sequence_output"][:, 0, :])
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    logit = keras.layers.Dense(outputs, kernel_initializer=initializer, dtype="float32", name="logit")(start)
    return SentimentClassifier(ids, logit, name="sentiment")


def compile_classifier(
    model: SentimentClassifier,
    values: Hyperparameters,
    settings: TrainingSettings,
    steps: int,
    task: TaskSettings = BINARY_SENTIMENT,
) -> None:
    """Set AdamW with warm-up and cosine decay, the loss and the metrics.

    Args:
        model: the classifier.
        values: the run's hyperparameters.
        settings: what is set for the training.
        steps: length of the schedule, in batches.
        task: the pipeline's; of a multilabel one, the loss weighs the labels by ``training.class_weights``.
    """
    schedule = WarmupCosine(values.learning_rate, int(steps * values.warmup_fraction), max(1, steps))
    optimizer = _adamw(schedule, settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=list(_UNDECAYED))
    # Left to the first step, the optimizer's variables are made while it is traced, which takes ten times as long.
    optimizer.build(model.trainable_variables)
    loss, accuracy = _judged_by(task, settings)
    if settings.jit_compile and device.is_one_cpu():
        fuse_layers(next(layer for layer in model.layers if isinstance(layer, keras_hub.models.Backbone)))
    model.compile(
        optimizer=optimizer,
        loss=loss,
        weighted_metrics=[accuracy],
        jit_compile=settings.jit_compile,
        label_shape=(task.outputs,) if task.has_sets else (),
    )
    # In float16, Keras has put the optimizer into another one, which has variables of its own.
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _adamw(schedule: WarmupCosine, decay: float) -> keras.optimizers.Optimizer:
    if device.is_one_cpu():
        return FusedAdamW(schedule, decay=decay, clip_norm=_CLIP_NORM)
    return keras.optimizers.AdamW(learning_rate=schedule, weight_decay=decay, clipnorm=_CLIP_NORM)


def _judged_by(task: TaskSettings, settings: TrainingSettings) -> tuple[Any, keras.metrics.Metric]:
    """Return the loss and the accuracy, which of a multilabel task is the share of texts with all labels right."""
    if task.has_sets:
        weights = tf.constant(settings.weights_of(task) or (1.0,) * task.outputs, tf.float32)
        all_right = partial(_all_right, logit=task.logit)
        return _LossOfLabels(weights), keras.metrics.MeanMetricWrapper(all_right, name="accuracy")
    if task.outputs == 1:
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        return keras.losses.BinaryCrossentropy(from_logits=True), accuracy
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True), accuracy


class _LossOfLabels(keras.losses.Loss):  # type: ignore[misc]
    """The mean over the labels of their binary cross-entropies, in which texts with a label count by its weight."""

    def __init__(self, weights: tf.Tensor) -> None:
        super().__init__(name="labels")
        self._weights = weights  # float32 [classes]

    def call(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each text, float32 [batch], from labels and logits [batch, classes]."""
        each = tf.nn.weighted_cross_entropy_with_logits(tf.cast(labels, tf.float32), logits, self._weights)
        return tf.reduce_mean(each, axis=-1)


def _all_right(labels: tf.Tensor, logits: tf.Tensor, *, logit: float) -> tf.Tensor:
    """Return whether all labels of each text are right, float32 [batch], from [batch, classes].

    A text has a label from a logit on: that of the task's threshold.
    """
    return tf.reduce_min(tf.cast(tf.equal(labels >= 0.5, logits >= logit), tf.float32), axis=-1)
