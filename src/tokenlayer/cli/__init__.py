"""The command line: `tokenlayer train | evaluate | ui`. Thin: what it starts lives in the other packages."""
