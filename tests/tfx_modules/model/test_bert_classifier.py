"""The classifier and its schedule."""

import keras
import keras_hub
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.tfx_modules.conftest import small_classifier
from tfx_modules.model.bert_classifier import (
    Hyperparameters,
    WarmupCosine,
    build_classifier,
    compile_classifier,
    default_hyperparameters,
)
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.settings.settings import EncoderSettings, TrainingSettings


def rates(peak: float, warmup: int, steps: int) -> npt.NDArray[np.float32]:
    return np.asarray(WarmupCosine(peak, warmup, steps)(np.arange(steps + 1)))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[float, int, int]:
    steps = draw(st.integers(2, 2000))
    return draw(st.floats(1e-6, 1e-2)), draw(st.integers(0, steps - 1)), steps


@given(schedules())
def test_the_rate_stays_between_0_and_the_peak(schedule: tuple[float, int, int]) -> None:
    made = rates(*schedule)
    assert (made >= 0).all()
    assert (made <= schedule[0] * (1 + 1e-6)).all()


@given(schedules())
def test_the_rate_rises_during_warm_up_falls_after_it_and_ends_at_0(schedule: tuple[float, int, int]) -> None:
    peak, warmup, _ = schedule
    made = rates(*schedule)
    assert (np.diff(made[: warmup + 1]) > 0).all()
    assert (np.diff(made[warmup:]) <= peak * 1e-6).all()
    assert made[warmup] == pytest.approx(peak, rel=1e-5)
    assert made[-1] == pytest.approx(0.0, abs=peak * 1e-6)


def test_the_rate_stays_0_after_the_end() -> None:
    assert float(WarmupCosine(1e-3, 2, 10)(1000)) == pytest.approx(0.0, abs=1e-9)


def test_a_schedule_can_be_made_again_from_its_config() -> None:
    first = WarmupCosine(1e-3, 2, 10)
    assert WarmupCosine.from_config(first.get_config()).get_config() == {"peak": 1e-3, "warmup_steps": 2, "steps": 10}


class OfWholeGradients(keras.optimizers.AdamW):  # type: ignore[misc]
    """Keras' AdamW, which squares the rows of an embedding's gradient each by itself, of gradients without rows."""

    def apply(self, grads: list[tf.Tensor], trainable_variables: list[keras.Variable]) -> None:
        super().apply([tf.convert_to_tensor(gradient) for gradient in grads], trainable_variables)


def plain_and_ours() -> tuple[keras.Model, keras.Model]:
    """Return the same model twice, ready for training: with Keras' own steps, and with the project's under XLA."""
    training = TrainingSettings(jit_compile=True)
    same, ours = (small_classifier(dropout=0.0, encoder_dropout=0.0) for _ in range(2))
    plain = keras.Model(same.inputs, same.outputs)
    compile_classifier(ours, Hyperparameters(1e-3, 0.0, 0.0), training, 10)
    plain.compile(
        optimizer=OfWholeGradients(WarmupCosine(1e-3, 0, 10), weight_decay=training.weight_decay, clipnorm=1.0),
        loss=ours.loss,
        weighted_metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
    )
    plain.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return plain, ours


def check_same(left: dict[str, float], right: dict[str, float]) -> None:
    assert {name: float(value) for name, value in right.items()} == pytest.approx(
        {name: float(value) for name, value in left.items()}, abs=1e-4
    )


@pytest.mark.parametrize("prepared", [False, True])
def test_steps_compiled_by_xla_are_those_of_keras(prepared: bool) -> None:
    plain, ours = plain_and_ours()
    if prepared:
        ours.prepare(2, [6, 3])
    ids = np.array([[101, 2023, 3185, 2001, 2307, 102], [101, 6659, 102, 0, 0, 0]], "int32")
    labels, weights = np.array([1.0, 0.0], "float32"), np.array([1.0, 0.5], "float32")

    for _ in range(3):
        check_same(*(made.train_on_batch(ids, labels, weights, return_dict=True) for made in (plain, ours)))
    check_same(*(made.test_on_batch(ids, labels, weights, return_dict=True) for made in (plain, ours)))
    np.testing.assert_allclose(ours.predict(ids, verbose=0), plain.predict(ids, verbose=0), atol=1e-3)
    for mine, theirs in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_the_loss_of_an_evaluation_is_the_mean_of_its_examples_whatever_rows_of_padding_a_batch_has() -> None:
    classifier = small_classifier(dropout=0.0, encoder_dropout=0.0)
    compile_classifier(classifier, Hyperparameters(1e-3, 0.0, 0.0), TrainingSettings(), 10)
    ids = np.array([[101, 2023, 102], [101, 6659, 102], [101, 2307, 102], [0, 0, 0]], "int32")
    labels, weights = np.array([1.0, 0.0, 1.0, 0.0], "float32"), np.array([1.0, 1.0, 1.0, 0.0], "float32")

    alone = [classifier.evaluate(ids[n : n + 1], labels[n : n + 1], verbose=0)[0] for n in range(3)]
    found = classifier.evaluate(ids, labels, sample_weight=weights, batch_size=2, verbose=0)[0]

    assert np.ptp(alone) > 0.01, "a mean of the batches' means would be another one"
    assert found == pytest.approx(np.mean(alone), abs=1e-5)


