"""Trains the same encoder with PyTorch for `benchmarks.training_step`; imports nothing of ours.

    python benchmarks/training/peer_process.py ENCODER_FOLDER KIND

KIND is ``float32`` or ``bfloat16`` (autocast), or one of these with ``-compiled`` (``torch.compile``). Hugging Face's
encoder with scaled dot-product attention, dropout of 0.1, a linear layer on the CLS output, binary cross-entropy,
gradients clipped to a norm of 1, and AdamW in PyTorch's fused form, which Hugging Face's Trainer uses, too. It answers
lines of JSON as ``trainer_process.py`` does.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
import transformers

RATE = 1e-4
WEIGHT_DECAY = 0.01
VOCABULARY = 30_000
PEAK_SIZE, PEAK_RUNS = 4096, 3

Batch = tuple[torch.Tensor, torch.Tensor]
"""Ids, int64 [rows, tokens], and labels, float32 [rows]."""


class Trained:
    """The classifier, and what trains it."""

    def __init__(self, folder: str, kind: str) -> None:
        precision, _, compiled = kind.partition("-")
        self._type = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
        torch.manual_seed(1)
        encoder = transformers.BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            hidden_dropout_prob=0.1,
            attention_probs_dropout_prob=0.1,
        )
        self._model = _Classifier(encoder).train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), RATE, weight_decay=WEIGHT_DECAY, fused=True)
        self._forward = torch.compile(self._model, dynamic=None) if compiled else self._model

    def train(self, batches: Iterable[Batch]) -> None:
        """Learn from batches."""
        for ids, labels in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=self._type is torch.bfloat16):
                logits = self._forward(ids, (ids != 0).long())
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)

    def multiply(self) -> None:
        """Multiply two large matrices in the precision that it trains in."""
        left, right = (torch.ones(PEAK_SIZE, PEAK_SIZE, dtype=self._type) for _ in range(2))
        for _ in range(PEAK_RUNS):
            left @ right


class _Classifier(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = torch.nn.Dropout(0.1)
        self.logit = torch.nn.Linear(encoder.config.hidden_size, 1)

    def forward(self, ids: Any, mask: Any) -> Any:
        """Return the logits of positive, [rows]."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.logit(self.dropout(hidden[:, 0])).squeeze(-1)


def random_batches(rows: int, tokens: int, steps: int) -> Iterator[Batch]:
    """Yield one random batch without padding again and again."""
    torch.manual_seed(1)
    ids, labels = torch.randint(1000, VOCABULARY, (rows, tokens)), (torch.arange(rows) % 2).float()
    for _ in range(steps):
        yield ids, labels


def read_batches(file: str) -> Iterator[Batch]:
    """Yield the batches of a file: arrays ``ids0``, ``labels0`` and so on."""
    with np.load(file) as found:
        for number in range(len(found.files) // 2):
            ids, labels = found[f"ids{number}"], found[f"labels{number}"]
            yield torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(labels)


def main() -> None:
    """Answer until standard input ends."""
    folder, kind = sys.argv[1:]
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer

        def answer(work: Callable[[], object]) -> None:
            clock, processor = time.perf_counter(), time.process_time()
            work()
            took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
            print(json.dumps(took), file=answers, flush=True)

        trained, rows = Trained(folder, kind), 0
        answer(lambda: None)
        for line in sys.stdin:
            question = json.loads(line)
            if "lengths" in question:
                rows = question["batch_size"]
                answer(lambda: None)
            elif "peak" in question:
                answer(trained.multiply)
            elif "file" in question:
                answer(partial(trained.train, list(read_batches(question["file"]))))
            else:
                answer(partial(trained.train, random_batches(rows, question["length"], question["steps"])))


if __name__ == "__main__":
    main()
