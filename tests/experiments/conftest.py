"""`experiments` is not installed: it is run, and imported here, from the repository's root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
