"""The one door into a shard's log: decode ► dedupe ► take ► append ► tell the projections.

A batch of lines is judged in order. What was taken, what was decided from it and the position behind it go to the log as
one block. A record that cannot be taken is refused, its bytes kept sealed, and the next one goes on. Whatever fails
for reasons of the machine raises: the state in memory is then worthless and the log is opened anew (laws of the log 2).
So is it where our own code fails (OurFault), but what failed is remembered in `faults`, and the next attempt parks it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from msgspec import UNSET

from aggregates.days import content_of
from aggregates.plain import take_plain
from aggregates.records import TAKE
from aggregates.shard import Shard
from aggregates.triggers import catalog
from aggregates.verdict import NOTHING, HistoryNeeded, Outcome
from events import codec
from events.calendar import BusinessDayClosed
from events.catalog import CALENDAR, type_name
from events.codec import MAX_BYTES
from events.decisions import (
    AccountDaysKept,
    Decision,
    InputReset,
    PolicyActivated,
    RecordRefused,
    TriggersActivated,
)
from events.fields import CustomerRecord, Record
from events.interactions import TYPES as INTERACTIONS
from events.refusals import Refusal
from events.transactions import (
    CREDITS,
    DEBITS,
    AccountClosed,
    AccountOpened,
    BalanceStated,
    Reversal,
    ValuationUpdated,
)
from processors.archive import LINE_BITS, Archive, key_of
from processors.batch import Batch
from processors.closes import looked_at
from processors.closing_days import ClosingDays
from processors.erased import is_same, is_stored, kept, sealed_original
from processors.erasing import Erasing
from processors.faults import Faults
from processors.history import History
from processors.making import Behind, Counts, Origin, behind_from, no_batch
from processors.messages import Messages
from processors.parking import place_at
from processors.ports import EventLog, IdIndex, Input, Mark, Seal
from processors.positions import set_to
from processors.stored import PERSONAL, decode_line, seal
from processors.sweep import sweep
from processors.tail import Told

__all__ = ["Behind", "Counts", "Intake", "Origin"]

_KEPT_OF_TOO_LARGE = 65_536
_RECORDS_AT_ONCE = 1_000
"""So many messages are decoded, judged and let go of before the next: what is gone through several times stays in the cache."""
_CALENDAR: Input = (CALENDAR, 0)
_OPEN: dict[type[Any], tuple[str, ...]] = {
    **dict.fromkeys((AccountOpened, AccountClosed, ValuationUpdated, BalanceStated), ()),
    **dict.fromkeys((*CREDITS, *DEBITS), ("memo", "counterparty")),
    **{each: tuple(field for field, _, _ in PERSONAL[each] if field != "ext") for each in INTERACTIONS},
}
"""Types of which a record is stored as it came, if it has neither `ext` nor one of these fields."""


class Intake(Erasing, ClosingDays):
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
        faults: Faults | None = None,
    ) -> None:
        super().__init__(log, shard, ids, vault, tell, now)
        self.archive = Archive(log, history or History(log))
        self.faults = faults or Faults()

    # ------------------------------------------------------------------------------------------ batches

    def take(self, origin: Origin, first: int | Sequence[int], data: bytes, mark: Behind | None = None) -> None:
        """Take lines (each ending in a newline) at positions first, first + 1, …; in the log when this returns.

        first: or, of lines with others between them, the position of each and the one behind the last. mark: for a file, what
        lies behind the first so many lines of the batch. Raises whatever the log raises: open it anew then.
        """
        places = range(first, first + data.count(b"\n") + 1) if isinstance(first, int) else first
        begins = first if isinstance(first, int) else self.log.head().inputs.get(origin.input, 0)
        with self._ours(origin.input, places):
            lines, records, shortest = codec.decode_batch(data)
            self._inputs.setdefault(origin.input, (begins, begins))
            self._take(origin, places, lines, records, shortest, mark)

    def take_messages(
        self, origin: Origin, messages: Messages, mark: Behind | None = None, *, more: bool = False
    ) -> None:
        """Take what was read from a partition; in the log when this returns, or, if `more` follows, with what does.

        more: of other partitions, taken by the next call into the same block.

        A key that is not the customer, or a customer of another partition, is refused `key_mismatch` (CONTRACT §1). Closes
        are not among them (``take_close``): one that is, is refused. Raises as ``take`` does.
        """
        stands = self.log.head().inputs.get(origin.input, 0)
        self._inputs[origin.input] = (stands, stands)
        count = len(messages.values)
        for start in range(0, max(count, 1), _RECORDS_AT_ONCE):
            end = min(start + _RECORDS_AT_ONCE, count)
            part = messages if end - start == count else messages.part(start, end)
            self._take_part(origin, part, behind_from(start, mark), more=more or end < count)

    def _take_part(self, origin: Origin, messages: Messages, mark: Behind | None, *, more: bool) -> None:
        with self._ours(origin.input, messages.places):
            lines, records, shortest = codec.decode_batch(*messages.lines())
            refused = messages.refused(records, lines, self.shard.customers.all)
            if refused:
                records = list(records)
                for at, refusal in refused.items():
                    records[at] = refusal
            self._take(origin, messages.places, lines, records, shortest, mark, more=more)

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
        with self._ours(first, (offset, offset + 1)):
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
        self.decide(reset, "")
        self.commit()

    def _move(self, inputs: Mapping[Input, int], marks: Mapping[Input, Mark]) -> None:
        """Begin with what is not a batch: the next block moves these inputs, from wherever they stand."""
        stands = self.log.head().inputs
        self._inputs = {source: (stands.get(source, 0), to) for source, to in inputs.items()}
        self._batch, self._mark = no_batch(), None
        self._marks = dict(marks)

    def _take(
        self,
        origin: Origin,
        places: Sequence[int],
        lines: Sequence[bytes],
        records: Sequence[Any],
        shortest: list[bytes],
        mark: Behind | None,
        *,
        more: bool = False,
    ) -> None:
        """places: position of each line, and the one behind the last."""
        batch = self._batch = self._look_up(records)
        self._mark, self._marked = mark, origin.input
        self._hold(origin, places)
        run = enumerate(records)
        waits = 0  # records from here on were taken, decided nothing and are not in the block yet
        personal: list[int] = []  # those of them that are not stored as they came
        try:
            while (found := take_plain(self.shard, run, batch.odd, batch.latest, batch.today, personal)) is not None:
                at, record = found
                outcome = self._take_open(at, record)
                if outcome is NOTHING:
                    continue
                self._append_plain(shortest, waits, at, personal)
                if outcome is not None:
                    self._took(origin, places, at, lines[at], record, record, outcome)
                elif record is not None:
                    self._reach(origin, places, at)
                    self._take_one(origin, places, at, lines[at], shortest[at], record)
                waits = at + 1
        except Exception:
            if self._judging is None:
                self._judging = next(run, (len(records), None))[0] - 1
            raise
        self._append_plain(shortest, waits, len(records), personal)
        self._reach(origin, places, len(lines))
        if more:
            self._gather(self.log.head().block + 1)
        else:
            self.commit()
        self._mark = None  # what is decided between batches has none

    def _append_plain(self, shortest: list[bytes], start: int, end: int, personal: list[int]) -> None:
        """Put a run of records that were taken and decided nothing into the block; `personal` is empty then."""
        if start == end:
            return
        batch, at = self._batch, len(self._lines)
        lines = shortest[start:end]
        for place in personal:
            self._judging = place
            lines[place - start] = codec.encode(kept(batch.records[place], self.shard.erased, self.vault))
        personal.clear()
        self._judging, self._together = None, True
        ids = [record.customer_id for record in batch.records[start:end]]
        self.touched.update(ids)
        batch.placed[start:end] = np.arange(at, at + end - start)
        self._lines += lines
        self._customers.extend(map(crc32, map(str.encode, ids)))
        self._together = False

    def _take_open(self, at: int, record: Any) -> Outcome | None:
        """Take a record that has nothing to seal and no identity to compare; None: it wants a closer look."""
        if (
            record.__class__ not in _OPEN
            or at in self._batch.odd
            or record.ext is not UNSET
            or record.sealed is not UNSET
            or any(getattr(record, field) is not UNSET for field in _OPEN[record.__class__])
        ):
            return None
        try:
            codec.check(record)
        except ValueError:
            return None
        try:
            return TAKE[record.__class__](self.shard, record, None, None)
        except HistoryNeeded:
            return None

    def _look_up(self, records: Sequence[Any]) -> Batch:
        """Which records of a batch may be known already: in the log, or earlier in the batch itself."""
        batch = Batch(records)
        for month, at in batch.by_month():
            found = self.ids.lookup(month, batch.keys[at])
            self._readable(position for _, position in found)
            for place, position in found:
                where = int(at[place])
                batch.known.setdefault(where, []).append(position)
                batch.odd.add(where)
        return batch

    def _readable(self, positions: Iterable[int]) -> None:
        """Write the block that is being made where one of the positions is in it: it cannot be read before."""
        if max(positions, default=0) >> LINE_BITS > self.log.head().block:
            self.commit()

    # ------------------------------------------------------------------------------------------ one record

    def _take_one(
        self, origin: Origin, places: Sequence[int], at: int, line: bytes, shortest: bytes, record: Record | Refusal
    ) -> None:
        if at in self._batch.held:
            self._park(origin, places[at], at, line, shortest, record)
            return
        if self._is_in_log(at, shortest, record):
            self._duplicates += 1
            self.counts.duplicate += 1
            return
        refusal = self._refused(line, record)
        if refusal is not None:
            self._refuse(origin, places[at], line, refusal)
            return
        assert isinstance(record, Record)  # a refusal it is not
        if isinstance(record, BusinessDayClosed):
            self._take_close(origin, places, at, line, record)
            return
        assert isinstance(record, CustomerRecord)  # every record but a close names its customer
        earlier = self._earlier(at, record)
        if earlier is not None:
            self._known(origin, places[at], line, record, earlier)
            return
        stored = kept(record, self.shard.erased, self.vault)
        original = None
        if isinstance(stored, Reversal):
            original = self._original(stored)
        try:
            outcome = TAKE[type(stored)](self.shard, stored, original, None)
        except HistoryNeeded:
            if not self._again:
                self.commit()
            history = self.archive.history(record.customer_id, self.shard, map(decode_line, self._lines))
            outcome = TAKE[type(stored)](self.shard, stored, original, history)
        self._took(origin, places, at, line, record, stored, outcome)

    def _is_in_log(self, at: int, shortest: bytes, record: Record | Refusal) -> bool:
        """Whether the log holds a record to the byte, seals apart: most duplicates, and nothing is wrong with these."""
        known = self._batch.known.get(at)
        if known is None or not isinstance(record, Record) or record.sealed is not UNSET:
            return False
        lines = list(map(self.archive.raw, known))
        return shortest in lines or is_stored(record, lines, self.shard.erased, self.vault)

    def _refused(self, line: bytes, record: Record | Refusal) -> Refusal | None:
        """What is wrong with a record in itself."""
        if isinstance(record, Refusal):
            return record
        try:
            codec.check(record)
        except ValueError:
            found = codec.examine(line)
            if isinstance(found, Refusal):
                return found
        if record.sealed is not UNSET:
            return Refusal("unknown_field", "this type has no such field", "sealed")
        return None

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
        """Put a judged record into the block: what was decided from it, or that it is refused."""
        if isinstance(outcome, Refusal):
            self._refuse(origin, places[at], line, outcome, record)
        else:
            self._put(at, stored, outcome)

    def _put(self, at: int, stored: Record, outcome: Sequence[Decision]) -> None:
        """Put a record that was taken, and what was decided from it, into the block. at: its place in the batch."""
        customer_id = stored.customer_id if isinstance(stored, CustomerRecord) else ""
        for decision in outcome:
            if isinstance(decision, AccountDaysKept):  # what the record needs to be evolved stands ahead of it
                self.decide(decision, customer_id)
        self._batch.placed[at] = len(self._lines)
        if self._batch.repeated:
            self._batch.taken.setdefault(int(self._batch.keys[at]), []).append(stored)
        self._lines.append(codec.encode(stored))
        self._customers.append(crc32(customer_id.encode()))
        if customer_id:
            self.touched.add(customer_id)
        for decision in outcome:
            if not isinstance(decision, AccountDaysKept):
                self.decide(decision, customer_id)

    def _refuse(
        self, origin: Origin, position: int, line: bytes, refusal: Refusal, record: Record | None = None
    ) -> None:
        """Put a refusal into the block, the original bytes sealed (``sealed_original``)."""
        if self._refusals_told:
            self._refusal = refusal
            return
        begin = line if len(line) <= MAX_BYTES else line[:_KEPT_OF_TOO_LARGE]
        original = sealed_original(begin, record, self.shard.erased, self.vault)
        who = record if record is not None else refusal
        place = place_at(origin, position, type_name(type(record)) if record is not None else None)
        refused = RecordRefused(
            reason=refusal.reason,
            detail=refusal.detail,
            field=refusal.field,
            source=who.source,
            event_id=who.event_id,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
            file=place.file,
            line=place.line,
            original=original.sealed,
            sealed_for=original.sealed_for,
        )
        self.decide(refused, original.sealed_for or "")
        self.counts.refused += 1

    # ------------------------------------------------------------------------------------------ identity

    def _known(
        self, origin: Origin, position: int, line: bytes, record: CustomerRecord, earlier: CustomerRecord
    ) -> None:
        if is_same(earlier, record, self.shard.erased, self.vault):
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
        self._readable(self.ids.find(key_of(source, named.event_id)))
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
        parked = len(self.shard.parked)
        self.close_days()
        if len(self.shard.parked) > parked:  # a close parks, and does not let go
            self._hold(origin, places, at + 1)

    # ------------------------------------------------------------------------------------------ blocks

    def activate(self, policy: PolicyActivated) -> None:
        """Take a policy version into the log. The caller has checked that it may."""
        self._activate([policy])

    def activate_all(self, policy: PolicyActivated | None) -> None:
        """Take a policy version into the log, and let the rules of triggers fire that it does not have yet.

        They fire from here on: old history raises nothing (laws of the log 4).
        """
        codes = tuple(rule.code for rule in catalog.RULES if rule.code not in self.shard.triggers)
        lines: list[PolicyActivated | TriggersActivated] = [policy] if policy is not None else []
        self._activate([*lines, TriggersActivated(codes=codes)] if codes else lines)

    def _activate(self, lines: Sequence[PolicyActivated | TriggersActivated]) -> None:
        for line in lines:
            self.shard.evolve(line)
            self.decide(line, "")
        self.commit()

    def sweep(self) -> None:
        """Tell of ids that stand in two places; reads over all ids, so only now and then."""
        for alert in list(sweep(self.ids, self.archive, self.shard.shared_ids)):
            self.shard.evolve(alert)
            self.decide(alert, "")
        self.commit()
