"""Searches: Optuna chooses the settings of training runs by what earlier ones have brought, under one parent run."""
