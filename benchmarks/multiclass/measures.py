"""What both sides' answers are measured by; imports the standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """How right a model's answers are."""

    right: int
    count: int
    macro_f1: float
    """The mean of the labels' F1."""
    recalls: tuple[float, ...]
    """Of each label's texts, the share that is answered so."""

    def in_words(self) -> str:
        """Return it as a line."""
        recalls = ", ".join(f"{recall:.3f}" for recall in self.recalls)
        accuracy = f"accuracy {self.right / self.count:.4f} ({self.right} of {self.count} texts)"
        return f"{accuracy}, macro F1 {self.macro_f1:.4f}, recall of each label {recalls}"


def measure(expected: Sequence[int], found: Sequence[int], labels: int) -> Measured:
    """Compare answers with the labels.

    Args:
        expected: the number of each text's label.
        found: the number of each text's answer.
        labels: how many labels there are; each has a text.
    """
    pairs = list(zip(expected, found, strict=True))
    hits = [pairs.count((label, label)) for label in range(labels)]
    wanted = [expected.count(label) for label in range(labels)]
    answered = [found.count(label) for label in range(labels)]
    f1 = [2 * hit / (want + answer) for hit, want, answer in zip(hits, wanted, answered, strict=True)]
    recalls = tuple(hit / want for hit, want in zip(hits, wanted, strict=True))
    return Measured(sum(hits), len(pairs), sum(f1) / labels, recalls)
