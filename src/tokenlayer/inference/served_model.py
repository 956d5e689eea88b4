"""A trained model as MLflow serves it: texts in, classes and probabilities and the tokens behind them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened
from tokenlayer.inference.reading import checked_texts
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.model_files import (
    ALLOWED,
    DEFAULT_TOP,
    EXPLAIN,
    PREDICTION,
    TEXT,
    TOKENS,
    TOP,
    WEIGHTS,
    probability_columns,
)
from tokenlayer.training.checkpoint_loading import saved_model

MOST_EXPLAINED = 100
"""The texts of a request whose tokens are told: each costs as many passes of the head as it has tokens."""


class ServedModel(PythonModel):
    """The model of a run, of the files that `tracking.model_files` has made."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights.

        Raises:
            InputError: they are damaged, or of a package that may not be named.

        """
        saved = saved_model(context.artifacts[WEIGHTS], TrackingConfig(), "")
        self._model = TrainedModel(saved, (context.model_config or {}).get(ALLOWED, ()))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow hands it over
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """One row for each text: `prediction`, `probability_<class>`, and with `explain` the `tokens` in it.

        Args:
            context: not needed.
            model_input: a table with the one column `text`, or what MLflow makes of a list of texts.
            params: `explain` (false): tell of each text its tokens with their matches, their effect on the logit and
                the class that they speak for, the largest effect first; `top` (10): so many of them at most.

        Raises:
            MlflowException: there are no texts, or one of them is no string; a server answers it by 400.

        """
        try:
            return self._predicted(model_input, params or {})
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _predicted(self, model_input: pd.DataFrame, params: Mapping[str, Any]) -> pd.DataFrame:
        texts = checked_texts(_only_column(model_input))
        is_explained, top = params.get(EXPLAIN, False), params.get(TOP, DEFAULT_TOP)
        if is_explained and len(texts) > MOST_EXPLAINED:
            raise InputError(f"{EXPLAIN}: {len(texts)} texts: give {MOST_EXPLAINED} at most in one request")
        if top < 1:
            raise InputError(f"{TOP}={top}: must be at least 1")
        probabilities = self._model.predict_proba(texts)
        table = pd.DataFrame(probabilities, columns=probability_columns(self._model.class_names))
        table.insert(0, PREDICTION, self._model.classes(probabilities))
        if is_explained:
            table.insert(len(table.columns), TOKENS, pd.Series([self._tokens(text, top) for text in texts]))
        return table

    def _tokens(self, text: str, top: int) -> list[dict[str, Any]]:
        return [
            {"token": token.pattern, "matches": token.matches, "effect": token.effect, "towards": token.towards}
            for token in self._model.explain(text).tokens[:top]
        ]


def _only_column(table: Any) -> Any:
    """The texts of a table; anything else as it is."""
    if not isinstance(table, pd.DataFrame):
        return table
    names = table.columns.tolist()
    if len(names) != 1 or names[0] not in (TEXT, 0):  # 0: of a list
        found = ", ".join(shortened(repr(name)) for name in names[:5]) or "none"
        raise InputError(f"columns: {found}: give a list of texts, or a table with the one column {TEXT!r}")
    return table.iloc[:, 0].tolist()
