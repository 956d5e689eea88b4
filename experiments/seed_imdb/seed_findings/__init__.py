"""Six findings on why the seed's model cannot learn its tokens, a module each."""
