"""The Airflow side's exceptions, as one tree.

::

    BertServiceError
    ├── SettingsError            a value in [bert_service] of airflow.cfg, or of a node's settings
    ├── CompiledPipelineError    the compiled pipeline is missing, stale or not what this side reads
    ├── CompileError             compiling the pipeline in the TFX environment failed
    ├── OutcomeError             a node's process ended without a readable outcome
    ├── NodeServerError          the node server cannot be reached or answers something else
    ├── ContainerError           the Docker engine cannot be reached, or cannot run a node's container
    ├── NodeCancelledError       a node was stopped because its task was cancelled
    ├── DataDateError            the run's data date cannot be derived from its parameters
    ├── RunConfError             the run's conf has a key or a value that no parameter allows
    ├── ReportError              a report is outside the folder that reports may be in
    ├── RequestRefusedError      a request to the API server is answered without being carried out
    ├── HoldoutError             the holdout is missing, or has changed
    ├── LedgerReadError          the ledger's database cannot be read
    ├── PromotionCommandError    the promotion command refused or failed, or its output cannot be read
    ├── NotificationError        a channel was not notified of a promotion; trying again may help
    │   └── NotificationRefusedError    trying again cannot help
    ├── BackupError              a backup cannot be made or restored, or its restore has not ended
    ├── RetentionError           the retention command failed or was cancelled, or its output cannot be read
    ├── ScoringError             the scoring command failed or was cancelled, or its output cannot be read
    │   └── ScoringRefusedError      there is no such version; trying again cannot help
    ├── ModelCopyError           versions of a model were not copied to an object store or from one
    └── FeedError                a feed cannot deliver
        ├── MissingDayError      a day of the run's window is not in the feed
        ├── BadInputError        too many of a day's rows cannot be used
        └── PhraseError          a file of the sample feed's phrases is missing, or cannot be read as one
"""

from airflow_bert_service.addresses import without_credentials


class BertServiceError(Exception):
    """Base of every error that this side raises on purpose."""


class SettingsError(BertServiceError):
    """A setting has a value that is not allowed. Addresses in its message lose their credentials."""

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


class CompiledPipelineError(BertServiceError):
    """The compiled pipeline cannot be used; the message names the command that makes it anew."""


class CompileError(BertServiceError):
    """The compile command failed; the message ends with the end of its log."""


class OutcomeError(BertServiceError):
    """A node's process wrote no outcome, or one that does not follow the contract."""


class NodeServerError(BertServiceError):
    """The node server does not listen, or does not follow its protocol."""


class ContainerError(BertServiceError):
    """The Docker engine cannot be reached, or cannot create or run a node's container."""


class NodeCancelledError(BertServiceError):
    """A node's process group was killed because its task was cancelled."""


class DataDateError(BertServiceError):
    """The run's data date is not a date, or cannot be derived."""


class RunConfError(BertServiceError):
    """The run's conf has a key that is no parameter of the DAG, or a value that no parameter can have."""


class ReportError(BertServiceError):
    """A report must not be shown: it is outside the folder that reports may be in."""


class RequestRefusedError(BertServiceError):
    """A request to the API server is answered with an error, and is not carried out.

    Args:
        status: The answer's HTTP status.
        reason: What is wrong, and what to do.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class HoldoutError(BertServiceError):
    """The holdout is missing, or its content has changed. Addresses in its message lose their credentials."""

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


class LedgerReadError(BertServiceError):
    """The ledger's database cannot be read, or has tables of an earlier release. Its message has no credentials."""

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


class PromotionCommandError(BertServiceError):
    """The promotion command refused the request, failed, or printed something else than an answer."""


class NotificationError(BertServiceError):
    """A channel was not notified of a promotion."""


class NotificationRefusedError(NotificationError):
    """A channel refuses the message because of its settings or its connection; sending it again cannot help."""


class RetentionError(BertServiceError):
    """The retention command failed, was cancelled, or printed something else than an answer."""


class ScoringError(BertServiceError):
    """The scoring command failed, was cancelled, or printed something else than a report. The day is as it was."""


class ScoringRefusedError(ScoringError):
    """The scoring command found no version to score with; trying again cannot help."""


class BackupError(BertServiceError):
    """A backup cannot be made or is damaged, or what it should be restored into is not empty."""


class ModelCopyError(BertServiceError):
    """Versions of a model were not copied; what was there before is still there."""


class FeedError(BertServiceError):
    """A feed cannot be read, or its content does not have the expected form.

    Addresses in its message lose their credentials: they come from settings, files, servers and libraries.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


class MissingDayError(FeedError):
    """A day that the run needs is not in the feed."""


class BadInputError(FeedError):
    """More of a day's rows than allowed cannot be used; reading the same rows again cannot help."""


class PhraseError(FeedError):
    """A file of the phrases that the sample feed's reviews are made of is missing, or cannot be read as one."""
