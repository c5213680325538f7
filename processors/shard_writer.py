"""One shard of a worker: its Keeper, what came in for it, and what to do when something fails.

All of it but ``put`` and the figures runs in the worker's one thread, a piece at a time. Whatever fails drops the Keeper with
everything in memory; the next ``begin`` reads the shard anew from the head of its log (laws of the log 2), and what was
fetched is fetched anew. So there is nothing to put right after a failure, and no failure loses anything.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from aggregates.dates import iso
from processors.closes import is_closed
from processors.gate import Close, Gate, Stray, Take, Waiting, calendar_offset
from processors.inputs import Fetched
from processors.intake import Origin
from processors.keeper import Keeper
from processors.marks import behind, mark_of
from processors.ports import Input

RECORDS_A_PIECE: Final = 20_000
"""After so many a piece of work ends, so that the other shards have their turn."""
BYTES_A_STEP: Final = 8 << 20


class Shards(Protocol):
    """Opens the shards of a log. For one thread."""

    @property
    def count(self) -> int:
        """How many shards the log has, for ever; any thread may ask."""

    def open(self, number: int) -> Keeper:
        """The shard at the end of its log, with a policy; what this process had of it before is let go of.

        Raises what the log, its keys and its derived files raise.
        """

    def drop(self, number: int) -> None:
        """Let go of the shard; nothing is written."""

    def close(self) -> None:
        """Let go of everything."""


class Figures(msgspec.Struct):
    """Where a shard stands, for people; written by its thread, read by any.

    positions: taken up to there; held: topics that wait at a close of a day, which; trouble: why nothing is taken, after so
    many failures in a row.
    """

    block: int = 0
    committed_at: str = ""
    closed_through: str = ""
    positions: Mapping[Input, int] = {}
    held: Mapping[str, Waiting] = {}
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


class ShardWriter:
    """See the module. topics: those that the shard takes; topic_ids: the broker's own ids of them."""

    def __init__(
        self,
        number: int,
        shards: Shards,
        topics: tuple[str, ...],
        topic_ids: Mapping[str, str],
        now: Callable[[], str],
    ) -> None:
        self.number = number
        self.inputs: tuple[Input, ...] = tuple((topic, number) for topic in topics)
        self.figures = Figures()
        self._shards, self._topics, self._topic_ids, self._now = shards, topics, topic_ids, now
        self._keeper: Keeper | None = None
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

    def begin(self) -> Mapping[Input, int]:
        """Open the shard -> where to read each input from. Raises whatever opening it raises: then it is not open."""
        self.drop()
        keeper = self._shards.open(self.number)
        self._keeper = keeper
        return self._begin_reading(keeper)

    def again(self) -> Mapping[Input, int]:
        """Go on after the partitions were given anew -> where to read each input from; opens it where others wrote.

        Raises as ``begin`` does.
        """
        keeper = self._keeper
        if keeper is not None:
            block = keeper.log.head().block
            keeper.log.refresh()
            if keeper.log.head().block == block:
                return self._begin_reading(keeper)
        return self.begin()

    def _begin_reading(self, keeper: Keeper) -> Mapping[Input, int]:
        self._forget()
        self._gate = Gate(
            self._topics,
            self.number,
            self._shards.count,
            lambda close: is_closed(keeper.shard, close),
            RECORDS_A_PIECE,
            BYTES_A_STEP,
        )
        self._note(keeper)
        return {source: keeper.log.head().inputs.get(source, 0) for source in self.inputs}

    def _forget(self) -> None:
        self._inbox: deque[Fetched] = deque()
        self._read = {source: _Read() for source in self.inputs}
        self._gate, self._more = None, False

    def work(self) -> None:
        """Take of what came in as much as is one piece; in the log when this returns. Raises anything: then ``drop``."""
        keeper, gate = self._keeper, self._gate
        if keeper is None or gate is None:
            return
        while self._inbox:
            self._hand_over(gate, self._inbox.popleft())
        done = 0
        while done < RECORDS_A_PIECE and (step := gate.step()) is not None:
            done += self._take(keeper, step)
        self._more = done >= RECORDS_A_PIECE
        self.figures.held = gate.held()
        self._note(keeper)

    def _hand_over(self, gate: Gate, fetched: Fetched) -> None:
        calendar = None
        if fetched.headers:
            calendar = [
                calendar_offset(fetched.headers[at]) if at in fetched.headers else None
                for at in range(len(fetched.offsets))
            ]
        gate.add(fetched.input[0], fetched.offsets, fetched.keys, fetched.values, calendar)

    def _take(self, keeper: Keeper, step: Take | Close | Stray) -> int:
        """Take one step of the gate -> how many records it was."""
        intake = keeper.intake
        if isinstance(step, Take):
            messages = step.messages
            source = (messages.topic, self.number)
            stands = keeper.log.head().marks.get(source)
            intake.take_messages(
                Origin(source), messages, behind(messages, self._topic_ids.get(messages.topic, ""), stands)
            )
            return len(messages.values)
        if isinstance(step, Close):
            marks = {
                source: mark_of(self._topic_ids.get(source[0], ""), offset, step.line)
                for source, offset in step.copies.items()
            }
            intake.take_close(step.copies, step.line, marks)
            return 1
        raise NotImplementedError

    def _note(self, keeper: Keeper) -> None:
        head, counts, figures = keeper.log.head(), keeper.intake.counts, self.figures
        if figures.block != head.block:
            figures.block, figures.committed_at = head.block, self._now()
            figures.closed_through = iso(day) if (day := keeper.shard.closed_through) else ""
        figures.positions = {source: head.inputs.get(source, 0) for source in self.inputs}
        figures.taken, figures.duplicate, figures.refused = counts.taken, counts.duplicate, counts.refused
        for source, read in self._read.items():
            read.taken(figures.positions[source])

    def show(self) -> None:
        """Write the views; the ids and the snapshot too where so much happened that it is worth it. Raises as ``work``."""
        if self._keeper is not None:
            if self._keeper.due:
                self._keeper.checkpoint()
            else:
                self._keeper.show()

    def checkpoint(self) -> None:
        """Write all that is derived, so that the next start is quick. Raises as ``work`` does."""
        if self._keeper is not None:
            self._keeper.checkpoint()
            self._note(self._keeper)

    def drop(self) -> None:
        """Let go of the shard and forget everything; nothing is written. Raises nothing."""
        self._forget()
        if self._keeper is not None:
            self._keeper = None
            self._shards.drop(self.number)
