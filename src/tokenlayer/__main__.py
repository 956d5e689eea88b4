"""`python -m tokenlayer`: the same as the command `tokenlayer`."""

import sys

from tokenlayer.cli.main import main

sys.exit(main())
