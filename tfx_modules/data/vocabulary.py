"""Reads a WordPiece vocabulary: of a ``vocab.txt``, one token a line, or of a ``tokenizer.json``."""

import json
from pathlib import Path

from tfx_modules.exceptions import EncoderError

JSON = ".json"
_SHOWN = 3


def read_tokens(path: Path) -> list[str]:
    """Read the tokens, each at the place of its id.

    Raises:
        EncoderError: the file cannot be read, a token is empty or there twice, or ids are left out.
    """
    try:
        text = path.read_text(encoding="utf-8")  # which makes line feeds of all ends of lines
    except (OSError, ValueError) as error:
        raise _refused(path, f"cannot be read: {error}") from error
    tokens = _of_json(path, text) if path.suffix == JSON else text.removesuffix("\n").split("\n")
    if "" in tokens:
        raise _refused(path, f"has an empty token, {tokens.index('')}")
    if len(set(tokens)) < len(tokens):
        seen: set[str] = set()
        twice = [token for token in tokens if token in seen or seen.add(token)]  # type: ignore[func-returns-value]
        raise _refused(path, f"has {_listed(twice)} more than once")
    return tokens


def _of_json(path: Path, text: str) -> list[str]:
    try:
        vocabulary = json.loads(text)["model"]["vocab"]
        numbered = vocabulary.items()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused(path, "has no model.vocab with a number for each token") from error
    # Python would take true for 1, and JSON's reader takes Infinity.
    if wrong := [token for token, number in numbered if type(number) is not int]:
        raise _refused(path, f"has in model.vocab no whole number for {_listed(wrong)}")
    places = sorted((number, token) for token, number in numbered)
    numbers = [number for number, _ in places]
    if numbers != list(range(len(numbers))):
        raise _refused(path, f"has {len(numbers)} tokens whose numbers are not 0 to {len(numbers) - 1}")
    return [token for _, token in places]


def _refused(path: Path, problem: str) -> EncoderError:
    return EncoderError(
        f"vocabulary {path} {problem}; allowed: a WordPiece vocabulary of BERT's, a vocab.txt with one token a line or "
        "a tokenizer.json. Set [encoder] vocab to the encoder's own vocabulary, or get its files anew."
    )


def _listed(tokens: list[str]) -> str:
    more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
    return ", ".join(map(repr, tokens[:_SHOWN])) + more
