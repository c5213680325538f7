"""Generated records into a file or onto standard output."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from guanxi.cli.progress import Running, rate


def write_lines(lines: Iterator[bytes], out: str) -> None:
    """Write lines to the file `out`, - being standard output; a line at the end says how many.

    A file appears under its name when it is complete: what was interrupted leaves `out.part` behind at most.
    """
    if out == "-":
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        return
    part = Path(f"{out}.part")
    records = size = 0
    with Running("write") as running:
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
