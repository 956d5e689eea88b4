"""Tables of invented texts, of the kinds that people have, for which the default settings should do.

A text is a bag of words of an invented language (Zipf's law). In each class some words are more frequent than in the
others; none is certain. The tables are the same every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

_ONSETS = (
    "b",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "z",
    "br",
    "dr",
    "gr",
    "kl",
    "pl",
    "sh",
    "st",
    "th",
    "tr",
)
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_CODAS = ["", "", "", "n", "r", "s", "t", "l", "m", "nd", "st"]
_FIRST_IDEOGRAPH = 0x4E00
_DEVANAGARI_CONSONANTS = [chr(point) for point in range(0x0915, 0x0939)]
_DEVANAGARI_SIGNS = ["", *(chr(point) for point in range(0x093E, 0x094C)), "\u0902"]
_EMOJI = [chr(point) for point in range(0x1F600, 0x1F640)]

Rng = np.random.Generator
Word = Callable[[Rng], str]
T = TypeVar("T")


def latin(rng: Rng) -> str:
    """One to three syllables in Latin letters."""
    return "".join(
        _one_of(_ONSETS, rng) + _one_of(_NUCLEI, rng) + _one_of(_CODAS, rng)
        for _ in range(_one_of([1, 1, 2, 2, 3], rng))
    )


def ideographs(rng: Rng) -> str:
    """One to three of some 3,000 ideographs, the first ones more often."""
    ranks = np.minimum(2999, rng.pareto(0.6, rng.choice([1, 2, 2, 2, 3])) * 40).astype(int)
    return "".join(chr(_FIRST_IDEOGRAPH + 5 * rank) for rank in ranks)


def devanagari(rng: Rng) -> str:
    """Two to four consonants with combining vowel signs."""
    return "".join(
        _one_of(_DEVANAGARI_CONSONANTS, rng) + _one_of(_DEVANAGARI_SIGNS, rng)
        for _ in range(_one_of([1, 2, 2, 3], rng))
    )


def _one_of(items: Sequence[T], rng: Rng) -> T:
    """What `rng.choice(items)` gives, in a tenth of its time: that makes an array of the items first."""
    return items[rng.integers(len(items))]


@dataclass(frozen=True)
class Kind:
    """A kind of table."""

    about: str
    n_texts: int = 4000
    class_shares: tuple[float, ...] = (0.5, 0.5)
    words: tuple[int, int] = (5, 16)
    """Smallest and largest number of words in a text."""
    word: Word = latin
    between: str = " "
    lexicon: int = 2000
    strength: float = 1.0
    """Standard deviation over words of the log ratio by which a class makes a word more frequent."""
    more: Callable[[str, int, Rng], str] | None = None
    """Changes a text of words, by its class."""


def _sentence(text: str, label: int, rng: Rng) -> str:  # noqa: ARG001  # independent of the class
    return f"{text[:97].capitalize()}{rng.choice(['.', '!', '...'])}"


def _message(text: str, label: int, rng: Rng) -> str:
    """Add digits and capitals, more of them in class 1."""
    words = text.split(" ")
    for i in range(len(words)):
        chance = rng.random()
        if chance < (0.15 if label else 0.03):
            words[i] = str(rng.integers(10, 10 ** int(rng.integers(3, 9))))
        elif chance < (0.25 if label else 0.05):
            words[i] = words[i].upper()
    return " ".join(words)


def _post(text: str, label: int, rng: Rng) -> str:
    """Add some emoji, of the class or of any."""
    of_class = _EMOJI[10 * label : 10 * label + 10] if rng.random() < 0.6 else _EMOJI
    return text + " " + "".join(rng.choice(of_class, rng.integers(0, 4)))


def _name(text: str, label: int, rng: Rng) -> str:
    """Add an ending that the class prefers to a single word."""
    endings = [["a", "ina", "elle", "ia"], ["o", "us", "ard", "ek"]][label if rng.random() < 0.9 else 1 - label]
    return text.capitalize() + rng.choice(endings)


def _punctuated(text: str, label: int, rng: Rng) -> str:  # noqa: ARG001  # independent of the class
    marks = sorted(rng.integers(0, len(text) + 1, 2))
    return text[: marks[0]] + "，" + text[marks[0] : marks[1]] + "“" + text[marks[1] :] + "”。"


KINDS = {
    "sentences": Kind("sentences of at most 100 characters", more=_sentence),
    "news": Kind("four classes, 250 to 1,500 characters", 4000, (0.25,) * 4, (40, 240), lexicon=8000, strength=0.4),
    "messages": Kind("13 % positives", 5000, (0.87, 0.13), (4, 25), strength=0.6, more=_message),
    "ideographs": Kind("3,000 characters, no spaces", 4000, word=ideographs, between="", words=(10, 40), strength=0.8,
                       lexicon=6000, more=_punctuated),
    "combining": Kind("Devanagari with combining vowel signs", word=devanagari, strength=0.9),
    "posts": Kind("emoji, some of them telling", more=_post, strength=0.5),
    "twenty": Kind("twenty classes", 8000, (0.05,) * 20, (15, 60), lexicon=6000),
    "names": Kind("one word each", 3000, words=(1, 1), strength=0.3, more=_name),
    "few": Kind("200 texts", 200, words=(20, 60), lexicon=1000),
    "endless": Kind("50,000 characters each", 150, words=(7500, 7600), lexicon=8000, strength=0.4),
}  # fmt: skip


def table(name: str, n_texts: int | None = None) -> pd.DataFrame:
    """The columns `text` and `label` of a table of some kind, with `n_texts` texts (default: the kind's number)."""
    kind = KINDS[name]
    rng = np.random.default_rng([ord(letter) for letter in name])
    lexicon = list(dict.fromkeys(kind.word(rng) for _ in range(3 * kind.lexicon)))[: kind.lexicon]
    weights = _weights(kind, len(lexicon), rng)
    labels = rng.choice(len(kind.class_shares), n_texts or kind.n_texts, p=np.array(kind.class_shares))
    texts = []
    for label in labels:
        length = rng.integers(kind.words[0], kind.words[1] + 1)
        words = rng.choice(len(lexicon), length, p=weights[label])
        text = kind.between.join(lexicon[word] for word in words)
        texts.append(text if kind.more is None else kind.more(text, int(label), rng))
    return pd.DataFrame({"text": texts, "label": [f"class {label}" for label in labels]})


def _weights(kind: Kind, n_words: int, rng: Rng) -> npt.NDArray[np.float64]:
    """(classes, words): probability of each word."""
    frequency = 1 / np.arange(1, n_words + 1)
    preference = np.exp(kind.strength * rng.standard_normal((len(kind.class_shares), n_words)))
    preference[:, :20] = 1  # the most frequent words tell nothing, as in real languages
    weights = frequency * preference
    probability: npt.NDArray[np.float64] = weights / weights.sum(1, keepdims=True)
    return probability


def write(name: str, folder: Path, n_texts: int | None = None) -> Path:
    """Write a table of some kind to a CSV file in a folder."""
    path = folder / f"{name}.csv"
    table(name, n_texts).to_csv(path, index=False)
    return path
