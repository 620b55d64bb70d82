"""Settings of the Airflow side: section ``[bert_service]`` of airflow.cfg, read once, passed on as a frozen object.

Every key can be overridden by an environment variable ``AIRFLOW__BERT_SERVICE__<KEY>``. Relative paths count from
``root``, or from Airflow's home where the package is an installed wheel and ``root`` is not set.
Settings of the TFX pipeline itself (encoder, training, gate) are in ``tfx_modules/settings.toml``.
"""

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import airflow_home, command, is_checkout, project_root
from airflow_bert_service.pipeline.task import BINARY_SENTIMENT, pipeline_task
from airflow_bert_service.settings.channels import Channel, read_channels
from airflow_bert_service.settings.containers import ContainerSettings
from airflow_bert_service.settings.databases import DatabaseAddress, check_databases
from airflow_bert_service.settings.feeds import SourceSettings
from airflow_bert_service.settings.gpu import GpuSettings
from airflow_bert_service.settings.reading.declared import SettingsGroup, every_setting, settings_of
from airflow_bert_service.settings.reading.limits import AtLeast, Between, Matches, PositiveUpTo
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.reading.reader import (
    ComputedDefault,
    LowerCase,
    PathOrAddress,
    ReadBy,
    Separated,
    read_settings,
)
from airflow_bert_service.settings.reading.texts import Place, path
from airflow_bert_service.settings.retention import RetentionSettings
from airflow_bert_service.settings.row_rules import RowRules, labels_for
from airflow_bert_service.settings.scoring import ScoringSettings
from airflow_bert_service.settings.stores.artifacts import ArtifactSettings
from airflow_bert_service.settings.time_limits import TimeLimitSettings

PUBLIC_IMDB_ARCHIVE = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
PUBLIC_IMDB_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
"""Its digest in TensorFlow Datasets' checksums of ``imdb_reviews``."""


class FeedName(str, Enum):
    """Where reviews come from."""

    SAMPLE = "sample"
    """Made-up reviews of every day from 2026-10-16 to yesterday; those of the first 24 days are in
    ``data/sample_reviews.csv``."""
    IMDB = "imdb"
    """The IMDB review archive, spread over ``imdb_days`` days."""
    FILES = "files"
    """CSV or JSON Lines files, some for every day, on a disk or an object store."""
    SQL = "sql"
    """A query of a database."""
    HTTP = "http"
    """Pages of JSON from a web service."""


class Weekday(str, Enum):
    """A day of the week, in UTC."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def number(self) -> int:
        """Its number as Python counts: Monday is 0."""
        return list(Weekday).index(self)


@dataclass(frozen=True, kw_only=True)
class WriteSettings(SettingsGroup):
    """How Airflow's API server takes requests that write, where Airflow's database is SQLite.

    Not for how long SQLite itself waits: the address in ``[database] sql_alchemy_conn`` has that.
    """

    serialize_writes: bool = True
    """Whether requests that write are answered one after another; ``false`` switches that off, and what follows with
    it."""
    write_lock_timeout: Annotated[float, PositiveUpTo(3600)] = 90.0
    """Seconds that a request waits for those before it; it is then answered with status 503, and not carried out. More
    than SQLite's own time-out."""
    write_body_timeout: Annotated[float, PositiveUpTo(3600)] = 30.0
    """Seconds that a client has to send a request's body; after that it is answered with status 408."""
    write_body_bytes: Annotated[int, AtLeast(1024)] = 16 << 20
    """Largest body of a request, in bytes; a larger one is answered with status 413. Large XComs are such bodies."""


