"""Lines from files and generators in batches, each with a mark by which a run that was cut off finds its place again."""

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import msgspec
from xxhash import xxh3_128

from guanxi.errors import UserError
from processors.ports import Mark

BATCH_BYTES = 4 << 20
"""A batch is about this many bytes of lines; a line longer than that is a batch of its own."""


class Batch:
    """Lines each ending in a newline, and the place of the first of them."""

    def __init__(self, first: int, data: bytes, size: int, digest: xxh3_128) -> None:
        """size, digest: of the bytes before the batch."""
        self.first, self.data = first, data
        self._size, self._digest = size, digest

    def mark(self, lines: int) -> Mark:
        """The mark behind the first so many lines of the batch."""
        if lines == self.data.count(b"\n"):
            return Mark(self._size + len(self.data), self.after.hexdigest(), self.first + lines)
        end = 0
        for _ in range(lines):
            end = self.data.index(b"\n", end) + 1
        digest = self._digest.copy()
        digest.update(self.data[:end])
        return Mark(self._size + end, digest.hexdigest(), self.first + lines)

    @cached_property
    def after(self) -> xxh3_128:
        """Digest of everything up to the end of the batch."""
        digest = self._digest.copy()
        digest.update(self.data)
        return digest


def size_of(paths: Sequence[str]) -> int | None:
    """Bytes of files that are to be read ("-": standard input), None with a pipe among them. Raises UserError: none is there."""
    for path in paths:
        if path == "-":
            if sys.stdin is None:
                raise UserError("standard input is closed", do="pipe records in, or name a file")
        elif not Path(path).exists():
            raise UserError("no such file", path, "check the name")
    files = all(Path(path).is_file() for path in paths)  # no pipe among them
    return sum(Path(path).stat().st_size for path in paths) if files else None


def batches(stream: BinaryIO, taken: Mark) -> Iterator[Batch]:
    """Batches of a stream behind the mark that was taken of it.

    A stream that does not begin with the marked bytes, or cannot be read twice, is another one and is read from its
    beginning.
    """
    digest = xxh3_128()
    if taken.size and not (stream.seekable() and _begins_with(stream, taken, digest)):
        if stream.seekable():
            stream.seek(0)
        taken, digest = Mark(0, "", 0), xxh3_128()
    yield from _batches(_lines(stream), taken, digest)


def begun(stream: BinaryIO, marks: Collection[Mark]) -> set[Mark]:
    """Those of several marks with whose bytes a stream begins; it is at its beginning again then.

    None of a stream that cannot be read twice.
    """
    found: set[Mark] = set()
    if not stream.seekable():
        return found
    digest, at = xxh3_128(), 0
    for mark in sorted({mark for mark in marks if mark.size}, key=lambda mark: mark.size):
        rest = msgspec.structs.replace(mark, size=mark.size - at)
        if _begins_with(stream, rest, ahead := digest.copy()):
            found.add(mark)
        if stream.tell() < mark.size:
            break
        digest, at = ahead, mark.size
    stream.seek(0)
    return found


def batches_of(lines: Iterable[bytes]) -> Iterator[Batch]:
    """Batches of lines made by a program."""
    return _batches(_joined(lines), Mark(0, "", 0), xxh3_128())


def _begins_with(stream: BinaryIO, mark: Mark, digest: xxh3_128) -> bool:
    left = mark.size
    while left and (data := stream.read(min(left, BATCH_BYTES))):
        digest.update(data)
        left -= len(data)
    if left == 1:  # the newline that was put behind a last line without one
        digest.update(b"\n")
        left = 0
    return not left and digest.hexdigest() == mark.digest


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Pieces of a stream that end in a newline."""
    parts: list[bytes] = []
    while data := stream.read(BATCH_BYTES):
        cut = data.rfind(b"\n") + 1
        if not cut:
            parts.append(data)
            continue
        yield b"".join((*parts, data[:cut]))
        parts = [data[cut:]] if cut < len(data) else []
    if parts:
        yield b"".join((*parts, b"\n"))


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces made of single lines."""
    parts: list[bytes] = []
    size = 0
    for line in lines:
        parts.append(line)
        size += len(line) + 1
        if size >= BATCH_BYTES:
            yield b"\n".join((*parts, b""))
            parts, size = [], 0
    if parts:
        yield b"\n".join((*parts, b""))


def _batches(pieces: Iterator[bytes], mark: Mark, digest: xxh3_128) -> Iterator[Batch]:
    """mark, digest: what is behind the stream's present place."""
    size, lines = mark.size, mark.lines
    for piece in pieces:
        batch = Batch(lines, piece, size, digest)
        yield batch
        digest = batch.after
        size += len(piece)
        lines += piece.count(b"\n")
