"""What the intake does where our own code fails: finds the record, and parks it with its customer (laws of the log 7)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from events.calendar import BusinessDayClosed
from events.catalog import TOPIC_OF, type_name
from events.decisions import CustomerUnparked, RecordParked
from events.fields import CustomerRecord, Record
from events.refusals import Refusal
from processors.archive import Archive
from processors.erased import is_same, without_personal
from processors.faults import CannotPark, CommandUnfit, Fault, Faults, OurFault, fault_of, is_of_machine
from processors.making import Making, Origin, no_batch
from processors.parked import Place, Waiting, open_original, parked_line, waiting_of
from processors.ports import Input


def place_at(origin: Origin, position: int, name: str | None) -> Place:
    """name: type of the record, None if it could not be read."""
    if origin.file is not None:
        return Place(topic=TOPIC_OF.get(name or ""), file=origin.file, line=position + 1)
    topic, partition = origin.input
    return Place(topic=topic, partition=partition, offset=position)


def origin_of(place: Place) -> tuple[Origin, int]:
    """The other way round: origin and position."""
    if place.file is not None:
        return Origin((f"file:{place.file}", 0), place.file), (place.line or 0) - 1
    return Origin((place.topic or "", place.partition or 0)), place.offset or 0


class Parking(Making):
    """The part of the intake that knows of faults. See the module."""

    archive: Archive
    faults: Faults
    _judging: int | None = None

    @contextmanager
    def _ours(self, source: Input, places: Sequence[int]) -> Iterator[None]:
        """What our own code fails on here is remembered in `faults`, if it can be named, and told as OurFault."""
        self._batch, self._judging, self._together = no_batch(), None, False
        self._mark = None
        try:
            yield
        except (OurFault, CannotPark, CommandUnfit):
            raise
        except Exception as error:
            if is_of_machine(error):
                raise
            at = 0 if len(places) == 2 else None if self._together else self._judging
            fault = fault_of(error)
            if at is None:
                raise OurFault(fault, found=False) from error
            where = source, places[at]
            if where in self.faults.places:
                raise self._cannot_park(f"{source[0]} at {places[at]}", fault) from error
            self.faults.places[where] = fault
            raise OurFault(fault, found=True, at=where) from error

    def _cannot_park(self, what: str, fault: Fault) -> CannotPark:
        return CannotPark(
            f"{self.log.name}: {what}: the program failed ({fault.error} in {fault.place}) and no customer can be set aside; "
            "nothing was taken from it: install a mended version, then run the same again"
        )

    def _hold(self, origin: Origin, places: Sequence[int], start: int = 0) -> None:
        """Find the records from `start` on that are to be parked: our code failed on them, or their customer is parked."""
        faults, batch, parked = self.faults.places, self._batch, self.shard.parked
        if not parked and not faults:
            return
        who = set[str]()  # and those that are parked already, who may be many
        for at in range(start, len(batch.records)):
            customer_id = getattr(batch.records[at], "customer_id", None)
            fault = faults.get((origin.input, places[at]))
            if fault is not None and customer_id:
                who.add(customer_id)
            if fault is not None or customer_id in parked or customer_id in who:
                batch.held[at] = fault
        batch.odd.update(batch.held)

    def _park(
        self, origin: Origin, position: int, at: int, line: bytes, shortest: bytes, record: Record | Refusal
    ) -> None:
        """Park a record; one that was taken, or that waits already, is a duplicate."""
        fault = self._batch.held[at]
        if isinstance(record, BusinessDayClosed) and fault is not None:
            raise self._cannot_park(f"the close of {record.date} by {record.source}", fault)
        if isinstance(record, CustomerRecord) and fault is None and self._waits_or_is_known(at, line, shortest, record):
            self._duplicates += 1
            self.counts.duplicate += 1
            return
        name = type_name(type(record)) if isinstance(record, Record) else None
        parked = parked_line(record, line, place_at(origin, position, name), fault, self.vault, self.shard.erased)
        self.shard.evolve(parked)
        self.decide(parked, parked.customer_id)
        if parked.customer_id in self._batch.waiting:
            self._batch.waiting[parked.customer_id].setdefault((parked.source, parked.event_id), []).append(parked)
        self.counts.parked += 1

    def _waits_or_is_known(self, at: int, line: bytes, shortest: bytes, record: CustomerRecord) -> bool:
        if any(map(shortest.__eq__, map(self.archive.raw, self._batch.known.get(at, ())))):
            return True
        earlier = self._earlier(at, record)
        if earlier is not None and is_same(earlier, record, self.shard.erased, self.vault):
            return True
        customer_id = record.customer_id
        if f"{record.source} {record.event_id}" not in self.shard.parked[customer_id].records:
            return False
        waiting = self._batch.waiting.get(customer_id)
        if waiting is None:
            waiting = self._batch.waiting[customer_id] = {}
            for each in self.waiting(customer_id):
                waiting.setdefault((each.parked.source, each.parked.event_id), []).append(each.parked)
        return any(
            open_original(each, self.vault) == (without_personal(line) if each.is_redacted else line)
            for each in waiting.get((record.source, record.event_id), ())
        )

    def waiting(self, customer_id: str) -> list[Waiting]:
        """The parked records of a customer in order, those of the block that is being made included."""
        here = (
            (line, each)
            for line, each in self._decisions
            if isinstance(each, RecordParked | CustomerUnparked) and each.customer_id == customer_id
        )
        return waiting_of(chain(self.archive.numbered(customer_id), here))

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
