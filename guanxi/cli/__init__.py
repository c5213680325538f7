"""The command line: one file per command, named like it; ``root`` is the table of contents."""

import sys
from importlib import import_module

__all__ = ["STOPPED", "main"]

STOPPED = 130
"""Exit code after Ctrl-C, as shells say it: 128 + SIGINT."""


def main() -> None:
    """The program `guanxi`; leaves with its exit code.

    All else is imported in here, so that Ctrl-C ends with one line even while the program is only being loaded.
    """
    try:
        import_module("guanxi.cli.root").main()
    except KeyboardInterrupt:
        sys.stderr.write("guanxi: stopped\n")
        sys.exit(STOPPED)
