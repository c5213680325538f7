"""Whether the broker still has what follows the positions in the log: compared when a worker is given a shard.

The log says of each input how far it was taken, the id of the topic and the digest of the record before the position
(``processors.marks``). Where the broker's topic does not fit, reading on would pass over records without a word, or take
another topic's for those that follow. So it is said, nothing is read of that input, and nothing is passed over: a person
decides, ``guanxi position reset``, and what is then read again is taken once.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from processors.ports import Head, Input, Mark

NO_VALUE = ""
"""In the place of a record's digest: the position was set and no record was taken before it."""


class Stand(NamedTuple):
    """Where the log stands in an input: the offset that is read next (0: nothing was taken), and the mark behind the last."""

    position: int
    mark: Mark | None

    @property
    def last(self) -> int | None:
        """The offset of the last record taken, where its digest is known."""
        return self.mark.size - 1 if self.mark and parts_of(self.mark)[1] else None


class Found(msgspec.Struct, frozen=True):
    """What the broker has of an input.

    topic_id: empty if it does not say; begin: offset of the first record kept; end: behind the last; last: the mark behind
    the record that the log took last, None where there is no such record, or none was asked for.
    """

    topic_id: str
    begin: int
    end: int
    last: Mark | None = None


class Finding(msgspec.Struct, frozen=True):
    """What does not fit, of one input; as a text: what, where, what to do."""

    input: Input
    position: int

    @property
    def what(self) -> str:
        """What does not fit."""
        raise NotImplementedError

    @property
    def do(self) -> str:
        """What a person is to do."""
        raise NotImplementedError

    def reset(self, to: str) -> str:
        """The command that reads on from elsewhere."""
        topic, partition = self.input
        return f"guanxi position reset --topic {topic} --partition {partition} --to {to} --reason TEXT"

    def __str__(self) -> str:
        topic, partition = self.input
        return f"{topic} {partition}: {self.what}; nothing is read of it: {self.do}"


class NoSuchInput(Finding, frozen=True):
    """The broker has no such topic or partition."""

    @property
    def what(self) -> str:
        """See Finding."""
        return f"the broker has no such partition, the log stands at offset {self.position}"

    @property
    def do(self) -> str:
        """See Finding."""
        return "check that this is the right broker, or make the topic again"


class Recreated(Finding, frozen=True):
    """The topic is not the one that was read: it was deleted and made again, or the broker is another. was, now: topic ids."""

    was: str
    now: str

    @property
    def what(self) -> str:
        """See Finding."""
        return f"not the topic that was read up to offset {self.position}: its id was {self.was} and is {self.now}"

    @property
    def do(self) -> str:
        """See Finding."""
        return f"check that this is the right broker; if the topic was made again, {self.reset('earliest')}"


class BeyondEnd(Finding, frozen=True):
    """More was taken than the broker has. end: offset behind its last record."""

    end: int

    @property
    def what(self) -> str:
        """See Finding."""
        return f"the log took it up to offset {self.position}, the broker's records end at {self.end}"

    @property
    def do(self) -> str:
        """See Finding."""
        return (
            "check that this is the right broker; if it lost its end, let the core system publish again what it sent "
            f"since, then {self.reset(str(self.end))}"
        )


class Gone(Finding, frozen=True):
    """Records were deleted before they were read. begin: offset of the first that is left."""

    begin: int

    @property
    def lost(self) -> int:
        """How many offsets; records may be fewer."""
        return self.begin - self.position

    @property
    def what(self) -> str:
        """See Finding."""
        return (
            f"{self.lost:,} offsets, {self.position} to {self.begin - 1}, were deleted before they were read "
            "(retention, or by hand)"
        )

    @property
    def do(self) -> str:
        """See Finding."""
        return (
            f"{self.reset('earliest')}, and let the core system publish again what they held: what was taken before is "
            "not taken twice"
        )


class LastDiffers(Finding, frozen=True):
    """The record before the position is another one than the log took, or is not there between others. offset: its own."""

    offset: int

    @property
    def what(self) -> str:
        """See Finding."""
        return f"the record at offset {self.offset} is not the one that was taken from there"

    @property
    def do(self) -> str:
        """See Finding."""
        return (
            "check that this is the right broker; if it lost its end and was written anew, "
            f"{self.reset('earliest')}: what was taken before is not taken twice"
        )


def stands_of(head: Head, inputs: Iterable[Input]) -> dict[Input, Stand]:
    """Where a log stands in inputs."""
    return {source: Stand(head.inputs.get(source, 0), head.marks.get(source)) for source in inputs}


def findings(stands: Mapping[Input, Stand], found: Mapping[Input, Found]) -> list[Finding]:
    """What does not fit, one of an input at most; found: what the broker has of each, those left out that it has not."""
    every = (finding(source, stand, found.get(source)) for source, stand in stands.items())
    return [each for each in every if each is not None]


def finding(source: Input, stand: Stand, found: Found | None) -> Finding | None:
    """What does not fit of one input, the weightiest."""
    position, mark = stand
    if found is None:
        return NoSuchInput(source, position)
    if not position:
        return None
    was = parts_of(mark)[0] if mark else ""
    if was and found.topic_id and was != found.topic_id:
        return Recreated(source, position, was, found.topic_id)
    if position > found.end:
        return BeyondEnd(source, position, found.end)
    if position < found.begin:
        return Gone(source, position, found.begin)
    if mark and stand.last is not None and stand.last >= found.begin and not _same(mark, found.last):
        return LastDiffers(source, position, stand.last)
    return None


def _same(mark: Mark, found: Mark | None) -> bool:
    return found is not None and (mark.size, parts_of(mark)[1]) == (found.size, parts_of(found)[1])


def parts_of(mark: Mark) -> tuple[str, str]:
    """Topic id and digest of the record; each empty if it is not known."""
    topic_id, _, digest = mark.digest.partition("/")
    return topic_id, digest


def set_to(topic_id: str, offset: int) -> Mark:
    """The mark of a position that was set: no record is known before it."""
    return Mark(offset, f"{topic_id}/{NO_VALUE}", 0)
