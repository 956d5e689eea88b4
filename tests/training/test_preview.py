import pytest
from tiny_training import Training

from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.training.callbacks.preview import PreviewConfig


def preview_of(training: Training) -> str:
    training.trainer.max_steps = 1
    training.dataset = PlantedConfig(text_length=150, n_texts=200, n_words=30, batch_size=8)
    return training.fit(PreviewConfig(texts=4)).shown


@pytest.fixture
def shown(training: Training) -> str:
    return preview_of(training)


def test_texts_with_labels_and_class_balance(shown: str) -> None:
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0][0] == "label"
    assert all(line[0] in ("class_0", "class_1") for line in lines[1:5])
    assert all(line.rstrip().endswith("…") for line in shown.splitlines()[1:5]), "long texts are cut to one line each"
    assert lines[5] == ["split", "texts", "class_0", "class_1"]
    for (name, texts), line in zip({"train": 140, "validation": 30, "test": 30}.items(), lines[6:9], strict=True):
        assert line[:2] == [name, str(texts)]
        assert int(line[2]) + int(line[3]) == texts


def layers(shown: str) -> dict[str, str]:
    """The parameters of each layer."""
    lines = [line.split() for line in shown.splitlines()]
    head = next(i for i, line in enumerate(lines) if line == ["layer", "type", "parameters"])
    return {line[0]: line[2] for line in lines[head + 1 :]}


def test_layers_with_their_sizes_and_nothing_else(shown: str) -> None:
    # One number for each of 40 tokens, the head's weight and its bias; the vocabulary itself is no parameter.
    assert layers(shown) == {
        "model": "42",
        "model.tokenization": "0",
        "model.embedding": "40",
        "model.head": "2",
    }


def test_layers_of_the_originals_model(original: Training) -> None:
    sizes = layers(preview_of(original))
    # 150 positions: batch norm 2 · 150, dense 150 · 4 + 4, out 4 + 1
    assert sizes["model.head"] == "909"
    assert sizes["model.embedding"] == "40"
    assert int(sizes["model.tokenization"].replace(",", "")) % (40 * 4) == 0  # C · K · N


def test_no_line_is_wider_than_the_terminal(shown: str) -> None:
    assert max(map(len, shown.splitlines())) <= 120
