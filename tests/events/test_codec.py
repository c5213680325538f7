"""The codec takes what the contract calls a record and nothing else, in every way a line can be written."""

import sys
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from events import codec
from events.catalog import INACTIVE, RECORDS
from events.fields import Record
from events.refusals import REASONS, Refusal
from tests.dsl.records import deposit
from tests.events import reference
from tests.events.lines import contents, lines

MANY = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
LINE = codec.encode(deposit("C1", "A1", "1.00", on="2026-01-02", id="d1"))


def as_door(found: Record | Refusal | None, line: bytes) -> Record | Refusal | None:
    """What becomes of an entry of a batch: checked, and looked at slowly if that fails."""
    if isinstance(found, Record):
        try:
            codec.check(found)
        except ValueError:
            return codec.examine(line)
    return found


def expected(line: bytes) -> dict[str, Any] | None:
    try:
        return reference.read(line)
    except reference.No:
        return None


def plain(found: Record | Refusal | None) -> dict[str, Any] | None:
    """The content of a record without `ext`, None for a refusal."""
    if not isinstance(found, Record):
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
        assert codec.decode(shortest) == one
        assert len(shortest) <= len(line)
    elif isinstance(one, Refusal):
        assert one.reason in REASONS
        assert one.detail


def has_strange_ext(line: bytes) -> bool:
    """`ext` with numbers out of range or broken text: two open faults, specified below."""
    return (
        b'"ext"' in line and any(each in line for each in (b"E400", b"9" * 30, b"\\ud800", b"\\udc00"))
    ) or not is_utf8(line)


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


@MANY
@given(lines())
def test_what_the_contract_calls_a_record_is_taken_and_nothing_else(line: bytes) -> None:
    assume(line.strip() and b"sealed" not in line and not has_strange_ext(line))
    agree(line)


@settings(MANY, max_examples=150)
@given(contents())
def test_every_whole_record_is_taken(content: dict[str, Any]) -> None:
    line = msgspec.json.encode(content)
    assert expected(line) is not None
    agree(line)


@MANY
@given(st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example("{}".encode("utf-16"))
def test_bytes_of_any_kind_never_raise(line: bytes) -> None:
    line = line.replace(b"\n", b"")
    assert isinstance(codec.decode(line), Refusal)
    assert isinstance(codec.examine(line), Refusal)
    codec.decode_batch(line + b"\n")


@settings(MANY, max_examples=150)
@given(
    st.lists(st.one_of(lines(), contents().map(msgspec.json.encode), st.sampled_from([b"", b" ", b"\r"])), max_size=6)
)
def test_a_batch_is_its_lines_one_by_one(batch: list[bytes]) -> None:
    assume(not any(has_strange_ext(line) or b"\x0b" in line for line in batch))
    found_lines, found, shortest = codec.decode_batch(b"".join(line + b"\n" for line in batch))
    assert found_lines == batch
    assert len(found) == len(shortest) == len(batch)
    for line, each, short in zip(batch, found, shortest, strict=True):
        if not line.strip():
            assert each is None
        else:
            assert as_door(each, line) == codec.decode(line)
        if not isinstance(each, Record):
            assert short == line


NUMBERS = [
    "0",
    "-0",
    "-1",
    "1.0",
    "1e0",
    "1E+2",
    "01",
    "1.",
    "NaN",
    "Infinity",
    "9007199254740992",
    "9" * 400,
    "1_0",
    "0x1",
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("space", ["", " ", "\t\r"])
def test_numbers_that_are_no_amounts(number: str, space: str) -> None:
    line = LINE.replace(b'"amount":100', f'"amount":{space}{number}'.encode())
    assert expected(line) is None
    agree(line)


@pytest.mark.parametrize("number", ["1", "9007199254740991"])
def test_numbers_that_are(number: str) -> None:
    line = LINE.replace(b'"amount":100', f'"amount":{number}'.encode())
    assert expected(line) is not None
    agree(line)


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(b'"amount":100', b'"amount":100,"amount":100'),
        LINE.replace(b'"amount":100', b'"amount":100,"am\\u006funt":1'),
        LINE.replace(b'"amount":100', b'"am\\u006funt":1,"amount":100'),
        LINE.replace(b'"type":"deposit"', b'"type":"withdrawal","type":"deposit"'),
        LINE.replace(b'"amount":100', b'"amount":100,"counterparty":{"kind":"own","kind":"cash"}'),
        LINE.replace(b'"amount":100', b'"amount":100,"ext":{},"ext":{}'),
        LINE.replace(b'"amount":100', b'"amount":100,"memo":"\\u0009","memo":"\\t"'),
    ],
)
def test_no_key_stands_twice(line: bytes) -> None:
    assert expected(line) is None
    agree(line)
    found = codec.decode(line)
    assert isinstance(found, Refusal)
    assert (found.reason, found.event_id) == ("bad_value", "d1")


def test_the_publisher_s_own_object_may_say_what_it_likes() -> None:
    own = b'{"a":1,"a":{"b":2,"b":1.5e-7},"ext":[null],"\\ud83d\\ude00":"\\u0000"}'
    line = LINE.replace(b'"amount"', b'"ext":' + own + b',"amount"')
    agree(line)
    agree(b" " + line)
    found = codec.decode(line)
    assert isinstance(found, Record)
    assert bytes(found.ext) == own  # type: ignore[arg-type]


def test_a_key_twice_is_found_beside_any_ext() -> None:
    line = LINE.replace(b'"amount"', b'"ext":{"a":[{"a":1,"a":2}]},"amount":1,"amount"')
    assert isinstance(codec.decode(line), Refusal)


