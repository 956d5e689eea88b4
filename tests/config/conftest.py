"""`toy`: an importable module of small dataclasses, and a folder of YAML that composes them."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FILES = {
    "train.yaml": """\
defaults:
  - dataset: generated
  - optimizer: adam
  - lr_scheduler: none
  - callbacks: default
  - _self_
  - experiment: null
seed: 0
share: null
output_dir: outputs
resume: null
allow_targets: [toy]
hydra:
  run: {dir: .}
  sweep: {dir: sweeps, subdir: .}
  output_subdir: null
""",
    "dataset/generated.yaml": """\
_target_: toy.Generated
text_length: 10
cleaning: {lower: true, keep: 30}
kind: short
lengths: [5, 8]
""",
    "dataset/read.yaml": """\
_target_: toy.Read
text_length: 10
cleaning: {lower: true, keep: 30}
source: ???
rate: 0.5
""",
    "optimizer/adam.yaml": "_target_: torch.optim.Adam\nlr: 1e-3\nbetas: [0.9, 0.999]\n",
    "lr_scheduler/none.yaml": "# @package _global_\nlr_scheduler: null\n",
    "lr_scheduler/cosine.yaml": "_target_: torch.optim.lr_scheduler.CosineAnnealingLR\nT_max: 10\n",
    "callbacks/default.yaml": "live_view: {_target_: toy.Live, every: 10, rows: 15}\n",
    "experiment/small.yaml": "# @package _global_\ndefaults:\n  - override /dataset: read\nseed: 7\n",
}


@pytest.fixture
def toy() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).with_name("toy.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["toy"]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "toy_conf"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
