import io
import re
import unicodedata

import numpy as np
import pytest
import torch
from rich.console import Console
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.escaping import harmless
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.training.callbacks.live_view import LiveViewConfig
from tokenlayer.training.callbacks.pattern_tables import Side, side_by_side
from tokenlayer.training.callbacks.patterns_log_callback import pattern_rows
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, current_step

FRAME = re.compile(r"Epoch (\d+)/(\d+) .*? (\d+)/(\d+) +loss (\d+\.\d+) +accuracy (\d\.\d+)")
ROW = re.compile(r'"(.+?)" +(\d+\.\d+) +(\d+) +"(.+?)" +(\d+\.\d+) +(\d+)')


class Witness(RunCallback):
    """Notes the patterns of every tenth batch, as the view has them."""

    def __init__(self):
        self.rows = []
        self.out = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        step = current_step(pl_module)
        if step.batch % 10 == 0:
            alphabet = trainer.datamodule.prepared.alphabet
            module = as_module(pl_module)
            self.rows.append(pattern_rows(step, module, step.output.tokens.vocabulary.decode(alphabet)))
            self.out.append(module.model.head.out.weight.detach().numpy().copy())


def frames(shown):
    """The text of each redrawing, the last line of the one before cut off."""
    starts = [match.start() for match in FRAME.finditer(shown)]
    return [shown[first:end] for first, end in zip(starts, [*starts[1:], len(shown)], strict=True)]


def test_progress_and_the_patterns_with_most_and_least_gradient_every_ten_batches(original: Training) -> None:
    original.terminal = True
    witness = Witness()
    shown = original.fit(LiveViewConfig(), more=[witness]).shown
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
    side = Side("largest", "× 100", ["[a]", "b█"], ["50.00000", "25.00000"], [3, 1])
    table = side_by_side(side, side)
    assert table.row_count == 2
    assert [str(cell) for cell in table.columns[0].cells] == ['"[a]"', '"b█"']
    assert list(table.columns[1].cells) == ["50.00000", "25.00000"]


WEIGHT_ROW = re.compile(r'"(.+?)" +([+-]\d+\.\d+)( class_\d)? +(\d+) +"(.+?)" +([+-]\d+\.\d+)( class_\d)? +(\d+)')


@pytest.mark.parametrize("n_classes", [2, 3])
def test_tokens_whose_characters_no_gradient_moves_are_shown_by_their_weight(
    training: Training, n_classes: int
) -> None:
    training.terminal = True
    training.dataset.n_classes = n_classes
    training.model = ModelConfig(PoolHeadConfig(), vocab_size=40, embedding_dim=2)
    witness = Witness()
    fitted = training.fit(LiveViewConfig(top=4), more=[witness])
    shown = WEIGHT_ROW.findall(frames(fitted.shown)[0])
    assert len(shown) == 4
    rows, out = witness.rows[0], witness.out[0]
    logits = rows.embedding @ out.T
    change = logits - logits.mean(1, keepdims=True) if n_classes > 2 else logits
    order = np.argsort(-change.max(1), kind="stable")
    right = order[4:8] if n_classes > 2 else order[::-1]
    for cells, first, second in zip(shown, order, right, strict=False):
        for (pattern, weight, towards, matches), token_id in ((cells[:4], first), (cells[4:], second)):
            assert (pattern, matches) == (rows.pattern[token_id].rstrip("█"), str(rows.matches[token_id]))
            assert float(weight) == pytest.approx(change[token_id].max(), abs=1e-4)
            assert towards == (f" class_{change[token_id].argmax()}" if n_classes > 2 else "")


def test_the_view_changes_nothing_of_the_training(training: Training) -> None:
    alone = training.fit().module.model.state_dict()
    training.terminal = True
    seen = training.fit(LiveViewConfig(every=1)).module.model.state_dict()
    assert all(torch.equal(value, seen[name]) for name, value in alone.items())


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


def test_nothing_in_a_list_is_acted_on_by_a_terminal() -> None:
    screen = io.StringIO()
    nasty = "[red]a[/]\x1b]0;pwn\x07\x9b2J\u202e :smile:"
    side = Side(f"for {nasty}", "weight", [nasty], [f"+1.0 {harmless(nasty)}"], [1])
    Console(file=screen, force_terminal=True, width=400, color_system=None, markup=False, emoji=False).print(
        side_by_side(side, side)
    )
    shown = screen.getvalue()
    assert shown.count("[red]a[/]␛]0;pwn␇‹U+009B›2J‹U+202E› :smile:") == 6
    assert {unicodedata.category(sign) for sign in shown if sign != "\n"}.isdisjoint(("Cc", "Cf"))
