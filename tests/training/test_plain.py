"""A configuration in plain containers is the one that was made in Python."""

import functools
import json
from dataclasses import dataclass, replace

import pytest
import torch

from tokenlayer.config.typed import load
from tokenlayer.data.config import AlphabetConfig
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.sources.texts import TextsConfig
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.callbacks.vals_log import ValsLogConfig
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.plain import NotPlainError, plain_config
from tokenlayer.vocabularies.bpe import BpeConfig

CONFIGS = {
    "defaults": TrainConfig(dataset=PlantedConfig()),
    "others": TrainConfig(
        seed=3,
        dataset=PlantedConfig(text_length=40, alphabet=AlphabetConfig(characters="abc<UNK>")),
        initializer=BpeConfig(segment=True),
        learning_rule=FrozenRuleConfig(),
        model=ModelConfig(head=ConvHeadConfig(), vocab_size=7),
        lr_scheduler=None,
        callbacks={"vals_log": ValsLogConfig(), "none": None},
        tracking=TrackingConfig(tags={"a": "b"}),
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_read_back_is_what_was_written(name: str) -> None:
    config = CONFIGS[name]
    plain = json.loads(json.dumps(plain_config(config)))
    loaded = load(plain, TrainConfig)
    assert plain_config(loaded)["optimizer"] | {"_target_": "torch.optim.Adam"} == plain["optimizer"]
    parts = {"optimizer": None, "lr_scheduler": None}  # partials compare by identity
    assert replace(loaded, **parts) == replace(config, **parts)
    assert (loaded.lr_scheduler is None) == (config.lr_scheduler is None)
    assert "_target_" not in plain["dataset"]["cleaning"], "a section that can only be of one class does not name it"


def test_classes_of_torch() -> None:
    optimizer = functools.partial(torch.optim.SGD, lr=0.5, momentum=0.9)
    plain = plain_config(TrainConfig(dataset=PlantedConfig(), optimizer=optimizer))
    assert plain["optimizer"] == {"_target_": "torch.optim.sgd.SGD", "lr": 0.5, "momentum": 0.9}
    assert load(plain, TrainConfig).optimizer.func is torch.optim.SGD


def test_texts_that_a_program_gave_are_left_out() -> None:
    dataset = TextsConfig(["a secret", "another"], ["x", "y"], text_length=20)
    plain = plain_config(TrainConfig(dataset=dataset))
    assert "secret" not in json.dumps(plain)
    loaded = load(plain, TrainConfig).dataset
    assert loaded == replace(dataset, texts=[], labels=[])


@dataclass
class Own(BpeConfig):
    """An initializer of a user's own."""

    anything: object = None


def test_what_has_no_name() -> None:
    @dataclass
    class Hidden(BpeConfig):
        pass

    for initializer in (Hidden(), Own(anything=torch.zeros(2)), Own(anything=len)):
        with pytest.raises(NotPlainError):
            plain_config(TrainConfig(dataset=PlantedConfig(), initializer=initializer))
    for optimizer in (functools.partial(test_what_has_no_name), functools.partial(torch.optim.Adam, (), 0.1)):
        with pytest.raises(NotPlainError):
            plain_config(TrainConfig(dataset=PlantedConfig(), optimizer=optimizer))
    plain = plain_config(TrainConfig(dataset=PlantedConfig(), initializer=Own(anything={"a": (1, 2.5)})))
    assert plain["initializer"]["anything"] == {"a": [1, 2.5]}
    assert plain["initializer"]["_target_"] == f"{__name__}.Own"
