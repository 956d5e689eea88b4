"""The origin of a run: its configuration, code, data and machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytorch_lightning as pl
import yaml

from tokenlayer.redaction import redacted_setting, redacted_settings
from tokenlayer.tracking.provenance import record_provenance
from tokenlayer.training.callbacks.run_callback import RunCallback


class Provenance(RunCallback):
    """Parameters (flat), `config/*`, `dataset/report.json`, and tags for git state, packages and hardware."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.record()

    def record(self) -> None:
        """All of it, now."""
        job, dataset = self.run.job, self.run.dataset
        self._write_yaml("config/resolved.yaml", redacted_settings(job.resolved))
        self._write_yaml("config/overrides.yaml", list(map(redacted_setting, job.overrides)))
        self._write_yaml("config/chosen.yaml", list(job.chosen))
        report = {"fingerprint": dataset.fingerprint, "alphabet": dataset.alphabet.chars} | asdict(dataset.report)
        if dataset.ground_truth is not None:
            report["ground_truth"] = asdict(dataset.ground_truth)
        self._write("dataset/report.json", json.dumps(report, indent=2, ensure_ascii=False))
        # What watches a run does not tell it from others; it stands in config/resolved.yaml.
        told = {name: value for name, value in job.resolved.items() if name != "callbacks"}
        self.recorder.log_params(flat(told) | {f"group.{k}": v for k, v in job.choices.items()})
        self.recorder.set_tags({"dataset.fingerprint": dataset.fingerprint})
        record_provenance(self.recorder)

    def _write_yaml(self, artifact: str, content: object) -> None:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        self._write(artifact, text)

    def _write(self, artifact: str, text: str) -> None:
        self.recorder.artifact(artifact).write_text(text, encoding="utf-8")


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
