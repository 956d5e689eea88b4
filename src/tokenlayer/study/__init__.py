"""Studies: many runs of `tokenlayer`, found again in MLflow, and reported together."""
