"""Scores texts with the TFLite model in the folder of this file, as the model server scores them.

    pip install ai-edge-litert numpy tokenizers
    python score.py "A fine film." "Dull, and far too long!"

It prints the answer to each text as JSON, in the form of the model server's `predictions`. It runs by itself: copy it
with `model.tflite`, `model.json` and `vocab.txt` to where they are used.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:  # TensorFlow has the same one
    import tensorflow as tf

    Interpreter = tf.lite.Interpreter


class LiteScorer:
    """A version's TFLite model, with its tokenizer.

    Args:
        folder: has ``model.tflite``, ``model.json`` and ``vocab.txt``.
    """

    def __init__(self, folder: Path) -> None:
        described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self._kind: str = described["task"]["kind"]
        self._labels: list[str] = described["task"]["labels"]
        self._threshold: float = described["threshold"]
        self._cutting = described["tokenizer"]
        self._start, self._end = described["tokenizer"]["start"], described["tokenizer"]["end"]
        self._markup = re.compile(self._cutting["markup"])
        self._tokenizer = _tokenizer(folder / "vocab.txt", self._cutting)
        self._run = Interpreter(model_path=str(folder / "model.tflite")).get_signature_runner("serving_default")

    def ids(self, text: str) -> list[int]:
        """Return a text's WordPieces: ``[CLS]``, those of its beginning and of its end that fit, ``[SEP]``."""
        pieces = self._tokenizer.encode(self._markup.sub(" ", text), add_special_tokens=False).ids
        room = self._cutting["max_tokens"] - 2
        if len(pieces) > room:
            head = min(self._cutting["head_tokens"], room)
            pieces = pieces[:head] + pieces[len(pieces) - (room - head) :]
        return [self._start, *pieces, self._end]

    def logits(self, text: str) -> Any:
        """Return the model's output, float32 [1] or [1, labels]."""
        return self._run(ids=np.array([self.ids(text)], np.int32))["logits"]

    def answer(self, text: str) -> dict[str, Any]:
        """Return what the model server answers to a text."""
        logits = self.logits(text).astype(np.float64)[0]
        if self._kind == "multiclass":
            shares = np.exp(logits - logits.max())
            scores = shares / shares.sum()
            best = int(scores.argmax())
            of_all = {"labels": self._labels, "scores": scores.tolist()}
            return {"label": self._labels[best], "score": float(scores[best]), **of_all}
        scores = 1 / (1 + np.exp(-logits))
        chosen = scores >= self._threshold
        if self._kind == "multilabel":
            return {"labels": self._labels, "scores": scores.tolist(), "chosen": chosen.tolist()}
        return {"label": self._labels[int(chosen)], "score": float(scores)}


def _tokenizer(vocabulary: Path, options: dict[str, Any]) -> Tokenizer:
    tokens = vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    numbered = {token: number for number, token in enumerate(tokens)}
    pieces = models.WordPiece(numbered, max_input_chars_per_word=options["longest_word"])  # "[UNK]" is its default
    made = Tokenizer(pieces)
    made.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=options["tokenize_chinese_chars"],
        strip_accents=options["strip_accents"],
        lowercase=options["lower_case"],
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def main() -> None:
    """Print the answer to each text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    flags = parser.parse_args()
    scorer = LiteScorer(Path(__file__).parent)
    for text in flags.texts:
        print(json.dumps(scorer.answer(text), ensure_ascii=False))


if __name__ == "__main__":
    main()
