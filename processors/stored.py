"""Lines as they stand in the log: records with their personal fields sealed, and decisions.

Personal fields (``x-personal`` in the record definitions, DOMAIN §7) are taken out of a record before it is stored and
put, as one ciphertext under the customer's key, into `sealed`. A required one leaves "*" behind.
"""

from base64 import b64decode
from binascii import b2a_base64
from functools import reduce
from operator import or_
from typing import Any, cast

import msgspec
from msgspec import UNSET

from events import decisions
from events.catalog import RECORDS
from events.codec import encode, hints, metas, part_of
from events.decisions import Decision
from events.fields import CustomerRecord, Record
from processors.ports import LogNewer, Seal

Line = Record | Decision

_LINES = msgspec.json.Decoder(reduce(or_, (*RECORDS.values(), *decisions.TYPES)))


def decode_line(line: bytes) -> Line:
    """One line of the log. Raises LogNewer."""
    try:
        return cast(Line, _LINES.decode(line))
    except msgspec.ValidationError as error:
        raise _newer(error) from error


def decode_lines(body: bytes) -> list[Line]:
    """The lines of a block's body. Raises LogNewer."""
    try:
        return cast(list[Line], _LINES.decode_lines(body))
    except msgspec.ValidationError as error:
        raise _newer(error) from error


def _newer(error: msgspec.ValidationError) -> LogNewer:
    """Checksums held, and it was decoded before it was written: so another release wrote it."""
    return LogNewer(f"a line is none that this release knows ({error}): a newer one wrote it; install that")


_REDACTED = "*"


def _personal(struct: type[msgspec.Struct]) -> tuple[tuple[str, dict[str, Any], bool], ...]:
    """(field, personal fields inside it if it is an object and what each leaves behind, whether it is required)."""
    found = []
    required = {f.name for f in msgspec.structs.fields(struct) if f.required}
    for field, annotation in hints(struct).items():
        part = part_of(annotation)
        if part is not None:
            inner = {name: _left(is_required) for name, _, is_required in _personal(part)}
            if inner:
                found.append((field, inner, field in required))
        elif any((meta.extra_json_schema or {}).get("x-personal") for meta in metas(annotation)):
            found.append((field, {}, field in required))
    return tuple(found)


def _left(is_required: bool) -> Any:
    """What a personal field leaves behind in the record as it is stored."""
    return _REDACTED if is_required else UNSET


PERSONAL = {record_type: _personal(record_type) for record_type in RECORDS.values()}
"""Record type -> its personal fields: what is sealed follows from the definitions alone."""


def _parted(record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """The personal fields of a record, and what its fields become without them; both empty if it has none."""
    hidden: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    for field, inner, required in PERSONAL[type(record)]:
        value = getattr(record, field)
        if value is UNSET:
            continue
        if not inner:
            hidden[field] = value
            changes[field] = _left(required)
            continue
        part = {name: each for name in inner if (each := getattr(value, name)) is not UNSET}
        if part:
            hidden[field] = part
            changes[field] = msgspec.structs.replace(value, **{name: inner[name] for name in part})
    return hidden, changes


def split(record: Record) -> tuple[Record, dict[str, Any]]:
    """A record without its personal fields, and those fields; the record itself if it has none."""
    hidden, changes = _parted(record)
    return (msgspec.structs.replace(record, **changes) if changes else record), hidden


def _context(record: Record) -> bytes:
    return f"{getattr(record, 'customer_id', '')}\0{record.source}\0{record.event_id}".encode()


def seal(record: Record, vault: Seal) -> Record:
    """The record as it may be stored."""
    hidden, changes = _parted(record)
    if not hidden:
        return record
    owner = record.customer_id if isinstance(record, CustomerRecord) else ""
    sealed = vault.seal(owner, msgspec.json.encode(hidden), _context(record))
    return msgspec.structs.replace(record, **changes, sealed=b2a_base64(sealed, newline=False).decode())


def is_at(line: bytes, record: Record, vault: Seal) -> bool:
    """Whether a line of the log is, seal apart, to the byte what storing a record makes of it.

    Most duplicates are: so much quicker than ``same``, which says what the others are. Raises LogNewer and what the vault raises.
    """
    hidden, changes = _parted(record)
    if not hidden:
        return encode(record) == line
    stored = decode_line(line)
    if type(stored) is not type(record) or stored.sealed is UNSET:
        return False
    public = msgspec.structs.replace(record, **changes, sealed=stored.sealed)
    return encode(public) == line and _plaintext(stored, vault) == msgspec.json.encode(hidden)


def same(stored: Record, record: Record, vault: Seal) -> bool:
    """Whether a record as stored has the content of one that came in; 1, 1.0 and true are not the same."""
    if type(stored) is not type(record):
        return False
    contents = (content(stored, opened(stored, vault)), content(record))
    first, second = (msgspec.json.encode(each, order="deterministic") for each in contents)
    return first == second


def opened(record: Record, vault: Seal) -> dict[str, Any]:
    """A stored record's personal fields. Raises what the vault raises, for instance when the key was destroyed."""
    fields: dict[str, Any] = {} if record.sealed is UNSET else msgspec.json.decode(_plaintext(record, vault))
    return fields


def _plaintext(stored: Record, vault: Seal) -> bytes:
    owner = stored.customer_id if isinstance(stored, CustomerRecord) else ""
    return vault.open(owner, b64decode(str(stored.sealed)), _context(stored))


def content(record: Record, hidden: dict[str, Any] | None = None) -> dict[str, Any]:
    """The decoded content of a record, defaults filled in: two records are equal when these are (DOMAIN §2, Identity).

    hidden: the opened personal fields of a stored record.
    """
    public, own = split(record)
    fields: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(public, sealed=UNSET))
    own = msgspec.json.decode(msgspec.json.encode(own)) if hidden is None else hidden
    for field, value in own.items():
        fields[field] = {**fields[field], **value} if field in fields and isinstance(value, dict) else value
    for field, default in (
        ("opening_balance", 0),
        ("booked_on", fields.get("value_date")),
        ("book", fields.get("amount")),
    ):
        if field in type(record).__struct_fields__:
            fields.setdefault(field, default)
    if "reverses" in fields:
        fields["reverses"].setdefault("source", fields["source"])
    return fields
