"""Scores texts with a loaded version of the model, through the signature that takes texts, as the server does."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import numpy as np

from tfx_modules.exceptions import BatchScoringError
from tfx_modules.scoring.rows import Score, ScoredRow, Text
from tfx_modules.serving.exceptions import InferenceError, InvalidRequestError
from tfx_modules.serving.models.model import ServedModel
from tfx_modules.serving.specs import DEFAULT_SIGNATURE, Array, PredictCall, bytes_array

BATCH = 64
"""Texts that the model gets at a time. The engine cuts them into passes of like length; more take no less time."""
REFUSED = "refused_by_model"
"""The error of a text that the model does not take."""
SCORE, LABEL, SCORES, LABELS, CHOSEN = "score", "label", "scores", "labels", "chosen"
"""Outputs of the signature, as ``tfx_modules.model.ends`` names them: of a binary task the first two, of a multiclass
one the first four, of a multilabel one the last three."""
_ONE_LABEL, _SETS = frozenset({LABEL, SCORE}), frozenset({SCORES, LABELS, CHOSEN})


class Scorer:
    """Scores texts, several batches at once. A context manager, which ends its threads.

    Args:
        model: loaded.
        threads: how many batches are computed at once: one for each core.

    Raises:
        BatchScoringError: the model has no signature from texts to label and score.
    """

    def __init__(self, model: ServedModel, threads: int) -> None:
        self._model = model
        self._input, self._outputs = _ends(model)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="score")

    @property
    def has_sets(self) -> bool:
        """Whether the model gives a text any number of labels."""
        return CHOSEN in self._outputs

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def score(self, texts: Sequence[Text]) -> list[ScoredRow]:
        """Score some texts; those with an error are not given to the model.

        Texts of like length share a batch, since a batch is as slow as its longest ones; the longest come first, so
        that no thread is left with them at the end.

        Returns:
            A row for each text, in the order of the texts.

        Raises:
            BatchScoringError: the model fails, or gives something else than a label and a probability for each text.
        """
        good = [number for number, text in enumerate(texts) if text.error is None]
        order = sorted(good, key=lambda number: -len(texts[number].text))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        found = [Score(error=text.error) for text in texts]
        given = ([texts[number].text.encode() for number in batch] for batch in batches)
        for batch, scores in zip(batches, self._threads.map(self._scores, given), strict=True):
            for number, score in zip(batch, scores, strict=True):
                found[number] = score
        return list(map(ScoredRow, texts, found))

    def _scores(self, texts: list[bytes]) -> list[Score]:
        call = PredictCall(DEFAULT_SIGNATURE, {self._input: bytes_array(texts, (len(texts),))}, self._outputs)
        try:
            return _read(self._model.predict(call), len(texts))
        except InvalidRequestError:
            if len(texts) == 1:
                return [Score(error=REFUSED)]
            # The one that it refuses must not keep its neighbours from being scored.
            middle = len(texts) // 2
            return [*self._scores(texts[:middle]), *self._scores(texts[middle:])]
        except InferenceError as error:
            raise BatchScoringError(f"the model failed: {error}. Run again; is memory short?") from error


def _ends(model: ServedModel) -> tuple[str, tuple[str, ...]]:
    """Return the name of the signature's input, and those of the outputs that are needed."""
    signature = model.signatures.get(DEFAULT_SIGNATURE)
    inputs = dict(signature.inputs) if signature else {}
    outputs = set(signature.outputs) if signature else set()
    takes_texts = [info.dtype for info in inputs.values()] == ["DT_STRING"]
    if not takes_texts or not (outputs >= _ONE_LABEL or outputs >= _SETS):
        found = f"{DEFAULT_SIGNATURE}, from {', '.join(inputs)} to {', '.join(sorted(outputs))}"
        raise BatchScoringError(
            f"the model has {found if signature else f'no signature {DEFAULT_SIGNATURE}'}; needed: "
            f"{DEFAULT_SIGNATURE}, from one string to {LABEL} and {SCORE}, or to {LABELS}, {SCORES} and {CHOSEN}. "
            "Export it with that signature, or name another version."
        )
    wanted = (LABEL, SCORE, SCORES, LABELS) if outputs >= _ONE_LABEL else (LABELS, SCORES, CHOSEN)
    return next(iter(inputs)), tuple(name for name in wanted if name in outputs)


def _read(outputs: Mapping[str, Array], count: int) -> list[Score]:
    return _read_sets(outputs, count) if CHOSEN in outputs else _read_labels(outputs, count)


def _read_sets(outputs: Mapping[str, Array], count: int) -> list[Score]:
    labels, scores, chosen = outputs[LABELS], outputs[SCORES], outputs[CHOSEN]
    fits = scores.ndim == 2 and len(scores) == count and labels.shape == scores.shape == chosen.shape
    if not fits or not np.isfinite(scores).all():
        raise BatchScoringError(
            f"for {count} texts the model gives {LABELS} of the form {labels.shape}, {SCORES} of the form "
            f"{scores.shape} and {CHOSEN} of the form {chosen.shape}; allowed: all labels, a finite number and a truth "
            "value for each, of each text. Roll back to another version, or name one."
        )
    return [
        Score(scores=_by_label(*row[:2]), chosen=tuple(label.decode() for label in row[0][row[2].astype(bool)]))
        for row in zip(labels, scores, chosen, strict=True)
    ]


def _read_labels(outputs: Mapping[str, Array], count: int) -> list[Score]:
    labels, scores = outputs[LABEL], outputs[SCORE]
    many = outputs.get(SCORES)
    fits = labels.shape == scores.shape == (count,) and np.isfinite(scores).all()
    if not fits or (many is not None and not np.isfinite(many).all()):
        raise BatchScoringError(
            f"for {count} texts the model gives labels of the form {labels.shape} and scores of the form "
            f"{scores.shape}; allowed: a label and a finite number for each. Roll back to another version, or name one."
        )
    of_labels = [None] * count if many is None else map(_by_label, outputs[LABELS], many)
    return [
        Score(label.decode(), _number(score), each)
        for label, score, each in zip(labels, scores, of_labels, strict=True)
    ]


def _by_label(labels: Array, scores: Array) -> dict[str, float]:
    return {label.decode(): _number(score) for label, score in zip(labels, scores, strict=True)}


def _number(value: np.floating) -> float:
    """Return a float32 as the shortest number that stands for it: 0.9, and not 0.8999999761581421."""
    return float(str(value))
