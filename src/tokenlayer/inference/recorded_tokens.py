"""What a run has recorded of its tokens, read back: their effects, and the test texts that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.tracking.reading import download_artifact
from tokenlayer.training.callbacks.run_callback import visible

_EFFECTS, _LIVES = "tokens/effects.json", "tokens/biography.json"
_OF_CLASS = "texts of "


def recorded_figures(
    run_id: str, patterns: Sequence[str], *, tracking_uri: str | None, output_dir: str
) -> pd.DataFrame:
    """A row for each token, as far as the run has recorded it.

    Columns: `effect`, the change of the logit that the token causes, mean over all test texts; `test texts`, which hold
    it; `test matches`, how often they do; `test texts of <class>`. A run that left out `callbacks.token_effects` lacks
    the first three, one that left out `callbacks.token_history` the last. Of equal tokens all are empty but the last.

    Args:
        run_id: the run.
        patterns: (N,) its tokens, decoded, all K characters of each.
        tracking_uri: the store of the runs; None: that of `output_dir`.
        output_dir: the folder that runs were written to.

    Raises:
        InputError: what was recorded is damaged.

    """
    figures = pd.DataFrame(index=pd.RangeIndex(len(patterns)))
    effects = _table(run_id, _EFFECTS, ["pattern", "effect", "texts", "matches"], tracking_uri, output_dir)
    if effects is not None:
        # Older versions have written all K characters.
        effects["pattern"] = effects["pattern"].str.rstrip(BLANK_SIGN)
        once = effects[~effects["pattern"].duplicated(keep=False)].set_index("pattern")
        found = once.reindex(visible(patterns)).reset_index(drop=True)
        figures["effect"] = found["effect"].astype(float)
        figures["test texts"] = found["texts"].astype("Int64")
        figures["test matches"] = found["matches"].astype("Int64")
    lives = _table(run_id, _LIVES, ["neuron", "pattern", "tested"], tracking_uri, output_dir)
    if lives is not None:
        tested = lives[lives["tested"].eq(True)].drop_duplicates("neuron").set_index("neuron").reindex(figures.index)
        same = tested["pattern"] == visible([pattern.strip(BLANK_SIGN) or BLANK_SIGN for pattern in patterns])
        for name in [name for name in lives.columns if name.startswith(_OF_CLASS)]:
            figures[f"test {name}"] = tested[name].where(same).astype("Int64")
    return figures


def _table(
    run_id: str, path: str, columns: Sequence[str], tracking_uri: str | None, output_dir: str
) -> pd.DataFrame | None:
    """A table that a run has recorded; None: it has not."""
    try:
        file = download_artifact(run_id, path, uri=tracking_uri, output_dir=output_dir)
    except InputError:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        frame = pd.DataFrame(content["data"], columns=content["columns"])
        frame[list(columns)]  # each is there
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"run {run_id}: {path} is damaged ({error}): its checkpoint alone still tells of its tokens"
        ) from error
    return frame
