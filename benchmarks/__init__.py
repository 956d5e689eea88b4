"""Speed and memory of the seed's configuration, against its targets and the original: `python -m benchmarks.run`."""
