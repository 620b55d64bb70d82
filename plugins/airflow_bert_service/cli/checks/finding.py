"""What a check of ``doctor`` returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    got: str
    """What was found."""
    do: str = ""
    """What to do; empty: it is as it should be."""

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be done."""
        return bool(self.do)

    def __str__(self) -> str:
        if not self.is_wrong:
            return f"ok     {self.what}: {self.got}"
        return f"WRONG  {self.what}: {self.got.rstrip('.')}. Do: {self.do}"
