"""A block while it is made: its lines, where each record of the batch stands in it, and how it goes into the log."""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from zlib import crc32

import msgspec
import numpy as np

from aggregates.shard import Shard
from events import codec
from events.catalog import type_name
from events.decisions import CustomerErased, Decision
from events.transactions import CustomerBroughtForward
from processors.archive import LINE_BITS
from processors.batch import Batch
from processors.ports import Draft, EventLog, IdIndex, Input, Mark, Seal
from processors.stored import decode_line
from processors.tail import Told, told_of

Behind = Callable[[int], Mark]
"""The mark behind the first so many lines of a batch."""


class Counts(msgspec.Struct):
    """What became of the records of a run."""

    taken: int = 0
    duplicate: int = 0
    refused: int = 0
    decisions: int = 0
    parked: int = 0


class Origin(msgspec.Struct, frozen=True):
    """Where a batch comes from, for positions and refusals: lines of a file, or offsets of a partition."""

    input: Input
    file: str | None = None


def behind_from(start: int, mark: Behind | None) -> Behind | None:
    """The same of a part of the batch that begins behind the first so many lines."""
    return mark if mark is None or not start else lambda count: mark(start + count)


def no_batch() -> Batch:
    """A batch of nothing."""
    return Batch([])


class Making:
    """Makes blocks of one shard. touched: customers that lines were about; settled: the counts of what is in the log."""

    def __init__(
        self,
        log: EventLog,
        shard: Shard,
        ids: IdIndex,
        vault: Seal,
        tell: Callable[[Told], None],
        now: Callable[[], str],
    ) -> None:
        self.log, self.shard, self.ids, self.vault = log, shard, ids, vault
        self.counts, self.settled = Counts(), Counts()
        self.touched: set[str] = set()
        self._tell, self._now = tell, now
        self._inputs: dict[Input, tuple[int, int]] = {}
        self._mark: Behind | None = None
        self._marked: Input = ("", 0)
        self._marks: dict[Input, Mark] = {}
        self._batch = no_batch()
        self._together = False
        """Whether what is being done concerns the records of a block together, so that no single one can be named."""
        self._begin_block()

    def _begin_block(self) -> None:
        self._lines: list[bytes] = []
        self._customers = array("I")
        self._decisions: list[tuple[int, Decision]] = []
        self._erasing: list[str] = []
        self._duplicates = self._records = 0
        self._facts: Counter[str] = Counter()
        self._brought: list[tuple[int, CustomerBroughtForward]] = []

    def decide(self, decision: Decision, customer_id: str) -> None:
        """Put a decision, already evolved, into the block."""
        self._decisions.append((self.log.head().lines + len(self._lines), decision))
        if isinstance(decision, CustomerErased):
            self._erasing.append(decision.customer_id)
        self._lines.append(codec.to_json(decision))
        self._customers.append(crc32(customer_id.encode()))

    def answer(self, decision: Decision, command: tuple[Input, int]) -> None:
        """Put the answer to a command, which changes no state, into the log with the command's input behind it."""
        self.decide(decision, "")
        self._moved_by(command)
        self.commit()

    def _reach(self, origin: Origin, places: Sequence[int], at: int) -> None:
        """Everything of the batch before `at` was judged: a commit takes the input up to there."""
        if origin.input in self._inputs:
            self._inputs[origin.input] = (self._inputs[origin.input][0], places[at])
        self._batch.reached = at

    def _moved_by(self, command: tuple[Input, int] | None) -> None:
        if command is not None:
            source, position = command
            self._inputs[source] = (self.log.head().inputs.get(source, 0), position)

    def finish(self, source: Input) -> None:
        """Forget how far a file was taken: it is done, and taking it again judges it anew."""
        head = self.log.head()
        if source in head.inputs:
            self._inputs[source] = (head.inputs[source], 0)
            self._mark, self._marks = None, {source: Mark(0, "", 0)}
            self.commit()

    def commit(self) -> None:
        """Append what was taken since the last commit as one block; durable when this returns."""
        self._together = True
        inputs = {source: (start, end) for source, (start, end) in self._inputs.items() if start != end}
        if not self._lines and not inputs:
            self._together = False
            return
        self._gather(self.log.head().block + 1)
        self.vault.commit()
        at_clock = self._now()
        block = self.log.append(
            Draft(
                lines=self._lines,
                facts=self._records,
                customers=np.asarray(self._customers, dtype="<u4").tobytes(),
                inputs=inputs,
                marks=self._marks,
                duplicates=self._duplicates,
                at=at_clock,
            )
        )
        self.counts.taken += self._records
        self.counts.decisions += len(self._decisions)
        self._tell(
            told_of(
                self.shard,
                block,
                at_clock,
                self.log.head().lines,
                dict(self._facts),
                self._duplicates,
                self._decisions,
                self._brought,
            )
        )
        self._inputs = {source: (end, end) for source, (_, end) in self._inputs.items()}
        self._marks = {}
        self.settled = msgspec.structs.replace(self.counts)
        erasing = self._erasing
        self._begin_block()
        self._together = False
        if erasing:
            self.log.settle()  # a key goes when the log says so for good; where this is cut short, opening the log does it
        for customer_id in erasing:
            self.vault.destroy(customer_id)

    def destroy_keys(self) -> None:
        """Destroy the keys of all who are erased by the log, but for those whose key is destroyed already."""
        if self.shard.erased:
            for customer_id in self.vault.not_destroyed(self.shard.erased):
                self.vault.destroy(customer_id)

    def _gather(self, block: int) -> None:
        """Count what was judged of the batch to the block that is being made; another batch may follow into it.

        block: its number. Its ids are known from now on, though the block cannot be read yet: see ``Intake._readable``.
        """
        batch = self._batch
        start, end = self._inputs.get(self._marked, (0, 0))
        if self._mark is not None and start != end:
            self._marks[self._marked] = self._mark(batch.reached)
        placed = batch.placed[batch.added : batch.reached]
        records = batch.records[batch.added : batch.reached]
        if placed.min(initial=0) < 0:
            records = [record for record, line in zip(records, placed, strict=True) if line >= 0]
        facts = Counter(map(type, records))
        self._records += len(records)
        self._facts.update({type_name(t): n for t, n in facts.items()})
        if CustomerBroughtForward in facts:
            # As they stand in the log: what is sealed there is told to nobody in the clear.
            first = self.log.head().lines
            where = placed[placed >= 0].tolist()
            for line, record in zip(where, records, strict=True):
                if isinstance(record, CustomerBroughtForward):
                    stored = decode_line(self._lines[line])
                    assert isinstance(stored, CustomerBroughtForward)
                    self._brought.append((first + line, stored))
        self._add_ids(block)

    def _add_ids(self, block: int) -> None:
        batch = self._batch
        for month, at in batch.by_month(batch.added, batch.reached):
            lines = batch.placed[at]
            kept = lines >= 0
            if kept.any():
                positions = (lines[kept] + (block << LINE_BITS)).astype(np.uint64)
                self.ids.add(month, batch.keys[at][kept], positions)
        batch.added = batch.reached
