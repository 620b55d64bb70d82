"""Writes an encoder of another kind than BERT, of one layer of random weights.

``tests/tfx_modules/model/encoders`` has folders that Hugging Face's libraries have written: with their two layers of 32
numbers, a training of seconds learns nothing.
"""

from pathlib import Path

import numpy as np

from tests.tfx_modules.model.test_encoder_checkpoint import CONFIG, Tensors, tensors, write
from tests.tfx_modules.pipeline.whole_pipeline import WORDS
from tfx_modules.settings.settings import EncoderSettings

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
WIDTH = 16
WORD_WIDTH = 8
BERT = {**CONFIG, "num_hidden_layers": 1, "vocab_size": len(VOCABULARY), "hidden_size": WIDTH}


def electra(folder: Path) -> EncoderSettings:
    """Write what ElectraForPreTraining writes: words' vectors that are smaller than the layers', and no pooler."""
    draw = np.random.default_rng(2)
    found: Tensors = {
        "electra.embeddings_project.weight": draw.normal(size=(WIDTH, WORD_WIDTH)).astype(np.float32),
        "electra.embeddings_project.bias": np.zeros(WIDTH, np.float32),
    }
    for name, value in tensors(BERT).items():
        if not name.startswith("pooler"):
            found[f"electra.{name}"] = value[..., :WORD_WIDTH].copy() if name.startswith("embeddings.") else value
    return write(folder, found, {**BERT, "model_type": "electra", "embedding_size": WORD_WIDTH}, VOCABULARY)
