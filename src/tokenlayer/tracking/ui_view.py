"""Views of the runs page of MLflow's UI: its columns, its order, its filter and its charts, prepared for an address.

MLflow keeps a view in a tag of the experiment, `mlflow.sharedViewState.KEY`, and loads it where the address has
`viewStateShareKey=KEY`. It documents neither. What is written here was read in the JavaScript of MLflow 3.17.2
(`mlflow/server/js/build`; in its sources `ExperimentPageUIState`, `runs-charts.types`, `savedViewEnvelope`), and tried
in a browser (`tests/integration/test_ui_in_browser.py`). With another version the pages are shown as they are.

What a state leaves out has MLflow's default. Charts of metrics that no chart here has are added by MLflow, each to the
section that is called like the metric's group, and not drawn before they are scrolled to.
"""

import base64
import importlib.metadata
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

CHECKED_WITH = "3.17"
"""The minor version of MLflow whose pages load what is written here."""
TAG_PREFIX = "mlflow.sharedViewState."
# Without this part of an address, MLflow 3 shows pages for language models around a run: traces, judges, prompts.
TRAINING_MODE = {"workflowType": "machine_learning"}

TEST, VALIDATION = "test/accuracy", "validation/accuracy"
_FIRST = ("test", "validation", "train", "tokens", "quality")
_FOLDED_LAST = ("watch", "grads", "vals", "System metrics")  # the second and third of runs before 0.2
_LINES = ("validation/accuracy", "validation/loss", "train/loss", "train/accuracy")  # first in their sections
_UNGROUPED = "Model metrics"  # where MLflow puts metrics without a group
_SWEPT = "sweep"
_MOST_KEYS = 10
_NARROWEST, _LETTER = 100, 7  # pixels, the latter of names that begin with their kind


@dataclass(frozen=True)
class Filter:
    """The runs that the page shows, and by what they are ordered, the largest first.

    Ordered by their start, MLflow shows runs under their parents, whether or not `search` lets those through.
    """

    search: str
    order_by: str

    def facets(self) -> dict[str, Any]:
        """The same in MLflow's words."""
        return {"searchFilter": self.search, "orderByKey": self.order_by, "orderByAsc": False}


@dataclass(frozen=True)
class View:
    """A view of the runs of an experiment.

    Attributes:
        key: tells it from the experiment's other views; a later view of the same key takes its place.
        title: its name in the page's menu of views; None keeps it out of the menu.
        shown: which runs.
        columns: canonical names of columns, as `column` makes them.
        charts: sections and charts; empty leaves all of them to MLflow.

    """

    key: str
    title: str | None
    shown: Filter
    columns: Sequence[str]
    charts: Mapping[str, Any]

    @property
    def tag(self) -> str:
        """The experiment's tag that holds it."""
        return f"{TAG_PREFIX}{self.key}"

    def value(self) -> str:
        """What the tag holds: the same for the same view."""
        state = json.dumps(self._state(), separators=(",", ":"))
        packed = "deflate;" + base64.b64encode(zlib.compress(state.encode())).decode()
        if self.title is None:
            return packed
        # MLflow lists no view without a time, and the latest first: those that users made themselves.
        return json.dumps({"name": self.title, "createdAt": 0, "state": packed})

    def page(self, experiment_id: str, *, stored: bool, as_charts: bool) -> str:
        """The path of the runs page, to follow the server's address.

        Args:
            experiment_id: the experiment.
            stored: the tag is there; else the address restricts and orders the runs by itself.
            as_charts: the page opens on the charts, else on the table, which alone has the columns.

        """
        # A stored view is not loaded where the address has search parameters.
        chosen = {"viewStateShareKey": self.key} if stored else self.shown.facets() | {"orderByAsc": "false"}
        mode = {"compareRunsMode": "CHART" if as_charts else "TABLE"}
        return f"#/experiments/{experiment_id}/runs?{urlencode(TRAINING_MODE | mode | chosen)}"

    def _state(self) -> dict[str, Any]:
        return {
            **self.shown.facets(),
            "selectedColumns": list(self.columns),
            "columnOrder": list(self.columns),  # without an order, MLflow does not look at the widths
            "columnWidths": {name: max(_NARROWEST, _LETTER * len(name)) for name in self.columns},
            "runsHiddenMode": "SHOW_ALL",
            **self.charts,
        }


def run_path(experiment_id: str, run_id: str, tab: str = "") -> str:
    """The path of a run's own page, or of a tab of it such as `artifacts/tokens`, to follow the server's address."""
    page = "/".join(filter(None, (run_id, tab)))
    return f"#/experiments/{experiment_id}/runs/{page}?{urlencode(TRAINING_MODE)}"


