"""Models kept as folders, and on the Hugging Face hub."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tokenlayer.atomic import new_folder
from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless_lines, markdown_text
from tokenlayer.hints import shortened
from tokenlayer.outside import check_installed
from tokenlayer.training.model_folder import CONFIG, WEIGHTS, write_model_folder

if TYPE_CHECKING:
    from tokenlayer.inference.trained_model import TrainedModel


def save(model: TrainedModel, folder: Path) -> None:
    """Write weights, configuration and a card into a new folder.

    Raises:
        InputError: there is such a folder, or it cannot be written, or safetensors is not installed.

    """
    with new_folder(folder) as unfinished:
        write_model_folder(unfinished, model.header, model.network.state_dict())
        (unfinished / "README.md").write_text(_card(model), encoding="utf-8")


def downloaded(name: str, revision: str | None) -> Path:
    """The folder into which a model of the hub has been loaded, now or before: the files that `save` writes.

    Raises:
        InputError: the hub has none of this name, or cannot be reached.

    """
    with _hub(f"{shortened(name)}: no such folder; the Hugging Face hub"):
        from huggingface_hub import snapshot_download  # noqa: PLC0415  # an extra, slow to import

        return Path(snapshot_download(name, revision=revision, allow_patterns=[CONFIG, WEIGHTS]))


def push(model: TrainedModel, name: str, *, private: bool | None) -> str:
    """Put a model on the hub; the address of what has been done.

    Raises:
        InputError: the hub refuses, or cannot be reached.

    """
    with tempfile.TemporaryDirectory() as around, _hub(f"{shortened(name)}: the Hugging Face hub"):
        from huggingface_hub import HfApi  # noqa: PLC0415  # an extra, slow to import

        folder = Path(around, "model")
        save(model, folder)
        hub = HfApi()
        place = hub.create_repo(name, private=private, exist_ok=True).repo_id
        return str(hub.upload_folder(repo_id=place, folder_path=folder, commit_message="A model of tokenlayer"))


@contextmanager
def _hub(whose: str) -> Iterator[None]:
    """Make one error of all that talking to the hub may raise."""
    check_installed("huggingface_hub", "models of the Hugging Face hub need huggingface_hub", extra="huggingface")
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # the client raises what its HTTP library does, and that has changed
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"{whose} says: {shortened(harmless_lines(lines[0]), 500)}; check the name, the connection (is "
            "HF_HUB_OFFLINE set?) and, for what is not public, hf auth login"
        ) from error


def _card(model: TrainedModel) -> str:
    return _CARD.format(
        n_tokens=model.network.tokenization.vocab_size,
        longest=model.network.tokenization.max_token_length,
        classes="\n".join(f"- {markdown_text(name)}" for name in model.class_names),
        version=importlib.metadata.version("tokenlayer"),
        run=f" in the run `{model.run_id}`" if model.run_id else "",
    )


_CARD = """\
---
library_name: tokenlayer
pipeline_tag: text-classification
tags:
- tokenlayer
---

# A classifier of texts by the tokens that it has learned

{n_tokens:,} tokens of up to {longest} characters, trained by tokenlayer {version}{run}, for these classes:

{classes}

```python
from tokenlayer import TrainedModel  # pip install 'tokenlayer[huggingface]'

model = TrainedModel.from_pretrained("this/folder")  # or its name on the hub
model.predict_proba(["A text"])
model.tokens  # with the weight of each
```

`config.json` holds the whole configuration of the training, `model.safetensors` the weights.
"""
