"""The command line: one file per command, named like it; ``root`` is the table of contents."""

from guanxi.cli.root import main

__all__ = ["main"]