def why_unchecked() -> str | None:
    """Why these views may not work here; None with a version of MLflow that they were tried with."""
    version = importlib.metadata.version("mlflow")
    if version.startswith(f"{CHECKED_WITH}."):
        return None
    return f"views were tried with MLflow {CHECKED_WITH}, and {version} is installed"


def view_of_experiment(swept: Iterable[str], metrics: Iterable[str]) -> View:
    """All runs, the latest first, those of a sweep under their parent.

    Args:
        swept: keys of the experiment's sweeps.
        metrics: names of metrics of some of the runs.

    """
    shown = Filter("", "attributes.start_time")
    return View("tokenlayer-runs", "tokenlayer: all runs", shown, _columns(swept), _charts(metrics))


def view_of_run(run_id: str, metrics: Iterable[str]) -> View:
    """One run and its charts, by the names of its metrics."""
    only = Filter(f"attributes.run_id = '{run_id}'", column("metrics", VALIDATION))
    return View(f"tokenlayer-run-{run_id}", None, only, _columns(()), _charts(metrics))


def view_of_sweep(
    run_id: str, name: str, swept: Sequence[str], parameters: Iterable[str], metrics: Iterable[str]
) -> View:
    """The runs of a sweep, the best in validation first.

    Args:
        run_id: of the parent.
        name: the sweep's.
        swept: the keys, each a tag of the runs.
        parameters: names of the runs' parameters.
        metrics: names of the runs' metrics.

    """
    children = Filter(f"tags.`mlflow.parentRunId` = '{run_id}'", column("metrics", VALIDATION))
    known = set(parameters)
    # Chosen options of a group (`initializer=bpe`) are recorded as parameters `group.initializer`.
    recorded = (key if key in known else f"group.{key}" for key in swept)
    axes = [parameter for parameter in recorded if parameter in known]
    axes.sort(key=lambda parameter: parameter != "seed")  # between a setting and the accuracy it would hide the effect
    charts = _charts(metrics, _parallel(axes) if len(axes) >= 2 else None)
    return View(f"tokenlayer-sweep-{run_id}", f"tokenlayer: sweep {name}", children, _columns(swept), charts)


def column(kind: str, name: str) -> str:
    """The canonical name of a column, which orders by it, too: ``metrics.`test/accuracy` ``."""
    return f"{kind}.`{name}`"


def _columns(swept: Iterable[str]) -> list[str]:
    keys = [key for key in dict.fromkeys(swept) if "`" not in key][:_MOST_KEYS]
    return [column("metrics", TEST), column("metrics", VALIDATION), *(column("tags", key) for key in keys)]


def _charts(metrics: Iterable[str], swept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Sections in their order, and the charts that MLflow would draw otherwise."""
    names = sorted(set(metrics))
    sections = [_section(group) for group in _ordered({_group(name) for name in names})]
    charts = [_chart(name) for name in names if name.startswith("test/") or name in _LINES]
    if swept is not None:
        sections.insert(0, {"uuid": _SWEPT, "name": _SWEPT, "display": True, "isReordered": True, "columns": 1})
        charts.insert(0, dict(swept))
    return {"compareRunSections": sections, "compareRunCharts": charts, "isAccordionReordered": True}


def _group(metric: str) -> str:
    group, _, _ = metric.rpartition("/")
    return {"": _UNGROUPED, "system": _FOLDED_LAST[-1]}.get(group, group)


def _outermost(group: str) -> str:
    return group.partition("/")[0]


def _ordered(groups: Iterable[str]) -> list[str]:
    ranks = {group: rank for rank, group in enumerate(_FIRST)}
    ranks |= {group: len(_FIRST) + 1 + rank for rank, group in enumerate(_FOLDED_LAST)}
    return sorted(groups, key=lambda group: (ranks.get(_outermost(group), len(_FIRST)), group))


def _section(group: str) -> dict[str, Any]:
    """A section with the charts of a group; `isReordered` has MLflow add its own behind ours."""
    display = _outermost(group) not in _FOLDED_LAST
    return {"uuid": f"section {group}", "name": group, "display": display, "isReordered": True}


def _chart(metric: str) -> dict[str, Any]:
    """A chart of a metric: a bar for a test, which has one value, else a line."""
    kind = "BAR" if metric.startswith("test/") else "LINE"
    return {
        "type": kind,
        "uuid": f"chart {metric}",
        "metricSectionId": f"section {_group(metric)}",
        "metricKey": metric,
    }


def _parallel(parameters: Sequence[str]) -> dict[str, Any]:
    """A chart of parallel coordinates, one for each parameter; the last, accuracy, colours the lines."""
    axes = {"selectedParams": list(parameters), "selectedMetrics": [TEST]}
    return {"type": "PARALLEL", "uuid": "swept keys", "metricSectionId": _SWEPT} | axes