@dataclass(frozen=True, kw_only=True)
class Settings(SettingsGroup):
    """What the Airflow side needs to know about the place that it runs in.

    All paths are absolute. These are not the pipeline's settings (``settings.toml``), and not the parameters of a run.
    """

    root: Path
    """The folder that holds ``dags``, ``tfx_modules`` and ``data``, and of a checkout ``plugins``. Default: the
    project's folder; of an installed wheel, the files that it carries."""
    state: Annotated[Path, ComputedDefault("{root}/var", installed="{AIRFLOW_HOME}/bert_service")]
    """Folder of everything that runs leave behind."""
    tfx_python: Annotated[Path, ComputedDefault("{root}/.venv/tfx/bin/python", installed="{state}/tfx/bin/python")]
    """Python of the TFX environment. For an installed wheel, ``bert-service setup-tfx`` builds it."""
    metadata: Annotated[str, DatabaseAddress(), ComputedDefault("sqlite:///{state}/metadata/mlmd.db")] = field(
        repr=False  # may hold a password
    )
    """Address of the ML Metadata store. ``conn:ID`` stands for the Airflow connection ``ID`` (of type ``postgres``),
    which is looked up when a task or a command needs it."""
    ledger: Annotated[str, DatabaseAddress(), ComputedDefault("sqlite:///{state}/ledger/ledger.db")] = field(
        repr=False  # likewise
    )
    """Address of the ledger of promotions."""
    node_socket: Path | None = None
    """Unix socket of the node server; empty: a fresh process per node. Where it is set the server must be there. The
    stack sets it."""
    feed: FeedName = FeedName.SAMPLE
    """Which feed ``refresh_data`` reads."""
    imdb_archive: Annotated[str, PathOrAddress()] = PUBLIC_IMDB_ARCHIVE
    """The aclImdb tar.gz: a path, or an http(s) address."""
    imdb_sha256: Annotated[str, LowerCase(), Matches(r"[0-9a-f]{64}", "64 hex digits, as sha256sum prints them")] = ""
    """SHA-256 that the archive must have; empty: the known one of the public address; of any other
    address it is not checked."""
    imdb_first_day: dt.date = dt.date(2026, 10, 16)
    """The day that the IMDB feed begins on."""
    imdb_days: Annotated[int, AtLeast(1)] = 24
    """How many days the IMDB archive is spread over."""
    imdb_reviews_per_day: Annotated[int, AtLeast(0)] = 100
    """How many of a day's IMDB reviews are used (the same ones every time); 0: all, about 1,000 a day."""
    source: SourceSettings = field(default_factory=SourceSettings)
    """What the feeds ``files``, ``sql`` and ``http`` need to know; keys of ``[bert_service]`` like the rest.
    ``docs/how-to/feeds.md`` has examples."""
    rules: RowRules = field(default_factory=RowRules)
    """What a row must be to be used, and how many may be otherwise: the keys ``labels`` and ``max_bad_share``.
    ``docs/reference/rejected-rows.md`` tells what happens to the others."""
    holdout: Path | None = None
    """CSV file (the feed's columns, or ``review``, ``sentiment``) of reviews that are never trained on, and that
    candidates are judged by (``docs/explanation/promotion.md``); its name without ending names it. Empty: the
    feed's own, which ``files``, ``sql`` and ``http`` do not have."""
    artifacts: ArtifactSettings = field(default_factory=ArtifactSettings)
    """Where artifacts are kept: the keys ``artifact_*``."""
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    """How much is kept of what runs leave behind: the keys ``keep_*``. 0 keeps all.
    ``docs/how-to/retention.md`` tells what is removed when."""
    limits: TimeLimitSettings = field(default_factory=TimeLimitSettings)
    """How long tasks and runs may take: the keys ``max_*_minutes`` and ``max_metadata_wait_seconds``.
    ``docs/how-to/blocked-runs.md`` tells what is seen when a limit is reached."""
    gpu: GpuSettings = field(default_factory=GpuSettings)
    """Which nodes are for a GPU, and where they run: the keys ``gpu_*`` and ``require_gpu``.
    ``docs/how-to/cluster.md`` tells how workers and the pool are set up."""
    containers: ContainerSettings = field(default_factory=ContainerSettings)
    """Which nodes run in a container of their own, and what it is made of: the keys ``container_*``.
    ``docs/how-to/node-containers.md`` tells when to use which."""
    window_days: Annotated[int, AtLeast(1)] = 14
    """Length of the window of days that a run trains on; it ends at the run's data date."""
    schedule_weekdays: tuple[Weekday, ...] = ()
    """Weekdays that the DAG's own runs and backfills are for, like ``monday, thursday``; empty: every day. A run for a
    day begins when that day is over (UTC)."""
    allowed_gaps: frozenset[dt.date] = frozenset()
    """Days that a window may lack: ``2026-11-07, 2026-12-24..2026-12-26``. Any other day without reviews fails the run,
    and so does a data date without."""
    scoring: ScoringSettings = field(default_factory=ScoringSettings)
    """How a day's texts are scored: the keys ``scores_format`` and ``scored_days_at_once``.
    ``docs/how-to/batch-scoring.md`` tells how that is used."""
    shown_errors: Annotated[int, Between(0, 100)] = 0
    """How many of the reviews that a model gets wrong its evaluation report and its model card show, with the
    beginnings of their texts. 0: none, and neither file has a text. ``docs/how-to/reports.md`` says who reads them."""
    writes: WriteSettings = field(default_factory=WriteSettings)
    """How Airflow's API server takes requests that write, where Airflow's database is SQLite; keys of
    ``[bert_service]`` like the rest. With another database they change nothing."""
    model_servers: Annotated[
        tuple[Annotated[str, Matches(r"https?://\S+", "addresses like http://127.0.0.1:8501")], ...],
        Separated(r"\s", "spaces"),
    ] = ()
    """Addresses of the model servers' REST APIs (``http://HOST:8501``), with spaces between them; a rollback waits
    until all of them serve the version under the pipeline's name. An address with a path is that of the model's
    status (``http://HOST:8501/v1/models/NAME``). Empty: it does not wait. The stack sets it."""
    model_server_key_file: Path | None = None
    """File with the API key that *Try it*, on the page *Models*, sends to the model servers; the API server reads it
    each time. Empty: no key is sent. The stack sets it."""
    notifications: Annotated[tuple[Channel, ...], ReadBy(read_channels)] = field(
        default=(),
        repr=False,  # may hold a notifier's secrets
    )
    """Who is told of promotions, as a JSON list: mail, Slack, a webhook, any notifier of Airflow. Empty: nobody.
    ``docs/how-to/notifications.md`` has the form."""

    def __post_init__(self) -> None:
        """Check the limits, and what depends on another setting."""
        super().__post_init__()
        self.source.require(self.feed.value)
        self.retention.check(self.window_days)
        self._check_labels()

    def _check_labels(self) -> None:
        # Each run's refresh checks by the labels of its own sources. Those of a checkout are known beforehand; an
        # installed wheel has its DAG files, and with them the pipeline's settings, in a folder of Airflow's.
        if is_checkout() and set(self.rules.labels.values()) != set(BINARY_SENTIMENT.labels):
            labels_for(pipeline_task(self.root / "dags"), self.rules.labels)

    @property
    def imdb_digest(self) -> str:
        """SHA-256 that the IMDB archive must have; empty: any."""
        known = PUBLIC_IMDB_SHA256 if self.imdb_archive == PUBLIC_IMDB_ARCHIVE else ""
        return self.imdb_sha256 or known

    @property
    def pipeline_root(self) -> Path:
        """The folder that nodes read and write artifacts in; with an artifact store it has copies."""
        return self.artifacts.artifact_folder or self.state / "pipeline"

    @property
    def spans(self) -> Path:
        """Where ``refresh_data`` keeps reviews, a folder a day."""
        return self.state / "spans"

    def models_of(self, pipeline: str) -> Path:
        """Return the folder where a pipeline's Pusher publishes numbered versions, and the model server finds them.

        Args:
            pipeline: The pipeline's name.
        """
        return self.state / "models" / pipeline

    def scores_of(self, pipeline: str) -> Path:
        """Return the folder of the scores of a pipeline's model, a folder a day.

        Args:
            pipeline: The pipeline's name.
        """
        return self.state / "scores" / pipeline

    @property
    def bundles(self) -> Path:
        """Where the DAG bundle keeps its snapshots."""
        return self.state / "bundles"

    @property
    def outcomes(self) -> Path:
        """Where nodes write their outcome files, while their tasks run."""
        return self.state / "outcomes"

    @property
    def annotations(self) -> Path:
        """Where tasks leave texts for people."""
        return self.state / "annotations"

    @property
    def downloads(self) -> Path:
        """Where downloaded archives, and what is made of them, are kept."""
        return self.state / "downloads"

    @property
    def imdb_holdout(self) -> Path:
        """Where the IMDB feed's holdout is kept; its name has the version of the rule that it is made by."""
        return self.state / "holdouts" / "imdb-v1"

    @property
    def own_holdouts(self) -> Path:
        """Where holdouts that the setting names are kept in the nodes' form."""
        return self.state / "holdouts" / "own"

    @property
    def sample_holdout(self) -> Path:
        """The sample feed's holdout."""
        return self.root / "data" / "holdout" / "sample-v1.csv"

    @property
    def sample_feed(self) -> Path:
        """The CSV file of the sample feed's first days."""
        return self.root / "data" / "sample_reviews.csv"

    @property
    def sample_phrases(self) -> Path:
        """The folder of phrases that the sample feed's later reviews are made of."""
        return self.root / "data" / "phrases"


