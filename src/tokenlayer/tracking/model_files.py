"""The files of a run's model: a folder that MLflow loads and serves by its pyfunc flavour.

The model is code (`model.py`) that reads the weights by torch with `weights_only=True`: no pickle of ours. The package
travels with it as a wheel, which the code unpacks and puts on Python's path, so that tokenlayer need not be installed
where the model is served; what has to be is in `requirements.txt`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from tokenlayer.tracking.wheel import wheel_name, write_wheel

FILES = "model/files/"
"""The beginning of the artifact paths, among those of the run, of what MLflow keeps as the model's."""
WEIGHTS = "weights"
ALLOWED = "allow_targets"
PREDICTION, TOKENS, TEXT = "prediction", "tokens", "text"
# Parameters of a request: whether it wants the tokens, and how many of them a text.
EXPLAIN, TOP = "explain", "top"
DEFAULT_TOP = 10
# What prediction imports of other packages; tests hold it to what a process has imported.
REQUIRED = (
    "mlflow",
    "torch",
    "numpy",
    "numba",
    "pandas",
    "hydra-core",
    "omegaconf",
    "filelock",
    "pyyaml",
    "tokenizers",
    "requests",
)
_EXAMPLE = ("A text to be classified.", "Another one.")
_CODE = '''\
"""A model that tokenlayer has trained: its weights are read by torch with weights_only=True; no pickle is loaded."""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

package = Path(__file__).with_name("code") / "{wheel}"
if "tokenlayer" not in sys.modules and package.is_file():
    # As it was when the model was trained. Unpacked: what numba compiles it keeps beside the source.
    folder = tempfile.mkdtemp(prefix="tokenlayer-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with ZipFile(package) as wheel:
        wheel.extractall(folder)
    sys.path.insert(0, folder)

from mlflow.models import set_model

from tokenlayer.inference.served_model import ServedModel

set_model(ServedModel())
'''


def probability_columns(class_names: Sequence[str]) -> list[str]:
    """The names of the columns of probabilities, as in `predictions/test.parquet`."""
    return [f"probability_{name}" for name in class_names]


def write_model_files(
    folder: Path,
    weights: Path,
    class_names: Sequence[str],
    allow_targets: Sequence[str],
    run_id: str,
    milliseconds: int,
) -> None:
    """Make a folder that `mlflow.pyfunc.load_model` takes; the same model makes the same files.

    `mlflow.pyfunc.save_model` would take several times as long: it compares the requirements with the files of all
    packages. It would also note the folders of this machine, and take a `uv.lock` that it finds for the model's.

    Args:
        folder: a new folder.
        weights: a checkpoint, of which the header and the model's weights are needed; it is moved there.
        class_names: those of the model, in its order.
        allow_targets: packages besides `tokenlayer` and `torch` that the model's configuration may name; they are not
            part of the files.
        run_id: the run that has trained the model.
        milliseconds: when it did so, since 1970.

    Raises:
        OSError: it cannot be written.

    """
    from mlflow.pyfunc import add_to_model  # noqa: PLC0415  # trainings that come to their end alone need it

    code = folder / "code" / wheel_name()
    code.parent.mkdir(parents=True)
    write_wheel(code)
    weights = weights.rename(folder / "weights.ckpt")
    (folder / "model.py").write_text(_CODE.format(wheel=code.name), encoding="utf-8")
    for name, text in (*_environment(), *_example()):
        (folder / name).write_text(text, encoding="utf-8")
    model = Model(
        run_id=run_id,
        utc_time_created=datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None),
        signature=_signature(class_names),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
        model_uuid=run_id,
    )
    add_to_model(  # type: ignore[no-untyped-call]  # MLflow has not annotated it
        model,
        loader_module="mlflow.pyfunc.loaders.code_model",
        code=code.parent.name,
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_config={ALLOWED: list(allow_targets)},
        model_code_path="model.py",
        artifacts={WEIGHTS: {"path": weights.name, "uri": weights.name}},
        streamable=False,
    )
    model.save(folder / "MLmodel")


def _environment() -> Iterator[tuple[str, str]]:
    """The environment to serve the model in, for pip, virtualenv and conda: file names and contents."""
    requirements = list(_requirements())
    yield "requirements.txt", "\n".join([*requirements, ""])
    python = platform.python_version()
    tools = ["pip", "setuptools", "wheel"]
    virtual = {"python": python, "build_dependencies": tools, "dependencies": ["-r requirements.txt"]}
    yield "python_env.yaml", yaml.safe_dump(virtual, sort_keys=False)
    dependencies = [f"python={python}", "pip", {"pip": requirements}]
    conda = {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}
    yield "conda.yaml", yaml.safe_dump(conda, sort_keys=False)


def _example() -> Iterator[tuple[str, str]]:
    """A request as a table, and as a server takes it: file names and contents."""
    table = {"columns": [TEXT], "data": [[text] for text in _EXAMPLE]}
    yield "input_example.json", json.dumps(table)
    yield "serving_input_example.json", json.dumps({"dataframe_split": table}, indent=2)


def _requirements() -> Iterator[str]:
    """What has to be installed, in the versions at hand, but for what tells builds apart, as in 2.13.0+cpu."""
    for name in REQUIRED:
        with suppress(PackageNotFoundError):  # a part of it may stand for it, as mlflow-skinny for mlflow
            yield f"{name}=={version(name).partition('+')[0]}"


def _signature(class_names: Sequence[str]) -> ModelSignature:
    """What goes in and out.

    The texts are of any type, and without a name: MLflow would make the texts "None" and "5" of None and 5, and an
    array as wide as the longest text of a list; and it takes no list where a column has a name.
    """
    probabilities = [ColSpec(DataType.double, name) for name in probability_columns(class_names)]
    anything = AnyType()  # type: ignore[no-untyped-call]  # MLflow has not annotated it
    tokens = ColSpec(anything, TOKENS, required=False)
    return ModelSignature(
        inputs=Schema([ColSpec(anything)]),
        outputs=Schema([ColSpec(DataType.string, PREDICTION), *probabilities, tokens]),
        params=ParamSchema([ParamSpec(EXPLAIN, DataType.boolean, False), ParamSpec(TOP, DataType.long, DEFAULT_TOP)]),
    )
