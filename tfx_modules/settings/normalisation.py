"""How texts are normalised before they are split into words, as the tokenizers of BERT know it."""

from dataclasses import dataclass

NORMALISATION_FIELDS = ("lower_case", "strip_accents", "tokenize_chinese_chars")
"""The settings of the encoder that a normalisation is made of."""


@dataclass(frozen=True)
class Normalisation:
    """What is done to a text beside removing markup and control characters."""

    lower_case: bool = True
    strip_accents: bool = True
    """Whether texts are decomposed (NFD) and lose their nonspacing marks."""
    tokenize_chinese_chars: bool = True
    """Whether each CJK ideograph is a word of its own."""

    @classmethod
    def of(
        cls,
        *,
        lower_case: bool | None = None,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool | None = None,
    ) -> "Normalisation":
        """Make one of options that may be left open, with BERT's defaults: accents go where the case does."""
        lower = True if lower_case is None else lower_case
        strip = lower if strip_accents is None else strip_accents
        chinese = True if tokenize_chinese_chars is None else tokenize_chinese_chars
        return cls(lower, strip, chinese)

    def to_config(self) -> dict[str, bool]:
        """Return the options as components get them; without what is BERT's default for this case."""
        config = {"lower_case": self.lower_case}
        if self.strip_accents != self.lower_case:
            config["strip_accents"] = self.strip_accents
        if not self.tokenize_chinese_chars:
            config["tokenize_chinese_chars"] = False
        return config
