"""Speed and memory of the original's configuration, beside targets and the original: `python -m benchmarks.run`."""
