"""The origin of a run: its code, data and machine; its configuration is recorded before anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tokenlayer.atomic import replace_text
from tokenlayer.tracking.provenance import record_provenance
from tokenlayer.training.callbacks.run_callback import RunCallback


class Provenance(RunCallback):
    """Parameters (flat), `config/provenance.json`, `dataset/report.json`, and tags of git state, packages, hardware."""

    def before_training(self) -> None:
        job, dataset = self.run.job, self.run.dataset
        report = {"fingerprint": dataset.fingerprint, "alphabet": dataset.alphabet.chars} | asdict(dataset.report)
        if dataset.ground_truth is not None:
            report["ground_truth"] = asdict(dataset.ground_truth)
        text = json.dumps(report, indent=2, ensure_ascii=False)
        replace_text(self.recorder.artifact("dataset/report.json"), text)
        # What watches a run does not tell it from others; it stands in config/resolved.yaml.
        told = {name: value for name, value in job.resolved.items() if name != "callbacks"}
        # MLflow takes no @, as in callbacks@callbacks.mine, in a name.
        choices = {f"group.{group.replace('@', ':')}": option for group, option in job.choices.items()}
        self.recorder.log_params(flat(told) | choices)
        self.recorder.set_tags({"dataset.fingerprint": dataset.fingerprint})
        record_provenance(self.recorder)


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted names; a list, or an empty section, is one value."""
    result: dict[str, Any] = {}
    for name, value in section.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{key}.")
        else:
            result[key] = value
    return result
