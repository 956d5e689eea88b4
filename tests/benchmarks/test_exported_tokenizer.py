"""What the benchmark of exported tokenizers measures, on a tiny model."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.exported_tokenizer import accuracy, bpe_of, fitted_accuracy, presence, speeds, without_cleaning
from saved_models import saved_model_of

from tokenlayer.data.prepare import prepare
from tokenlayer.data.splits import content_ids
from tokenlayer.export.overlaps import SegmentedLayer
from tokenlayer.export.tokenizer import segmentation
from tokenlayer.inference.trained_model import TrainedModel


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel(saved_model_of("dataset.n_texts=200"))


def test_speeds_are_of_tokenizers_of_one_size(model: TrainedModel) -> None:
    made = segmentation(model.network.tokenization, model.alphabet, model.cleaning)
    texts = model.dataset.load().texts
    bpe = bpe_of(made, texts)
    assert bpe.get_vocab_size() == made.tokenizer.get_vocab_size()
    found = speeds({"exported": made.tokenizer, "BPE": bpe, "bare": without_cleaning(bpe)}, texts[:20], rounds=1)
    assert all(speed.ms > 0 and speed.pieces > 1 for speed in found.values())


def test_accuracies(model: TrainedModel) -> None:
    layer, splits = model.network.tokenization, prepare(model.dataset).splits
    texts = model.dataset.load().texts
    by_id = dict(zip(content_ids(texts).tolist(), texts, strict=True))
    predicted = model.predict([by_id[text_id] for text_id in splits["test"].ids.tolist()])
    right = predicted == np.array(model.class_names)[splits["test"].labels]
    assert accuracy(model, splits["test"], lambda codes: layer(codes).matches) == right.mean()
    segmented = SegmentedLayer(layer, segmentation(layer, model.alphabet, model.cleaning), model.alphabet)
    features = {name: presence(split, lambda codes: segmented(codes)[0]) for name, split in splits.items()}
    full = presence(splits["test"], lambda codes: layer(codes).matches)
    assert features["test"].sum() < full.sum()
    assert 0 < fitted_accuracy(features, {name: np.asarray(split.labels) for name, split in splits.items()}) <= 1
