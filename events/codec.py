"""From bytes to records: the hot path by msgspec, the reasons for a refusal by a slow and careful second look.

``decode_batch`` takes many lines at once. A line is *clean* when encoding what was decoded gives as many bytes as came in:
the encoding is the shortest form of the content, so a clean line has no duplicate key, no white space and no odd
escapes. Whatever is not clean or does not decode goes through ``examine``, one line at a time.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial, reduce
from operator import or_
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET, Meta

from events.catalog import INACTIVE, RECORDS
from events.fields import Part, Record
from events.refusals import Refusal

MAX_BYTES = 1 << 20
"""Longest record in bytes: `too_large` above it."""
MAX_DEPTH = 64
"""Deepest nesting of a record, `ext` included: `not_json` above it, whoever calls from wherever."""
FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Years of dates that a record may name."""

_SOURCE = re.compile(r"[a-z0-9-]{1,32}\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIME = re.compile(
    r"[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)\Z", re.ASCII
)
_DECIMAL = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?\Z", re.ASCII)
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])\Z", re.ASCII)
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[{}\[\]]")
_FIELD = re.compile(r"`\$\.?([^`]*)`\Z")
_TYPE = re.compile(r"`([\w |]+)`")
_TYPES = {
    "int": "an integer",
    "float": "a number with a fraction",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
"""Types as msgspec calls them, for people."""
_NAMED = re.compile(r"Object (contains unknown|missing required) field `(.*?)`")


class _Days(dict[str, int]):
    """ISO date -> proleptic ordinal of the day; computed once a date. Raises ValueError for anything else."""

    def __missing__(self, text: str) -> int:
        if not _DATE.match(text):
            raise ValueError("not a date of the form YYYY-MM-DD")
        try:
            found = date.fromisoformat(text)
        except ValueError:
            raise ValueError("no such day") from None
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise ValueError(f"wants a year from {FIRST_YEAR} to {LAST_YEAR}")
        day = self[text] = found.toordinal()
        return day


class _Times(dict[str, None]):
    """Times of day with offset seen to be well formed; those with a fraction of a second are not kept."""

    def __missing__(self, text: str) -> None:
        if not _TIME.match(text):
            raise ValueError("not an RFC 3339 time with offset")
        if "." not in text and len(self) < 400_000:
            self[text] = None


class _Matching(dict[str, None]):
    """Texts seen to match a pattern."""

    def __init__(self, pattern: re.Pattern[str], wants: str) -> None:
        super().__init__()
        self._pattern, self._wants = pattern, wants

    def __missing__(self, text: str) -> None:
        if not self._pattern.match(text):
            raise ValueError(self._wants)
        if len(self) < 10_000:
            self[text] = None


DAYS = _Days()
TIMES = _Times()
SOURCES = _Matching(_SOURCE, "wants 1-32 of a-z 0-9 -")
CURRENCIES = _Matching(_CURRENCY, "wants three capital letters of ISO 4217")


def _timestamp(text: str) -> None:
    DAYS[text[:10]]
    TIMES[text[10:]]


def _decimal(text: str) -> None:
    if not _DECIMAL.match(text):
        raise ValueError('wants a decimal number as a string, such as "12.50"')


def _month(text: str) -> None:
    if not _MONTH.match(text):
        raise ValueError("wants a month of the form YYYY-MM")


def _object(raw: msgspec.Raw) -> None:
    if bytes(raw).lstrip()[:1] != b"{":
        raise ValueError("wants an object")


_CHECKS: dict[str, Callable[[Any], object]] = {
    "source": SOURCES.__getitem__,
    "currency": CURRENCIES.__getitem__,
    "date": DAYS.__getitem__,
    "timestamp": _timestamp,
    "decimal": _decimal,
    "month": _month,
    "object": _object,
}


def to_json(value: Any) -> bytes:
    """A decision or a row as JSON; sums beyond 64 bits too."""
    return encode(value)


def metas(annotation: Any) -> Iterator[Meta]:
    """Every msgspec ``Meta`` inside an annotation, through unions and lists."""
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, Meta):
            yield extra
    for inner in getattr(annotation, "__args__", ()):
        yield from metas(inner)


def hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Field -> full annotation of a record or part, in the order of definition."""
    return {f: h for f, h in get_type_hints(struct, include_extras=True).items() if f in struct.__struct_fields__}


def part_of(annotation: Any) -> type[Part] | None:
    """The object type inside an annotation, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((p for a in getattr(annotation, "__args__", ()) if (p := part_of(a))), None)


def _plan(struct: type[msgspec.Struct]) -> tuple[tuple[str, Callable[[Any], object]], ...]:
    """(field, check) for each field of a struct that needs more than msgspec checks."""
    plan: list[tuple[str, Callable[[Any], object]]] = []
    for field, annotation in hints(struct).items():
        if part := part_of(annotation):
            if steps := _plan(part):
                plan.append((field, partial(_walk, steps)))
            continue
        for meta in metas(annotation):
            if check := _CHECKS.get((meta.extra_json_schema or {}).get("x-check", "")):
                plan.append((field, check))
    return tuple(plan)


def _walk(steps: Sequence[tuple[str, Callable[[Any], object]]], value: Any) -> None:
    for item in value if isinstance(value, list) else (value,):
        for field, check in steps:
            _apply(field, check, getattr(item, field))


def _apply(field: str, check: Callable[[Any], object], value: Any) -> None:
    if value is UNSET:
        return
    try:
        for one in value if isinstance(value, list) else (value,):
            check(one)
    except _FieldError as error:
        raise _FieldError(f"{field}.{error.field}", error.detail) from None
    except ValueError as error:
        raise _FieldError(field, str(error)) from None


class _FieldError(ValueError):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


_PLANS: dict[type[Record], tuple[tuple[str, Callable[[Any], object]], ...]] = {t: _plan(t) for t in RECORDS.values()}
_ANY = msgspec.json.Decoder(reduce(or_, RECORDS.values()))
_ONE = {name: msgspec.json.Decoder(t) for name, t in RECORDS.items()}
_ENCODER = msgspec.json.Encoder()
encode = _ENCODER.encode
encode_lines = _ENCODER.encode_lines


def check(record: Record) -> None:
    """Check what msgspec does not: dates that exist, offsets, patterns. Raises ValueError; ``examine`` says where."""
    for field, test in _PLANS[type(record)]:
        value = getattr(record, field)
        if value is not UNSET:
            if value.__class__ is list:
                _apply(field, test, value)
            else:
                test(value)


def _check_naming(record: Record) -> None:
    """``check``, its error naming the field."""
    for field, test in _PLANS[type(record)]:
        _apply(field, test, getattr(record, field))


