"""The one door into a shard's log: decode ► dedupe ► take ► append ► tell the projections.

A batch of lines is judged in order. What was taken, what was decided from it and the position behind it go to the log as
one block. A record that cannot be taken is refused, its bytes kept sealed, and the next one goes on. Whatever fails
for reasons of the machine raises: the state in memory is then worthless and the log is opened anew (laws of the log 2).
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from msgspec import UNSET
from xxhash import xxh3_64_intdigest

from aggregates import closing
from aggregates.records import TAKE
from aggregates.shard import Shard, content_of
from aggregates.verdict import NOTHING, HistoryNeeded, Outcome
from events import codec
from events.calendar import BusinessDayClosed
from events.catalog import CALENDAR, TOPIC_OF, type_name
from events.codec import MAX_BYTES
from events.decisions import (
    AccountDaysKept,
    DayClosed,
    DayClosing,
    Decision,
    InputReset,
    PolicyActivated,
    RecordRefused,
)
from events.fields import CustomerRecord, Record
from events.refusals import Refusal
from events.transactions import (
    AccountClosed,
    AccountOpened,
    BalanceStated,
    CustomerBroughtForward,
    Reversal,
    ValuationUpdated,
)
from processors.archive import LINE_BITS, Archive, key_of
from processors.batch import Batch, plain_types
from processors.closes import looked_at
from processors.history import History
from processors.messages import Messages
from processors.ports import Draft, EventLog, IdIndex, Input, Mark, Seal
from processors.positions import set_to
from processors.stored import decode_line, same, seal
from processors.sweep import sweep
from processors.tail import Told, told_of

Behind = Callable[[int], Mark]
"""The mark behind the first so many lines of a batch."""

CUT_AFTER_LINES = 5_000
"""During a close a block may end at a safe place after this many lines."""

_KEPT_OF_TOO_LARGE = 65_536
_CALENDAR: Input = (CALENDAR, 0)
_NEVER_PERSONAL = frozenset({AccountOpened, AccountClosed, ValuationUpdated, BalanceStated})
"""Types with no personal field but `ext`."""


class Counts(msgspec.Struct):
    """What became of the records of a run."""

    taken: int = 0
    duplicate: int = 0
    refused: int = 0
    decisions: int = 0


class Origin(msgspec.Struct, frozen=True):
    """Where a batch comes from, for positions and refusals: lines of a file, or offsets of a partition."""

    input: Input
    file: str | None = None


class Intake:
    """Writes one shard. tell: called with each block written; now: the commit clock, ISO text. See the module."""

    def __init__(
        self,
        log: EventLog,
        shard: Shard,
        ids: IdIndex,
        vault: Seal,
        tell: Callable[[Told], None],
        now: Callable[[], str],
        history: History | None = None,
    ) -> None:
        self.log, self.shard, self.ids, self.vault = log, shard, ids, vault
        self.archive = Archive(log, history or History(log))
        self.counts = Counts()
        self.touched: set[str] = set()
        self._tell, self._now = tell, now
        self._inputs: dict[Input, tuple[int, int]] = {}
        self._mark: Behind | None = None
        self._marks: dict[Input, Mark] = {}
        self._batch = Batch([], np.array([], dtype=np.uint64), [])
        self._begin_block()

    def _begin_block(self) -> None:
        self._lines: list[bytes] = []
        self._customers: list[int] = []
        self._decisions: list[tuple[int, Decision]] = []
        self._duplicates = 0

    # ------------------------------------------------------------------------------------------ batches

    def take(self, origin: Origin, first: int, data: bytes, mark: Behind | None = None) -> None:
        """Take lines (each ending in a newline) at positions first, first + 1, …; in the log when this returns.

        mark: for a file, what lies behind the first so many lines of the batch. Raises whatever the log raises: open it anew then.
        """
        lines, records, shortest = codec.decode_batch(data)
        self._inputs.setdefault(origin.input, (first, first))
        self._take(origin, range(first, first + len(lines) + 1), lines, records, shortest, mark)

    def take_messages(self, origin: Origin, messages: Messages, mark: Behind | None = None) -> None:
        """Take what was read from a partition; in the log when this returns.

        A key that is not the customer, or a customer of another partition, is refused `key_mismatch` (CONTRACT §1). Closes
        are not among them (``take_close``): one that is, is refused. Raises as ``take`` does.
        """
        lines, records, shortest = codec.decode_batch(messages.data)
        refused = messages.refused(records, lines, self.shard.customers.all)
        if refused:
            records = list(records)
            for at, refusal in refused.items():
                records[at] = refusal
        stands = self.log.head().inputs.get(origin.input, 0)
        self._inputs[origin.input] = (stands, stands)
        self._take(origin, messages.places, lines, records, shortest, mark)

    def take_close(
        self, copies: Mapping[Input, int], line: bytes, marks: Mapping[Input, Mark], calendar: int | None = None
    ) -> None:
        """Take a close of a business day that was read from each of several partitions; in the log when this returns.

        copies: where it was read, input -> offset; marks: what lies behind each copy; calendar: its offset in
        ``bank.calendar.v1``, the place that a refusal names. Raises as ``take`` does.
        """
        self._move({source: at + 1 for source, at in copies.items()}, marks)
        (first, offset), *_ = copies.items()
        origin, place = (Origin(first), offset) if calendar is None else (Origin(_CALENDAR), calendar)
        _, records, shortest = codec.decode_batch(line + b"\n")
        self._batch = self._look_up(records)
        self._take_one(origin, (place, place + 1), 0, line, shortest[0], records[0])
        self._batch.reached = 1
        self.commit()

    def refuse_stray(self, copy: Input, offset: int, value: bytes | None, calendar: int, mark: Mark) -> None:
        """Refuse what was published in the calendar and is no close; in the log when this returns.

        copy, offset: where it was read; mark: what lies behind it; calendar: its offset in ``bank.calendar.v1``, which the
        refusal names. Raises as ``take`` does.
        """
        self._move({copy: offset + 1}, {copy: mark})
        refusal = looked_at(value)
        assert isinstance(refusal, Refusal)  # ``take_close`` is for closes
        self._refuse(Origin(_CALENDAR), calendar, value or b"", refusal)
        self.commit()

    def reset_input(
        self, source: Input, to: int, topic_id: str, reason: str, by: str, command: tuple[Input, int] | None = None
    ) -> None:
        """Have an input read on from another offset, also from one before; in the log when this returns.

        topic_id, reason, by: see ``InputReset``; command: the input and position of the command that asked for it. What was
        read of the input and not taken is to be forgotten by the caller. Raises whatever the log raises.
        """
        stood = self.log.head().inputs.get(source, 0)
        self._move({source: to} | dict([command] if command else []), {source: set_to(topic_id, to)})
        topic, partition = source
        reset = InputReset(
            topic=topic, partition=partition, stood=stood, to=to, topic_id=topic_id, reason=reason, by=by
        )
        self._decide(reset, "")
        self.commit()

    def _move(self, inputs: Mapping[Input, int], marks: Mapping[Input, Mark]) -> None:
        """Begin with what is not a batch: the next block moves these inputs, from wherever they stand."""
        stands = self.log.head().inputs
        self._inputs = {source: (stands.get(source, 0), to) for source, to in inputs.items()}
        self._batch, self._mark = Batch([], np.array([], dtype=np.uint64), []), None
        self._marks = dict(marks)

    def _take(
        self,
        origin: Origin,
        places: Sequence[int],
        lines: Sequence[bytes],
        records: Sequence[Any],
        shortest: list[bytes],
        mark: Behind | None,
    ) -> None:
        """places: position of each line, and the one behind the last."""
        batch = self._batch = self._look_up(records)
        self._mark = mark
        shard, odd = self.shard, batch.odd
        batch.checked, plain = plain_types(records)
        waits = 0  # records from here on were taken, decided nothing and are not in the block yet
        for at, record in enumerate(records):
            kind = record.__class__
            if kind in plain and at not in odd:
                outcome = TAKE[kind](shard, record, None, None)
                if outcome is NOTHING:
                    continue
                self._append_plain(shortest, waits, at)
                self._took(origin, places, at, lines[at], record, record, outcome)
            else:
                self._append_plain(shortest, waits, at)
                if record is not None and not (
                    kind in _NEVER_PERSONAL
                    and at not in odd
                    and record.ext is UNSET
                    and record.sealed is UNSET
                    and self._take_open(origin, places, at, lines[at], shortest[at], record)
                ):
                    self._reach(origin, places, at)
                    self._take_one(origin, places, at, lines[at], shortest[at], record)
            waits = at + 1
        self._append_plain(shortest, waits, len(records))
        self._reach(origin, places, len(lines))
        self.commit()

    def _append_plain(self, shortest: list[bytes], start: int, end: int) -> None:
        """Put a run of records that were taken and decided nothing into the block."""
        if start == end:
            return
        batch, at = self._batch, len(self._lines)
        ids = [record.customer_id for record in batch.records[start:end]]
        self.touched.update(ids)
        batch.placed[start:end] = range(at, at + end - start)
        self._lines += shortest[start:end]
        self._customers += map(crc32, map(str.encode, ids))

    def _take_open(
        self, origin: Origin, places: Sequence[int], at: int, line: bytes, shortest: bytes, record: CustomerRecord
    ) -> bool:
        """Take a record that has nothing to seal and no identity to compare; False: it wants a closer look."""
        try:
            codec.check(record)
        except ValueError:
            return False
        try:
            outcome = TAKE[type(record)](self.shard, record, None, None)
        except HistoryNeeded:
            return False
        if outcome is NOTHING:
            self.touched.add(record.customer_id)
            self._batch.placed[at] = len(self._lines)
            self._lines.append(shortest)
            self._customers.append(crc32(record.customer_id.encode()))
        else:
            self._took(origin, places, at, line, record, record, outcome)
        return True

    def _reach(self, origin: Origin, places: Sequence[int], at: int) -> None:
        """Everything of the batch before `at` was judged: a commit takes the input up to there."""
        if origin.input in self._inputs:
            self._inputs[origin.input] = (self._inputs[origin.input][0], places[at])
        self._batch.reached = at

    def _look_up(self, records: Sequence[Any]) -> Batch:
        """Which records of a batch may be known already: in the log, or earlier in the batch itself."""
        try:
            keys = [xxh3_64_intdigest(f"{r.source}\0{r.event_id}".encode()) for r in records]
            months = {r.occurred_at[:7] for r in records}
        except AttributeError:  # refusals and blank lines among them
            keys = [key_of(r.source, r.event_id) if isinstance(r, Record) else 0 for r in records]
            months = {r.occurred_at[:7] for r in records if isinstance(r, Record)}
        batch = Batch(records, np.array(keys, dtype=np.uint64), sorted(months))
        if len(set(keys)) < len(keys):
            batch.repeated = {key for key, n in Counter(keys).items() if n > 1}
            batch.odd.update(at for at, key in enumerate(keys) if key in batch.repeated)
        for month, at in batch.by_month():
            for place, position in self.ids.lookup(month, batch.keys[at]):
                where = int(at[place])
                batch.known.setdefault(where, []).append(position)
                batch.odd.add(where)
        return batch

    # ------------------------------------------------------------------------------------------ one record

    def _take_one(
        self, origin: Origin, places: Sequence[int], at: int, line: bytes, shortest: bytes, record: Record | Refusal
    ) -> None:
        if isinstance(record, Refusal):
            self._refuse(origin, places[at], line, record)
            return
        if type(record) not in self._batch.checked:
            try:
                codec.check(record)
            except ValueError:
                found = codec.examine(line)
                if isinstance(found, Refusal):
                    self._refuse(origin, places[at], line, found)
                    return
        if record.sealed is not UNSET:
            self._refuse(origin, places[at], line, Refusal("unknown_field", "this type has no such field", "sealed"))
            return
        if isinstance(record, BusinessDayClosed):
            self._take_close(origin, places, at, line, record)
            return
        assert isinstance(record, CustomerRecord)  # every record but a close names its customer
        if at in self._batch.known and any(map(shortest.__eq__, map(self.archive.raw, self._batch.known[at]))):
            self._duplicates += 1  # byte for byte what the log holds
            self.counts.duplicate += 1
            return
        earlier = self._earlier(at, record)
        if earlier is not None:
            self._known(origin, places[at], line, record, earlier)
            return
        stored = seal(record, self.vault)
        original = None
        if isinstance(stored, Reversal):
            original = self._original(stored)
        try:
            outcome = TAKE[type(stored)](self.shard, stored, original, None)
        except HistoryNeeded:
            self.commit()
            history = self.archive.history(record.customer_id, self.shard)
            outcome = TAKE[type(stored)](self.shard, stored, original, history)
        self._took(origin, places, at, line, record, stored, outcome)

    def _took(
        self,
        origin: Origin,
        places: Sequence[int],
        at: int,
        line: bytes,
        record: Record,
        stored: Record,
        outcome: Outcome,
    ) -> None:
        """Put a judged record and what was decided from it into the block."""
        if isinstance(outcome, Refusal):
            self._refuse(origin, places[at], line, outcome, record)
            return
        customer_id = record.customer_id if isinstance(record, CustomerRecord) else ""
        for decision in outcome:
            if isinstance(decision, AccountDaysKept):  # what the record needs to be evolved stands ahead of it
                self._decide(decision, customer_id)
        self._batch.placed[at] = len(self._lines)
        if self._batch.repeated:
            self._batch.taken.setdefault(int(self._batch.keys[at]), []).append(stored)
        self._lines.append(codec.encode(stored))
        self._customers.append(crc32(customer_id.encode()))
        if customer_id:
            self.touched.add(customer_id)
        for decision in outcome:
            if not isinstance(decision, AccountDaysKept):
                self._decide(decision, customer_id)

    def _decide(self, decision: Decision, customer_id: str) -> None:
        """Put a decision, already evolved, into the block."""
        self._decisions.append((self.log.head().lines + len(self._lines), decision))
        self._lines.append(codec.to_json(decision))
        self._customers.append(crc32(customer_id.encode()))

    def _refuse(
        self, origin: Origin, position: int, line: bytes, refusal: Refusal, record: Record | None = None
    ) -> None:
        """Put a refusal into the block, the original bytes sealed under the log's own key."""
        kept = line if len(line) <= MAX_BYTES else line[:_KEPT_OF_TOO_LARGE]
        topic, partition = origin.input
        who = record if record is not None else refusal
        name = type_name(type(record)) if record is not None else None
        refused = RecordRefused(
            reason=refusal.reason,
            detail=refusal.detail,
            field=refusal.field,
            source=who.source,
            event_id=who.event_id,
            topic=topic if origin.file is None else TOPIC_OF.get(name or ""),
            partition=partition if origin.file is None else None,
            offset=position if origin.file is None else None,
            file=origin.file,
            line=None if origin.file is None else position + 1,
            original=b64encode(self.vault.seal("", kept, b"refused")).decode(),
        )
        self._decide(refused, "")
        self.counts.refused += 1

    # ------------------------------------------------------------------------------------------ identity

    def _earlier(self, at: int, record: CustomerRecord) -> CustomerRecord | None:
        """The record of the same identity taken before, in the log or in this batch (DOMAIN §2, Identity)."""
        batch = self._batch
        if at not in batch.odd:
            return None
        candidates = [r for r in batch.taken.get(int(batch.keys[at]), ()) if isinstance(r, CustomerRecord)]
        candidates += self.archive.records(batch.known.get(at, []), record.customer_id, record.source, record.event_id)
        month = record.occurred_at[:7]
        for found in candidates:
            if (found.customer_id, found.source, found.event_id, found.occurred_at[:7]) == (
                record.customer_id,
                record.source,
                record.event_id,
                month,
            ):
                return found
        return None

    def _known(
        self, origin: Origin, position: int, line: bytes, record: CustomerRecord, earlier: CustomerRecord
    ) -> None:
        if same(earlier, record, self.vault):
            self._duplicates += 1
            self.counts.duplicate += 1
            return
        refusal = Refusal(
            "id_reused_with_other_content",
            f"{record.source} {record.event_id} was taken with other content",
            "event_id",
        )
        self._refuse(origin, position, line, refusal, record)

    def _original(self, reversal: Reversal) -> Record | None:
        """The record that a reversal names: of several with that id the one taken last, this batch included."""
        named = reversal.reverses
        source = reversal.source if named.source is UNSET else named.source
        batch = self._batch
        for at in reversed(np.flatnonzero(batch.keys == np.uint64(key_of(source, named.event_id))).tolist()):
            record = batch.records[at]
            if (
                at >= batch.added
                and batch.placed[at] >= 0
                and isinstance(record, CustomerRecord)
                and (record.customer_id, record.source, record.event_id)
                == (
                    reversal.customer_id,
                    source,
                    named.event_id,
                )
            ):
                return record
        return self.archive.original(self.ids, reversal.customer_id, source, named.event_id)

    # ------------------------------------------------------------------------------------------ calendar

    def _take_close(
        self, origin: Origin, places: Sequence[int], at: int, line: bytes, record: BusinessDayClosed
    ) -> None:
        earlier = self.shard.calendar.closes.get(record.source, {}).get(record.date)
        if earlier is not None and earlier == content_of(record):
            self._duplicates += 1
            self.counts.duplicate += 1
            return
        if earlier is not None:
            detail = f"{record.source} closed {record.date} before, with other content"
            self._refuse(origin, places[at], line, Refusal("day_already_closed", detail, "date"), record)
            return
        stored = seal(record, self.vault)
        self._took(origin, places, at, line, record, stored, TAKE[BusinessDayClosed](self.shard, stored, None, None))
        self._reach(origin, places, at + 1)
        self.close_days()

    def close_days(self) -> None:
        """Close every day that is due, one by one; also takes up a close that a crash interrupted."""
        while self.shard.closing:
            for decision in closing.steps(self.shard):
                customer_id = getattr(decision, "customer_id", None) or ""
                self._decide(decision, customer_id)
                if customer_id:
                    self.touched.add(customer_id)
                if isinstance(decision, DayClosing | DayClosed) and len(self._lines) >= CUT_AFTER_LINES:
                    self.commit()

    # ------------------------------------------------------------------------------------------ blocks

    def activate(self, policy: PolicyActivated) -> None:
        """Take a policy version into the log. The caller has checked that it may."""
        self.shard.evolve(policy)
        self._decide(policy, "")
        self.commit()

    def sweep(self) -> None:
        """Tell of ids that stand in two places; reads over all ids, so only now and then."""
        for alert in list(sweep(self.ids, self.archive, self.shard.shared_ids)):
            self.shard.evolve(alert)
            self._decide(alert, "")
        self.commit()

    def finish(self, source: Input) -> None:
        """Forget how far a file was taken: it is done, and taking it again judges it anew."""
        head = self.log.head()
        if source in head.inputs:
            self._inputs[source] = (head.inputs[source], 0)
            self._mark = lambda _: Mark(0, "", 0)
            self.commit()

    def commit(self) -> None:
        """Append what was taken since the last commit as one block; durable when this returns."""
        inputs = {source: (start, end) for source, (start, end) in self._inputs.items() if start != end}
        if not self._lines and not inputs:
            return
        batch = self._batch
        placed = batch.placed[batch.added : batch.reached]
        records = batch.records[batch.added : batch.reached]
        if -1 in placed:
            records = [record for record, line in zip(records, placed, strict=True) if line >= 0]
        facts = Counter(map(type, records))
        marks = {source: self._mark(batch.reached) for source in inputs} if self._mark else self._marks
        self.vault.commit()
        at_clock = self._now()
        block = self.log.append(
            Draft(
                lines=self._lines,
                facts=len(records),
                customers=np.array(self._customers, dtype="<u4").tobytes(),
                inputs=inputs,
                marks=marks,
                duplicates=self._duplicates,
                at=at_clock,
            )
        )
        self._add_ids(block)
        self.counts.taken += len(records)
        self.counts.decisions += len(self._decisions)
        by_type = {type_name(t): n for t, n in facts.items()}
        first = self.log.head().lines - len(self._lines)
        brought: list[tuple[int, CustomerBroughtForward]] = []
        if CustomerBroughtForward in facts:
            # As they stand in the log: what is sealed there is told to nobody in the clear.
            where = (line for line in placed if line >= 0)
            for line, record in zip(where, records, strict=True):
                if isinstance(record, CustomerBroughtForward):
                    stored = decode_line(self._lines[line])
                    assert isinstance(stored, CustomerBroughtForward)
                    brought.append((first + line, stored))
        self._tell(
            told_of(
                self.shard,
                block,
                at_clock,
                self.log.head().lines,
                by_type,
                self._duplicates,
                self._decisions,
                brought,
            )
        )
        self._inputs = {source: (end, end) for source, (_, end) in self._inputs.items()}
        self._marks = {}
        self._begin_block()

    def _add_ids(self, block: int) -> None:
        batch = self._batch
        placed = np.array(batch.placed, dtype=np.int64)
        for month, at in batch.by_month(batch.added, batch.reached):
            lines = placed[at]
            kept = lines >= 0
            if kept.any():
                positions = (lines[kept] + (block << LINE_BITS)).astype(np.uint64)
                self.ids.add(month, batch.keys[at][kept], positions)
        batch.added = batch.reached
