"""The ``edgetl`` command: one small file for each subcommand."""

from edgetl.cli.main import main

__all__ = ["main"]
