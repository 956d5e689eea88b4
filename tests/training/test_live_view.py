import re

import numpy as np
import pytest
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.training.callbacks.base import RunCallback, as_module, current_step
from tokenlayer.training.callbacks.live_view import LiveViewConfig, patterns_table
from tokenlayer.training.callbacks.patterns_log import PatternRows, pattern_rows

FRAME = re.compile(r"Epoch (\d+)/(\d+) .*? (\d+)/(\d+) +loss (\d+\.\d+) +accuracy (\d\.\d+)")
ROW = re.compile(r'"(.+?)" +(\d+\.\d+) +(\d+) +"(.+?)" +(\d+\.\d+) +(\d+)')


class Witness(RunCallback):
    """Notes the patterns of every tenth batch, as the view has them."""

    def __init__(self):
        self.rows = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        step = current_step(pl_module)
        if step.batch % 10 == 0:
            alphabet = trainer.datamodule.prepared.alphabet
            self.rows.append(pattern_rows(step, as_module(pl_module), alphabet))


def frames(shown):
    """The text of each redrawing, the last line of the one before cut off."""
    starts = [match.start() for match in FRAME.finditer(shown)]
    return [shown[first:end] for first, end in zip(starts, [*starts[1:], len(shown)], strict=True)]


def test_progress_and_the_patterns_with_most_and_least_gradient_every_ten_batches(training: Training) -> None:
    training.terminal = True
    witness = Witness()
    shown = training.fit(LiveViewConfig(), more=[witness]).shown
    drawn = [FRAME.search(frame).groups() for frame in frames(shown)]
    places = [(int(epoch), int(of), int(batch), int(n)) for epoch, of, batch, n, *_ in drawn]
    assert list(dict.fromkeys(places)) == [(1, 1, 1, STEPS_PER_EPOCH), (1, 1, 11, STEPS_PER_EPOCH)]
    assert len(witness.rows) == 2
    first = ROW.findall(frames(shown)[0])
    assert len(first) == 15
    rows = witness.rows[0]
    order = np.argsort(rows.gradient, kind="stable")
    for (pattern, gradient, matches, low_pattern, low_gradient, low_matches), high, low in zip(
        first, order[::-1], order, strict=False
    ):
        assert (pattern, matches) == (rows.pattern[high], str(rows.matches[high]))
        assert float(gradient) == pytest.approx(100 * rows.gradient[high], abs=1e-5)
        assert (low_pattern, low_matches) == (rows.pattern[low], str(rows.matches[low]))
        assert float(low_gradient) == pytest.approx(100 * rows.gradient[low], abs=1e-5)


def test_one_line_an_epoch_where_the_output_is_no_terminal(training: Training) -> None:
    training.trainer.max_epochs = 2
    lines = training.fit(LiveViewConfig()).shown.splitlines()
    assert [line.split("validation")[0].split() for line in lines] == [
        ["epoch", "1", "step", "17"],
        ["epoch", "2", "step", "34"],
    ]


def test_fewer_patterns_than_there_is_room_for() -> None:
    rows = PatternRows(["[a]", "b█"], np.array([0.5, 0.25]), np.array([3, 1]), np.zeros((2, 1)))
    table = patterns_table(rows, 15)
    assert table.row_count == 2
    assert [str(cell) for cell in table.columns[0].cells] == ['"[a]"', '"b█"']
    assert list(table.columns[1].cells) == ["50.00000", "25.00000"]


def test_an_exception_gives_the_terminal_back(training: Training) -> None:
    class Fails(RunCallback):
        def __init__(self):
            pass

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            raise RuntimeError("no luck")

    training.terminal = True
    view = []
    config = LiveViewConfig()
    build = config.build
    config.build = lambda run: view.append(build(run)) or view[0]
    with pytest.raises(RuntimeError, match="no luck"):
        training.fit(config, more=[Fails()])
    assert view[0]._live is None
