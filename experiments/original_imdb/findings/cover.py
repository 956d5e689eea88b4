"""6. "MaxCover" draws n-grams by frequency; it does not maximise cover."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from experiments.original_imdb.findings.common import BLUE, GREEN, ORANGE, PURPLE, Experiment, Finding, panels
from matplotlib.figure import Figure

from tokenlayer.data.types import PreparedDataset
from tokenlayer.layer.matching import match
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.original.max_cover import MaxCoverConfig
from tokenlayer.original.max_cover_initializer import PatternsInitializerMaxCover
from tokenlayer.original.patterns import discretise
from tokenlayer.text.alphabet import BLANK, Codes

CHARACTERS = 1_000_000
"""Characters of training reviews that n-grams are chosen on, and of test reviews that cover is measured on."""
CANDIDATES = 2000
"""The greedy choice is among this many of the most frequent n-grams of each length."""
SEEDS = range(5)

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidate:
    """An n-gram of the corpus."""

    length: int
    positions: Positions
    """The positions where it begins, ascending."""

    def gain(self, covered: npt.NDArray[np.bool_]) -> int:
        """Number of characters that it would cover additionally."""
        reached = self._reached()
        return len(np.unique(reached[~covered[reached]]))

    def cover(self, covered: npt.NDArray[np.bool_]) -> None:
        """Mark the characters under it."""
        covered[self._reached()] = True

    def _reached(self) -> Positions:
        return (self.positions[:, None] + np.arange(self.length)).ravel()


def reproduce(experiment: Experiment) -> Finding:
    """Compare the cover of n-grams drawn by the initializer, of the most frequent ones, and of a greedy choice."""
    N, dataset = experiment.config.model.vocab_size, experiment.dataset
    config = experiment.with_padding("blank").initializer
    assert isinstance(config, MaxCoverConfig)
    chosen_on, measured_on = samples(dataset)
    drawn = [drawn_ngrams(config, chosen_on, dataset, N, seed) for seed in SEEDS]
    candidates = frequent_ngrams(chosen_on, config.ngram_lengths, CANDIDATES)
    lengths = Counter((drawn[0] != BLANK).sum(1).tolist())
    by_frequency = sorted(candidates, key=lambda candidate: -len(candidate.positions))[:N]
    choices = {
        "greedy by cover": greedy(candidates, len(chosen_on), N),
        "most frequent": by_frequency,
        "greedy by cover, lengths as drawn": greedy(candidates, len(chosen_on), N, lengths),
    }
    ngrams = {name: as_patterns(choice, chosen_on, drawn[0].shape[1]) for name, choice in choices.items()}
    numbers: dict[str, float] = {}
    curves = {}
    for place, corpus in (("the reviews chosen on", chosen_on), ("test reviews", measured_on)):
        curves = {name: [cover_curve(patterns, corpus, dataset)] for name, patterns in ngrams.items()}
        curves["drawn by frequency: MaxCover"] = [cover_curve(patterns, corpus, dataset) for patterns in drawn]
        for name, of_seeds in curves.items():
            numbers[f"% of the characters of {place} covered, {name}"] = float(np.mean([c[-1] for c in of_seeds]))
    numbers["different n-grams among those drawn, mean"] = float(np.mean([len(np.unique(d, axis=0)) for d in drawn]))
    return Finding(6, "cover", numbers, _figure(curves, ngrams, drawn[0], len(measured_on)))


def samples(dataset: PreparedDataset) -> tuple[Codes, Codes]:
    """Characters of training reviews, and of test reviews."""
    first_test = dataset.bounds[len(dataset.bounds) - 1 - len(dataset.splits["test"])]
    # Copies, because torch wants writable arrays.
    return np.array(dataset.corpus("train", CHARACTERS)), np.array(dataset.uncut[first_test:][:CHARACTERS])


def drawn_ngrams(
    config: MaxCoverConfig, corpus: Codes, dataset: PreparedDataset, N: int, seed: int
) -> npt.NDArray[np.int64]:
    """(N, K) codes of the initializer's patterns, true blanks behind short n-grams."""
    initializer = PatternsInitializerMaxCover(
        corpus,
        dataset.alphabet.chars,
        config.ngram_lengths,
        config.filter_over,
        padding=config.padding,
        generator=torch.Generator().manual_seed(seed),
    )
    K = config.default_token_length()
    return discretise(initializer((dataset.alphabet.size, K, N))).codes.numpy()


def frequent_ngrams(corpus: Codes, lengths: Sequence[int], most: int) -> list[Candidate]:
    """The `most` most frequent n-grams of each length."""
    ids = corpus.astype(np.int64)
    n_codes = int(ids.max()) + 1
    candidates = []
    for length in range(1, max(lengths) + 1):
        if length > 1:  # an n-gram is one shorter by a character, and that character
            ids = np.unique(ids[:-1] * n_codes + corpus[length - 1 :], return_inverse=True)[1]
        if length in lengths:
            order = np.argsort(ids, kind="stable")
            counts = np.bincount(ids)
            ends = np.cumsum(counts)
            top = np.argsort(-counts, kind="stable")[:most]
            candidates += [Candidate(length, order[ends[i] - counts[i] : ends[i]]) for i in top if counts[i] > 1]
    return candidates


