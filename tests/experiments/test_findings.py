"""Each finding holds on small generated texts, by a measure that could fail."""

import csv
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from experiments.original_imdb.findings import (
    cover,
    dead_patterns,
    frozen_weights,
    gradient_rank,
    language,
    padding_noise,
)
from experiments.original_imdb.findings.__main__ import Findings, main
from experiments.original_imdb.findings.common import load_experiment
from experiments.original_imdb.findings.decoded import matches_in, occurring, stretch
from experiments.original_imdb.findings.traces import read_trace, train_trace
from matplotlib.image import imread

from tokenlayer.errors import InputError
from tokenlayer.original.gradients import sigma
from tokenlayer.text.alphabet import BLANK, Alphabet
from tokenlayer.training.job import Job
from tokenlayer.training.train import train

SETTINGS = [
    "dataset=planted",
    "dataset.n_texts=300",
    "dataset.text_length=80",
    "dataset.batch_size=16",
    "initializer.ngram_lengths=[3,4,5,6,7]",
    "model.vocab_size=40",
    "model.head.hidden=8",
    "optimizer.lr=0.02",  # so that weights leave (0, 1) and characters change in a few steps
    "trainer.threads=1",
]
STEPS = 40


@pytest.fixture(scope="module")
def experiment():
    return load_experiment(SETTINGS)


@pytest.fixture(scope="module")
def traces(experiment):
    return [train_trace(experiment, padding, STEPS) for padding in ("noise", "blank")]


@pytest.fixture(scope="module")
def gradients(experiment):
    batch = gradient_rank.first_batch(experiment)
    models = {D: gradient_rank.build(experiment, D, batch.codes.shape[1]) for D in gradient_rank.DIMENSIONS}
    return {D: (gradient_rank.layer_gradient(model, batch, torch.float64), model, batch) for D, model in models.items()}


def test_gradient_before_sigma_has_rank_d(gradients):
    for D, (gradient, model, batch) in gradients.items():
        dense = gradient_rank.dense_gradient(model, batch)
        assert gradient_rank.rank(gradient.before_sigma) == gradient_rank.rank(dense.before_sigma) == D
        torch.testing.assert_close(gradient.with_sigma, dense.with_sigma, rtol=1e-10, atol=1e-14)
    assert gradients[1][0].difference() < 1e-12
    assert gradient_rank.rank(gradients[1][0].with_sigma.flatten(0, 1)) > 10


def test_rank_sees_what_is_not_shared(gradients):
    gradient = gradients[1][0]
    other = gradient.before_sigma.clone()
    other[:, 0] += 1e-6 * torch.linspace(-1, 1, len(other), dtype=other.dtype) * other.abs().max()
    changed = replace(gradient, before_sigma=other)
    assert gradient_rank.rank(changed.before_sigma) == 2
    assert changed.difference() > 1e-7


def test_noise_leaves_only_the_longest_ngrams(experiment):
    found = [padding_noise.fresh_matches(experiment, seed) for seed in range(3)]
    for matches in found:
        longest = matches.lengths == 7
        assert matches.counts["noise"][~longest].sum() < 0.1 * matches.counts["blank"][~longest].sum()
        np.testing.assert_array_equal(matches.counts["noise"][longest], matches.counts["blank"][longest])
    assert sum(matches.counts["noise"].sum() for matches in found) > 0


def test_weights_outside_are_frozen(traces):
    for trace in traces:
        watch = trace.watch
        assert watch.left > 50
        assert watch.largest_gradient_outside == watch.returns == watch.largest_move_born_outside == 0
        assert frozen_weights.returned(trace) == 0
        moves = watch.moves[:20] / watch.movers[:20]
        assert (np.diff(moves) < 0).all(), "only momentum moves them, and it runs out"
        first, last = trace.weights[0], trace.weights[STEPS - 1]
        assert sum(frozen_weights.shares_outside(last)) > sum(frozen_weights.shares_outside(first))


