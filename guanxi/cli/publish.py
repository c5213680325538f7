"""`guanxi publish`: records from files onto Kafka."""

import asyncio
import os
import stat
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from guanxi.cli import STOPPED
from guanxi.cli.endings import FOUND_WRONG
from guanxi.cli.kafka import at_kafka, with_extras
from guanxi.cli.options import Existing, common, say
from guanxi.cli.progress import Running, rate
from guanxi.errors import UserError

PIECE_BYTES: Final = 1 << 20
TICK_S: Final = 0.002
"""At a steady rate records leave this often."""
SILENCE_S: Final = 10.0


@click.command("publish")
@click.argument("files", nargs=-1, required=True, type=Existing(dash=True))
@at_kafka
@click.option("--rate", "per_second", type=click.IntRange(1), metavar="N", help="So many records a second, no more.")
@common
def command(files: tuple[Path, ...], kafka: str, per_second: int | None) -> None:
    """Publish records of all topics on Kafka, in file order; - is standard input.

    Each goes to the topic of its type under its customer's key; the close of a day is sent when everything before it is
    acknowledged. A line that is no record is published too: the log refuses it and says why. Publishing a file again does
    no harm: what the log took before is a duplicate.
    """
    publishing = with_extras("guanxi.publisher")
    job = _Job(publishing.Publisher(kafka), publishing.LONGEST_BYTES, per_second)
    with Running("publish") as running:
        try:
            asyncio.run(job.run(files, running))
        except KeyboardInterrupt:
            say(f"stopped: {job.done}; publish the same again: what the log took before is a duplicate")
            raise click.exceptions.Exit(STOPPED) from None
    click.echo(f"{job.done} · {running.seconds:,.1f} s, {rate(job.publisher.published, running.seconds)}")
    if job.publisher.odd:
        say(f"{job.publisher.odd:,} of them are no records: the log refuses them, guanxi rejected says why")
    if job.too_long:
        raise click.exceptions.Exit(FOUND_WRONG)


class _Job:
    """One run of the command. longest: bytes of a line that can be published."""

    def __init__(self, publisher: Any, longest: int, per_second: int | None) -> None:
        self.publisher, self.too_long = publisher, 0
        self._longest, self._per_second = longest, per_second

    @property
    def done(self) -> str:
        """What became of the records so far."""
        publisher = self.publisher
        too_long = f" · too long to publish {self.too_long:,}" if self.too_long else ""
        return f"published {publisher.published:,} · not acknowledged {publisher.pending:,}{too_long}"

    async def run(self, files: Sequence[Path], progress: Running) -> None:
        """Publish the files one behind the other."""
        sizes = [file.stat().st_size if file.is_file() else None for file in files]
        total = None if None in sizes else sum(filter(None, sizes))
        seen = bytes_done = 0
        async with self.publisher:
            watching = asyncio.create_task(self._watch())
            try:
                for file in files:
                    first = 1
                    async for lines, size in _pieces(file):
                        await self._publish(self._fitting(lines, file, first))
                        first += len(lines)
                        seen += len(lines)
                        bytes_done += size
                        progress(bytes_done, total, seen)
                await self.publisher.flush()
            finally:
                watching.cancel()

    def _fitting(self, lines: list[bytes], file: Path, first: int) -> list[bytes]:
        """The lines without those that no broker takes, which are told of."""
        if max(map(len, lines)) <= self._longest:
            return lines
        for number, line in enumerate(lines, first):
            if len(line) > self._longest:
                self.too_long += 1
                say(f"{file}:{number}: {len(line):,} bytes are too long to be published; shorten memo or ext")
        return [line for line in lines if len(line) <= self._longest]

    async def _publish(self, lines: list[bytes]) -> None:
        if self._per_second is None:
            await self.publisher.publish_all(lines)
            return
        began, at = time.perf_counter(), 0
        while at < len(lines):
            due = min(int((time.perf_counter() - began) * self._per_second) + 1, len(lines))
            await self.publisher.publish_all(lines[at:due])
            at = max(at, due)
            await asyncio.sleep(max(TICK_S, began + at / self._per_second - time.perf_counter()))

    async def _watch(self) -> None:
        """Tell once of a broker that does not answer; the publisher goes on trying."""
        while True:
            before = self.publisher.published
            await asyncio.sleep(SILENCE_S)
            if self.publisher.pending and self.publisher.published == before:
                say(f"no answer for {SILENCE_S:.0f} s; trying on until Kafka is back or you stop this")
                return


async def _pieces(file: Path) -> AsyncIterator[tuple[list[bytes], int]]:
    """Lines of a file, or as they come in, and how many bytes were read for them."""
    with ExitStack() as stack:
        stream: BinaryIO
        if str(file) == "-":
            if sys.stdin is None:
                raise UserError("standard input is closed", do="pipe records in, or name a file")
            stream = sys.stdin.buffer
        else:
            stream = stack.enter_context(file.open("rb"))
        rest = b""
        while data := await _read(stream):
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                yield lines, len(data)
        if rest:
            yield [rest], 0


async def _read(stream: BinaryIO) -> bytes:
    """What there is to read, empty at the end. Waiting for it does not keep what was read before from leaving."""
    try:
        handle = stream.fileno()
        waits = not stat.S_ISREG(os.fstat(handle).st_mode)
    except (OSError, ValueError):  # not a file of the system's
        waits = False
    if not waits:
        return stream.read(PIECE_BYTES)
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)
    return os.read(handle, PIECE_BYTES)
