"""Fine-tunes the encoder as Hugging Face's guides do, for comparison: tokenizer, model, AdamW, a linear schedule.

    PEERS_PYTHON -m benchmarks.multiclass.fine_tune ENCODER_FOLDER TEXTS_FOLDER [--learning-rates ...] [--float32]
        [--last-epoch]

PEERS_PYTHON is that of ``benchmarks/serving/requirements.txt``. ENCODER_FOLDER is the encoder of the other side,
TEXTS_FOLDER has its ``train.csv``, ``eval.csv`` and ``test.csv``. The loop is that of Hugging Face's
``run_glue_no_trainer`` example: AdamW with weight decay on all but biases and norms, gradients clipped to a norm of 1,
a learning rate that rises and then falls linearly; texts are cut at their end, and a batch is padded to its longest.
Of several learning rates, and of the epochs of each, the one counts that is most often right on ``eval.csv``. With
``--last-epoch`` the last one counts, and ``eval.csv`` is not read: no time goes into choosing.
"""

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers

from benchmarks.multiclass import texts
from benchmarks.multiclass.measures import measure

UNDECAYED = ("bias", "LayerNorm.weight")
WARMUP = 0.1
WEIGHT_DECAY = 0.01


class FineTuning:
    """A model and its data.

    Attributes:
        model: Hugging Face's.
    """

    def __init__(self, flags: argparse.Namespace, learning_rate: float) -> None:
        torch.manual_seed(flags.seed)
        self._flags = flags
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(flags.encoder)
        self._train = texts.read(flags.texts / "train.csv")
        self._labels = len(set(self._train.labels))
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            flags.encoder, num_labels=self._labels
        )
        steps = -(-len(self._train.texts) // flags.batch_size) * flags.epochs
        parameters = list(self.model.named_parameters())
        decays = [one for name, one in parameters if not name.endswith(UNDECAYED)]
        others = [one for name, one in parameters if name.endswith(UNDECAYED)]
        groups = [{"params": decays, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=learning_rate)
        self._schedule = transformers.get_linear_schedule_with_warmup(self._optimizer, int(steps * WARMUP), steps)

    def train(self) -> Iterator[tuple[int, float]]:
        """Train; yield each epoch's number and the seconds of its steps."""
        for epoch in range(1, self._flags.epochs + 1):
            self.model.train()
            began = time.perf_counter()
            order = torch.randperm(len(self._train.texts))
            for some in order.split(self._flags.batch_size):
                labels = torch.tensor([self._train.labels[n] for n in some])
                loss = self._compute([self._train.texts[n] for n in some], labels=labels).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self._optimizer.step()
                self._schedule.step()
                self._optimizer.zero_grad()
            yield epoch, time.perf_counter() - began

    def measure(self, name: str) -> Any:
        """Answer the texts of a file, and measure the answers."""
        self.model.eval()
        asked, found = texts.read(self._flags.texts / name), list[int]()
        with torch.inference_mode():
            for first in range(0, len(asked.texts), self._flags.batch_size):
                some = asked.texts[first : first + self._flags.batch_size]
                found += self._compute(some).logits.argmax(-1).tolist()
        return measure(asked.labels, found, self._labels)

    def _compute(self, some: list[str], **more: Any) -> Any:
        inputs = self._tokenizer(
            some, truncation=True, max_length=self._flags.max_tokens, padding=True, return_tensors="pt"
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=not self._flags.float32):
            return self.model(**inputs, **more)


class Best(NamedTuple):
    """What counts of all that was trained."""

    right: int
    """On ``eval.csv``."""
    what: str
    tuning: FineTuning
    weights: dict[str, Any]


def train(flags: argparse.Namespace) -> tuple[Best, float]:
    """Train with each learning rate; print each epoch's accuracy on eval.csv.

    Returns:
        The epoch that counts, and the seconds of the training steps of its learning rate.

    Raises:
        SystemExit: nothing was trained.
    """
    best: Best | None = None
    spent: dict[FineTuning, float] = {}
    for learning_rate in flags.learning_rates:
        tuning, seconds = FineTuning(flags, learning_rate), 0.0
        for epoch, took in tuning.train():
            seconds += took
            what = f"learning rate {learning_rate:g}, epoch {epoch}"
            if flags.last_epoch:
                print(f"{what}: {took:.0f} s", flush=True)
                best = Best(0, what, tuning, {}) if epoch == flags.epochs else best
                continue
            on_eval = tuning.measure("eval.csv")
            print(f"{what}: eval split {on_eval.in_words()}", flush=True)
            if best is None or on_eval.right > best.right:
                best = Best(on_eval.right, what, tuning, copy.deepcopy(tuning.model.state_dict()))
        print(f"learning rate {learning_rate:g}: {seconds:.0f} s of training steps", flush=True)
        spent[tuning] = seconds
    if best is None:
        raise SystemExit("no epoch was trained; allowed: 1 or more of --epochs.")
    return best, spent[best.tuning]


def main() -> None:
    """Train, and print the accuracy on test.csv of what counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[1e-4])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--seed", type=int, default=20261105)
    parser.add_argument("--threads", type=int, help="of PyTorch; default: its own choice")
    parser.add_argument("--float32", action="store_true", help="no autocast to bfloat16")
    parser.add_argument("--last-epoch", action="store_true", help="with one learning rate: its last epoch counts")
    parser.add_argument("--figures", type=Path, help="JSON to write: right, texts, seconds of the training steps")
    flags = parser.parse_args()
    if flags.last_epoch and len(flags.learning_rates) > 1:
        parser.error("--last-epoch is of one learning rate; leave it out, or give one of --learning-rates.")
    if flags.threads:
        torch.set_num_threads(flags.threads)
    best, seconds = train(flags)
    if best.weights:
        best.tuning.model.load_state_dict(best.weights)
    measured = best.tuning.measure("test.csv")
    print(f"Hugging Face, {best.what}: {measured.in_words()}", flush=True)
    if flags.figures:
        figures = {"right": measured.right, "texts": measured.count, "seconds": seconds}
        flags.figures.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
