"""Who owns a shard: takes work through a keeper, and makes the keeper anew where our own code failed (laws of the log 7).

What fails is then known by its place, and parked on the next attempt, which ends behind it: so each record is judged two or
three times, however many fail. Where it is only seen on many records together, they are taken in halves until it is. What
the ports raise passes through: whoever runs the shard retries or stops.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Protocol

import msgspec

from processors.faults import CannotPark, Faults, OurFault
from processors.intake import Behind, Intake, Origin
from processors.keeper import Keeper
from processors.making import behind_from
from processors.messages import Messages
from processors.ports import Head, Input, Mark

Opened = Callable[[Faults], Keeper]
"""Makes a keeper and brings it to the end of the log (``Keeper.recover``). What it raises, of faults too, is passed on."""


class Work(Protocol):
    """Something to be taken into the log, as often as it needs until it is in."""

    def take(self, intake: Intake) -> None:
        """Take all of it; in the log when this returns."""

    def left(self, head: Head) -> "Work | None":
        """What the log, ending so, does not hold yet; None: nothing."""

    def halves(self) -> "tuple[Work, Work] | None":
        """Two parts to be taken one after the other; None: it cannot be parted."""


class Owner:
    """Owns one shard. keeper: the one of now; ask again after each call. See the module."""

    def __init__(self, opened: Opened) -> None:
        """Raises what opening raises, and CannotPark."""
        self._opened, self._faults = opened, Faults()
        self.keeper = self._anew()

    def _anew(self) -> Keeper:
        while True:
            try:
                return self._opened(self._faults)
            except OurFault as fault:
                if not fault.found:
                    raise CannotPark(f"{fault}; install a mended version") from fault

    def take(self, work: Work) -> None:
        """Take something into the log; what our code fails on is parked. Raises what the ports raise, and CannotPark.

        In the log when this returns and the log is settled.
        """
        todo: list[Work] = [work]
        while todo:
            now = todo.pop()
            try:
                now.take(self.keeper.intake)
            except OurFault as fault:
                self.renew()
                left = now.left(self.keeper.log.head())
                if left is None:
                    continue
                parts = _parted(left, fault.at) if fault.found else left.halves()
                if parts is None:
                    raise CannotPark(f"{fault}; nothing was changed: install a mended version") from fault
                todo.extend(reversed(parts))
        self._faults.clear()

    def renew(self) -> None:
        """Make the keeper anew from the log. Raises what opening raises, and CannotPark."""
        self.keeper.log.settle()  # what was taken before is not read again
        counts = self.keeper.intake.settled
        self.keeper = self._anew()
        self.keeper.carry(counts)
        self.keeper.checkpoint()  # so that the next failure finds the state at once


class Lines(msgspec.Struct, frozen=True):
    """Lines of a file (``Intake.take``)."""

    origin: Origin
    first: int
    data: bytes
    mark: Behind | None = None

    def take(self, intake: Intake) -> None:
        """See Work."""
        intake.take(self.origin, self.first, self.data, self.mark)

    def left(self, head: Head) -> "Lines | None":
        """See Work."""
        lines = self.data.split(b"\n")[:-1]
        taken = head.inputs.get(self.origin.input, 0) - self.first
        return self._part(lines, max(taken, 0), len(lines)) if taken < len(lines) else None

    def halves(self) -> "tuple[Lines, Lines] | None":
        """See Work."""
        lines = self.data.split(b"\n")[:-1]
        middle = len(lines) // 2
        return (self._part(lines, 0, middle), self._part(lines, middle, len(lines))) if middle else None

    def behind(self, at: tuple[Input, int]) -> int:
        """How many of the lines come up to a place."""
        return at[1] - self.first + 1 if at[0] == self.origin.input else 0

    def parted(self, count: int) -> "tuple[Lines, ...]":
        """The first so many lines, and the others."""
        lines = self.data.split(b"\n")[:-1]
        cuts = [0, count, len(lines)] if 0 < count < len(lines) else [0, len(lines)]
        return tuple(self._part(lines, *pair) for pair in pairwise(cuts))

    def _part(self, lines: list[bytes], start: int, end: int) -> "Lines":
        data = b"".join(line + b"\n" for line in lines[start:end])
        return Lines(self.origin, self.first + start, data, behind_from(start, self.mark))


class Received(msgspec.Struct, frozen=True):
    """Messages of a partition (``Intake.take_messages``)."""

    origin: Origin
    messages: Messages
    mark: Behind | None = None

    def take(self, intake: Intake, *, more: bool = False) -> None:
        """See Work; more: follows into the same block."""
        intake.take_messages(self.origin, self.messages, self.mark, more=more)

    def left(self, head: Head) -> "Received | None":
        """See Work."""
        stands, places = head.inputs.get(self.origin.input, 0), self.messages.places
        if stands >= places[-1]:
            return None
        return self._part(sum(offset < stands for offset in places[:-1]), len(places) - 1)

    def halves(self) -> "tuple[Received, Received] | None":
        """See Work."""
        count = len(self.messages.values)
        return (self._part(0, count // 2), self._part(count // 2, count)) if count > 1 else None

    def behind(self, at: tuple[Input, int]) -> int:
        """How many of the messages come up to a place."""
        return bisect_right(self.messages.places[:-1], at[1]) if at[0] == self.origin.input else 0

    def parted(self, count: int) -> "tuple[Received, ...]":
        """The first so many messages, and the others."""
        total = len(self.messages.values)
        cuts = [0, count, total] if 0 < count < total else [0, total]
        return tuple(self._part(*pair) for pair in pairwise(cuts))

    def _part(self, start: int, end: int) -> "Received":
        return Received(self.origin, self.messages.part(start, end), behind_from(start, self.mark))


class Several(msgspec.Struct, frozen=True):
    """Messages of several partitions, each one once: one block."""

    parts: tuple[Received, ...]

    def take(self, intake: Intake) -> None:
        """See Work."""
        *first, last = self.parts
        for part in first:
            part.take(intake, more=True)
        last.take(intake)

    def left(self, head: Head) -> "Several | None":
        """See Work."""
        left = tuple(filter(None, (part.left(head) for part in self.parts)))
        return Several(left) if left else None

    def halves(self) -> "tuple[Several, Several] | None":
        """See Work."""
        if len(self.parts) > 1:
            return Several(self.parts[:1]), Several(self.parts[1:])
        halves = self.parts[0].halves()
        return (Several(halves[:1]), Several(halves[1:])) if halves else None


def _parted(work: Work, at: tuple[Input, int] | None) -> tuple[Work, ...]:
    """Work in parts, the first of which ends with the record at a place; whole where that is not known, or the last."""
    if at is None or not isinstance(work, Lines | Received | Several):
        return (work,)
    if not isinstance(work, Several):
        return work.parted(work.behind(at))
    for number, part in enumerate(work.parts):
        if count := part.behind(at):
            first, *rest = part.parted(count)
            parts = (*work.parts[:number], first), (*rest, *work.parts[number + 1 :])
            return tuple(Several(each) for each in parts if each)
    return (work,)


class Close(msgspec.Struct, frozen=True):
    """A close of a day read from several partitions (``Intake.take_close``)."""

    copies: Mapping[Input, int]
    line: bytes
    marks: Mapping[Input, Mark]
    calendar: int | None = None

    def take(self, intake: Intake) -> None:
        """See Work."""
        intake.take_close(self.copies, self.line, self.marks, self.calendar)

    def left(self, head: Head) -> "Close | None":
        """See Work."""
        taken = all(head.inputs.get(source, 0) > offset for source, offset in self.copies.items())
        return None if taken else self

    def halves(self) -> None:
        """See Work."""


class Stray(msgspec.Struct, frozen=True):
    """What the calendar holds besides closes (``Intake.refuse_stray``)."""

    copy: Input
    offset: int
    value: bytes | None
    calendar: int
    mark: Mark

    def take(self, intake: Intake) -> None:
        """See Work."""
        intake.refuse_stray(self.copy, self.offset, self.value, self.calendar, self.mark)

    def left(self, head: Head) -> "Stray | None":
        """See Work."""
        return None if head.inputs.get(self.copy, 0) > self.offset else self

    def halves(self) -> None:
        """See Work."""


class Erase(msgspec.Struct, frozen=True):
    """A customer is erased by hand (``Intake.erase``). command: input and position of the command that says so, if any."""

    customer_id: str
    event_id: str
    occurred_at: str
    reason: str | None = None
    command: tuple[Input, int] | None = None

    def take(self, intake: Intake) -> None:
        """See Work."""
        intake.erase(self.customer_id, self.event_id, self.occurred_at, self.reason, self.command)

    def left(self, head: Head) -> "Erase | None":
        """See Work. One block holds all of it, and done again it changes nothing."""
        if self.command is not None and head.inputs.get(self.command[0], 0) >= self.command[1]:
            return None
        return self

    def halves(self) -> None:
        """See Work."""


class Unpark(msgspec.Struct, frozen=True):
    """A parked customer goes on (``Intake.unpark``). command: input and position of the command that says so, if any."""

    customer_id: str
    command: tuple[Input, int] | None = None

    def take(self, intake: Intake) -> None:
        """See Work."""
        intake.unpark(self.customer_id, self.command)

    def left(self, head: Head) -> "Unpark | None":
        """See Work. One block holds all of it."""
        if self.command is not None and head.inputs.get(self.command[0], 0) >= self.command[1]:
            return None
        return self

    def halves(self) -> None:
        """See Work."""