def test_the_watch_sees_a_return(traces):
    trace = traces[0]
    back = {0: torch.tensor([0.5, -0.1, 1.2]), 1: torch.tensor([-0.5, 0.1, 1.2])}
    assert frozen_weights.returned(replace(trace, weights=back)) == 1


def test_uncut_sigma_is_sigma_inside():
    x = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(frozen_weights.uncut_sigma(x), sigma(torch.from_numpy(x)), rtol=1e-12)
    assert (frozen_weights.uncut_sigma(np.array([-0.1, -0.01])) > 0).all()


def test_occurring_is_what_a_search_finds():
    alphabet = Alphabet("abc ")
    text = "abca bcab cc"
    corpus = alphabet.encode(text)
    tried = ["ab", "ba", "bcab", "cc", "cca", "c", " ", "", "a█c", "b██b", "█".strip("█"), "c█c"]
    expected = {t for t in tried if re.search(t.replace("█", "."), text)}
    assert occurring(tried, corpus, alphabet) == expected
    assert {"cca", "ba", "c█c"}.isdisjoint(expected)
    assert stretch("██a█b██") == "a█b"
    assert matches_in(["ab██", "c███", "ba██"], corpus[None], alphabet) == {"ab██": 2, "c███": 2, "ba██": 0}, (
        "the layer has no windows in the last three places"
    )


def test_moves_lead_out_of_the_language(experiment, traces):
    numbers = language.reproduce(experiment, traces).numbers
    last = f"at step {STEPS - 1}, padding blank"
    assert numbers["patterns that occur in the reviews at step 0, padding blank"] == 40
    assert numbers[f"patterns that have changed {last}"] > 5
    assert numbers[f"patterns that occur in the reviews {last}"] < 40
    assert numbers["patterns that occur in the reviews at step 0, padding noise"] < 25


def test_forms_by_changes():
    table = pd.DataFrame([["abc", "xyz"], ["abc", "xyq"], ["abd", "qyq"]], index=[0, 5, 9])
    forms = language.occur_by_changes(table, {"abc", "xyq"})
    assert sorted(zip(forms["changed"], forms["occurs"], strict=True)) == [
        (0, False),
        (0, True),
        (1, False),
        (1, True),
        (2, False),
    ]
    assert set(forms["length"]) == {3}


def test_dead_patterns(experiment, traces):
    noise, blank = (dead_patterns.deaths(experiment, trace) for trace in traces)
    assert blank.in_texts.iloc[0].sum() < noise.in_texts.iloc[0].sum()
    for death in (noise, blank):
        dead = death.in_texts.to_numpy()
        assert death.died.sum() - death.revived.sum() == dead[-1].sum() - dead[0].sum()
        assert death.died.sum() == (dead[1:] & ~dead[:-1]).sum()
        assert death.trace.watch.never_matched > 0
        assert death.trace.watch.largest_embedding_change_of_never_matched == 0
        assert death.gradient_ratio() > 0.2, "they move like the others"
    assert blank.in_texts.iloc[-1].sum() > blank.in_texts.iloc[0].sum()


def test_greedy_covers_more(experiment, monkeypatch):
    monkeypatch.setattr(cover, "CHARACTERS", 8000)
    numbers = cover.reproduce(experiment).numbers
    place = "% of the characters of the reviews chosen on covered, "
    greedy, drawn = numbers[place + "greedy by cover"], numbers[place + "drawn by frequency: MaxCover"]
    assert greedy > numbers[place + "greedy by cover, lengths as drawn"] > drawn
    assert greedy > numbers[place + "most frequent"]
    assert 0 < drawn < greedy < 100


