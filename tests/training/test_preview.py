import pytest
from tiny_training import Training

from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.training.callbacks.preview import PreviewConfig


@pytest.fixture
def shown(training: Training) -> str:
    training.trainer.max_steps = 1
    training.dataset = PlantedConfig(text_length=150, n_texts=200, n_words=30, batch_size=8)
    return training.fit(PreviewConfig(texts=4)).shown


def test_texts_with_labels_and_class_balance(shown: str) -> None:
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0][0] == "label"
    assert all(line[0] in ("class_0", "class_1") for line in lines[1:5])
    assert all(line.rstrip().endswith("…") for line in shown.splitlines()[1:5]), "long texts are cut to one line each"
    assert lines[5] == ["split", "texts", "class_0", "class_1"]
    for (name, texts), line in zip({"train": 140, "validation": 30, "test": 30}.items(), lines[6:9], strict=True):
        assert line[:2] == [name, str(texts)]
        assert int(line[2]) + int(line[3]) == texts


def test_layers_with_their_sizes_and_nothing_else(shown: str) -> None:
    lines = [line.split() for line in shown.splitlines()]
    head = next(i for i, line in enumerate(lines) if line == ["layer", "type", "parameters"])
    layers = {line[0]: line[2] for line in lines[head + 1 :]}
    # 150 positions: batch norm 2 · 150, dense 150 · 4 + 4, out 4 + 1
    assert layers["model.head"] == "909"
    assert layers["model.embedding"] == "40"
    assert set(layers) == {"model", "model.tokenization", "model.embedding", "model.head"}


def test_no_line_is_wider_than_the_terminal(shown: str) -> None:
    assert max(map(len, shown.splitlines())) <= 120
