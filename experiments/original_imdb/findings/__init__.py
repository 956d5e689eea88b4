"""Six findings on why the original's model cannot learn its tokens, one in each module."""
