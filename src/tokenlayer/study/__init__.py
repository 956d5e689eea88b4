"""Studies: many runs of the one command, what MLflow holds of them, and what they say together."""
