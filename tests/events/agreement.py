"""What all ways through the codec must agree on about a line: with one another, and with the slow reading of the contract."""

from typing import Any

import msgspec
from msgspec import UNSET

from events import codec
from events.fields import Record
from events.refusals import REASONS, Refusal
from tests.events import reference


def as_door(found: Record | Refusal | None, line: bytes) -> Record | Refusal | None:
    """What becomes of an entry of a batch: checked, and looked at slowly if that fails."""
    if isinstance(found, Record):
        try:
            codec.check(found)
        except ValueError:
            return codec.examine(line)
    return found


def expected(line: bytes) -> dict[str, Any] | None:
    """The content of a record as the reference reads it; None for what is no record."""
    try:
        return reference.read(line)
    except reference.No:
        return None


def plain(found: Record | Refusal | None) -> dict[str, Any] | None:
    """The content of a record without `ext`; None for a refusal and for what calls itself sealed: the door refuses it."""
    if not isinstance(found, Record) or found.sealed is not UNSET:
        return None
    return dict(msgspec.to_builtins(msgspec.structs.replace(found, ext=UNSET)))


def agree(line: bytes) -> None:
    """All ways through the codec agree with the reference and with one another."""
    content = expected(line)
    wanted = None if content is None else {name: value for name, value in content.items() if name != "ext"}
    one, slow = codec.decode(line), codec.examine(line)
    _, (batched,), (shortest,) = codec.decode_batch(line + b"\n")
    assert plain(one) == wanted
    assert plain(slow) == wanted
    assert plain(as_door(batched, line)) == wanted
    assert as_door(batched, line) == one
    if isinstance(one, Record):
        assert content is None or (one.ext is not UNSET) == ("ext" in content)
        assert codec.decode(shortest) == one
        assert len(shortest) <= len(line)
    elif isinstance(one, Refusal):
        assert one.reason in REASONS
        assert one.detail


def is_blank(line: bytes) -> bool:
    """Whether a line is nothing: white space of JSON alone."""
    return not line.strip(b" \t\r")
