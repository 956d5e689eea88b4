import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from tokenlayer.training.token_history_plots import COLORS, INK, timeline, token_name
from tokenlayer.training.token_plots import final_tokens

SEVERAL = ("x", "y", "z")


def life(token_id, pattern, born, died, weight, towards, reason="", weights=None):
    steps = np.arange(born, 100 if died is None else died, 10)
    return {
        "neuron": token_id,
        "pattern": pattern,
        "born": born,
        "died": died,
        "reason": reason,
        "weight": weight,
        "towards": towards,
        "steps": steps,
        "weights": np.full(len(steps), weight) if weights is None else weights,
    }


@pytest.fixture
def lives():
    rows = [
        life(0, " bad█", 0, None, -2.0, "neg"),
        life(1, "old██", 0, 40, 0.1, "pos", "weak"),
        life(1, "$fine$", 40, None, 1.0, "pos"),
        life(2, "mm███", 0, 60, 0.0, "", "dead"),
        life(2, "good█", 60, None, 2.0, "pos"),
    ]
    return pd.DataFrame(rows).astype({"died": "Int64"})


def drawn(figure):
    figure.canvas.draw()
    return figure


def test_rows_are_by_final_weight_and_coloured_by_class(lives):
    figure = drawn(timeline(lives, ("neg", "pos"), 100))
    main = figure.axes[0]
    image = main.images[0].get_array()
    assert image.shape == (3, 100, 3)
    assert [text.get_text() for text in main.texts] == ["good", "$fine$", "␣bad"]
    np.testing.assert_allclose(image[0, 99], to_rgb(COLORS[1]), atol=0.01)
    np.testing.assert_allclose(image[2, 99], to_rgb(COLORS[0]), atol=0.01)
    # The births of "good" at 60 and of "fine" at 40; the initializer's are none.
    assert [np.flatnonzero((row == np.float32(to_rgb(INK))).all(1)).tolist() for row in image] == [[60], [40], []]
    # A token that weighs nothing has no colour.
    assert np.ptp(image[0, 10]) < 0.05 < np.ptp(image[1, 99])


def test_deaths_are_counted_by_reason_where_they_happened(lives):
    deaths, share = drawn(timeline(lives, ("neg", "pos"), 100)).axes[1:]
    bars = {(round(bar.get_x() + bar.get_width() / 2), bar.get_height()) for bar in deaths.patches if bar.get_height()}
    assert bars == {(40, 1), (60, 1)}
    first, last = share.lines
    assert first.get_ydata()[-1] == pytest.approx(1 / 3)
    assert last.get_xdata().tolist() == [0, 40, 60, 100]


def test_a_vocabulary_that_nobody_edits_has_one_panel(lives):
    final = lives[lives["died"].isna()].assign(born=0)
    assert len(drawn(timeline(final, ("neg", "pos"), 100)).axes) == 1


def test_of_several_classes_the_rows_are_class_by_class():
    rows = [life(n, f"t{n}", 0, None, 1.0 + n, SEVERAL[n % 3]) for n in range(7)]
    figure = drawn(timeline(pd.DataFrame(rows).astype({"died": "Int64"}), SEVERAL, 100))
    assert [text.get_text() for text in figure.axes[0].texts] == ["t6", "t3", "t0", "t4", "t1", "t5", "t2"]


@pytest.mark.parametrize("n_classes", [2, 3, 11])
def test_each_class_has_a_panel_with_its_heaviest_tokens_and_their_texts(n_classes):
    names = [f"c{i}" for i in range(n_classes)]
    rng = np.random.default_rng(0)
    n = 30 * n_classes
    towards = np.array(names)[np.arange(n) % n_classes]
    weight = rng.random(n) * np.where((towards == "c0") & (n_classes == 2), -1, 1)
    tokens = pd.DataFrame({"pattern": [f"p{i}██" for i in range(n)], "weight": weight, "towards": towards})
    for name in names:
        tokens[f"texts of {name}"] = rng.integers(0, 50, n)
    figure = drawn(final_tokens(tokens, names))
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    shown = 25 if n_classes == 2 else 14
    classes = [title.removeprefix("for ") for title in panels if title.startswith("for ")]
    assert len(classes) == min(n_classes, 8)
    for name in classes:
        top = tokens[tokens["towards"] == name].sort_values("weight", key=np.abs, ascending=False).head(shown)
        labels = [text.get_text() for text in panels[f"for {name}"].get_yticklabels()]
        assert labels == [pattern.strip("█") for pattern in top["pattern"]]
    counts = figure.axes[2]  # beside the first class
    first = tokens[tokens["towards"] == classes[0]].sort_values("weight", key=np.abs, ascending=False).head(shown)
    totals = first[[f"texts of {name}" for name in names]].sum(axis=1)
    assert [text.get_text() for text in counts.texts] == [str(total) for total in totals]


def test_a_model_without_tokens_for_a_class_still_has_its_picture():
    tokens = pd.DataFrame(
        {"pattern": ["a", "b"], "weight": [0.5, 0.0], "towards": ["y", ""], "texts of x": [0, 0], "texts of y": [3, 0]}
    )
    figure = drawn(final_tokens(tokens, ("x", "y")))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["all of them", "for y", ""]


def test_names_show_spaces_and_no_flanking_blanks():
    assert [token_name(pattern) for pattern in (" a b██", "███", "a█b█")] == ["␣a␣b", "█", "a█b"]