def greedy(
    candidates: Sequence[Candidate], n_characters: int, N: int, quotas: Counter[int] | None = None
) -> list[Candidate]:
    """N candidates, each covering the most additional characters; at most `quotas` of each length, if given.

    Gains only shrink as more is covered. So a candidate whose recomputed gain is still the largest is the best, and few
    gains are recomputed. No choice of N candidates covers more than 1/(1 - 1/e) = 1.58 times as much (Nemhauser, Wolsey
    and Fisher 1978; with quotas: 2 times).
    """
    covered = np.zeros(n_characters, dtype=np.bool_)
    left = None if quotas is None else Counter(quotas)
    heap = [(-len(c.positions) * c.length, i) for i, c in enumerate(candidates)]
    heapq.heapify(heap)
    chosen: list[Candidate] = []
    while heap and len(chosen) < N:
        _, i = heapq.heappop(heap)
        candidate = candidates[i]
        if left is not None and not left[candidate.length]:
            continue
        gain = candidate.gain(covered)
        if heap and (-gain, i) > heap[0]:
            heapq.heappush(heap, (-gain, i))
            continue
        candidate.cover(covered)
        chosen.append(candidate)
        if left is not None:
            left[candidate.length] -= 1
    return chosen


def as_patterns(chosen: Sequence[Candidate], corpus: Codes, K: int) -> npt.NDArray[np.int64]:
    """(N, K) codes, blanks behind short n-grams."""
    patterns = np.full((len(chosen), K), BLANK, dtype=np.int64)
    for row, candidate in zip(patterns, chosen, strict=True):
        first = candidate.positions[0]
        row[: candidate.length] = corpus[first : first + candidate.length]
    return patterns


def cover_curve(patterns: npt.NDArray[np.int64], corpus: Codes, dataset: PreparedDataset) -> npt.NDArray[np.float64]:
    """(N,) % of the characters of the corpus under a match of the first 1, 2, … N patterns."""
    vocabulary = Vocabulary(torch.from_numpy(patterns))
    matches = match(torch.from_numpy(corpus)[None], vocabulary, dataset.alphabet.size)
    position, token_id = matches.position.numpy(), matches.token_id.numpy()
    length = (patterns != BLANK).sum(1)[token_id]
    first = np.full(len(corpus), len(patterns))  # the first pattern that covers each character
    for offset in range(patterns.shape[1]):
        reaches = length > offset
        np.minimum.at(first, position[reaches] + offset, token_id[reaches])
    curve: npt.NDArray[np.float64] = (
        100 * np.bincount(first, minlength=len(patterns))[: len(patterns)].cumsum() / len(corpus)
    )
    return curve


def _figure(
    curves: dict[str, list[npt.NDArray[np.float64]]],
    ngrams: dict[str, npt.NDArray[np.int64]],
    drawn: npt.NDArray[np.int64],
    n_characters: int,
) -> Figure:
    figure, (left, right) = panels("6. \u201cMaxCover\u201d does not maximise cover", 1.3, 1)
    colors = dict(zip(curves, (GREEN, ORANGE, PURPLE, BLUE), strict=True))
    for name, of_seeds in curves.items():
        for curve in of_seeds:
            left.plot(range(1, len(curve) + 1), curve, color=colors[name], linewidth=1.6 if len(of_seeds) == 1 else 0.9)
        last = float(np.mean([curve[-1] for curve in of_seeds]))
        left.plot([], [], color=colors[name], label=f"{name}: {last:.0f} %")
    left.set(xlabel="number of n-grams", ylabel="% of the characters under a match", ylim=(0, 100))
    left.set_title(f"{n_characters / 1e6:.2g} million characters of test reviews", fontsize=10, loc="left")
    left.legend(frameon=False, fontsize=9, loc="upper left")
    lengths = np.arange(1, drawn.shape[1] + 1)
    shown = {
        "greedy by cover": ngrams["greedy by cover"],
        "most frequent": ngrams["most frequent"],
        "drawn by frequency: MaxCover": drawn,
    }
    for shift, (name, patterns) in zip((-0.27, 0, 0.27), shown.items(), strict=True):
        count = np.bincount((patterns != BLANK).sum(1), minlength=len(lengths) + 1)[1:]
        right.bar(lengths[count > 0] + shift, count[count > 0], 0.26, color=colors[name], label=name)
    right.set_xticks(lengths[(drawn != BLANK).sum(1).min() - 1 :])
    right.set(xlabel="characters of the n-gram", ylabel="n-grams")
    right.set_title("Lengths chosen", fontsize=10, loc="left")
    right.legend(frameon=False, fontsize=9)
    return figure
