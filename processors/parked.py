"""Records that wait because our own code failed on one of their customer's (laws of the log 7): kept sealed, read back in order."""

from base64 import b64decode, b64encode
from collections.abc import Container, Iterable

import msgspec

from events.catalog import type_name
from events.decisions import CustomerUnparked, RecordParked
from events.fields import CustomerRecord, Record
from events.refusals import Refusal
from processors.erased import without_personal
from processors.faults import Fault
from processors.ports import KeyDestroyed, Seal
from processors.stored import Line


class Place(msgspec.Struct, frozen=True):
    """Where a record came from: a line of a file (from 1), or an offset of a partition."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None

    @property
    def fields(self) -> dict[str, str | int | None]:
        """As refusals and parked records have them."""
        return msgspec.structs.asdict(self)


class Waiting(msgspec.Struct, frozen=True):
    """A parked record and the line of the log that parked it."""

    log_line: int
    parked: RecordParked


def parked_line(
    record: Record | Refusal | None,
    line: bytes,
    place: Place,
    fault: Fault | None,
    vault: Seal,
    erased: Container[str] = (),
) -> RecordParked:
    """The line that parks a record. fault: how our code failed on it; None: it waits behind another one."""
    customer_id = record.customer_id if isinstance(record, CustomerRecord) else ""
    source, event_id = (None, None) if record is None else (record.source, record.event_id)
    original, is_redacted = b"", customer_id in erased
    if not is_redacted:
        try:
            original = vault.seal(customer_id, line, _context(source, event_id))
        except KeyDestroyed:
            is_redacted = True
    if is_redacted:
        original = vault.seal("", without_personal(line), _context(source, event_id))
    return RecordParked(
        customer_id=customer_id,
        original=b64encode(original).decode(),
        record_type=type_name(type(record)) if isinstance(record, Record) else None,
        source=source,
        event_id=event_id,
        error=None if fault is None else fault.error,
        place=None if fault is None else fault.place,
        topic=place.topic,
        partition=place.partition,
        offset=place.offset,
        file=place.file,
        line=place.line,
        is_redacted=is_redacted,
    )


def open_original(parked: RecordParked, vault: Seal) -> bytes:
    """The bytes of a parked record, or what was kept of them. Raises what the vault raises."""
    owner = "" if parked.is_redacted else parked.customer_id
    return vault.open(owner, b64decode(parked.original), _context(parked.source, parked.event_id))


def waiting_of(lines: Iterable[tuple[int, Line]]) -> list[Waiting]:
    """What still waits, in order. lines: (line of the log, line) about one customer, in log order."""
    found: list[Waiting] = []
    for log_line, line in lines:
        if isinstance(line, CustomerUnparked):
            found.clear()
        elif isinstance(line, RecordParked):
            found.append(Waiting(log_line, line))
    return found


def _context(source: str | None, event_id: str | None) -> bytes:
    return f"parked\0{source}\0{event_id}".encode()