def test_greedy_is_the_plain_greedy(experiment):
    corpus = np.array(experiment.dataset.corpus("train", 2000))
    candidates = cover.frequent_ngrams(corpus, [2, 3, 5], 50)
    text = experiment.dataset.alphabet.decode(corpus)
    for candidate in candidates:
        ngram = text[candidate.positions[0] :][: candidate.length]
        assert candidate.positions.tolist() == [m.start() for m in re.finditer(f"(?={re.escape(ngram)})", text)]
    quotas = Counter({2: 3, 3: 4, 5: 3})
    for wanted in (None, quotas):
        covered = np.zeros(len(corpus), dtype=bool)
        left = Counter(wanted or {2: 99, 3: 99, 5: 99})
        for chosen in cover.greedy(candidates, len(corpus), 10, wanted):
            best = max(c.gain(covered) for c in candidates if left[c.length])
            assert chosen.gain(covered) == best
            chosen.cover(covered)
            left[chosen.length] -= 1
    patterns = cover.as_patterns(cover.greedy(candidates, len(corpus), 10), corpus, 5)
    covered = np.zeros(len(corpus), dtype=bool)
    for row in patterns:
        ngram = "".join(experiment.dataset.alphabet.signs[c] for c in row if c != BLANK)
        for m in re.finditer(f"(?={re.escape(ngram)})", text):
            if m.start() <= len(text) - 5:  # the layer's windows are of the full pattern's length
                covered[m.start() : m.start() + len(ngram)] = True
    assert cover.cover_curve(patterns, corpus, experiment.dataset)[-1] == pytest.approx(100 * covered.mean())


def test_every_finding_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cover, "CHARACTERS", 8000)
    arguments = [*SETTINGS, "--steps", "12", "--output", str(tmp_path)]
    assert main(arguments) == 0
    figures = sorted((tmp_path / "figures").iterdir())
    assert [figure.name[0] for figure in figures] == list("123456")
    assert all(imread(figure).shape[1] == 1000 for figure in figures)
    before = rows(tmp_path)
    assert {row[0] for row in before} == set("123456")
    assert main([*arguments, "--only", "2"]) == 0
    assert rows(tmp_path) == before, "the others stay, and the same seed gives the same numbers"
    assert main(["dataset=planted", "model.vocab_siz=3"]) == 2
    assert "vocab_size" in capsys.readouterr().err


def test_a_recorded_run_is_read(output_dir):
    uri = f"sqlite:///{output_dir}/mlflow.db"
    settings = [*SETTINGS, f"output_dir={output_dir}", f"tracking.uri={uri}", "trainer.max_steps=12"]
    settings += ["callbacks.patterns_log.every=3", "callbacks.live_view=null", "trainer.accelerator=cpu"]
    settings += ["callbacks.figures=null", "callbacks.token_history=null"]
    experiment = load_experiment(settings)
    run_id = train(Job(experiment.config, resolved(experiment))).run_id
    findings = Findings(experiment, STEPS, [run_id], uri)
    recorded, made = findings.traces
    assert (recorded.padding, made.padding) == ("noise", "blank")
    here = train_trace(experiment, "noise", 12)
    recorded_steps = recorded.patterns["step"].unique().tolist()
    assert recorded_steps == [0, 3, 6, 9]
    columns = ["step", "neuron", "pattern", "matches"]
    same = here.patterns[here.patterns["step"].isin(recorded_steps)]
    assert recorded.patterns[columns].to_numpy().tolist() == same[columns].to_numpy().tolist()
    step = max(step for step in recorded.weights if step < 12)
    torch.testing.assert_close(recorded.weights[step], here.weights[step], rtol=0, atol=0)
    for number in (3, 4, 5):
        assert findings.reproduce(number).numbers
    with pytest.raises(InputError, match="other data"):
        read_trace(load_experiment([*settings, "dataset.n_texts=310"]), run_id, uri)


def resolved(experiment):
    return {
        "initializer": {"padding": experiment.config.initializer.padding},
        "tracking": {"experiment": experiment.config.tracking.experiment},
    }


def rows(folder):
    with (folder / "findings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
