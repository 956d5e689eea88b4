"""Runs compared: settings against metrics, paired tests, and where the runs differ."""