def decode_batch(data: bytes, lines: list[bytes] | None = None) -> tuple[list[bytes], Sequence[Any], list[bytes]]:
    """Decode lines ending in a newline each -> (lines, records, lines in their shortest form), all of one length.

    lines: the same without the newlines, if they are at hand. A record is a Refusal where the line cannot be decoded and
    None where it is blank; its shortest form is then the line itself. Records are not yet checked for dates and patterns:
    call ``check``.
    """
    if lines is None:
        lines = data.split(b"\n")
        lines.pop()
    try:
        records: list[Record] = _ANY.decode_lines(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        records = []
    if (
        len(records) == len(lines)
        and len(encode_lines(records)) == len(data)
        and [record.ext for record in records].count(UNSET) == len(records)
        and max(map(len, lines), default=0) <= MAX_BYTES
    ):
        return lines, records, lines
    found = [_look(line) if line.strip(_WHITE) else None for line in lines]
    shortest = [encode(r) if isinstance(r, Record) else line for r, line in zip(found, lines, strict=True)]
    return lines, found, shortest


def _look(line: bytes) -> Record | Refusal:
    if len(line) > MAX_BYTES:
        return examine(line)
    try:
        record: Record = _ANY.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return examine(line)
    if record.ext is UNSET and clean(line, encode(record)):
        return record
    return examine(line)  # msgspec leaves `ext` unread: it has to be looked into


_WHITE = b" \t\r\n"


def clean(line: bytes, shortest: bytes) -> bool:
    """Whether a line holds nothing that its decoded content does not: white space aside, it is as short as can be."""
    return len(line) == len(shortest) or (len(line.translate(None, _WHITE)) == len(shortest.translate(None, _WHITE)))


def decode(line: bytes) -> Record | Refusal:
    """One line -> the record, checked, or why it is refused."""
    found = _look(line)
    if isinstance(found, Record):
        try:
            check(found)
        except ValueError:
            return examine(line)
    return found


def examine(line: bytes) -> Record | Refusal:
    """Look at one line slowly: the record, or the first of the reasons for refusing it.

    Order: too_large, not_json, a key twice, type, schema_version, fields, values.
    """
    if len(line) > MAX_BYTES:
        return Refusal("too_large", f"{len(line):,} bytes; a record may have {MAX_BYTES:,}")
    if depth_of(line) > MAX_DEPTH:
        return Refusal("not_json", f"nested more than {MAX_DEPTH} deep")
    try:
        content = msgspec.json.decode(line)
    except UnicodeDecodeError:
        return Refusal("not_json", "broken UTF-8")
    except (msgspec.MsgspecError, ValueError) as error:
        return Refusal("not_json", str(error)[:200])
    if not isinstance(content, dict):
        return Refusal("not_json", "not a JSON object")
    return _examine_object(line, content)


def _text_of(content: dict[str, Any], field: str, longest: int) -> str | None:
    value = content.get(field)
    return value if isinstance(value, str) and 0 < len(value) <= longest else None


def _examine_object(line: bytes, content: dict[str, Any]) -> Record | Refusal:
    who = {"source": _text_of(content, "source", 32), "event_id": _text_of(content, "event_id", 64)}

    def refuse(reason: str, detail: str, field: str | None = None) -> Refusal:
        return Refusal(reason, detail, field, **who)

    if (key := twice(line)) is not None:
        return refuse("bad_value", "the key stands twice in one object", key)
    name = content.get("type")
    if name is None:
        return refuse("missing_field", "missing", "type")
    if not isinstance(name, str):
        return refuse("bad_value", "wants a string", "type")
    if name in INACTIVE:
        return refuse("type_not_active", f"{name} is in the contract, its effect is not built yet", "type")
    if name not in RECORDS:
        return refuse("unknown_type", f"no record type {name[:64]!r}", "type")
    version = content.get("schema_version", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        return refuse("bad_value", "wants an integer", "schema_version")
    if version != 1:
        named = version if 0 <= version < 1000 else "another"
        return refuse("version_unsupported", f"{named} is not known, 1 is", "schema_version")
    try:
        record: Record = _ONE[name].decode(line)
        _check_naming(record)
    except _FieldError as error:
        return refuse("bad_value", error.detail, error.field)
    except msgspec.ValidationError as error:
        return refuse(*_reason_of(str(error)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return refuse("not_json", str(error))
    return record


class _Object(dict[str, Any]):
    """A JSON object that knows the first key standing twice in it or below it, `ext` left out."""

    twice: str | None = None


def _pairs(items: list[tuple[str, Any]]) -> _Object:
    found = _Object()
    for key, value in items:
        if found.twice is None:
            if key in found:
                found.twice = key
            elif key != "ext":
                below = value if isinstance(value, list) else [value]
                found.twice = next(
                    (f"{key}.{v.twice}" for v in below if isinstance(v, _Object) and v.twice is not None), None
                )
        found[key] = value
    return found


def twice(line: bytes) -> str | None:
    """The first key that stands twice in one object of a JSON text (`ext` is not looked into), or None."""
    try:
        content = json.loads(line, object_pairs_hook=_pairs, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return content.twice if isinstance(content, _Object) else None


def depth_of(line: bytes) -> int:
    """How deep objects and lists are nested in a JSON text; of what is no JSON, how deep it seems to be."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", line)):
        depth += 1 if bracket in b"{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _reason_of(message: str) -> tuple[str, str, str | None]:
    """msgspec's message -> (reason, detail, field). What the publisher sent is not quoted: it may be anybody's name."""
    path = _FIELD.search(message)
    outer = path.group(1) if path else ""
    named = _NAMED.match(message)
    inner = named.group(2)[:64] if named else ""
    field = ".".join(p for p in (outer, inner) if p) or None
    if named and named.group(1) == "contains unknown":
        return "unknown_field", "this type has no such field", field
    if named:
        return "missing_field", "missing", field
    if message.startswith("Invalid"):
        return "bad_value", "not one of the values allowed", field
    said = _TYPE.sub(_for_people, message.rsplit(" - at ", 1)[0])
    return "bad_value", said.replace("Expected", "wants", 1), field


def _for_people(types: re.Match[str]) -> str:
    return " or ".join(_TYPES.get(name, name) for name in types[1].split(" | "))
