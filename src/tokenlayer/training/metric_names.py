"""The names of what a pass over texts is measured by; `metrics` computes it."""

NAMES = ("loss", "accuracy", "balanced_accuracy", "f1", "auroc")
"""Each is logged as `train/…`, `validation/…` or `test/…`."""
