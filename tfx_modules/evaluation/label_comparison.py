"""Compares two models of a multilabel task label by label.

Of each label, McNemar's test looks at the reviews of which exactly one of both models gives that label rightly. With
many labels one of them is likely to look worse by chance alone, so that the p-values are adjusted by Holm's procedure
(Holm, 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6): of two
equal models, the chance that any label at all looks worse stays below the level, however the labels hang together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tfx_modules.evaluation.mcnemar import Difference, ModelComparison, Scores, compare, distinct_texts, p_text


@dataclass(frozen=True)
class LabelComparison:
    """A candidate and a champion on one label of the same reviews."""

    label: str
    made: ModelComparison
    p: float
    """The test's, adjusted for the number of labels; in (0, 1]."""
    labels: int
    """How many labels were compared."""

    def difference(self, level: float) -> Difference:
        """Decide at a significance level, above 0 and below 1."""
        if self.p >= level:
            return Difference.NONE
        return Difference.BETTER if self.made.only_candidate > self.made.only_champion else Difference.WORSE

    def describe(self, champion: int) -> str:
        """Format the comparison of a label that is worse as a line.

        Args:
            champion: the champion's version.
        """
        ours, theirs = distinct_texts(self.made.accuracy, self.made.champion_accuracy)
        adjusted = f"{p_text(self.p)} (Holm, of {self.labels} labels)"
        return f"accuracy on the label {self.label} {ours} < {theirs} of {champion} on {self.made.reviews}, {adjusted}"


def compare_labels(candidate: Scores, champion: Scores, classes: Sequence[str]) -> tuple[LabelComparison, ...]:
    """Compare two models on each label.

    Args:
        candidate: of a multilabel task; of another one there is nothing to compare.
        champion: of the same reviews.
        classes: the labels in words, in the scores' order.

    Raises:
        ValueError: they were not scored on the same reviews.
    """
    if not candidate.has_sets:
        return ()
    made = [compare(candidate.of_class(n), champion.of_class(n)) for n in range(len(classes))]
    adjusted = holm([one.p for one in made])
    return tuple(
        LabelComparison(label, one, p, len(classes)) for label, one, p in zip(classes, made, adjusted, strict=True)
    )


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's procedure; each is compared with the level then, in the order given."""
    adjusted, reached = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        reached = max(reached, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = reached
    return adjusted
