"""What can go wrong on the Airflow side, as one tree.

::

    BertServiceError
    ├── SettingsError            a value in [bert_service] of airflow.cfg, or of a node's settings
    ├── CompiledPipelineError    the compiled pipeline is missing, stale or not what this side reads
    ├── CompileError             compiling the pipeline in the TFX environment failed
    ├── OutcomeError             a node's process ended without a readable outcome
    ├── NodeServerError          the node server cannot be reached or answers something else
    ├── ContainerError           the Docker engine cannot be reached, or cannot run a node's container
    ├── NodeCancelledError       a node was stopped because its task was cancelled
    ├── DataDateError            no data date can be made of what the run was given
    ├── ReportError              a report is not where reports may be
    ├── HoldoutError             the reviews that are never trained on are not there, or have changed
    ├── PromotionCommandError    the promotion command refused or failed, or cannot be understood
    ├── NotificationError        somebody was not told of a promotion; trying again may help
    │   └── NotificationRefusedError    trying again cannot help
    ├── RetentionError           the retention command failed or was cancelled, or cannot be understood
    └── FeedError                a feed cannot deliver
        ├── MissingDayError      a day of the run's window is not in the feed
        └── BadInputError        too many of a day's rows cannot be used
"""


class BertServiceError(Exception):
    """Base of every error that this side raises on purpose."""


class SettingsError(BertServiceError):
    """A setting has a value that is not allowed."""


class CompiledPipelineError(BertServiceError):
    """The compiled pipeline cannot be used; the message names the command that makes it anew."""


class CompileError(BertServiceError):
    """The compile command failed; the message ends with the end of its log."""


class OutcomeError(BertServiceError):
    """A node's process left no outcome, or one that does not follow the contract."""


class NodeServerError(BertServiceError):
    """The node server is not there, or does not speak its protocol."""


class ContainerError(BertServiceError):
    """The Docker engine is not there, or cannot make or run a node's container."""


class NodeCancelledError(BertServiceError):
    """A node's process group was killed because its task was cancelled."""


class DataDateError(BertServiceError):
    """The run's data date is not a date, or cannot be derived."""


class ReportError(BertServiceError):
    """A report is not to be shown: it is not a report in the folder that they are in."""


class HoldoutError(BertServiceError):
    """The holdout is not there, or is not what it was."""


class PromotionCommandError(BertServiceError):
    """The promotion command refused what it was asked, failed, or printed something else than an answer."""


class NotificationError(BertServiceError):
    """A channel was not told of a promotion."""


class NotificationRefusedError(NotificationError):
    """A channel cannot be told as it is set up; the same message again would be refused again."""


class RetentionError(BertServiceError):
    """The retention command failed, was cancelled, or printed something else than an answer."""


class FeedError(BertServiceError):
    """A feed cannot be read or has content of another form."""


class MissingDayError(FeedError):
    """A day that the run needs is not in the feed."""


class BadInputError(FeedError):
    """More of a day's rows than allowed cannot be used; reading the same rows again cannot help."""
