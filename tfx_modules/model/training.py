"""Fine-tunes the classifier, keeps the best weights and exports the model: the Trainer's ``run_fn``."""

import importlib.util
import json
import logging
import math
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from tfx_modules.data import holdout
from tfx_modules.data.review_set import ReviewSet
from tfx_modules.exceptions import GateError, SettingsError
from tfx_modules.model import batches, bert_classifier, export, precision
from tfx_modules.model.encoder.backbone import load_backbone
from tfx_modules.model.ends import Ends
from tfx_modules.model.fitting import device, loop
from tfx_modules.model.inference_graph import BertGraph
from tfx_modules.model.measuring.rows import Measured, of_reviews, of_split
from tfx_modules.model.record import training_record
from tfx_modules.model.record.training_record import EngineChoice, Fit, LiteMeasures, TrainingRecord
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import EncoderSettings, Engine, ExportSettings, Precision, TrainingSettings
from tfx_modules.settings.task import TaskSettings, from_config

_logger = logging.getLogger(__name__)
_OPENVINO_PACKAGES = ("openvino", "nncf")


def batch_shape(training: TrainingSettings, encoder: EncoderSettings) -> batches.BatchShape:
    """Return how this run's examples are batched."""
    return batches.BatchShape(training.batch_size, encoder.max_tokens, training.length_buckets, training.seed)


def run_fn(fn_args: FnArgs) -> None:
    """Train and export, as TFX's GenericExecutor asks.

    Args:
        fn_args: ``train_steps`` is the number of batches, 0 for the settings' epochs; ``custom_config`` has
            ``encoder``, ``training``, ``export``, the run's ``holdout`` and ``working_dir``, and ``task`` where it is
            another than the default's; ``hyperparameters`` is what the Tuner put out.

    Raises:
        GateError: a split has no labelled example.
        HoldoutError: the holdout is not the file that the run names.
        SettingsError: the model is to be exported for an engine whose packages are not installed.
    """
    settings = build(ExportSettings, fn_args.custom_config["export"])
    _check_engines(settings)  # now, not after hours of training
    encoder = build(EncoderSettings, fn_args.custom_config["encoder"])
    training = build(TrainingSettings, fn_args.custom_config["training"])
    task = from_config(fn_args.custom_config)
    values = _hyperparameters(fn_args.hyperparameters, training)
    keras.utils.set_random_seed(training.seed)
    transform = tft.TFTransformOutput(fn_args.transform_output)
    shape = batch_shape(training, encoder)
    with device.strategy(training.precision).scope():
        backbone = load_backbone(encoder, training.encoder_dropout)
        classifier = bert_classifier.build_classifier(
            backbone, values.dropout, task.outputs, freeze_embeddings=training.freeze_embeddings
        )
        fit = _fit(classifier, fn_args, values, training, shape, transform, task)
    named = holdout.parse(fn_args.custom_config["holdout"])
    reviews = None if named is None else holdout.read(named, task)
    exporting = _Exporting(classifier, transform, task, fn_args, settings, reviews)
    chosen = exporting.chosen_precision()
    export.save(
        classifier,
        transform,
        encoder,
        fn_args.serving_model_dir,
        lengths=shape.lengths,
        precision=chosen.precision,
        task=task,
    )
    engines, tflite = [_of_tensorflow(chosen, reviews)], None
    if Engine.OPENVINO in settings.engines:
        engines.append(exporting.for_openvino())
    if settings.tflite:
        choice, tflite = exporting.for_tflite(encoder, chosen.precision)
        engines.append(choice)
    tuned = bool((fn_args.hyperparameters or {}).get("values"))
    record = TrainingRecord(asdict(values), tuned, fit, tuple(engines), tflite)
    training_record.write(record, Path(fn_args.model_run_dir))


def _of_tensorflow(chosen: precision.PrecisionChoice, reviews: ReviewSet | None) -> EngineChoice:
    accuracies = {kind.value: accuracy for kind, accuracy in chosen.accuracies.items()}
    measured_on = reviews.name if reviews and accuracies else ""
    return EngineChoice("TensorFlow", (chosen.precision.value,), chosen.reason, measured_on, accuracies)


def _check_engines(settings: ExportSettings) -> None:
    missing = [name for name in _OPENVINO_PACKAGES if importlib.util.find_spec(name) is None]
    if Engine.OPENVINO in settings.engines and missing:
        raise SettingsError(
            f"export.engines has openvino, for which {' and '.join(missing)} must be installed. Run `make setup`, or "
            "set export.engines = []."
        )


