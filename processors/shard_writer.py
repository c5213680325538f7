"""One shard of a worker: its Keeper, what came in for it, and what to do when something fails.

All of it but ``put`` and the figures runs in the worker's one thread, a piece at a time. Whatever fails drops the Keeper with
everything in memory; the next ``begin`` reads the shard anew from the head of its log (laws of the log 2), and what was
fetched is fetched anew. So there is nothing to put right after a failure, and no failure loses anything.

What ``work`` took counts when ``settle`` returned: the blocks of all shards of a worker may be written together.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import msgspec

from aggregates.dates import iso
from processors import gate
from processors.closes import is_closed
from processors.commands import commands_input, execute
from processors.faults import Faults
from processors.gate import Gate, Waiting, calendar_offset
from processors.inputs import Fetched
from processors.intake import Origin
from processors.keeper import Keeper
from processors.marks import behind, mark_of
from processors.owner import Close, Owner, Received, Several, Stray
from processors.ports import Input
from processors.positions import Found, Stand, findings, stands_of

RECORDS_A_PIECE: Final = 20_000
"""After so many a piece of work ends, so that the other shards have their turn."""
BYTES_A_STEP: Final = 8 << 20


class Command(Protocol):
    """Something asked of the owner of a shard. number: from 1 in its shard, no gaps."""

    @property
    def shard(self) -> int:
        """Which shard."""

    @property
    def number(self) -> int:
        """Which command."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What is asked."""


class Commands(Protocol):
    """What is asked of the owners of the shards of a log."""

    def read_all(self, after: Mapping[int, int]) -> Sequence[Command]:
        """Commands of several shards, each behind its number, in order. Raises LogUnusable."""


class Shards(Protocol):
    """Opens the shards of a log. For one thread."""

    @property
    def count(self) -> int:
        """How many shards the log has, for ever; any thread may ask."""

    @property
    def commands(self) -> Commands:
        """What is asked of the owners of the shards."""

    def open(self, number: int, faults: Faults | None = None) -> Keeper:
        """The shard at the end of its log, with a policy; what this process had of it before is let go of.

        faults: what is known to fail. Raises what the log, its keys and its derived files raise, and OurFault.
        """

    def drop(self, number: int) -> None:
        """Let go of the shard; nothing is written."""

    def close(self) -> None:
        """Let go of everything."""


class Figures(msgspec.Struct):
    """Where a shard stands, for people; written by its thread, read by any.

    commanded: the last command that was done; positions: taken up to there; held: topics that wait at a close of a day,
    which; unfit: inputs of which the broker does not have what follows, and why; trouble: why nothing is taken, after so many
    failures in a row; shown: the block that the views stood on as the shard was opened, or gone on with; touched: customers of
    whom the views are behind; full: whether they are behind by as much as may be held in memory.
    """

    block: int = 0
    shown: int = 0
    touched: int = 0
    full: bool = False
    committed_at: str = ""
    closed_through: str = ""
    commanded: int = 0
    positions: Mapping[Input, int] = {}
    held: Mapping[str, Waiting] = {}
    unfit: Mapping[Input, str] = {}
    taken: int = 0
    duplicate: int = 0
    refused: int = 0
    trouble: str = ""
    failures: int = 0


class _Read:
    """What was read of an input and is not all taken. One thread adds, the other takes; neither writes what the other does."""

    def __init__(self) -> None:
        self._parts: deque[tuple[int, int]] = deque()
        self._added = self._gone = self.end = 0

    @property
    def bytes(self) -> int:
        """Bytes of the fetches of which something is left."""
        return self._added - self._gone

    def add(self, end: int, size: int) -> None:
        self._parts.append((end, size))
        self._added += size
        self.end = end

    def taken(self, position: int) -> None:
        while self._parts and self._parts[0][0] <= position:
            self._gone += self._parts.popleft()[1]


def _take_together(owner: Owner, parts: dict[Input, Received]) -> None:
    """Take what was read of several topics into one block, and forget it."""
    if parts:
        owner.take(Several(tuple(parts.values())))
        parts.clear()


