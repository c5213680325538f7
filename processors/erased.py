"""What is stored of customers whose key is destroyed, or about to be: nothing personal (DOMAIN §7).

A customer is erased from the line CustomerErased on. What comes of them afterwards, money above all, is stored without its
personal fields and never sealed: there is no key, and there never will be one. What was sealed before stays where it is and
opens for nobody. So a record that comes again is compared with what was taken by all that is not personal.

Where a key is destroyed of which this log says nothing (a copy of the log from before the erasure was put back, or another
shard erased the customer) it is the same: nothing personal is stored.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Container, Iterable
from typing import NamedTuple

import msgspec

from events import codec
from events.decisions import RecordRefused
from events.fields import CustomerRecord, Record
from processors.ports import KeyDestroyed, Seal
from processors.stored import content, is_at, same, seal, split

_CUSTOMER = re.compile(rb'"customer_id"\s*:\s*("(?:[^"\\]|\\.){1,400}")')
_REFUSED = b"refused"


def kept(record: Record, erased: Container[str], vault: Seal) -> Record:
    """The record as it may be stored: personal fields sealed, or of an erased customer left out."""
    if getattr(record, "customer_id", "") not in erased:
        try:
            return seal(record, vault)
        except KeyDestroyed:
            pass
    return split(record)[0]


def is_stored(record: Record, lines: Iterable[bytes], erased: Container[str], vault: Seal) -> bool:
    """Whether one of the lines of the log is this record, sealed, to the byte; of an erased customer nobody can tell."""
    if getattr(record, "customer_id", "") in erased:
        return False
    try:
        return any(is_at(line, record, vault) for line in lines)
    except KeyDestroyed:
        return False


def is_same(stored: Record, record: Record, erased: Container[str], vault: Seal) -> bool:
    """Whether a record as stored has the content of one that came in; of an erased customer by what is not personal."""
    if getattr(stored, "customer_id", "") not in erased:
        try:
            return same(stored, record, vault)
        except KeyDestroyed:
            pass
    if type(stored) is not type(record):
        return False
    public = msgspec.structs.replace(split(stored)[0], sealed=msgspec.UNSET), split(record)[0]
    first, second = (msgspec.json.encode(content(each), order="deterministic") for each in public)
    return first == second


class Original(NamedTuple):
    """The bytes of a record that was refused, as they are kept. sealed_for: under whose key; None: the log's own."""

    sealed: str
    sealed_for: str | None


def sealed_original(line: bytes, record: Record | None, erased: Container[str], vault: Seal) -> Original:
    """The bytes of a refused record, sealed under the key of the customer whom they name, if any.

    Of an erased customer only what is not personal is kept, under the log's own key, and nothing of what cannot be read.
    record: what the line was decoded to, if it was.
    """
    customer_id = customer_in(line) if record is None else getattr(record, "customer_id", "")
    if not customer_id:
        return Original(_text(vault.seal("", line, _REFUSED)), None)
    if customer_id not in erased:
        try:
            return Original(_text(vault.seal(customer_id, line, _REFUSED)), customer_id)
        except KeyDestroyed:
            pass
    rest = without_personal(line, record)
    return Original(_text(vault.seal("", rest, _REFUSED)) if rest else "", None)


def open_refused(refused: RecordRefused, vault: Seal) -> bytes:
    """The bytes of a refused record, or what was kept of them. Raises what the vault raises."""
    if not refused.original:
        return b""
    return vault.open(refused.sealed_for or "", b64decode(refused.original), _REFUSED)


def without_personal(line: bytes, record: Record | None = None) -> bytes:
    """A record without its personal fields, as bytes; none where it cannot be read."""
    found = codec.decode(line) if record is None else record
    return codec.encode(split(found)[0]) if isinstance(found, Record) else b""


def customer_in(line: bytes) -> str | None:
    """The customer whom the bytes of a record name, however broken they are otherwise; None: nobody.

    Looked for at any depth and behind any damage: the first that is named is taken, if it may be an id.
    """
    found = _CUSTOMER.search(line)
    try:
        customer_id = msgspec.json.decode(found[1], type=str) if found else ""
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return customer_id if 0 < len(customer_id) <= _LONGEST_ID else None


def _text(sealed: bytes) -> str:
    return b64encode(sealed).decode()


_LONGEST_ID = next(
    m.max_length for m in codec.metas(codec.hints(CustomerRecord)["customer_id"]) if m.max_length is not None
)
