"""What a setting's value must be, beside its type. The setting's declaration has it: ``Annotated[int, AtLeast(1)]``.

Messages and documentation take their words from here.
"""

import math
import re
from dataclasses import dataclass
from typing import Any


class Limit:
    """What a value must be. Not its type, and not what it must be beside the value of another setting."""

    advice = "Correct it, or leave it out"
    """What to do about a value that is not allowed."""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        raise NotImplementedError

    def holds(self, value: Any) -> bool:
        """Tell whether a value is allowed."""
        raise NotImplementedError

    def problem(self, value: Any) -> str:
        """Return what a message says of a value that is not allowed, behind the setting's name."""
        return f"is {value!r}"


@dataclass(frozen=True)
class AtLeast(Limit):
    """A finite number that is not lower than another."""

    lowest: float

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"{self.lowest} or more"

    def holds(self, value: Any) -> bool:
        """Tell whether a number is allowed."""
        return bool(self.lowest <= value < math.inf)


@dataclass(frozen=True)
class Between(Limit):
    """A number between two others, or one of them."""

    lowest: float
    highest: float

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"{self.lowest} to {self.highest}"

    def holds(self, value: Any) -> bool:
        """Tell whether a number is allowed."""
        return bool(self.lowest <= value <= self.highest)


@dataclass(frozen=True)
class StrictlyBetween(Limit):
    """A number between two others, and none of them."""

    above: float
    below: float

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"above {self.above} and below {self.below}"

    def holds(self, value: Any) -> bool:
        """Tell whether a number is allowed."""
        return bool(self.above < value < self.below)


@dataclass(frozen=True)
class PositiveUpTo(Limit):
    """A number above 0 that is not higher than another."""

    highest: float

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"above 0 and up to {self.highest}"

    def holds(self, value: Any) -> bool:
        """Tell whether a number is allowed."""
        return bool(0 < value <= self.highest)


@dataclass(frozen=True)
class Matches(Limit):
    """A text of a form."""

    pattern: str
    """Regular expression that the whole text matches."""
    form: str
    """The form in words, as messages have it."""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return self.form

    def holds(self, value: Any) -> bool:
        """Tell whether a text is allowed."""
        return re.fullmatch(self.pattern, value) is not None
