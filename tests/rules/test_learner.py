"""A learning rule in a training loop that is not Lightning's."""

import pytest
import torch

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.rules.base import Edit, TrainingProgress
from tokenlayer.rules.learner import TokenLearner
from tokenlayer.rules.learning_rule import LearningRule, NoOpRule

PROGRESS = TrainingProgress(step=1, n_steps=4, steps_per_epoch=2)


class Second(LearningRule):
    """Replaces token 1, and keeps what it is shown."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def observe(self, observation):
        self.seen.append((observation, observation.embedding.clone()))

    def edit(self, progress, vocabulary, embedding, readout):
        vectors = torch.full((1, embedding.shape[1]), 7.0)
        return Edit(torch.tensor([1]), torch.tensor([[2, -1]]), vectors, torch.tensor([1.0]), ["weak"])


def parts(rule):
    layer = VocabularyLayer(Vocabulary(torch.tensor([[0, 1], [1, 0], [2, 2]])), n_characters=3)
    embedding, more = TokenEmbedding(3, 2), torch.nn.Parameter(torch.ones(3, 4))
    optimizer = torch.optim.Adam([embedding.weight, more], lr=0.1)
    return layer, embedding, more, optimizer, TokenLearner(rule, layer, embedding, token_parameters=(more,))


def backward(layer, embedding, more, learner):
    tokens = layer(torch.tensor([[0, 1, 0, 2, 2], [2, 2, 1, 0, 1]]))
    embedded = embedding.pooled(tokens)
    learner.watch(tokens, embedded, torch.tensor([5, 3]))
    (embedded.square().sum() + more.sum()).backward()
    return embedded


def test_a_step_observes_updates_and_edits() -> None:
    rule = Second()
    layer, embedding, more, optimizer, learner = parts(rule)
    before = embedding.weight.detach().clone()
    embedded = backward(layer, embedding, more, learner)
    applied = learner.step(optimizer, PROGRESS)
    ((observation, weight_seen),) = rule.seen
    assert torch.equal(observation.gradient, 2 * embedded.detach())
    assert torch.equal(observation.embedding_gradient, embedding.weight.grad)
    assert observation.rows.tolist() == [5, 3]
    assert torch.equal(weight_seen, before), "observed before the update"
    assert layer.vocabulary().codes.tolist() == [[0, 1], [2, -1], [2, 2]]
    assert embedding.weight[1].tolist() == [7, 7]
    assert more[1].tolist() == [0] * 4
    assert (more[0] < 1).all(), "updated"
    for parameter in (embedding.weight, more):
        for moment in ("exp_avg", "exp_avg_sq"):
            state = optimizer.state[parameter][moment]
            assert not state[1].any()
            assert state[0].any()
    assert applied.previous.tolist() == [[1, 0]]
    assert (applied.previous_embedding != 7).all()


def test_a_rule_that_edits_nothing_needs_no_watching() -> None:
    layer, embedding, more, optimizer, learner = parts(NoOpRule())
    backward(layer, embedding, more, learner)
    assert learner.step(optimizer, PROGRESS) is None
    assert layer.vocabulary().codes.tolist() == [[0, 1], [1, 0], [2, 2]]


def test_without_need_or_without_gradients_nothing_is_watched() -> None:
    layer, embedding, *_, learner = parts(NoOpRule())
    tokens = layer(torch.tensor([[0, 1, 0, 2, 2]]))
    embedded = embedding.pooled(tokens)
    learner.watch(tokens, embedded, torch.tensor([0]))
    assert not embedded._backward_hooks
    *_, learner = parts(Second())
    learner.watch(tokens, embedded.detach(), torch.tensor([0]))
    with pytest.raises(RuntimeError, match="call watch"):
        learner.observe(PROGRESS)


def test_a_batch_that_was_not_watched_is_named() -> None:
    *_, optimizer, learner = parts(Second())
    with pytest.raises(RuntimeError, match="call watch"):
        learner.step(optimizer, PROGRESS)


def test_each_step_needs_a_batch_of_its_own() -> None:
    layer, embedding, more, optimizer, learner = parts(Second())
    backward(layer, embedding, more, learner)
    learner.step(optimizer, PROGRESS)
    with pytest.raises(RuntimeError, match="call watch"):
        learner.step(optimizer, PROGRESS)


def test_a_layer_whose_tokens_cannot_be_replaced_is_named() -> None:
    layer = TokenizationLayer(3, torch.zeros, 2, n_characters=3)
    learner = TokenLearner(Second(), layer, TokenEmbedding(3, 2))
    with pytest.raises(TypeError, match="tokens of a TokenizationLayer cannot be replaced"):
        learner.edit(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]), PROGRESS)
