"""Records of files into the shards of a log: each customer's to its own, the closes of business days to every one.

Every shard takes the file as an input of its own, with the place up to which it took its lines and the digest of everything
before it: a run that was cut off goes on from there, each shard from its own place, and repeats nothing.

The file is split in windows, and a window is taken by one shard after the other; at the end each forgets the file, in the
same order. So where the last shard stands at the file's end, all the others have taken it.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import BinaryIO

import msgspec

from aggregates.days import content_of
from events import codec
from events.calendar import BusinessDayClosed
from events.catalog import type_name
from guanxi.reading import Batch, batches, batches_of, begun
from processors.intake import Behind, Counts, Intake, Origin
from processors.owner import Owner
from processors.partition import partition_of
from processors.ports import Head, Mark

WINDOW_BATCHES = 8
"""So many batches of a file, of 4 MB each, are split at a time."""

_NONE = Mark(0, "", 0)
_CLOSE = type_name(BusinessDayClosed)


class _Who(msgspec.Struct):
    customer_id: str = ""
    type: str = ""


_who = msgspec.json.Decoder(_Who)


class Part(msgspec.Struct, frozen=True):
    """A shard's lines of a file. places: the number of each in the file, and how far the shard is behind the last."""

    origin: Origin
    places: Sequence[int]
    lines: Sequence[bytes]
    mark: Behind

    def take(self, intake: Intake) -> None:
        """See ``processors.owner.Work``."""
        intake.take(self.origin, self.places, b"".join(self.lines), self.mark)

    def left(self, head: Head) -> "Part | None":
        """See Work."""
        stands = head.inputs.get(self.origin.input, 0)
        if stands >= self.places[-1]:
            return None
        return self._part(sum(place < stands for place in self.places[:-1]), len(self.lines))

    def halves(self) -> "tuple[Part, Part] | None":
        """See Work."""
        middle = len(self.lines) // 2
        return (self._part(0, middle), self._part(middle, len(self.lines))) if middle else None

    def _part(self, start: int, end: int) -> "Part":
        mark = self.mark
        return Part(self.origin, self.places[start : end + 1], self.lines[start:end], lambda taken: mark(start + taken))


class Splitter:
    """Takes files into all shards of a log. owners: of every shard, by number."""

    def __init__(self, owners: Sequence[Owner]) -> None:
        self._owners = owners
        self._shard_of = lru_cache(1 << 17)(lambda customer_id: partition_of(customer_id, len(owners)))
        calendar = owners[0].keeper.shard.calendar
        self._closes = {(source, day): c for source, days in calendar.closes.items() for day, c in days.items()}
        self._more = Counts()

    @property
    def counts(self) -> Counts:
        """What became of the records; a close that went to every shard counts once."""
        found = dict.fromkeys(Counts.__struct_fields__, 0)
        for owner in self._owners:
            for name in found:
                found[name] += getattr(owner.keeper.intake.counts, name)
        return Counts(**{name: number - getattr(self._more, name) for name, number in found.items()})

    def take(self, name: str, stream: BinaryIO) -> Iterator[int]:
        """Take a stream under the name of a file, each shard from where it was if the stream begins as it did then.

        Yields the bytes taken of each window.
        """
        source = (f"file:{name}", 0)
        marks = [owner.keeper.log.head().marks.get(source, _NONE) for owner in self._owners]
        known = begun(stream, marks)
        for owner, mark in zip(self._owners, marks, strict=True):
            if mark not in known:
                owner.keeper.intake.finish(source)  # another stream under a known name
        marks = [mark if mark in known else _NONE for mark in marks]
        if marks[-1] is _NONE or _is_more(stream, marks[-1]):
            least = min(marks, key=lambda mark: mark.lines)
            yield from self._take(name, batches(stream, least), [mark.lines for mark in marks])
        self._finish(name)

    def take_lines(self, name: str, lines: Iterable[bytes]) -> Iterator[int]:
        """Take records made by a program, one a line without newline, from the first one. Yields as ``take`` does."""
        self._finish(name)
        yield from self._take(name, batches_of(lines), [0] * len(self._owners))
        self._finish(name)

    def _finish(self, name: str) -> None:
        for owner in self._owners:
            owner.keeper.intake.finish((f"file:{name}", 0))

    def _take(self, name: str, found: Iterator[Batch], begin: Sequence[int]) -> Iterator[int]:
        origin = Origin((f"file:{name}", 0), file=name)
        for window in _windows(found):
            last = window[-1]
            end = last.first + last.data.count(b"\n")
            lines, places = self._split(window, begin)
            for owner, taken, at in zip(self._owners, lines, places, strict=True):
                if owner.keeper.log.head().inputs.get(origin.input, 0) < end:
                    at.append(end)
                    owner.take(Part(origin, at, taken, partial(_mark_at, window, at)))
                    if owner.keeper.due:
                        owner.keeper.checkpoint()
            yield sum(len(batch.data) for batch in window)

    def _split(self, window: Sequence[Batch], begin: Sequence[int]) -> tuple[list[list[bytes]], list[list[int]]]:
        """The lines of each shard with their ends, and their numbers; those before a shard's `begin` it has."""
        lines: list[list[bytes]] = [[] for _ in begin]
        places: list[list[int]] = [[] for _ in begin]
        everyone = range(len(begin))
        for batch in window:
            for number, line in enumerate(batch.data.split(b"\n")[:-1], batch.first):
                line += b"\n"
                who = _looked_at(line)
                if who.type == _CLOSE and (close := _close_in(line)) is not None:
                    outcome = self._outcome(close)
                    to: Sequence[int] = everyone
                else:
                    outcome, to = "", (self._shard_of(who.customer_id) if who.customer_id else 0,)
                for shard in to:
                    if number >= begin[shard]:
                        lines[shard].append(line)
                        places[shard].append(number)
                        if shard and outcome:
                            setattr(self._more, outcome, getattr(self._more, outcome) + 1)
        return lines, places

    def _outcome(self, close: BusinessDayClosed) -> str:
        """What becomes of a close, in each shard the same."""
        content = content_of(close)
        earlier = self._closes.setdefault((close.source, close.date), "")
        if not earlier:
            self._closes[close.source, close.date] = content
            return "taken"
        return "duplicate" if earlier == content else "refused"


def _looked_at(line: bytes) -> _Who:
    """Whose a line is, nobody's where that cannot be said: the first shard then says what is wrong with it."""
    try:
        return _who.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Who()


def _close_in(line: bytes) -> BusinessDayClosed | None:
    """The close in a line, None if it is refused as it is."""
    _, (record,), _ = codec.decode_batch(line)
    if not isinstance(record, BusinessDayClosed):
        return None
    try:
        codec.check(record)
    except ValueError:
        return None
    return record


def _windows(found: Iterator[Batch]) -> Iterator[list[Batch]]:
    window: list[Batch] = []
    for batch in found:
        window.append(batch)
        if len(window) == WINDOW_BATCHES:
            yield window
            window = []
    if window:
        yield window


def _mark_at(window: Sequence[Batch], places: Sequence[int], taken: int) -> Mark:
    """What lies before the next line of a shard, so many of whose lines in this window are taken."""
    line = places[taken]
    batch = next(batch for batch in reversed(window) if batch.first <= line)
    return batch.mark(line - batch.first)


def _is_more(stream: BinaryIO, mark: Mark) -> bool:
    stream.seek(mark.size)
    more = bool(stream.read(1))
    stream.seek(0)
    return more
