"""Every replacement of a token by the learning rule."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from rich.text import Text
from torch import Tensor

from tokenlayer.escaping import harmless
from tokenlayer.layer.vocabulary import BLANK_SIGN, Vocabulary
from tokenlayer.models.logit_gradients import class_weights, logit_gradients, top_class
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback, as_module, current_step
from tokenlayer.training.module import TokenizationModule, TrainingStep

_TEXTS = 64  # training texts on which the directions of the classes are measured


class EditsLog(RunCallback):
    """Table `logs/edits`: one row a replaced token; metrics `rule/replaced` and what the rule says of itself.

    `age` is the number of steps that the former token has lived; one of the initializer's lives from step 0, one that
    the rule chose after step s from step s + 1. After a validation, a line names the top ones of the new tokens.
    """

    def __init__(self, run: RunContext, shown: int) -> None:
        super().__init__(run)
        self.shown = shown
        self._born: Tensor | None = None
        self._shown_to = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._born is None:
            self._born = torch.zeros(as_module(pl_module).model.tokenization.vocab_size, dtype=torch.int64)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = current_step(pl_module)
        if step.edit is None:
            return
        rule = as_module(pl_module).rule
        figures = {f"rule/{name}": value for name, value in rule.figures().items()}
        self.recorder.log_metrics(figures | {"rule/replaced": len(step.edit.edit.token_ids)}, step.step)
        if len(step.edit.edit.token_ids):
            self._log(step)

    def _log(self, step: TrainingStep) -> None:
        assert self._born is not None
        assert step.edit is not None
        edit = step.edit.edit
        token_ids = edit.token_ids.cpu()
        self.recorder.append(
            "logs/edits",
            step.place
            | {
                "neuron": token_ids.numpy(),
                "pattern": self._decoded(edit.codes),
                "score": edit.scores.double().cpu().numpy(),
                "previous": self._decoded(step.edit.previous),
                "reason": list(edit.reasons),
                "previous_embedding": step.edit.previous_embedding.cpu().numpy(),
                "age": (step.step + 1 - self._born[token_ids]).numpy(),
            },
        )
        self._born[token_ids] = step.step + 1

    def _decoded(self, codes: Tensor) -> list[str]:
        return Vocabulary(codes).decode(self.run.dataset.alphabet)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or self._born is None:
            return
        new = (self._born > self._shown_to).nonzero()[:, 0]
        if len(new) and self.shown:
            self.run.console.print(self._line(as_module(pl_module), new), soft_wrap=True)
        self._shown_to = trainer.global_step

    def _line(self, module: TokenizationModule, new: Tensor) -> Text:
        weights, towards = self._weights(module)
        order = new[weights[new].abs().argsort(descending=True, stable=True)][: self.shown].tolist()
        patterns = self._decoded(module.model.tokenization.vocabulary().codes[order])
        classes = self.run.dataset.class_names
        named = (
            f'"{harmless(pattern.strip(BLANK_SIGN))}" ({harmless(classes[int(towards[token_id])])})'
            for token_id, pattern in zip(order, patterns, strict=True)
        )
        verb = "is" if len(new) == 1 else "are"
        count = f"{len(new)} of {len(weights)} tokens {verb} new since step {self._shown_to}"
        return Text(f"  {count}, top " + ", ".join(named))

    def _weights(self, module: TokenizationModule) -> tuple[Tensor, Tensor]:
        """(N,) weight of each token, and (N,) the class that it speaks for."""
        texts = torch.from_numpy(self.run.dataset.splits["train"].codes[:_TEXTS].astype("int64"))
        directions = logit_gradients(module.model, texts.to(module.device))
        weights, towards = top_class(class_weights(module.model.embedding.weight.detach(), directions))
        return weights.cpu(), towards.cpu()

    def state_dict(self) -> dict[str, Any]:
        return {"born": self._born, "shown_to": self._shown_to}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._born = state_dict["born"]
        self._shown_to = state_dict["shown_to"]
