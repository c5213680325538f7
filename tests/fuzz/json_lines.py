"""Lines of JSON changed field by field: values exchanged, keys twice, fields too many and too few, lines torn apart."""

import json
from random import Random
from typing import Any

from events.catalog import INACTIVE, RECORDS
from tests.events.lines import JUNK

SECRETS = ("绝密王小明", "6222020200112233445")
"""Personal values: no refusal may ever say them."""

_NAMES = ("ext", "sealed", "type", "memo", "counterparty", "totals", "book", "reverses", "x", "", "Type", SECRETS[0])
_VALUES = (
    *JUNK,
    *(f'"{secret}"' for secret in SECRETS),
    SECRETS[1],
    *(f'"{name}"' for name in (*RECORDS, *INACTIVE)),
    f'{{"kind":"cash","name":"{SECRETS[0]}","account":"{SECRETS[1]}"}}',
    f'{{"kind":"{SECRETS[0]}"}}',
    f'{{"a":"{SECRETS[0]}"}}',
    '[{"month":"2025-12","sum":1,"days":31}]',
)
_MOST_LINES = 5
_BYTES = (b"", b"\n", b"\r\n", b" ", b"\x00", b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\xed\xa0\x80")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object that may have a key twice."""


class _Raw(str):
    """A JSON text that is written as it is."""


def _text(value: Any, random: Random) -> str:
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, _Pairs):
        return "{" + ",".join(f"{_key(key, random)}:{_text(each, random)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(each, random) for each in value) + "]"
    return json.dumps(value, ensure_ascii=random.random() < 0.1)


def _key(key: str, random: Random) -> str:
    if random.random() < 0.02:
        return '"' + "".join(f"\\u{ord(each) % 65536:04x}" for each in key) + '"'
    return json.dumps(key, ensure_ascii=False)


def _changed(fields: _Pairs, random: Random) -> None:
    at = random.randrange(len(fields) + 1)
    if at == len(fields):
        fields.append((random.choice(_NAMES), _Raw(random.choice(_VALUES))))
        return
    key, value = fields[at]
    match random.randrange(7):
        case 0:
            del fields[at]
        case 1:
            fields[at] = (key, _Raw(random.choice(_VALUES)))
        case 2:
            fields.insert(
                random.randrange(len(fields) + 1), (key, random.choice([value, _Raw(random.choice(_VALUES))]))
            )
        case 3:
            fields[at] = (random.choice(_NAMES), value)
        case 4 if isinstance(value, _Pairs):
            _changed(value, random)
        case 4 if isinstance(value, str) and value:
            place = random.randrange(len(value))
            fields[at] = (
                key,
                value[:place] + random.choice(["", "0", "9", "-", "T", "é", "长" * 70]) + value[place + 1 :],
            )
        case 4 if isinstance(value, int):
            fields[at] = (key, value + random.choice([-1, 1, 2**53, -(2**53), 2**64]))
        case 5:
            fields[at] = (key, [value, _Raw(random.choice(_VALUES))])
        case _:
            random.shuffle(fields)


def mutated_line(line: bytes, random: Random) -> bytes:
    """A line with one to three things about it changed; what is no JSON object gets other bytes."""
    try:
        fields = json.loads(line, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, _Pairs) or random.random() < 0.1:
        at = random.randrange(len(line) + 1)
        return line[:at] + random.choice(_BYTES) + line[at + random.randrange(3) :]
    for _ in range(random.choice([1, 1, 2, 3])):
        _changed(fields, random)
    return _text(fields, random).encode("utf-8", "surrogatepass")


def mutated_lines(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """Lines with one of them changed, doubled, dropped, moved, torn or put beside another's."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    match random.randrange(10):
        case 0:
            lines.insert(at, random.choice(others))
        case 1:
            lines.insert(at, random.choice([lines[at], b"", b" ", b"\x0b", b"\r"]))
        case 2:
            del lines[at]
        case 3:
            lines[at] = random.choice([b" ", b"\t", b"\r"]) + lines[at] + random.choice([b"", b"\r", b"}", b"\xc2\xa0"])
        case _:
            lines[at] = mutated_line(lines[at], random)
    return b"\n".join(lines[:_MOST_LINES])
