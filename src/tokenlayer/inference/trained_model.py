"""A trained classifier with all that it takes to use it: the network, and how a text becomes what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from tokenlayer.config.resume import trained_config
from tokenlayer.explain.explanation import Explanation, explain
from tokenlayer.explain.model_input import model_input
from tokenlayer.inference.reading import Indices, TextReader, checked_texts, pieces
from tokenlayer.inference.token_table import token_table
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.training.build import restored_model
from tokenlayer.training.checkpoint_loading import SavedModel

Probabilities = npt.NDArray[np.float64]


class TrainedModel:
    """A classifier of texts, as it was saved.

    Texts are cleaned, encoded and cut as those that it was trained on, so that it says of a test text what
    `predictions/test.parquet` of its run says. It runs on the CPU; with the
    linear head on one thread, else on as many as torch is set to.

    Attributes:
        network: in evaluation mode.
        alphabet: the characters that it knows.
        cleaning: what becomes of a text before it is encoded.
        text_length: L, the characters at most that it sees of a text.
        class_names: (C,) in the order of the probabilities.
        dataset: the data that it was trained on, by their settings.
        run_id: the run that trained it; None: not known.
        place: names it in messages.
        header: what the checkpoint says of itself: all that one must know to use the weights.

    Args:
        saved: what a checkpoint holds.
        allow_targets: packages besides `tokenlayer` and `torch` that its configuration may name.

    Raises:
        InputError: it carries no configuration, or one of a package that may not be named, or other weights than
            those that it describes.

    """

    def __init__(self, saved: SavedModel, allow_targets: Sequence[str] = ()) -> None:
        trained = trained_config(saved, allow_targets)
        if trained.dataset.text_length is None:  # every run has chosen it
            raise saved.edited("dataset.text_length is null")
        self.dataset = trained.dataset
        self.text_length = trained.dataset.text_length
        self.cleaning = trained.dataset.cleaning
        self.alphabet = Alphabet(saved.header["alphabet"])
        self.class_names: tuple[str, ...] = tuple(saved.header["class_names"])
        self.network: TokenizationClassifier = restored_model(trained, saved, self.text_length).eval()
        self.run_id = saved.run_id
        self.place = saved.place
        self.header = saved.header

    def predict(self, texts: Iterable[str]) -> npt.NDArray[np.str_]:
        """The most probable class of each text, by name: (n,).

        Raises:
            InputError: as `predict_proba`.

        """
        return self.classes(self.predict_proba(texts))

    def classes(self, probabilities: Probabilities) -> npt.NDArray[np.str_]:
        """The names of the most probable classes (n,): of equal ones the first, as in training."""
        best: npt.NDArray[np.str_] = np.array(self.class_names)[probabilities.argmax(1)]
        return best

    def predict_proba(self, texts: Iterable[str]) -> Probabilities:
        """The probability of each class: (n, C) float64, columns in the order of `class_names`.

        Raises:
            InputError: there are no texts, or one of them is no string.

        """
        given = checked_texts(texts)
        probabilities = np.empty((len(given), len(self.class_names)))
        with one_thread() if isinstance(self.network.head, PoolHead) else nullcontext():
            for places, found in self._read(given):
                probabilities[places] = found
        return probabilities

    @torch.no_grad()
    def _read(self, texts: Sequence[str]) -> Iterator[tuple[Indices, Probabilities]]:
        """The places of some texts (b,) and their probabilities (b, C), until all have been read."""
        reader = self.reader()
        for piece in pieces(texts):
            for places, codes in reader.batches([texts[place] for place in piece]):
                yield places + piece.start, self.probabilities(self.network(codes).logits).numpy()

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, C) float64 from the network's logits (B, n_outputs), rounded as those of its training."""
        if logits.shape[1] > 1:
            return logits.softmax(1).double()
        out = logits.squeeze(1).sigmoid().double()
        return torch.stack([1 - out, out], dim=1)

    def reader(self) -> TextReader:
        """What turns texts into the codes that the network reads."""
        K = self.network.tokenization.max_token_length
        # A token of blanks alone matches in the padding, too, as often as there is some.
        padded = self.network.head.reads_padding or bool(self.network.tokenization.vocabulary().all_blank.any())
        return TextReader(self.alphabet, self.cleaning, self.text_length, None if padded else K)

    @torch.no_grad()
    def tokenized(self, texts: Sequence[str]) -> Iterator[tuple[Indices, Tokenized]]:
        """The places of some texts (b,), and the tokens that the network finds in them, until all have been read."""
        for places, codes in self.reader().batches(texts):
            yield places, self.network.tokenization(codes)

    @property
    def tokens(self) -> pd.DataFrame:
        """One row a token: see `inference.token_table`."""
        return token_table(self.network, self.alphabet, self.text_length, self.class_names)

    def explain(self, text: str) -> Explanation:
        """What the model makes of one text, and what each of its tokens adds to that.

        Raises:
            InputError: it is no string.

        """
        checked_texts([text])
        seen = model_input(text, self.alphabet, self.cleaning, self.text_length)
        return explain(self.network, seen, self.alphabet, self.class_names)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within: torch works on one thread.

    The operations of matching are so small that others do little but wait for their part of the next. They do that by
    spinning, and where anything else runs on the machine the whole takes ten times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
