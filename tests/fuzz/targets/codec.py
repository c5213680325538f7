"""Lines from a publisher (events/codec.py): any bytes are records or refusals, the same ones on every way through.

A record may have a MB; here it may have 6 KB, so that what is too large stays small.
"""

import json
from contextlib import ExitStack
from functools import cache
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from msgspec import json as wire

from events import codec
from events.catalog import INACTIVE
from events.fields import Record
from events.refusals import Refusal
from tests.events import reference
from tests.events.agreement import agree, as_door, is_blank
from tests.events.lines import contents, lines
from tests.fuzz.json_lines import SECRETS, mutated_lines
from tests.fuzz.targets import in_general

_MAX_BYTES = 6000
_NO_DAYS = ("2026-02-30", "2026-13-01", "1899-12-31", "3000-01-01", "2026-1-1")


def check(data: bytes) -> set[str]:
    """Everything ``tests.events.agreement`` asks of a line, of every line of a batch and of every way to cut it."""
    for known in (codec.DAYS, codec.TIMES, codec.SOURCES, codec.CURRENCIES):
        known.clear()  # what is reached depends on this input alone
    with ExitStack() as stack:
        stack.enter_context(patch.object(codec, "MAX_BYTES", _MAX_BYTES))
        stack.enter_context(patch.object(reference, "LONGEST", _MAX_BYTES))
        return _check_batch(data + b"\n")


def _check_batch(data: bytes) -> set[str]:
    found_lines, found, shortest = codec.decode_batch(data)
    assert found_lines == data.split(b"\n")[:-1], "as many verdicts as lines"
    assert len(found) == len(shortest) == len(found_lines)
    verdicts = [as_door(each, line) for line, each in zip(found_lines, found, strict=True)]
    for line, verdict, short in zip(found_lines, verdicts, shortest, strict=True):
        if is_blank(line):
            assert (verdict, short) == (None, line)
            continue
        assert verdict == codec.examine(line), "a batch and one by one"
        agree(line)
        if isinstance(verdict, Refusal):
            _check_secrets(line, verdict)
            _check_twice(line, verdict)
    for at in {data.find(b"\n"), data.find(b"\n", len(data) // 2), data.rfind(b"\n", 0, -1)}:
        halves = data[: at + 1], data[at + 1 :]
        apart = [
            as_door(each, line)
            for half in halves
            for line, each in zip(*codec.decode_batch(half, half.split(b"\n")[:-1])[:2], strict=True)
        ]
        assert apart == verdicts, "cut at any line"
    return set(map(_outcome, verdicts))


def _outcome(verdict: Record | Refusal | None) -> str:
    if isinstance(verdict, Refusal):
        return f"{verdict.reason}: {in_general(verdict.detail)}"
    return "blank" if verdict is None else f"taken: {type(verdict).__name__}"


def _check_secrets(line: bytes, refusal: Refusal) -> None:
    """A refusal quotes an unknown type and names a field; it says nothing else of what came in."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        content = None
    kind = content.get("type") if isinstance(content, dict) else None
    keys = _keys(content)
    for secret in SECRETS:
        assert secret not in refusal.detail or secret in str(kind), f"the detail says what came in: {refusal.detail}"
        assert secret not in (refusal.field or "") or any(secret in key for key in keys), "the field says what came in"
    assert 0 < len(refusal.detail) < 500
    assert refusal.detail.isascii() or not str(kind).isascii(), "the detail says what came in"


def _check_twice(line: bytes, refusal: Refusal) -> None:
    """A key of the record that stands twice is the reason, whatever else is wrong, unless it is no record at all."""
    if refusal.reason not in ("not_json", "too_large"):
        names = [name for name, _ in json.loads(line, object_pairs_hook=list)]
        assert len(set(names)) == len(names) or (refusal.reason, refusal.detail) == ("bad_value", _TWICE)


_TWICE = "the key stands twice in one object"


def _keys(content: Any) -> set[str]:
    if isinstance(content, dict):
        return set(content).union(*map(_keys, content.values()))
    return set().union(*map(_keys, content)) if isinstance(content, list) else set()


def mutated(data: bytes, random: Random) -> bytes:
    """Records of every type, changed field by field."""
    return mutated_lines(data, random, _records())


@cache
def _records() -> list[bytes]:
    """Whole records, some of every type, the same at every call."""
    found: list[bytes] = []

    @settings(max_examples=200, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(contents())
    def collect(content: dict[str, Any]) -> None:
        found.append(wire.encode(content))

    collect()
    return found


def seeds() -> list[bytes]:
    """Whole records, broken ones, and batches of both."""
    found: list[bytes] = []

    @settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(lines())
    def collect(line: bytes) -> None:
        found.append(line)

    collect()
    records = _records()
    batches = [b"\n".join(records[at : at + 3]) for at in range(0, 60, 3)]
    twice = [line.replace(b'"currency":', b'"currency":"USD","currency":') for line in records]
    days = [wire.encode({**wire.decode(line), "value_date": day}) for line in records[:5] for day in _NO_DAYS]
    unknown = [wire.encode({"type": name}) for name in (*INACTIVE, "gift")]
    return [*records, *found, *batches, *twice, *days, *unknown, b"x" * (_MAX_BYTES + 1)]