RESTORING = ".restore-unfinished"
"""A file in the state folder, from the beginning of a restore to its end."""


def load_settings(*, restoring: bool = False) -> Settings:
    """Read the section ``[bert_service]`` of ``airflow.cfg``.

    Args:
        restoring: Whether the caller is the restore itself: to all others, a restore that has not ended is an error.

    Returns:
        The settings, with the environment's overrides.

    Raises:
        SettingsError: A value is not allowed, the section has a key that is none of the settings, a database does
            not fit Airflow's executor, or ``state`` has a part of a backup only.
    """
    return usable(settings_from(texts_of_section()), restoring=restoring)


Kind = TypeVar("Kind", bound=Settings)


def usable(settings: Kind, *, restoring: bool = False) -> Kind:
    """Check settings against the Airflow that they are for; return them.

    Raises:
        SettingsError: As for :func:`load_settings`.
    """
    # Imported here: a module that only takes Settings needs no Airflow.
    from airflow.configuration import conf

    databases = {
        f"[{SECTION}] metadata": settings.metadata,
        f"[{SECTION}] ledger": settings.ledger,
        # Hidden from tasks, which do not open it.
        "[database] sql_alchemy_conn": str(conf.get("database", "sql_alchemy_conn", fallback="")),
    }
    check_databases(str(conf.get("core", "executor")), databases)
    if not restoring and (settings.state / RESTORING).exists():
        raise SettingsError(
            f"[{SECTION}] state is {settings.state}, into which a restore began that has not ended; allowed: a state "
            f"that is whole. Run `{command('restore')}` again with the same backup: it begins anew."
        )
    return settings


