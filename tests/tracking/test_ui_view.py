"""What is written into the tag; `tests/integration/test_ui_in_browser.py` tries what MLflow makes of it."""

import base64
import json
import zlib
from typing import Any
from urllib.parse import parse_qs

from tokenlayer.tracking import ui_view
from tokenlayer.tracking.ui_view import View

METRICS = (
    "vals/a_mean",
    "watch/gradients/head/out_std",
    "rule/replaced",
    "quality/bits",
    "tokens/coverage",
    "train/loss",
    "validation/loss",
    "test/accuracy",
    "system/cpu",
    "bare",
)


def state(view: View) -> dict[str, Any]:
    packed = view.value() if view.title is None else json.loads(view.value())["state"]
    scheme, _, body = packed.partition(";")
    assert scheme == "deflate"
    loaded: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(body)))
    return loaded


def sweep(swept: list[str], parameters: list[str]) -> dict[str, Any]:
    return state(ui_view.view_of_sweep("ab12", "name", swept, parameters, METRICS))


def charts(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [chart for chart in found["compareRunCharts"] if chart["type"] == kind]


def test_sections_are_ordered_and_the_last_folded() -> None:
    found = state(ui_view.view_of_run("ab12", METRICS))["compareRunSections"]
    names = [section["name"] for section in found]
    assert names[:5] == ["test", "validation", "train", "tokens", "quality"]
    assert names[5:7] == ["Model metrics", "rule"]
    assert names[7:] == ["watch/gradients/head", "vals", "System metrics"]
    assert [section["name"] for section in found if not section["display"]] == names[7:]


def test_every_chart_is_in_a_section() -> None:
    found = sweep(["seed", "initializer"], ["seed", "group.initializer"])
    sections = [section["uuid"] for section in found["compareRunSections"]]
    assert len(set(sections)) == len(sections)
    assert {chart["metricSectionId"] for chart in found["compareRunCharts"]} <= set(sections)
    identities = [chart["uuid"] for chart in found["compareRunCharts"]]
    assert len(set(identities)) == len(identities)


def test_tests_are_bars_and_histories_lines() -> None:
    found = state(ui_view.view_of_run("ab12", METRICS))
    assert [chart["metricKey"] for chart in charts(found, "BAR")] == ["test/accuracy"]
    assert [chart["metricKey"] for chart in charts(found, "LINE")] == ["train/loss", "validation/loss"]


def test_swept_keys_are_columns_and_axes() -> None:
    found = sweep(["initializer", "odd", "seed"], ["seed", "group.initializer"])
    tags = [f"tags.`{key}`" for key in ("initializer", "odd", "seed")]
    assert found["selectedColumns"] == ["metrics.`test/accuracy`", "metrics.`validation/accuracy`", *tags]
    assert found["columnOrder"] == found["selectedColumns"]
    assert (found["orderByKey"], found["orderByAsc"]) == ("metrics.`validation/accuracy`", False)
    assert next(section["name"] for section in found["compareRunSections"] if section["display"]) == "sweep"
    (parallel,) = charts(found, "PARALLEL")
    assert parallel["selectedParams"] == ["seed", "group.initializer"]
    assert parallel["selectedMetrics"] == ["test/accuracy"]


def test_one_swept_key_has_no_parallel_coordinates() -> None:
    found = sweep(["seed"], ["seed", "group.initializer"])
    assert charts(found, "PARALLEL") == []
    assert found["compareRunSections"][0]["name"] == "test"


def test_the_page_loads_the_view_or_filters_by_itself() -> None:
    view = ui_view.view_of_sweep("ab12", "name", ["seed"], [], [])
    path, _, query = view.page("7", stored=True, as_charts=True).partition("?")
    assert path == "#/experiments/7/runs"
    assert parse_qs(query) == {
        "workflowType": ["machine_learning"],
        "compareRunsMode": ["CHART"],
        "viewStateShareKey": ["tokenlayer-sweep-ab12"],
    }
    plain = parse_qs(view.page("7", stored=False, as_charts=False).partition("?")[2])
    assert plain["searchFilter"] == ["tags.`mlflow.parentRunId` = 'ab12'"]
    assert plain["orderByKey"] == ["metrics.`validation/accuracy`"]
    assert plain["orderByAsc"] == ["false"]
    assert plain["compareRunsMode"] == ["TABLE"]
    assert "viewStateShareKey" not in plain, "MLflow loads no view beside search parameters"


def test_the_same_view_has_the_same_value() -> None:
    first = ui_view.view_of_experiment(["seed", "seed"], METRICS)
    again = ui_view.view_of_experiment(["seed"], reversed(METRICS))
    assert first.value() == again.value()
    assert len(first.value()) < 2000


def test_what_could_not_be_a_column_is_left_out() -> None:
    found = state(ui_view.view_of_experiment(["a` b", *(f"key{n}" for n in range(40))], []))
    tags = [name for name in found["selectedColumns"] if name.startswith("tags.")]
    assert tags[0] == "tags.`key0`"
    assert len(tags) == 10
