"""From files or a generator to batches: one file per source, one way of encoding, one DataModule."""