def logits_and_gradients(classifier: keras.Model) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
        logits = classifier(np.array([[101, 2023, 3185, 2001, 2307, 102], [101, 6659, 102, 0, 0, 0]]), training=True)
    return logits, [tf.convert_to_tensor(each) for each in tape.gradient(logits, classifier.trainable_variables)]


def test_the_last_layer_of_the_first_token_alone_learns_what_the_whole_one_does() -> None:
    classifier = small_classifier(dropout=0.0, encoder_dropout=0.0)
    (backbone,) = (layer for layer in classifier.layers if isinstance(layer, keras_hub.models.BertBackbone))
    last = backbone.transformer_layers[-1]
    assert last(np.ones((2, 6, 16)), padding_mask=np.ones((2, 6))).shape == (2, 1, 16)
    ours, our_gradients = logits_and_gradients(classifier)

    last.__class__ = keras_hub.layers.TransformerEncoder
    whole, whole_gradients = logits_and_gradients(classifier)

    np.testing.assert_allclose(ours, whole, atol=1e-5)
    for mine, theirs in zip(our_gradients, whole_gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_preparing_learns_nothing_and_draws_no_numbers_of_dropout() -> None:
    classifier = small_classifier(dropout=0.5, encoder_dropout=0.5)
    compile_classifier(classifier, Hyperparameters(1e-3, 0.5, 0.0), TrainingSettings(jit_compile=True), 10)
    before = [value.numpy() for value in classifier.variables]

    classifier.prepare(2, [4, 8])

    for variable, value in zip(classifier.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, variable.path)


def traces(classifier: keras.Model) -> list[int]:
    programs = (classifier._forward, classifier._backward)  # noqa: SLF001 - what is compiled is nobody else's business
    return [program.experimental_get_tracing_count() for program in programs]


def test_a_batch_of_a_prepared_shape_is_not_traced_again() -> None:
    classifier = small_classifier(dropout=0.0, encoder_dropout=0.0)
    compile_classifier(classifier, Hyperparameters(1e-3, 0.0, 0.0), TrainingSettings(jit_compile=True), 10)
    classifier.prepare(2, [4, 8])
    before = traces(classifier)

    for length in (4, 8):
        classifier.train_on_batch(np.ones((2, length), "int32"), np.ones(2, "float32"))
        classifier.test_on_batch(np.ones((2, length), "int32"), np.ones(2, "float32"))

    assert traces(classifier) == before


def test_padding_does_not_change_the_logit(classifier: keras.Model) -> None:
    ids = np.array([[101, 2023, 3185, 2001, 2307, 102], [101, 6659, 102, 0, 0, 0]], "int32")
    short, long = (classifier(np.pad(ids, [(0, 0), (0, n - 6)]), training=False) for n in (16, 32))
    np.testing.assert_allclose(short, long, atol=1e-4)
    assert short.shape == (2, 1)


def test_the_classifier_gives_different_texts_different_scores(classifier: keras.Model) -> None:
    one, two = (classifier(np.array([[101, word, 102]], "int32"), training=False) for word in (2307, 6659))
    assert float(one[0, 0]) != float(two[0, 0])


def test_biases_and_layer_norms_are_not_decayed(classifier: keras.Model) -> None:
    decayed = "kernel embeddings"
    made = keras.models.clone_model(classifier)
    compile_classifier(made, Hyperparameters(1e-3, 0.1, 0.1), TrainingSettings(weight_decay=0.5, jit_compile=False), 10)
    found = {
        variable.path: made.optimizer._use_weight_decay(variable)  # noqa: SLF001 - Keras has no public question for it
        for variable in made.trainable_variables
    }
    assert {path.rpartition("/")[2] for path, decays in found.items() if not decays} == {"bias", "gamma", "beta"}
    assert {path.rpartition("/")[2] for path, decays in found.items() if decays} == set(decayed.split())


def test_the_unused_pooler_is_not_trained(classifier: keras.Model) -> None:
    assert not [variable.path for variable in classifier.trainable_variables if "pooled" in variable.path]


def test_frozen_embeddings_stay_as_they_are_and_all_else_learns() -> None:
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=20, num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=16, max_sequence_length=8
    )
    made = build_classifier(backbone, 0.0, freeze_embeddings=True)
    compile_classifier(made, Hyperparameters(1e-2, 0.0, 0.0), TrainingSettings(jit_compile=False), 10)
    before = {variable.path: variable.numpy() for variable in made.weights}

    made.fit(np.array([[1, 2, 3], [1, 4, 3]]), np.array([1.0, 0.0]), verbose=0)

    same = {variable.path for variable in made.weights if (before[variable.path] == variable.numpy()).all()}
    assert {path for path in same if "pooled" not in path and "seed" not in path} == {"token_embedding/embeddings"}


@pytest.mark.parametrize(("rate", "same"), [(0.0, True), (0.3, False)])
def test_the_encoder_drops_what_it_is_told_to(rate: float, same: bool) -> None:
    made = build_classifier(load_backbone(EncoderSettings(), rate), 0.0)
    ids = np.array([[101, 2023, 2003, 102]])
    trained, served = (np.asarray(made(ids, training=training)) for training in (True, False))
    assert np.allclose(trained, served, atol=1e-4) is same


def test_default_hyperparameters_are_those_of_the_settings() -> None:
    training = TrainingSettings(learning_rate=3e-5, dropout=0.25, warmup_fraction=0.2)
    assert default_hyperparameters(training) == Hyperparameters(3e-5, 0.25, 0.2)
