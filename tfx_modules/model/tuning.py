"""Searches learning rate, dropout and warm-up with KerasTuner: the Tuner's ``tuner_fn``."""

import keras
import keras_tuner
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.v1.components import TunerFnResult

from tfx_modules.model import batches, bert_classifier, training
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.model.fitting import device
from tfx_modules.model.fitting.progress import Progress
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import EncoderSettings, TrainingSettings, TuningSettings
from tfx_modules.settings.task import TaskSettings, from_config

_CURVES_DIR = "curves_dir"


class SentimentHyperModel(keras_tuner.HyperModel):  # type: ignore[misc]
    """The classifier as a function of what is searched."""

    def __init__(
        self, encoder: EncoderSettings, training: TrainingSettings, tuning: TuningSettings, task: TaskSettings
    ) -> None:
        super().__init__(name="sentiment", tunable=True)
        self._encoder, self._training, self._tuning, self._task = encoder, training, tuning, task

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Make the compiled model of one trial."""
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
        shape = training.batch_shape(self._training, self._encoder)
        classifier.prepare(shape.batch_size, shape.lengths)
        return classifier


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepare a random search, as TFX's Tuner asks.

    Args:
        fn_args: ``custom_config`` has ``encoder``, ``training`` and ``tuning``, and ``task`` where it is another than
            the default's, and ``curves_dir``, where the curves of each trial go; the files are Transform's examples.

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
    tuner = keras_tuner.RandomSearch(
        SentimentHyperModel(encoder, settings, tuning, task),
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=tuning.trials,
        seed=settings.seed,
        directory=fn_args.working_dir,
        project_name="sentiment",
        overwrite=True,
    )
    fit = {
        "x": batches.training_batches(examples, shape, settings.weights_of_examples(task)),
        "steps_per_epoch": tuning.steps_per_trial,
        "epochs": 1,
        "validation_data": batches.evaluation_batches(evaluation, shape).take(tuning.eval_batches),
        # KerasTuner gives each trial a folder of its own in the log_dir, with the trial's values.
        "callbacks": [
            Progress(shape.batch_size),
            keras.callbacks.TensorBoard(log_dir=fn_args.custom_config[_CURVES_DIR], write_graph=False, update_freq=1),
        ],
        "shuffle": False,  # the batches are
        "verbose": 2,
    }
    return TunerFnResult(tuner=tuner, fit_kwargs=fit)
