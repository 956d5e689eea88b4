"""Sweeps: many jobs of one command line under one parent run, which the same command line continues."""