@dataclass(frozen=True)
class _Exporting:
    """Exports the trained classifier in other forms than a SavedModel, each measured on the same rows."""

    classifier: keras.Model
    transform: tft.TFTransformOutput
    task: TaskSettings
    fn_args: FnArgs
    settings: ExportSettings
    reviews: ReviewSet | None

    def chosen_precision(self) -> precision.PrecisionChoice:
        """Choose what the SavedModel computes in."""

        def in_precision(kind: Precision) -> precision.Compute:
            # As the SavedModel has it, in a graph, but for the texts' way to ids, whose graph takes longer to prepare.
            graph = BertGraph(self.classifier, tf.as_dtype(kind.value))
            computed: precision.Compute = tf.function(
                graph.logits, input_signature=[tf.TensorSpec([None, None], tf.int32)]
            )
            return computed

        return precision.choose(in_precision, self.settings, (lambda: self._measured) if self.reviews else None)

    def for_openvino(self) -> EngineChoice:
        from tfx_modules.model.openvino import variants  # OpenVINO and NNCF take seconds to import

        training = batches.read_examples(self.fn_args.train_files, self.transform)
        made = variants.write(
            self.classifier,
            self._ends,
            Path(self.fn_args.serving_model_dir),
            calibration=(ids for ids, _ in training.as_numpy_iterator()),
            measured=self._measured,
            max_accuracy_loss=self.settings.max_accuracy_loss,
        )
        precisions = tuple(variant.precision for variant in made.description.variants)
        return EngineChoice("OpenVINO", precisions, made.reason, made.description.measured_on, made.accuracies)

    def for_tflite(self, encoder: EncoderSettings, precision: Precision) -> tuple[EngineChoice, LiteMeasures]:
        from tfx_modules.model.tflite import variant  # so does TFLite's converter

        made = variant.write(
            self.classifier,
            Path(self.fn_args.serving_model_dir),
            encoder=encoder,
            task=self.task,
            precision=precision,
            measured=self._measured,
            max_accuracy_loss=self.settings.max_accuracy_loss,
        )
        measures = made.measures
        choice = EngineChoice("TFLite", (measures.precision,), made.reason, measures.measured_on, made.accuracies)
        return choice, measures

    @cached_property
    def _ends(self) -> Ends:
        return Ends(self.transform, self.task)

    @cached_property
    def _measured(self) -> Measured:
        if self.reviews is None:
            return of_split("the eval split", batches.read_examples(self.fn_args.eval_files, self.transform), self.task)
        return of_reviews(self.reviews, self._ends)


def _hyperparameters(tuned: dict[str, Any] | None, training: TrainingSettings) -> bert_classifier.Hyperparameters:
    values = (tuned or {}).get("values") or {}
    made = bert_classifier.Hyperparameters(**values) if values else bert_classifier.default_hyperparameters(training)
    _logger.info("hyperparameters: %s", made)
    return made


def labelled(patterns: list[str], transform: tft.TFTransformOutput, split: str) -> tuple[tf.data.Dataset, int]:
    """Read a split and count it.

    Raises:
        GateError: it is empty.
    """
    examples = batches.read_examples(patterns, transform)
    found = batches.count(examples)
    if not found:
        raise GateError(f"the {split} split has 0 labelled examples; allowed: 1 or more. Give the run a longer window.")
    return examples, found


def _fit(
    classifier: bert_classifier.SentimentClassifier,
    fn_args: FnArgs,
    values: bert_classifier.Hyperparameters,
    training: TrainingSettings,
    shape: batches.BatchShape,
    transform: tft.TFTransformOutput,
    task: TaskSettings,
) -> Fit:
    examples, found = labelled(fn_args.train_files, transform, "train")
    evaluation, evaluated = labelled(fn_args.eval_files, transform, "eval")
    per_epoch = batches.steps_per_epoch(found, shape)
    steps = fn_args.train_steps or per_epoch * training.epochs
    epochs = math.ceil(steps / per_epoch)
    per_epoch = math.ceil(steps / epochs)  # of the same length, so that no epoch goes far beyond what was asked for
    bert_classifier.compile_classifier(classifier, values, training, steps, task)
    _logger.info("training on %d examples, for %d steps of %d examples each", found, steps, training.batch_size)
    began = time.monotonic()
    classifier.prepare(shape.batch_size, shape.lengths)
    fitted = loop.fit(
        classifier,
        batches.training_batches(examples, shape, training.weights_of_examples(task)),
        batches.evaluation_batches(evaluation, shape),
        loop.Course(
            shape.batch_size,
            per_epoch,
            epochs,
            folder=Path(fn_args.custom_config["working_dir"]),
            made_by=_made_by(fn_args, asdict(values), training.to_config(), found, evaluated, steps),
        ),
        [keras.callbacks.TensorBoard(log_dir=fn_args.model_run_dir, write_graph=False, update_freq=10)],
    )
    seconds = round(time.monotonic() - began, 3)
    rate, history = fitted.examples_per_second, fitted.history
    return Fit(device.description(), found, evaluated, shape.batch_size, steps, epochs, seconds, rate, history)


def _made_by(fn_args: FnArgs, *rest: Any) -> str:
    """Write down what a training is of; a checkpoint of another one is not gone on with."""
    config = {key: fn_args.custom_config.get(key) for key in ("encoder", "task")}
    data = [sorted(fn_args.train_files), sorted(fn_args.eval_files), fn_args.transform_output]
    return json.dumps([config, data, *rest], sort_keys=True)
