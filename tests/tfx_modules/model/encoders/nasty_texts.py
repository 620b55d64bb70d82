"""Makes texts that tokenizers stumble over: the same ones for the same seed."""

# ruff: noqa: RUF001 - characters that look alike are what this is about

import random
import re
import unicodedata
from collections.abc import Sequence

ALPHABETS = {
    "Latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "accents": "éèêëáàâäãåçñóòôöõøúùûüýÿÉÈÁÀÄÅÇÑÖÜßæœÆŒıİłŁđžŽşğ",
    "decomposed": "e\u0301a\u0308\u0323o\u0302n\u0303c\u0327\u0301\u0328\u0345",
    "Greek": "αβγδσςΣΑΩωάέή\u1f80\u1fb3",
    "Cyrillic": "абвгдеёжийЙЁЖЯяїєґ",
    "CJK": "电影很好看不中文日本語漢字\u3400\u9fff\uf900\U00020000\U0002f800"
    "\U0002a700\U0002b81f\U0002b820\U0002b91f\U0002b920\U00030000",
    "Japanese": "カタカナひらがなガパ\u3099\u309aｶﾞ々〇ー",
    "Korean": "한국어영화가각힣ㄱㅏ\u1112\u1161\u11ab",
    "Arabic": "فيلمرائعجدا\u064b\u0650\u0651\u0670ﷺﻼ؟،",
    "Hebrew": "סרטטובמאודש\u05c1\u05b0\u05b7",
    "Devanagari": "फिल्म अच्छी थी\u0902\u093f\u094d\u093c\u0958",
    "Bengali": "ছবিটি ভালো\u09cb\u09c7\u09be",
    "Tamil": "திரைப்படம்\u0bca",
    "Thai": "หนังดีมากน้ำ\u0e33\u0e49",
    "emoji": "😀👍🏽👩\u200d👩\u200d👧☕❤\ufe0f🇩🇪🏴\U000e0067\U000e007f1\ufe0f\u20e3🫠🥹",
    "punctuation": "!\"#$%&'()*+,-./:;=?@[\\]^_`{|}~«»„“”‘’…–—¿¡、。「」・‽⁇§¶†·؛।॥᠆⸺︙﹏＿～",
    "symbols": "½¼²³™®©°±×÷€£¥₿ﬁﬃǆ∑√∞≠Å℃Ⅷⅷ①㏒㍿ﾊﾟ\u0132\u017f\u1e9e",
    "controls": "\x00\x01\x07\x08\x0b\x0c\x1b\x1f\x7f\x80\x85\x9f\xad"
    "\u0600\u180e\u2066\u2069\ufeff\ufff9\ufffd\ufffe\uffff",
    "invisible": "\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2061\u034f\u3164\u115f\u17b4",
    "blanks": " \t\n\r\u00a0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000",
    "private": "\ue000\uf8ff\U000f0000\U0010fffd",
    "letters of rare scripts": "ᚠᚢԱՖaბგᎠᏣꭰꮳ𐐀𐐨𝒜𝔅ꜲⰀⰰᲐჀሀⴀ",
}
WORDS = (
    *("good", "film", "watching", "unwatchable", "Gute", "Filme", "FILM", "Film's", "don't", "well-made", "C++"),
    *("[SEP]", "[CLS]", "[MASK]", "[PAD]", "[UNK]", "##ing", "[unused1]", "http://a.b/c?d=e&f", "a@b.c", "10/10"),
    *("1,234.56", "3e-5", "#tag", "@user", "naïve", "café", "Straße", "İstanbul", "ΣΊΣΥΦΟΣ", "ὈΔΥΣΣΕΎΣ"),
)
MARKUP = re.compile(r"</?[A-Za-z!][^<>]{0,200}>")
"""As ``tokenizer.MARKUP``, which needs TensorFlow."""
LENGTHS = (33, 34, 49, 50, 99, 100, 101, 102, 199, 200, 201, 300)


def nasty_texts(count: int, seed: int = 20261130) -> list[str]:
    """Make texts: first the empty one and one of each alphabet, then mixtures of words, alphabets and all of Unicode.

    None has markup, which is removed from reviews and of which Hugging Face's tokenizer knows nothing.
    """
    draw = random.Random(seed)  # noqa: S311 - no secrets
    texts = ["", " ", *ALPHABETS.values(), " ".join(WORDS), " ".join(WORDS).upper(), "word " * 200]
    texts += [letter * length for length in (100, 101) for letter in ("x", "é", "ย", "中", "\U0001f600")]
    while len(texts) < count:
        glue = draw.choice(["", "", " ", " ", "-", "\u200d", "\n"])
        texts.append(glue.join(_fragment(draw) for _ in range(draw.randint(1, 6))))
    return [text for text in texts if not MARKUP.search(text)][:count]


def _fragment(draw: random.Random) -> str:
    kind = draw.randrange(12)
    if kind < 3:
        return draw.choice(WORDS)
    if kind < 8:
        return _some(draw, draw.choice(list(ALPHABETS.values())), draw.randint(1, 9))
    if kind == 8:
        return unicodedata.normalize(draw.choice(["NFC", "NFD", "NFKC", "NFKD"]), draw.choice(WORDS))
    if kind == 9:
        letters = draw.choice(
            [ALPHABETS[name] for name in ("Latin", "Cyrillic", "Thai", "Greek", "Devanagari", "Korean")]
        )
        return _some(draw, letters, draw.choice(LENGTHS))
    if kind == 10:
        return "".join(draw.choice(list(ALPHABETS.values()))[:1] for _ in range(4))
    return "".join(_character(draw) for _ in range(draw.randint(1, 5)))


def _some(draw: random.Random, letters: Sequence[str], count: int) -> str:
    return "".join(draw.choice(letters) for _ in range(count))


def _character(draw: random.Random) -> str:
    highest = draw.choice([0x7F, 0x2FF, 0x2FFF, 0xFFFF, 0x1FFFF, 0x10FFFF])
    while True:
        number = draw.randint(0, highest)
        if not 0xD800 <= number < 0xE000:  # no character on its own
            return chr(number)
