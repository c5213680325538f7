"""Generated records into a file or onto standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def write_lines(lines: Iterator[bytes], out: str) -> None:
    """Write lines to the file `out`, - being standard output; a line at the end says how many.

    A file appears under its name when it is complete: what was interrupted leaves `out.part` behind at most. Raises UserError.
    """
    if out == "-":
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        return
    if Path(out).is_dir():
        raise UserError("a folder, not a file", out, "name a file in it")
    part = Path(f"{out}.part")
    records = size = 0
    with Running("write") as running, _named(out):
        with part.open("wb") as file:
            for line in lines:
                file.write(line + b"\n")
                records += 1
                size += len(line) + 1
                if not records % 5_000:
                    running(size, None, records)
        part.replace(out)
    click.echo(
        f"{out}: {records:,} records, {size:,} bytes · {running.seconds:,.1f} s, {rate(records, running.seconds)}"
    )
