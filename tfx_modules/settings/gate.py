"""The settings of the gate: what a model must be to be promoted, and whether a person is asked."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated

from tfx_modules.settings.reading.declared import SettingsGroup
from tfx_modules.settings.reading.limits import AtLeast, Between, StrictlyBetween


class Promote(StrEnum):
    """Which candidates may take the champion's place."""

    NOT_WORSE = "not_worse"
    """All that are not worse: with no difference the candidate, since it has seen newer data."""
    BETTER = "better"
    """Only one that is better on a set of reviews, and worse on none."""


class DamagedChampion(StrEnum):
    """What happens to candidates while the files of the version in service are not those that were promoted."""

    BLOCK = "block"
    """They are blocked, until somebody puts the files back or rolls back to another version."""
    FLOORS = "floors"
    """They are judged by the floors alone, as the first model is."""


class ApprovalRule(StrEnum):
    """Whether a person has to approve a candidate that has passed the gate (``docs/how-to/approval.md``)."""

    NONE = "none"
    """Nobody is asked: what passes the gate is promoted."""
    REQUIRED = "required"
    """The task ``Approval`` of the run waits for a person before Pusher promotes. A candidate whose data date is older
    than the champion's is never asked for."""


class Unanswered(StrEnum):
    """What happens to a candidate when nobody has answered the request for approval in time."""

    REJECT = "reject"
    """It is blocked."""
    PROMOTE = "promote"
    """It is promoted as if a person had approved it; the ledger says that nobody did."""


@dataclass(frozen=True)
class GateSettings(SettingsGroup):
    """What a model must be to be promoted (``docs/explanation/promotion.md``)."""

    accuracy_floor: Annotated[float, Between(0, 1)] = 0.7
    """Lowest accuracy that may be served, on the eval split and on the holdout, each."""
    recall_floor: Annotated[float, Between(0, 1)] = 0.5
    """Lowest recall of each class on the eval split and on the holdout, each, however few reviews it has. 0: none."""
    beat_majority: bool = True
    """Whether the accuracy has to be above the share of the most frequent class. ``false`` is for data in which one
    class is rare by nature; then ``recall_floor`` has to tell a good model from one that always answers the same."""
    slice_floor: Annotated[float, Between(0, 1)] = 0.5
    """Lowest accuracy on each of their slices by length and question mark. 0: none."""
    slice_minimum: Annotated[int, AtLeast(1)] = 50
    """Slices with fewer reviews have no floor: their accuracy says little."""
    level: Annotated[float, StrictlyBetween(0, 1)] = 0.05
    """Significance level of the comparison with the champion (McNemar's test)."""
    promote: Promote = Promote.NOT_WORSE
    """Which candidates may take the champion's place."""
    damaged_champion: DamagedChampion = DamagedChampion.BLOCK
    """What happens to candidates while the files of the version in service are damaged or gone."""
    max_compared: Annotated[int, AtLeast(0)] = 2000
    """Most reviews of the eval split that both models score for the comparison, always the same ones. 0: all."""
    max_bytes: Annotated[int, AtLeast(0)] = 0
    """Largest size of the exported model, all files together, with those for OpenVINO. 0: no limit."""
    max_latency_ms: Annotated[float, AtLeast(0)] = 0.0
    """Longest median time, in milliseconds, that the server may take for one review, as InfraValidator measures it. 0:
    no limit."""
    approval: ApprovalRule = ApprovalRule.NONE
    """Whether a person has to approve a candidate that has passed the gate."""
    approval_hours: Annotated[float, Between(0.01, 8760)] = 24.0
    """How long a request for approval waits for an answer."""
    approval_timeout: Unanswered = Unanswered.REJECT
    """What happens to the candidate when nobody has answered in time."""

    def to_parameter(self) -> str:
        """Return the gate as the parameter of a node.

        Without approval it has no word of it: a pipeline that asks nobody is compiled as it was before anybody could
        be asked.
        """
        fields = asdict(self)
        if self.approval is ApprovalRule.NONE:
            fields = {name: value for name, value in fields.items() if not name.startswith("approval")}
        return json.dumps(fields, sort_keys=True)
