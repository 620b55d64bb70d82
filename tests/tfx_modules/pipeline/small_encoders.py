"""Writes encoders of other kinds than BERT, of one layer of random weights.

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


OF_DISTILBERT = {
    "encoder.layer.": "transformer.layer.",
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
"""Parts of tensors' names by BERT's."""


def distilbert(folder: Path) -> EncoderSettings:
    """Write what DistilBertModel writes: no vectors for a text's parts, no pooler, and names of its own.

    Its biases are 0, as those of a new model are: random ones as large as the weights drown the words, and whether the
    model learns is then a matter of the seed.
    """
    found: Tensors = {}
    for name, value in tensors(BERT).items():
        if name.startswith(("pooler", "embeddings.token_type")):
            continue
        own = name
        for part, other in OF_DISTILBERT.items():
            own = own.replace(part, other)
        found[f"distilbert.{own}"] = np.zeros_like(value) if name.endswith("bias") else value
    config = {
        "model_type": "distilbert",
        "activation": "gelu",
        "dim": WIDTH,
        "hidden_dim": BERT["intermediate_size"],
        "n_layers": BERT["num_hidden_layers"],
        "n_heads": BERT["num_attention_heads"],
        "max_position_embeddings": BERT["max_position_embeddings"],
        "vocab_size": len(VOCABULARY),
    }
    return write(folder, found, config, VOCABULARY)