class ShardWriter:
    """See the module. topics: those that the shard takes; topic_ids: the broker's own ids of them."""

    def __init__(self, number: int, shards: Shards, topics: tuple[str, ...], now: Callable[[], str]) -> None:
        self.number = number
        self.inputs: tuple[Input, ...] = tuple((topic, number) for topic in topics)
        self.figures = Figures()
        self.moved = False
        """The log stands elsewhere in an input than what was read of it follows: to be read anew (``again``)."""
        self.worked = 0
        """Records of the last piece of work."""
        self._shards, self._topics, self._now = shards, topics, now
        self._topic_ids: Mapping[Input, str] = {}
        self._owner: Owner | None = None
        self._gate: Gate | None = None
        self._more = False
        self._forget()

    # ------------------------------------------------------------------------------------------ from the event loop

    def put(self, fetched: Fetched) -> None:
        """Lay down what was read of an input, behind what was read before."""
        self._read[fetched.input].add(fetched.end, fetched.size)
        self._inbox.append(fetched)

    def waiting_bytes(self, source: Input) -> int:
        """Bytes read of an input and not taken yet."""
        return self._read[source].bytes

    def waiting(self, source: Input) -> int:
        """How many offsets were read of an input and are not taken yet."""
        return max(self._read[source].end - self.figures.positions.get(source, 0), 0)

    @property
    def has_work(self) -> bool:
        """Whether something was laid down since the last piece of work, or that one ended early."""
        return bool(self._inbox) or self._more

    # ------------------------------------------------------------------------------------------ in the thread

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A piece of work; the state of one that failed is let go of here, before anything can be written from it."""
        try:
            yield
        except BaseException:
            self.drop()
            raise

    def begin(self) -> Mapping[Input, Stand]:
        """Open the shard -> where its log stands. Raises whatever opening it raises: then it is not open."""
        self.drop()
        owner = Owner(lambda faults: self._shards.open(self.number, faults))
        self._owner = owner
        return self._begin_reading(owner)

    def again(self) -> Mapping[Input, Stand]:
        """Go on after the partitions were given anew -> where its log stands; opens it where others wrote.

        Raises as ``begin`` does.
        """
        owner = self._owner
        if owner is not None:
            log = owner.keeper.log
            left = log.head()
            with self._whole():
                log.refresh()
            if log.head() == left:
                return self._begin_reading(owner)
        return self.begin()

    def _begin_reading(self, owner: Owner) -> Mapping[Input, Stand]:
        self._forget()
        self._gate = Gate(
            self._topics,
            self.number,
            self._shards.count,
            lambda close: is_closed(owner.keeper.shard, close),
            RECORDS_A_PIECE,
            BYTES_A_STEP,
        )
        self._note(owner.keeper)
        self.figures.shown = owner.keeper.views.stands
        return stands_of(owner.keeper.log.head(), self.inputs)

    def reads_from(self, stands: Mapping[Input, Stand], found: Mapping[Input, Found]) -> Mapping[Input, int]:
        """Where to read from, given what the broker has; what does not fit is left out and told (``processors.positions``)."""
        unfit = {each.input: str(each) for each in findings(stands, found)}
        self.figures.unfit = unfit
        self._topic_ids = {source: each.topic_id for source, each in found.items()}
        return {
            source: stand.position or found[source].begin for source, stand in stands.items() if source not in unfit
        }

    def _forget(self) -> None:
        self._inbox: deque[Fetched] = deque()
        self._read = {source: _Read() for source in self.inputs}
        self._gate, self._more, self.moved = None, False, False

    def work(self) -> None:
        """Take of what came in as much as is one piece; in the log when ``settle`` returned. Raises anything: then ``drop``."""
        owner, waits = self._owner, self._gate
        if owner is not None and waits is not None:
            with self._whole():
                self._work(owner, waits)

    def _work(self, owner: Owner, waits: Gate) -> None:
        while self._inbox:
            self._hand_over(waits, self._inbox.popleft())
        done = 0
        together: dict[Input, Received] = {}
        while done < RECORDS_A_PIECE and (step := waits.step()) is not None:
            if isinstance(step, gate.Take):
                part = self._received(owner, step)
                if part.origin.input in together:
                    _take_together(owner, together)
                together[part.origin.input] = part
                done += len(step.messages.values)
            else:
                _take_together(owner, together)
                self._take(owner, step)
                done += 1
        _take_together(owner, together)
        self._more = done >= RECORDS_A_PIECE
        self.worked = done

    def settle(self) -> None:
        """Make what was taken durable, and note where the shard stands. Raises as ``work`` does."""
        owner, waits = self._owner, self._gate
        if owner is not None and waits is not None:
            with self._whole():
                owner.keeper.log.settle()
                self.figures.held = waits.held()
                self._note(owner.keeper)

    def _hand_over(self, waits: Gate, fetched: Fetched) -> None:
        calendar = None
        if fetched.headers:
            calendar = [
                calendar_offset(fetched.headers[at]) if at in fetched.headers else None
                for at in range(len(fetched.offsets))
            ]
        waits.add(fetched.input[0], fetched.offsets, fetched.keys, fetched.values, calendar)

    def _received(self, owner: Owner, step: gate.Take) -> Received:
        messages = step.messages
        source = (messages.topic, self.number)
        stands = owner.keeper.log.head().marks.get(source)
        return Received(Origin(source), messages, behind(messages, self._topic_id(source), stands))

    def _take(self, owner: Owner, step: gate.Close | gate.Stray) -> None:
        """Take what was published in the calendar."""
        if isinstance(step, gate.Close):
            marks = {source: mark_of(self._topic_id(source), at, step.line) for source, at in step.copies.items()}
            owner.take(Close(step.copies, step.line, marks, step.calendar))
        else:
            mark = mark_of(self._topic_id(step.copy), step.offset, step.value)
            owner.take(Stray(step.copy, step.offset, step.value, step.calendar, mark))

    def _topic_id(self, source: Input) -> str:
        return self._topic_ids.get(source, "")

    def command(self, number: int, body: Mapping[str, Any]) -> None:
        """Do what was asked of the shard's owner; in the log when this returns. Raises as ``work`` does."""
        owner = self._owner
        if owner is None:
            return
        with self._whole():
            stood = dict(self.figures.positions)
            execute(owner, commands_input(self.number), number, body)
            owner.keeper.log.settle()
            self._note(owner.keeper)
            self.moved = self.moved or stood != self.figures.positions

    def _note(self, keeper: Keeper) -> None:
        head, counts, figures = keeper.log.head(), keeper.intake.counts, self.figures
        if figures.block != head.block:
            figures.block, figures.committed_at = head.block, self._now()
            figures.closed_through = iso(day) if (day := keeper.shard.closed_through) else ""
        figures.commanded = head.inputs.get(commands_input(self.number), 0)
        figures.positions = {source: head.inputs.get(source, 0) for source in self.inputs}
        figures.touched, figures.full = len(keeper.intake.touched), keeper.due
        figures.taken, figures.duplicate, figures.refused = counts.taken, counts.duplicate, counts.refused
        for source, read in self._read.items():
            read.taken(figures.positions[source])

    def show(self) -> None:
        """Write the views; the ids and the snapshot too where so much happened that it is worth it. Raises as ``work``."""
        if self._owner is not None:
            keeper = self._owner.keeper
            with self._whole():
                if keeper.due:
                    keeper.checkpoint()
                else:
                    keeper.show()

    def showing(self) -> Callable[[], None]:
        """As ``show``, but what is returned writes the views: in another thread, while more is taken.

        It is to be waited for before ``show``, ``checkpoint`` and ``begin``; where it raises, ``drop``.
        """
        if self._owner is None:
            return lambda: None
        keeper = self._owner.keeper
        with self._whole():
            write = keeper.showing()
            self._note(keeper)
            return write

    def checkpoint(self) -> None:
        """Write all that is derived, so that the next start is quick. Raises as ``work`` does."""
        if self._owner is not None:
            keeper = self._owner.keeper
            with self._whole():
                keeper.checkpoint()
                self._note(keeper)

    def drop(self) -> None:
        """Let go of the shard and forget everything; nothing is written. Raises nothing."""
        self._forget()
        self._owner = None
        self._shards.drop(self.number)
