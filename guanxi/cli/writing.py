"""Generated records into a file or onto standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import click

from guanxi.cli.endings import file_trouble
from guanxi.cli.progress import Running, rate
from guanxi.errors import UserError


@contextmanager
def _named(out: str) -> Iterator[None]:
    """Tell what goes wrong with a file under the name that was given."""
    try:
        yield
    except OSError as error:
        raise file_trouble(error, out) from error


LINES: Final = 5_000
"""Lines are written so many at once."""


def write_lines(lines: Iterator[bytes], out: str) -> None:
    """Write lines, which have no newline, as ``write_blocks`` does."""
    write_blocks(_joined(lines), out)


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    while taken := list(islice(lines, LINES)):
        yield b"\n".join(taken) + b"\n"


def write_blocks(blocks: Iterator[bytes], out: str) -> None:
    """Write blocks of whole lines to the file `out`, - being standard output; a line at the end says how many.

    A file appears under its name when it is complete: what was interrupted leaves `out.part` behind at most. Raises UserError.
    """
    if out == "-":
        for block in blocks:
            sys.stdout.buffer.write(block)
        return
    if Path(out).is_dir():
        raise UserError("a folder, not a file", out, "name a file in it")
    part = Path(f"{out}.part")
    records = size = 0
    with Running("write") as running, _named(out):
        with part.open("wb") as file:
            for block in blocks:
                file.write(block)
                records += block.count(b"\n")
                size += len(block)
                running(size, None, records)
        part.replace(out)
    click.echo(
        f"{out}: {records:,} records, {size:,} bytes · {running.seconds:,.1f} s, {rate(records, running.seconds)}"
    )
