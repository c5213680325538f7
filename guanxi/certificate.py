"""The certificate of an erasure: what became unreadable, by which line of the log, and what stays. Made from the log alone."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from events.decisions import CustomerErased, RecordParked, RecordRefused
from events.fields import Record
from processors.stored import Line

STAYS: Final = ("balances", "levels", "proofs")
"""What an erasure leaves as it was."""

Certificate = dict[str, Any]


def certificate_of(
    customer_id: str, lines: Iterable[tuple[int, int, Line]], recorded_at: Callable[[int], str], log: str
) -> Certificate | None:
    """The certificate of a customer's erasure, None for one who is not erased; made again it is the same to the byte.

    lines: (block, number of the line in the log, line) of the customer, refusals sealed under the customer's key among
    them, in log order; recorded_at: commit clock of a block; log: its name. `unreadable`: how many records of each type
    have personal fields that open for nobody, and how many originals of parked and refused ones. `digest`: SHA-256 of
    everything else as JSON in its shortest form, names sorted.
    """
    sealed: Counter[str] = Counter()
    for block, number, line in lines:
        if isinstance(line, CustomerErased):
            found = {
                "customer_id": customer_id,
                "erased_on": line.erased_on,
                "source": line.cause.source,
                "event_id": line.cause.event_id,
                "reason": line.reason,
                "log": log,
                "block": block,
                "line": number,
                "recorded_at": recorded_at(block),
                "unreadable": dict(sorted(sealed.items())),
                "key_destroyed": True,
                "stays": list(STAYS),
            }
            return found | {"digest": digest_of(found)}
        if isinstance(line, RecordRefused) or _is_sealed(line):
            sealed[str(line.__struct_config__.tag)] += 1
    return None


def digest_of(found: Certificate) -> str:
    """The digest of a certificate that has none."""
    return hashlib.sha256(msgspec.json.encode(found, order="sorted")).hexdigest()


def _is_sealed(line: Line) -> bool:
    if isinstance(line, Record):
        return line.sealed is not UNSET
    return isinstance(line, RecordParked) and not line.is_redacted
