"""The sentiment classifier: pretrained encoder, CLS output, dropout, one logit."""

import dataclasses

import keras
import keras_hub

from tfx_modules.config import TrainingConfig

_UNDECAYED = ("bias", "gamma", "beta")


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """What the Tuner searches and the Trainer uses."""

    learning_rate: float
    dropout: float
    warmup_fraction: float


def default_hyperparameters(config: TrainingConfig) -> Hyperparameters:
    """Take the values of the settings, for a pipeline that has never been tuned."""
    return Hyperparameters(config.learning_rate, config.dropout, config.warmup_fraction)


def build_classifier(backbone: keras_hub.models.BertBackbone, dropout: float) -> keras.Model:
    """Put the classifier onto the encoder's last layer.

    Args:
        backbone: the encoder; it is trained too.
        dropout: share of the CLS output dropped while training.

    Returns:
        A model from ``input_ids`` (int [batch, tokens], 0 is padding) to the logit of positive (float32 [batch, 1]).
    """
    ids = keras.Input(shape=(None,), dtype="int32", name="input_ids")
    mask = keras.ops.cast(keras.ops.not_equal(ids, 0), "int32")
    encoded = backbone({"token_ids": ids, "segment_ids": keras.ops.zeros_like(ids), "padding_mask": mask})
    start = keras.layers.Dropout(dropout, name="dropout")(encoded["sequence_output"][:, 0, :])
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    logit = keras.layers.Dense(1, kernel_initializer=initializer, dtype="float32", name="logit")(start)
    return keras.Model(ids, logit, name="sentiment")


def compile_classifier(model: keras.Model, values: Hyperparameters, config: TrainingConfig, steps: int) -> None:
    """Set AdamW with warm-up and linear-cosine decay, the loss and the metrics.

    Args:
        model: the classifier.
        values: the run's hyperparameters.
        config: batch-independent settings.
        steps: length of the schedule, in batches.
    """
    warmup = int(steps * values.warmup_fraction)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else values.learning_rate,
        decay_steps=max(1, steps - warmup),
        warmup_target=values.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(learning_rate=schedule, weight_decay=config.weight_decay, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=list(_UNDECAYED))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
        jit_compile=config.jit_compile,
    )
