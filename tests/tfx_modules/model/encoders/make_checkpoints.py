"""Makes the encoders that the loader and the tokenizer are tested with, and what Hugging Face's libraries make of them.

The project's environments have no PyTorch, so this runs in one of its own, with Python 3.11 and

    pip install torch==2.13.0 transformers==5.20.2 tokenizers==0.23.3 safetensors==0.8.0 numpy==2.4.6

From the root of the checkout: ``python -m tests.tfx_modules.model.encoders.make_checkpoints FOLDER``. The committed
folder is ``checkpoints`` beside this file. ``--texts 10000 --tokens 256`` makes more and longer texts, for a comparison
by hand::

    ENCODER_CHECKPOINTS=FOLDER .venv/tfx/bin/python -m pytest tests/tfx_modules/model/encoders/test_encoders.py

Each encoder has two layers of random weights, large enough for every approximation to show. ``expected.npz`` beside its
files has the ids of the texts (``ids`` [texts, tokens]), the last layer's vectors of all tokens of a few texts
(``hidden`` [the first texts, tokens, width]), and the logits (``logits`` [the first texts, classes]) of a head
(``head`` [width, classes]) on the last layer's vector of [CLS]. ``learned`` [a few texts, classes] has the logits of
some texts after a step of gradient descent on them, in which text n has the class n modulo their number.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tests.tfx_modules.model.encoders.nasty_texts import ALPHABETS, nasty_texts

CLASSES = 3
WHOLE = 3
"""Texts whose vectors of all tokens are kept."""
COMPUTED = 200
"""Texts whose logits are computed."""
LEARNED = 32
"""Texts that the step of gradient descent is on."""
RATE = 0.003
"""Its learning rate."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PIECES = ("film", "good", "watch", "##ing", "##able", "un", "##s", "gut", "Film", "the", "don", "well")
NUMBERS = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
BERT_TOKENIZER = "BertTokenizer"
ENCODERS: dict[str, dict[str, Any]] = {
    "bert-uncased": {"model": "BertModel", "dtype": torch.float16},
    "bert-multilingual-cased": {
        "model": "BertForSequenceClassification",
        "options": {"do_lower_case": False},
        "dtype": torch.bfloat16,
    },
    "bert-uncased-with-accents": {
        "model": "BertForMaskedLM",
        "config": {"hidden_act": "gelu_new", "num_attention_heads": 2, "type_vocab_size": 1},
        "options": {"strip_accents": False, "tokenize_chinese_chars": False},
        "dtype": torch.float16,
    },
    "distilbert": {
        "model": "DistilBertForSequenceClassification",
        "tokenizer": "DistilBertTokenizer",
        "dtype": torch.bfloat16,
    },
    "electra-small": {
        "model": "ElectraForPreTraining",
        "config": {"embedding_size": 16},
        "dtype": torch.float32,
    },
}
"""``vocab.txt`` is written for DistilBERT alone, as older versions of transformers do."""


def main() -> None:
    """Write the folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=48, help="that a text is cut at")
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    texts = nasty_texts(flags.texts)
    (flags.folder / "texts.json").write_text(json.dumps(texts, indent=0) + "\n", encoding="ascii")
    for seed, (name, what) in enumerate(ENCODERS.items()):
        make(flags.folder / name, texts, seed=seed, tokens=flags.tokens, **what)


def make(
    folder: Path,
    texts: list[str],
    *,
    seed: int,
    tokens: int,
    model: str,
    dtype: torch.dtype,
    tokenizer: str = BERT_TOKENIZER,
    config: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> None:
    """Write one encoder and what is expected of it."""
    torch.manual_seed(seed)
    kind = getattr(transformers, model)
    splitter = getattr(transformers, tokenizer)(vocab=vocabulary(options or {}), **(options or {}))
    inner = {"hidden_dim" if model.startswith("DistilBert") else "intermediate_size": 40}
    sizes = NUMBERS | inner | {"max_position_embeddings": tokens} | (config or {})
    numbers = kind.config_class(vocab_size=len(splitter), **sizes)
    made = kind(numbers)
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_((torch.randn_like(weights) / 3).to(dtype).float())
        for name, weights in made.named_parameters():
            if "norm" in name.lower() and name.endswith("weight"):
                weights.add_(1).copy_(weights.to(dtype).float())
    made.to(dtype).save_pretrained(folder)
    splitter.save_pretrained(folder)
    if tokenizer != BERT_TOKENIZER:
        words = sorted(splitter.get_vocab(), key=splitter.get_vocab().get)
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    np.savez_compressed(folder / "expected.npz", **expected(folder, kind, texts, seed, tokens))


def expected(folder: Path, kind: Any, texts: list[str], seed: int, tokens: int) -> dict[str, Any]:
    """Ask Hugging Face's libraries for what they make of the texts, of the folder that was written."""
    splitter = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = kind.from_pretrained(folder, dtype=torch.float32).base_model.eval()
    # What stands for a special token in a text is text, for a review must not end itself.
    found = splitter(
        texts, truncation=True, max_length=tokens, padding="max_length", split_special_tokens=True, return_tensors="pt"
    )
    batches = [found[name][:COMPUTED].split(64) for name in ("input_ids", "attention_mask")]
    with torch.no_grad():
        vectors = [
            encoder(input_ids=ids, attention_mask=mask).last_hidden_state for ids, mask in zip(*batches, strict=True)
        ]
    hidden = torch.cat(vectors).numpy()
    head = np.random.default_rng(seed).normal(size=(hidden.shape[-1], CLASSES)).astype(np.float32)
    return {
        "ids": found["input_ids"].numpy().astype(np.int16),
        "hidden": hidden[:WHOLE],
        "head": head,
        "logits": hidden[:, 0] @ head,
        "learned": after_a_step(encoder, torch.from_numpy(head.copy()), *(batch[0][:LEARNED] for batch in batches)),
    }


def after_a_step(encoder: Any, head: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> Any:
    """Return the logits of some texts after a step of gradient descent, without dropout."""
    learned = [*encoder.parameters(), head.requires_grad_()]
    classes = torch.arange(len(ids)) % CLASSES

    def logits() -> torch.Tensor:
        return encoder(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0] @ head

    torch.nn.functional.cross_entropy(logits(), classes).backward()
    with torch.no_grad():
        for weights in learned:
            if weights.grad is not None:  # the pooler has none
                weights.sub_(RATE * weights.grad)
        return logits().numpy()


def vocabulary(options: dict[str, Any]) -> dict[str, int]:
    """Make a vocabulary of the alphabets' characters, so that few pieces are unknown, and of some longer pieces."""
    normalizer = transformers.BertTokenizer(**options).backend_tokenizer.normalizer
    letters = dict.fromkeys("".join(normalizer.normalize_str("".join(ALPHABETS.values())).split()))
    pieces = (piece.lower() if options.get("do_lower_case", True) else piece for piece in PIECES)
    tokens = dict.fromkeys((*SPECIAL, *both(letters), *pieces))
    return {token: number for number, token in enumerate(tokens)}


def both(letters: dict[str, None]) -> Iterator[str]:
    """Yield each letter as the beginning of a word; every second also inside of one."""
    for number, letter in enumerate(letters):
        yield letter
        if number % 2 == 0 or letter.isascii():
            yield f"##{letter}"


if __name__ == "__main__":
    main()