@pytest.mark.parametrize("ending", [b"\r", b" ", b"\t \r"])
def test_white_space_around_a_record_is_nothing(ending: bytes) -> None:
    agree(LINE + ending)
    agree(ending + LINE)
    assert codec.decode_batch(LINE + ending + b"\n")[2] == [LINE]


@pytest.mark.parametrize("ending", [b"\x0b", b"\x0c", b"\xc2\xa0", b"\x00", b"\xef\xbb\xbf", b"{}"])
def test_what_json_does_not_call_white_space_is_not(ending: bytes) -> None:
    agree(LINE + ending)
    agree(ending + LINE)


@pytest.mark.xfail(strict=True, reason="a batch takes a line of other white space for blank, one by one it is refused")
@pytest.mark.parametrize("line", [b"\x0b", b"\x0c", b" \x0c "])
def test_a_line_of_other_white_space_is_no_blank_line(line: bytes) -> None:
    assert isinstance(codec.decode(line), Refusal)
    assert isinstance(codec.decode_batch(line + b"\n")[1][0], Refusal)


def test_two_records_on_a_line_are_none() -> None:
    agree(LINE + LINE)
    agree(LINE + b" " + LINE)
    agree(LINE + b"," + LINE)


def test_a_record_over_two_lines_is_none() -> None:
    broken = LINE.replace(b",", b",\n", 1)
    _, found, _ = codec.decode_batch(broken + b"\n" + LINE + b"\n")
    assert [type(each) for each in found[:2]] == [Refusal, Refusal]
    assert isinstance(found[2], Record)


@pytest.mark.parametrize("size", [(1 << 20) + 1, 10_000_000])
def test_a_line_that_is_too_large_is_refused_whatever_it_holds(size: int) -> None:
    for line in (b"x" * size, LINE + b" " * size):
        found = codec.decode(line)
        assert isinstance(found, Refusal)
        assert (found.reason, found.field) == ("too_large", None)
        assert as_door(codec.decode_batch(line + b"\n" + LINE + b"\n")[1][0], line) == found


@pytest.mark.xfail(strict=True, reason="in a batch that is in its shortest form nobody looks at the size of a record")
def test_a_large_record_in_its_shortest_form_is_refused_in_a_batch_too() -> None:
    line = LINE.replace(b'"amount"', b'"ext":{"a":"' + b"x" * (1 << 20) + b'"},"amount"')
    assert isinstance(codec.decode(line), Refusal)
    assert isinstance(codec.decode_batch(line + b"\n")[1][0], Refusal)


STRANGE = {
    "a number out of range": b'{"a":1e999}',
    "an integer of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "broken UTF-8": b'{"a":"\xff"}',
}


@pytest.mark.xfail(strict=True, reason="ext is not read where a line is in its shortest form, and read where it is not")
@pytest.mark.parametrize("name", STRANGE)
def test_white_space_decides_nothing(name: str) -> None:
    line = LINE.replace(b'"amount"', b'"ext":' + STRANGE[name] + b',"amount"')
    assert type(codec.decode(line)) is type(codec.examine(line))


@pytest.mark.xfail(strict=True, reason="ext is not read where a line is in its shortest form")
def test_broken_utf_8_in_ext_is_no_json() -> None:
    line = LINE.replace(b'"amount"', b'"ext":' + STRANGE["broken UTF-8"] + b',"amount"')
    assert isinstance(codec.decode(line), Refusal)


def at_depth(depth: int, line: bytes) -> Record | Refusal:
    """Decode from a place so many calls deep."""
    return codec.decode(line) if depth == 0 else at_depth(depth - 1, line)


@pytest.mark.xfail(strict=True, reason="a nesting that json cannot follow hides a key that stands twice")
def test_a_nested_ext_does_not_hide_a_key_that_stands_twice() -> None:
    taken = []
    for nested in range(1, sys.getrecursionlimit() + 10):
        line = LINE.replace(b'"amount"', b'"ext":{"a":' + b"[" * nested + b"]" * nested + b'},"amount":1,"amount"')
        if isinstance(codec.decode(line), Record):
            taken.append(nested)
    assert taken == []


@pytest.mark.xfail(strict=True, reason="how deep a record may be nested depends on who calls")
def test_who_calls_does_not_decide_what_is_a_record() -> None:
    line = LINE.replace(b'"amount"', b'"ext":{"a":' + b"[" * 700 + b"]" * 700 + b'}, "amount"')
    assert type(at_depth(0, line)) is type(at_depth(300, line))


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_endless_nesting_is_refused(depth: int) -> None:
    for line in (
        b"[" * depth,
        b'{"a":' * depth,
        LINE.replace(b'"amount"', b'"ext":{"a":' + b"[" * depth + b"]" * depth + b'},"amount"'),
        LINE.replace(b'"amount"', b'"memo":' + b"[" * depth + b"]" * depth + b',"amount"'),
    ):
        found = codec.decode(line)
        assert isinstance(found, Refusal)
        assert found.reason == "not_json"
        assert as_door(codec.decode_batch(line + b"\n")[1][0], line) == found


def test_every_type_of_the_contract_is_known_to_the_reference() -> None:
    assert set(reference.FIELDS) == set(RECORDS)
    assert not set(INACTIVE) & set(RECORDS)


@pytest.mark.parametrize("name", sorted(INACTIVE))
def test_a_type_that_is_not_active_is_refused_by_name(name: str) -> None:
    found = codec.decode(LINE.replace(b'"deposit"', f'"{name}"'.encode()))
    assert isinstance(found, Refusal)
    assert (found.reason, found.field, found.source, found.event_id) == ("type_not_active", "type", "core", "d1")
