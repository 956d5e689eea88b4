"""Configuration: Hydra composes the YAML of `conf/`, dataclasses beside the classes they configure check it.

`check` looks at a whole command line before anything runs; `typed` turns a composed section into an object.
"""