def texts_of_section() -> dict[str, str]:
    """Return the texts of ``[bert_service]`` by key, with the environment's overrides."""
    from airflow.configuration import conf

    hidden = {setting.name for setting in settings_of(Settings) if not setting.is_shown}
    # Airflow itself looks up a hidden value by a command or in a secrets backend: metadata_cmd, ledger_secret ...
    # An installed wheel's provider metadata tells it which settings are hidden; for a checkout they are told here.
    conf.sensitive_config_values.update((SECTION, key) for key in hidden)
    elsewhere = {f"{key}{way}": key for key in hidden for way in ("_cmd", "_secret")}
    keys = {elsewhere.get(key, key) for key in set(conf.getsection(SECTION) or {}) | _keys_in_environment()}
    return {key: str(conf.get(SECTION, key)) for key in keys}


def settings_from(values: Mapping[str, str]) -> Settings:
    """Make settings of texts, as ``airflow.cfg`` has them.

    Args:
        values: Texts by key; a key that is missing or empty takes its default.

    Returns:
        The settings, paths absolute.

    Raises:
        SettingsError: As for :func:`load_settings`.
    """
    return settings_as(Settings, values)


def settings_as(kind: type[Kind], values: Mapping[str, str]) -> Kind:
    """Make settings of a class that may have more than :class:`Settings`.

    Args:
        kind: The class.
        values: As for :func:`settings_from`.

    Returns:
        The settings, paths absolute.

    Raises:
        SettingsError: As for :func:`load_settings`.
    """
    given = values.get("root", "").strip()
    root = path(given, Place("root", project_root())) if given else project_root()
    # Nobody writes relative paths that count from the folder of an installed package.
    base = root if is_checkout() or given else airflow_home()
    return read_settings(kind, {**values, "root": str(root)}, base)


def write_settings_from(text: Callable[[str], str]) -> WriteSettings:
    """Read how requests that write are taken, and nothing else: a mistake elsewhere must not stop the API server.

    Args:
        text: Returns the text of a key of ``[bert_service]``; empty: the default.

    Raises:
        SettingsError: A value is not allowed.
    """
    texts = {setting.name: text(setting.name) for setting in every_setting(WriteSettings)}
    return read_settings(WriteSettings, texts, airflow_home())


def _keys_in_environment() -> set[str]:
    prefix = f"AIRFLOW__{SECTION.upper()}__"
    return {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
