"""An exported tokenizer's speed beside BPE's, and what a segmentation costs.

`python -m benchmarks.exported_tokenizer RUN`, of a run of its own dataset, with the linear head.
The BPE is of the same library, has as many tokens, is trained on the same texts and cleans them alike. Times are of the
processor, one thread; look at their ratio. The costs are those of a linear model with presence or sum of tokens.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array, vstack
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer, pre_tokenizers, trainers
from tokenizers.models import BPE

import tokenlayer
from tokenlayer.data.prepare import prepare
from tokenlayer.data.types import EncodedSplit
from tokenlayer.export.overlaps import SegmentedLayer
from tokenlayer.export.tokenizer import Segmentation, segmentation
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.matching import Matches
from tokenlayer.layer.tokenized import Tokenized

_ROUNDS, _AT_ONCE, _TRAINING_TEXTS = 5, 256, 5000
_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)
# One space or run of others: what GPT-2's pattern does to the space, on clean texts.
_WORDS = pre_tokenizers.Split(" ", "merged_with_next")


@dataclass(frozen=True)
class Speed:
    """One tokenizer on some texts."""

    ms: float
    """Milliseconds of the processor for a text."""
    pieces: float
    """Pieces of a text."""


def bpe_of(made: Segmentation, texts: Sequence[str]) -> Tokenizer:
    """A BPE with the vocabulary's size and the cleaning of an exported tokenizer."""
    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))
    tokenizer.normalizer = made.tokenizer.normalizer
    tokenizer.pre_tokenizer = _WORDS
    size = made.tokenizer.get_vocab_size()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[*made.special.values()], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def speeds(tokenizers: dict[str, Tokenizer], texts: Sequence[str], rounds: int = _ROUNDS) -> dict[str, Speed]:
    """The median over rounds, in each of which every tokenizer has its turn; the first texts warm up."""
    taken: dict[str, list[float]] = {name: [] for name in tokenizers}
    pieces: dict[str, int] = {}
    for round_ in range(rounds + 1):
        for name, tokenizer in tokenizers.items():
            begin = time.process_time()
            lengths = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
            if round_:
                taken[name].append(time.process_time() - begin)
            pieces[name] = sum(lengths)
    return {
        name: Speed(1000 * statistics.median(times) / len(texts), pieces[name] / len(texts))
        for name, times in taken.items()
    }


def without_cleaning(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer for texts that are clean."""
    bare = Tokenizer.from_str(tokenizer.to_str())
    bare.normalizer = None
    return bare


Find = Callable[[torch.Tensor], Matches]


def batches(split: EncodedSplit) -> Iterator[torch.Tensor]:
    for begin in range(0, len(split), _AT_ONCE):
        yield torch.from_numpy(split.codes[begin : begin + _AT_ONCE].astype("int64"))


@torch.no_grad()
def accuracy(model: TrainedModel, split: EncodedSplit, find: Find) -> float:
    """The accuracy of a model as it was trained, given some matches."""
    network, right = model.network, 0
    labels = torch.from_numpy(np.asarray(split.labels))
    for codes, wanted in zip(batches(split), labels.split(_AT_ONCE), strict=True):
        tokens = Tokenized(codes, network.tokenization.vocabulary(), find(codes))
        logits = network.head(tokens, network.embedding).logits
        right += int((model.probabilities(logits).argmax(1) == wanted).sum())
    return right / len(split)


def presence(split: EncodedSplit, find: Find) -> csr_array:
    """(n, N): 1 where a text has a match of a token."""
    parts = []
    for codes in batches(split):
        matches = find(codes).distinct()
        ones = np.ones(len(matches), dtype=np.float32)
        parts.append(csr_array((ones, (matches.text.numpy(), matches.token_id.numpy())), shape=matches.shape[:2]))
    return vstack(parts).tocsr()


def fitted_accuracy(features: dict[str, csr_array], labels: dict[str, npt.NDArray[np.int64]]) -> float:
    """The test accuracy of a logistic regression whose strength is chosen on validation texts."""

    def fitted(strength: float) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=300).fit(features["train"], labels["train"])

    models = map(fitted, _STRENGTHS)
    best = max(models, key=lambda model: float(model.score(features["validation"], labels["validation"])))
    return float(best.score(features["test"], labels["test"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--output-dir", default="outputs")
    parser.add_argument("--texts", type=int, default=2000, help="texts that are timed")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = tokenlayer.load(given.run, output_dir=given.output_dir)
    layer = model.network.tokenization
    made = segmentation(layer, model.alphabet, model.cleaning)
    raw = model.dataset.load().texts
    timed = raw[: given.texts]
    bpe = bpe_of(made, raw[:_TRAINING_TEXTS])
    print(f"{len(made.tokens)} tokens, {len(timed)} texts of {sum(map(len, timed)) / len(timed):.0f} characters")
    report(speeds({"exported": made.tokenizer, "BPE, cleaned alike": bpe}, timed))
    clean = [made.tokenizer.normalizer.normalize_str(text) for text in timed]
    report(speeds({"exported": without_cleaning(made.tokenizer), "BPE": without_cleaning(bpe)}, clean), "clean texts: ")

    splits = prepare(model.dataset).splits
    segmented = SegmentedLayer(layer, made, model.alphabet)
    ways: dict[str, Find] = {
        "all matches": lambda codes: layer(codes).matches,
        "those of the segmentation": lambda codes: segmented(codes)[0],
    }
    labels = {name: np.asarray(split.labels) for name, split in splits.items()}
    for name, find in ways.items():
        as_trained = accuracy(model, splits["test"], find)
        features = {split: presence(texts, find) for split, texts in splits.items()}
        print(
            f"{name}: test accuracy {as_trained:.4f} as it was trained, {fitted_accuracy(features, labels):.4f} with a "
            "logistic regression fitted to these"
        )


def report(found: dict[str, Speed], before: str = "") -> None:
    (first, exported), (second, other) = found.items()
    print(
        f"{before}{first} {exported.ms:.3f} ms, {exported.pieces:.0f} pieces a text; {second} {other.ms:.3f} ms, "
        f"{other.pieces:.0f} pieces; ratio {exported.ms / other.ms:.2f}"
    )


if __name__ == "__main__":
    main()
