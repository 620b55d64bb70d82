"""The errors of promotions, a branch of the tree in ``tfx_modules.exceptions``.

::

    PromotionError
    ├── VersionsExhaustedError   a data date has used up its 99 version numbers
    ├── LedgerError              the ledger's address or its database
    │   └── LockLostError        the ledger's lock was lost while it was held
    ├── ModelRepositoryError     a model's folder is not where it should be, or cannot be put there
    ├── EnvironmentMismatchError places that are to be used together are of different environments
    ├── ManifestError            a model's files are not those that its manifest lists
    ├── ChampionUnusableError    the model in service cannot be compared with
    │   └── ChampionDamagedError     its files are not those that were promoted
    ├── NotApprovedError         a person has to approve a model, and nobody has
    └── RefusedError             a request that cannot be carried out
"""

from tfx_modules.exceptions import PipelineError


class PromotionError(PipelineError):
    """Base of the errors about promotions."""


class VersionsExhaustedError(PromotionError):
    """A data date has used up its 99 version numbers."""


class LedgerError(PromotionError):
    """The ledger cannot be read or written."""


class LockLostError(LedgerError):
    """The ledger's lock was lost while it was held; another process may have changed the ledger since."""


class ModelRepositoryError(PromotionError):
    """A model's folder is not where it should be, or cannot be put there."""


class EnvironmentMismatchError(PromotionError):
    """Ledger, ML Metadata store and folders are not of one environment, or do not fit each other."""


class ManifestError(PromotionError):
    """A model's files are not those that its manifest lists."""


class ChampionUnusableError(PromotionError):
    """The model in service cannot be compared with; the message says why."""


class ChampionDamagedError(ChampionUnusableError):
    """The files of the model in service are not those that were promoted, or are gone."""


class NotApprovedError(PromotionError):
    """A model passes the gate, a person has to approve it, and nobody has."""


class RefusedError(PromotionError):
    """A request cannot be carried out in the ledger's current state."""
