"""Defines the result of a check of ``doctor``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    what: str
    got: str
    """What the check found."""
    do: str = ""
    """What to do about it; empty: the check passed."""

    @property
    def is_wrong(self) -> bool:
        """Whether the check failed."""
        return bool(self.do)

    def __str__(self) -> str:
        if not self.is_wrong:
            return f"ok     {self.what}: {self.got}"
        return f"WRONG  {self.what}: {self.got.rstrip('.')}. Do: {self.do}"
