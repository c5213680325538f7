"""What a shard may take next of its three topics: each up to a close of a business day, then the close once all have it.

A processor copies every record of ``bank.calendar.v1`` into each partition of the three topics, behind what was published
before it; a copy says so by a header. Here a topic stops at a copy until every topic stands at one: so everything that
was published before the close is taken before it, from all three (DOMAIN §6). Of the copies that the topics then stand at the
first in the calendar is taken, together with its copies in the other topics. A topic that stands at a later one has lost
its copy, and does not hold up the others for ever. A copy of a day that the shard has closed already (the processor was
killed and began again) waits for nobody.

Nothing here reads or writes. What comes out depends on what the topics hold and not on how it came in, in which batches
and at which pace; only the order between topics from one close to the next does (CONTRACT §1: no order holds there).
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Final, NamedTuple

from events.calendar import BusinessDayClosed
from processors.closes import close_in
from processors.messages import Messages
from processors.ports import Input

CALENDAR_HEADER: Final = "guanxi-calendar"
"""Header of a copy: its offset in ``bank.calendar.v1``, decimal, ASCII."""
MOST_MESSAGES, MOST_BYTES = 5_000, 4 << 20
"""Of one step."""

Headers = Sequence[tuple[str, bytes]]


class Take(NamedTuple):
    """Take these messages (``Intake.take_messages``)."""

    messages: Messages


class Close(NamedTuple):
    """Take a close (``Intake.take_close``): where its copies stand, its bytes, its offset in the calendar."""

    copies: dict[Input, int]
    line: bytes
    calendar: int


class Stray(NamedTuple):
    """Refuse what was published in the calendar and is no close (``Intake.refuse_stray``): where its copy stands."""

    copy: Input
    offset: int
    value: bytes | None
    calendar: int


Step = Take | Close | Stray


class Waiting(NamedTuple):
    """A topic stands at a close until the others have come to one: which close, and the topics that have not."""

    source: str
    date: str
    calendar: int
    others: tuple[str, ...]


class _Run:
    """Consecutive messages of a topic with no copy among them."""

    def __init__(
        self, offsets: Sequence[int], keys: Sequence[bytes | None], values: Sequence[bytes | None], sizes: int
    ) -> None:
        self.offsets, self.keys, self.values, self.size = offsets, keys, values, sizes

    def part(self, start: int, end: int) -> "_Run":
        values = self.values[start:end]
        return _Run(self.offsets[start:end], self.keys[start:end], values, size_of(values))


class _Copy(NamedTuple):
    """A copy of a record of the calendar; close: None if it is no close."""

    offset: int
    value: bytes | None
    calendar: int
    close: BusinessDayClosed | None


class _Topic:
    """What was read of a topic and not given out yet. next: the least offset that may come."""

    def __init__(self) -> None:
        self.queue: deque[_Run | _Copy] = deque()
        self.next = 0
        self.size = 0


class Gate:
    """One shard's gate. See the module. Not to be used by two threads at once.

    topics: the three, in a fixed order; is_closed: whether the shard has closed the day (``closes.is_closed``), asked anew at
    each step: so the next step is asked for when the one before it was taken.
    """

    def __init__(
        self,
        topics: Sequence[str],
        partition: int,
        partitions: int,
        is_closed: Callable[[BusinessDayClosed], bool],
        most_messages: int = MOST_MESSAGES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._topics = {topic: _Topic() for topic in topics}
        self._turn = deque(topics)
        self._partition, self._partitions, self._is_closed = partition, partitions, is_closed
        self._most_messages, self._most_bytes = most_messages, most_bytes

    def add(
        self,
        topic: str,
        offsets: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        calendar: Sequence[int | None] | None = None,
    ) -> None:
        """What was read of a topic, behind what was read of it before; all of one length.

        calendar: of each message the offset its header names (``calendar_offsets``); None: no message has one. Raises
        ValueError for an offset that came before: the reader went back without making a new gate.
        """
        if not offsets:
            return
        found = self._topics[topic]
        if offsets[0] < found.next:
            raise ValueError(f"{topic} {self._partition}: offset {offsets[0]} was read before {found.next - 1}")
        found.next = offsets[-1] + 1
        run = _Run(offsets, keys, values, size_of(values))
        found.size += run.size
        start = 0
        for at in [at for at, copied in enumerate(calendar) if copied is not None] if calendar else ():
            if start < at:
                found.queue.append(run.part(start, at))
            value, start = values[at], at + 1
            found.queue.append(_Copy(offsets[at], value, calendar[at], close_in(value)))  # type: ignore[index, arg-type]
        if start < len(offsets):
            found.queue.append(run.part(start, len(offsets)) if start else run)

    # ------------------------------------------------------------------------------------------ what is next

    def step(self) -> Step | None:
        """The next thing to take, given out once; None: nothing until more is read."""
        for _ in self._topics:
            topic = self._turn[0]
            self._turn.rotate(-1)
            if (step := self._alone(topic)) is not None:
                return step
        return self._together()

    def _alone(self, topic: str) -> Step | None:
        """What may be taken of a topic whatever the others hold."""
        queue = self._topics[topic].queue
        if not queue:
            return None
        head = queue[0]
        if isinstance(head, _Run):
            return Take(self._messages(topic))
        where = (topic, self._partition)
        if head.close is None:
            self._drop(topic)
            return Stray(where, head.offset, head.value, head.calendar)
        if self._is_closed(head.close):
            self._drop(topic)
            return Close({where: head.offset}, head.value or b"", head.calendar)
        return None

    def _together(self) -> Close | None:
        heads = dict(self._waiting())
        if len(heads) < len(self._topics):
            return None
        first = min(heads.values(), key=lambda head: head.calendar)
        # Equal bytes too: offsets begin anew where the calendar's topic was made anew.
        same = [topic for topic, head in heads.items() if (head.calendar, head.value) == (first.calendar, first.value)]
        for topic in same:
            self._drop(topic)
        return Close(
            {(topic, self._partition): heads[topic].offset for topic in same}, first.value or b"", first.calendar
        )

    def _waiting(self) -> Iterator[tuple[str, _Copy]]:
        """The topics that stand at a copy."""
        for topic, found in self._topics.items():
            if found.queue and isinstance(head := found.queue[0], _Copy):
                yield topic, head

    def _drop(self, topic: str) -> None:
        found = self._topics[topic]
        head = found.queue.popleft()
        assert isinstance(head, _Copy)
        found.size -= size_of((head.value,))

    def _messages(self, topic: str) -> Messages:
        """Messages from the head of a topic's queue, as many as there are up to a copy or the most of a step."""
        found = self._topics[topic]
        queue = found.queue
        runs: list[_Run] = []
        count = size = 0
        while queue and isinstance(head := queue[0], _Run):
            fits = self._fitting(head, count, size)
            if fits < len(head.offsets):
                if fits:
                    runs.append(head.part(0, fits))
                    queue[0] = head.part(fits, len(head.offsets))
                break
            runs.append(head)
            queue.popleft()
            count += len(head.offsets)
            size += head.size
        found.size -= sum(run.size for run in runs)
        if len(runs) == 1:
            (run,) = runs
            offsets, keys, values = run.offsets, run.keys, run.values
        else:
            offsets = list(chain.from_iterable(run.offsets for run in runs))
            keys = list(chain.from_iterable(run.keys for run in runs))
            values = list(chain.from_iterable(run.values for run in runs))
        return Messages(topic, self._partition, self._partitions, offsets, offsets[-1] + 1, keys, values)

    def _fitting(self, run: _Run, count: int, size: int) -> int:
        """How many messages of a run fit behind so many of so many bytes; one at least if these are none."""
        fits = min(len(run.offsets), self._most_messages - count)
        if size + run.size > self._most_bytes:
            ends = list(accumulate(len(value) if value else 0 for value in run.values))
            fits = min(fits, bisect_right(ends, self._most_bytes - size))
        return fits if count else max(fits, 1)

    # ------------------------------------------------------------------------------------------ what is held

    @property
    def bytes_held(self) -> int:
        """Bytes of the values that were read and not given out."""
        return sum(found.size for found in self._topics.values())

    @property
    def bytes_to_take(self) -> int:
        """Of these the bytes of topics that do not wait: steps give them out without more being read.

        A reader that stops at a limit of bytes goes by these. Bytes behind a close are given out only after more was
        read of the other topics: stopping those too would be for ever.
        """
        held = self.held()
        return sum(found.size for topic, found in self._topics.items() if topic not in held)

    def held(self) -> Mapping[str, Waiting]:
        """Topics that stand at a close and wait for others; nothing behind it is wanted yet: stop reading these."""
        heads = {topic: head for topic, head in self._waiting() if head.close and not self._is_closed(head.close)}
        if len(heads) == len(self._topics):
            return {}
        others = tuple(topic for topic in self._topics if topic not in heads)
        return {
            topic: Waiting(head.close.source, head.close.date, head.calendar, others)
            for topic, head in heads.items()
            if head.close
        }


def size_of(values: Sequence[bytes | None]) -> int:
    """Bytes of values; one that is none has none."""
    return sum(map(len, filter(None, values)))


def calendar_offsets(headers: Sequence[Headers]) -> list[int | None] | None:
    """What the headers of messages say of the calendar, one for each; None if no message has any header."""
    if not any(headers):
        return None
    return [calendar_offset(each) if each else None for each in headers]


def calendar_offset(headers: Headers) -> int | None:
    """The offset in the calendar that a copy names; None: no copy, or the header is not a number."""
    for name, value in headers:
        if name == CALENDAR_HEADER and value and value.isdigit() and len(value) < 20:
            return int(value)
    return None
