"""The kinds of encoders that are read, and why others are not."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """How Hugging Face's folders of one kind of encoder name what they have."""

    prefix: str
    """Of the tensors' names, in checkpoints of models with a head."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The names of numbers in ``config.json``, by BERT's, where they are others."""
    tensors: Mapping[str, str] = field(default_factory=dict)
    """Parts of the tensors' names by BERT's, where they are others; the first that fits counts."""
    has_segments: bool = True
    """Whether it tells a text's first part from its second by a vector."""

    def field(self, name: str) -> str:
        """Return the name of a number in ``config.json``."""
        return self.fields.get(name, name)

    def tensor(self, name: str) -> str:
        """Return a tensor's own name, without the prefix, by BERT's."""
        for part, own in self.tensors.items():
            name = name.replace(part, own)
        return name


KINDS = {
    "bert": Kind("bert."),
    "distilbert": Kind(
        "distilbert.",
        fields={
            "num_hidden_layers": "n_layers",
            "num_attention_heads": "n_heads",
            "hidden_size": "dim",
            "intermediate_size": "hidden_dim",
            "hidden_act": "activation",
        },
        tensors={
            "encoder.layer.": "transformer.layer.",
            "attention.self.query": "attention.q_lin",
            "attention.self.key": "attention.k_lin",
            "attention.self.value": "attention.v_lin",
            "attention.output.dense": "attention.out_lin",
            "attention.output.LayerNorm": "sa_layer_norm",
            "intermediate.dense": "ffn.lin1",
            "output.dense": "ffn.lin2",
            "output.LayerNorm": "output_layer_norm",
        },
        has_segments=False,
    ),
    "electra": Kind("electra."),
}
"""By ``model_type`` of ``config.json``."""

TOKENIZER_CLASSES = (
    *(f"{kind}Tokenizer{fast}" for kind in ("Bert", "DistilBert", "Electra") for fast in ("", "Fast")),
    # What these do is in tokenizer.json.
    "PreTrainedTokenizerFast",
    "TokenizersBackend",
)
"""Hugging Face's classes of tokenizers that may be WordPiece ones after BERT's rules."""

_BPE = "its tokenizer is a byte-level BPE, for which TensorFlow Text has no operation"
_SENTENCE_PIECE = "its tokenizer is a SentencePiece model, and only WordPiece is built into the served graph"
_LAYERS = "its layers compute otherwise than BERT's"
_DECODER = "it is no encoder"
_REASONS = {
    "albert": _SENTENCE_PIECE,
    "bart": _BPE,
    "big_bird": _SENTENCE_PIECE,
    "camembert": _SENTENCE_PIECE,
    "convbert": _LAYERS,
    "deberta": _BPE,
    "deberta-v2": _SENTENCE_PIECE,
    "ernie": _LAYERS,
    "eurobert": _BPE,
    "funnel": _LAYERS,
    "gpt2": _DECODER,
    "llama": _DECODER,
    "longformer": _BPE,
    "mobilebert": _LAYERS,
    "modernbert": _BPE,
    "mpnet": _LAYERS,
    "nomic_bert": _LAYERS,
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "rembert": _SENTENCE_PIECE,
    "roberta": _BPE,
    "roformer": _LAYERS,
    "t5": _SENTENCE_PIECE,
    "xlm-roberta": _SENTENCE_PIECE,
    "xlm-roberta-xl": _SENTENCE_PIECE,
    "xlnet": _SENTENCE_PIECE,
}


def reason_against(model_type: object) -> str:
    """Return why an encoder of another kind cannot be used."""
    return _REASONS.get(str(model_type), "this project does not know how it computes")
