"""The settings that every dataset has."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal

from tokenlayer.data.profile import LONGEST_TEXT, ROOM, TextProfile
from tokenlayer.data.settling import Choice, OpenSettings, Plan
from tokenlayer.data.types import RawDataset
from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.cleaning import CleaningConfig

NO_BEARING_ON_TEXTS = frozenset({"batch_size", "reshuffle", "cache_dir"})
"""The settings of every dataset that change neither its texts nor how they are split and encoded."""


@dataclass
class AlphabetConfig:
    """The characters that get a code."""

    size: int | None = None
    """Number of characters in the alphabet, the most common after the earlier steps of cleaning; null: chosen from the
    training texts."""
    scope: Literal["train", "all"] = "train"
    """Texts to count characters on: the training texts, or all texts as the original does."""
    characters: str | None = None
    """The alphabet itself instead of a count; `<UNK>` in it stands for every other character."""

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.size is not None and self.size < 1:
            yield "size", f"{self.size} is below 1: an alphabet needs at least one character"
        if self.characters is not None:
            try:
                Alphabet(self.characters)
            except InputError as error:
                yield "characters", str(error)


@dataclass(kw_only=True)
class DatasetConfig(OpenSettings, ABC):
    """Settings common to all datasets; a subclass says where the texts come from."""

    open_fields: ClassVar[tuple[str, ...]] = ("text_length", "alphabet.size", "batch_size")

    text_length: int | None = None
    """L: longer texts are cut, shorter ones padded with "no character"; null: chosen from the training texts."""
    batch_size: int | None = None
    """B: texts per step; null: chosen by the number of training texts."""
    reshuffle: bool = True
    """A new order of the training texts every epoch; false repeats one order, as the original does."""
    split_seed: int = 42
    """Decides which text falls into which split, whatever the seed of the run."""
    n_train: int | None = None
    """Training texts that are used, a random sample by `split_seed` that contains every smaller one; null: all. The
    texts of validation and test stay the same."""
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    """The steps of cleaning."""
    alphabet: AlphabetConfig = field(default_factory=AlphabetConfig)
    """The characters that get a code."""
    cache_dir: str | None = None
    """Folder for downloads and encoded texts; null: $TOKENLAYER_CACHE, else the user's cache folder."""

    in_memory: ClassVar[frozenset[str]] = frozenset()
    """Fields by which a program gives the texts themselves: no checkpoint keeps them."""

    # Settings that do not affect the encoded texts, or do so by content only (see `source_key`).
    _outside_cache_key: ClassVar[frozenset[str]] = NO_BEARING_ON_TEXTS

    @abstractmethod
    def source_key(self) -> str:
        """A hash of what `load` would read.

        Raises:
            InputError: it is missing or cannot be read.

        """

    def check_source(self) -> None:
        """Check what can be checked in no time, before anything slow is imported: that files are there.

        Raises:
            InputError: something is missing.

        """

    @abstractmethod
    def load(self) -> RawDataset:
        """The texts, uncleaned.

        Raises:
            InputError: they are missing or malformed; names the place.

        """

    def load_to_score(self, known_classes: Sequence[str]) -> RawDataset:  # noqa: ARG002 (for subclasses)
        """Return the texts for a model that knows its classes, by which a subclass may complete those of the texts."""
        return self.load()

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant."""
        for name in ("text_length", "batch_size", "n_train"):
            value = getattr(self, name)
            if value is not None and value < 1:
                yield name, f"{value} is below 1"
        if not 0 <= self.split_seed < 2**32:
            yield "split_seed", f"{self.split_seed} is not between 0 and 2³² − 1"

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:  # noqa: ARG002 (for subclasses)
        """Texts are read whole if they are not too long; batches are small where texts are few."""
        longest = texts.lengths[99]
        is_whole = longest + ROOM <= LONGEST_TEXT
        half = f"the beginning of longer texts: half of them have more than {texts.lengths[50]} characters"
        reason = f"99 % of the training texts have at most {longest} characters" if is_whole else half
        yield Choice("text_length", texts.text_length(), reason)
        size, known = texts.alphabet_size(), len(texts.counts)
        covered = f"of {known} characters those that make up 99.9 % of the training texts, or are in some 1 % of them"
        yield Choice("alphabet.size", size, "all characters that occur" if size >= known else covered)
        yield Choice("batch_size", texts.batch_size(), f"{texts.n_texts} training texts")

    def cache_settings(self) -> dict[str, Any]:
        """The settings that the encoded texts depend on."""
        settings = {key: value for key, value in asdict(self).items() if key not in self._outside_cache_key}
        return {"dataset": type(self).__name__, **settings}

    def place(self) -> str | None:
        """The file, folder or address that the texts are read from; None: they come from no place."""
        return None

    def asks_for_same_texts(self, other: "DatasetConfig") -> bool:
        """Return whether `other` names the same source, split and encoded alike, whatever the batches are."""
        if type(self) is not type(other):
            return False
        return replace(self, **{name: getattr(other, name) for name in NO_BEARING_ON_TEXTS}) == other

    def check(self) -> None:
        """Raise one InputError that names every wrong value, for configurations made in Python."""
        found = [("dataset.", *problem) for problem in self.problems()]
        found += [("dataset.alphabet.", *problem) for problem in self.alphabet.problems()]
        if found:
            raise InputError("\n".join(f"{prefix}{name}: {message}" for prefix, name, message in found))
