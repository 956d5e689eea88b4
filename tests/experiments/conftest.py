"""The findings are a script beside its package, outside of `src`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments" / "seed_imdb"))
