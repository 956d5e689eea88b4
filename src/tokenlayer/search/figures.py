"""Optuna's figures of a study."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning
from optuna.visualization import matplotlib as visualization

from tokenlayer.training.drawing import save_figure

_DPI = 120
# The importance of a setting is how much of the variance of the values goes with it.
_LEAST_FOR_IMPORTANCES = 2


def write_figures(study: optuna.Study, metric: str, n_complete: int, folder: Path) -> None:
    """Write `history.png`, `slice.png`, `parallel_coordinates.png` and `importances.png`, as far as trials allow them.

    Args:
        study: the study.
        metric: the label of the values.
        n_complete: number of complete trials.
        folder: an existing folder.

    """
    if not n_complete:
        return
    drawn: dict[str, Callable[..., Any]] = {
        "history": visualization.plot_optimization_history,
        "slice": visualization.plot_slice,
        "parallel_coordinates": visualization.plot_parallel_coordinate,
    }
    if n_complete >= _LEAST_FOR_IMPORTANCES:
        drawn["importances"] = visualization.plot_param_importances
    for name, draw in drawn.items():
        save_figure(lambda draw=draw: _figure(draw, study, metric), folder / f"{name}.png", _DPI)  # type: ignore[misc]  # mypy infers no type of a lambda with a default


def _figure(draw: Callable[..., Any], study: optuna.Study, metric: str) -> Figure:
    # Optuna draws by pyplot and sets its style, both of which belong to the whole process.
    with mpl.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        target = {} if draw is visualization.plot_param_importances else {"target_name": metric}
        axes = draw(study, **target)
        first = axes.flat[0] if hasattr(axes, "flat") else axes
        figure: Figure = first.get_figure()
        plt.close(figure)
        return figure
