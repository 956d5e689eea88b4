"""The command line: one file per command. Thin: what it starts lives in the other packages."""
