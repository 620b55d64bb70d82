"""Searches learning rate, dropout and warm-up with KerasTuner: the Tuner's ``tuner_fn``."""

import json
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.v1.components import TunerFnResult

from tfx_modules.common.working_folder import WORKING_DIR
from tfx_modules.model import batches, bert_classifier, training
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.model.fitting import device
from tfx_modules.model.fitting.progress import Progress
from tfx_modules.model.fitting.search import Plan, Search
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import EncoderSettings, TrainingSettings, TuningSettings
from tfx_modules.settings.task import TaskSettings, from_config

_CURVES_DIR = "curves_dir"


class SentimentHyperModel(keras_tuner.HyperModel):  # type: ignore[misc]
    """The classifier as a function of what is searched."""

    def __init__(
        self, encoder: EncoderSettings, training: TrainingSettings, tuning: TuningSettings, task: TaskSettings
    ) -> None:
        """Take what is set, and Keras' policy of this moment for all trials."""
        super().__init__(name="sentiment", tunable=True)
        self._encoder, self._training, self._tuning, self._task = encoder, training, tuning, task
        self._policy = keras.mixed_precision.dtype_policy()

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Make the compiled model of one trial; all trials begin with the same random numbers."""
        keras.mixed_precision.set_dtype_policy(self._policy)  # KerasTuner clears Keras' state before each trial
        keras.utils.set_random_seed(self._training.seed)
        values = bert_classifier.Hyperparameters(
            learning_rate=hp.Choice("learning_rate", list(self._tuning.learning_rates)),
            dropout=hp.Choice("dropout", list(self._tuning.dropouts)),
            warmup_fraction=hp.Choice("warmup_fraction", list(self._tuning.warmup_fractions)),
        )
        classifier = bert_classifier.build_classifier(
            load_backbone(self._encoder, self._training.encoder_dropout),
            values.dropout,
            self._task.outputs,
            freeze_embeddings=self._training.freeze_embeddings,
        )
        bert_classifier.compile_classifier(classifier, values, self._training, self._tuning.steps_per_trial, self._task)
        return classifier

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Train it. Not all models that are built are trained: KerasTuner builds one to see what is searched."""
        shape = training.batch_shape(self._training, self._encoder)
        model.prepare(shape.batch_size, shape.lengths)
        return super().fit(hp, model, *args, **kwargs)


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepare a random search, as TFX's Tuner asks.

    Args:
        fn_args: ``custom_config`` has ``encoder``, ``training`` and ``tuning``, and ``task`` where it is another than
            the default's, ``curves_dir``, where the curves of each trial go, and ``working_dir``, where a retried
            search finds what the killed one has left; the files are Transform's examples.

    Returns:
        The tuner, and what its ``search`` is called with.
    """
    encoder = build(EncoderSettings, fn_args.custom_config["encoder"])
    settings = build(TrainingSettings, fn_args.custom_config["training"])
    tuning = build(TuningSettings, fn_args.custom_config["tuning"])
    task = from_config(fn_args.custom_config)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    shape = training.batch_shape(settings, encoder)
    examples, _ = training.labelled(fn_args.train_files, transform, "train")
    evaluation, _ = training.labelled(fn_args.eval_files, transform, "eval")
    # The whole search runs in the precision that training will have.
    device.strategy(settings.precision)
    curves = fn_args.custom_config[_CURVES_DIR]
    plan = Plan(tuning.trials, settings.seed, Path(fn_args.custom_config[WORKING_DIR]), Path(curves), _made_by(fn_args))
    fit = {
        "x": batches.training_batches(examples, shape, settings.weights_of_examples(task)),
        "steps_per_epoch": tuning.steps_per_trial,
        "epochs": 1,
        "validation_data": batches.evaluation_batches(evaluation, shape).take(tuning.eval_batches),
        # KerasTuner gives each trial a folder of its own in the log_dir, with the trial's values.
        "callbacks": [
            Progress(shape.batch_size, of="this trial"),
            keras.callbacks.TensorBoard(log_dir=curves, write_graph=False, update_freq=1),
        ],
        "shuffle": False,  # the batches are
        "verbose": 0,  # the search tells of its trials
    }
    return TunerFnResult(tuner=Search(SentimentHyperModel(encoder, settings, tuning, task), plan), fit_kwargs=fit)


def _made_by(fn_args: FnArgs) -> str:
    """Write down what a search is of; it does not go on with another one."""
    config = {key: value for key, value in fn_args.custom_config.items() if key not in (_CURVES_DIR, WORKING_DIR)}
    data = [sorted(fn_args.train_files), sorted(fn_args.eval_files), fn_args.transform_graph_path]
    return json.dumps([config, data], sort_keys=True)
