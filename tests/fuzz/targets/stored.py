"""Lines of the log (processors/stored.py): what is stored has nothing personal to read, and all of it comes back.

A line is read alone as it is in a body; bytes that are no line are an error of msgspec, and of nothing else.
"""

from functools import cache
from random import Random

import msgspec
from msgspec import UNSET

from events import codec
from events.decisions import Cause, MonthRestated, RestatedMonth
from events.fields import Record
from events.transactions import Deposit
from processors.stored import Line, content, decode_line, decode_lines, opened, same, seal, split
from tests.dsl.door import MemorySeal
from tests.fuzz.json_lines import SECRETS, mutated_lines
from tests.golden.make import FOLDER, blocks_of

_PERSONAL = ("memo", "ext", "reason", "counterparty")
"""Fields with personal data (DOMAIN §7), or with some inside."""


def check(data: bytes) -> set[str]:
    """Read every line as a stored one, and store every one that a publisher may send."""
    found = [_check_stored(line) for line in data.split(b"\n")]
    if all(line is not None for line in found):
        assert decode_lines(data) == found, "a body is its lines"
    outcomes = {type(line).__name__ for line in found}
    for line in data.split(b"\n"):
        record = codec.decode(line)
        if isinstance(record, Record) and record.sealed is UNSET:
            outcomes.add(_check_seal(record))
    return outcomes


def _check_stored(line: bytes) -> Line | None:
    try:
        found = decode_line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    written = codec.to_json(found)
    assert decode_line(written) == found, "read, written and read again"
    assert codec.to_json(decode_line(written)) == written
    return found


def _check_seal(record: Record) -> str:
    vault = MemorySeal()
    stored = seal(record, vault)
    line = codec.encode(stored)
    back = decode_line(line)
    assert isinstance(back, Record)
    assert back == stored, "stored and read"
    assert same(back, record, vault), "the content is what came in"
    assert content(back, opened(back, vault)) == content(record)
    hidden = split(record)[1]
    assert (stored.sealed is UNSET) == (not hidden)
    public = {name: value for name, value in msgspec.json.decode(codec.encode(record)).items() if name not in _PERSONAL}
    for secret in SECRETS:
        assert secret not in line.decode() or secret in str(public), "personal and readable"
    return f"sealed: {' '.join(hidden)}"


def mutated(data: bytes, random: Random) -> bytes:
    """Records and decisions, changed field by field."""
    return mutated_lines(data, random, _lines())


@cache
def _lines() -> list[bytes]:
    return [line for block in blocks_of(FOLDER / "log-1") for line in block.body.splitlines()]


def seeds() -> list[bytes]:
    """A line of every type of record and decision as it stands in a log, one with sums of any size, and records with secrets."""
    by_type = {type(decode_line(line)): line for line in _lines()}
    sums = RestatedMonth(month="2026-01", before=-(10**20), after=10**20)
    late = Cause(source="core", event_id="d1")
    large = codec.to_json(MonthRestated(customer_id="C1", from_month="2026-01", months=(sums,), cause=late))
    paid = msgspec.json.decode(by_type[Deposit])
    paid.pop("sealed", None)
    other = {"kind": "cash", "name": SECRETS[0], "account": SECRETS[1]}
    personal = [{**paid, "memo": SECRETS[0]}, {**paid, "counterparty": other}, {**paid, "ext": {"a": SECRETS[0]}}, paid]
    return [*by_type.values(), large, b"\n".join(by_type.values()), *map(msgspec.json.encode, personal)]
