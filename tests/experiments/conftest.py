"""What experiments share among their own scripts lies outside of `src`."""

import sys
from pathlib import Path

for name in ("seed_imdb", "why_the_seed_cannot_learn"):
    sys.path.insert(0, str(Path(__file__).parents[2] / "experiments" / name))
