"""Trained tokens and models for other programs, one module a format."""
