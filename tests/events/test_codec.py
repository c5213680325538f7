"""The codec takes what the contract calls a record and nothing else, in every way a line can be written."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from events import codec
from events.catalog import INACTIVE, RECORDS
from events.fields import Record
from events.refusals import Refusal
from tests.dsl.records import brought, deposit
from tests.events import reference
from tests.events.agreement import agree, as_door, expected, is_blank
from tests.events.lines import contents, lines

MANY = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
LINE = codec.encode(deposit("C1", "A1", "1.00", on="2026-01-02", id="d1"))


@MANY
@given(lines())
def test_what_the_contract_calls_a_record_is_taken_and_nothing_else(line: bytes) -> None:
    assume(not is_blank(line))
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
    st.lists(
        st.one_of(lines(), contents().map(msgspec.json.encode), st.sampled_from([b"", b" ", b"\r", b"\x0b"])),
        max_size=6,
    )
)
def test_a_batch_is_its_lines_one_by_one(batch: list[bytes]) -> None:
    found_lines, found, shortest = codec.decode_batch(b"".join(line + b"\n" for line in batch))
    assert found_lines == batch
    assert len(found) == len(shortest) == len(batch)
    for line, each, short in zip(batch, found, shortest, strict=True):
        if is_blank(line):
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
        LINE.replace(b'"amount":100', b'"amount":100,"":1,"":1'),
        LINE.replace(b'"amount":100', b'"amount":100,"counterparty":{"kind":"own","":1,"":1}'),
    ],
)
def test_no_key_stands_twice(line: bytes) -> None:
    assert expected(line) is None
    agree(line)
    found = codec.decode(line)
    assert isinstance(found, Refusal)
    assert (found.reason, found.event_id) == ("bad_value", "d1")
    assert found.detail == "the key stands twice in one object"


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


def test_a_large_record_in_its_shortest_form_is_refused_in_a_batch_too() -> None:
    line = LINE.replace(b'"amount"', b'"ext":{"a":"' + b"x" * (1 << 20) + b'"},"amount"')
    assert isinstance(codec.decode(line), Refusal)
    assert isinstance(codec.decode_batch(line + b"\n")[1][0], Refusal)


# What `ext` may hold: JSON that can be read again, at most 64 deep with the record around it


def with_own(own: bytes, space: bytes = b"") -> bytes:
    """The deposit with this as its `ext`."""
    return LINE.replace(b'"amount"', b'"ext":' + own + b"," + space + b'"amount"')


STRANGE = {
    "a number out of range": b'{"a":1e999}',
    "an integer of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "broken UTF-8": b'{"a":"\xff"}',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "a control character": b'{"a":"\x01"}',
    "no JSON": b'{"a":tru}',
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("space", [b"", b" "])
def test_an_ext_that_cannot_be_read_is_no_json(name: str, space: bytes) -> None:
    line = with_own(STRANGE[name], space)
    agree(line)
    found = codec.decode(line)
    assert isinstance(found, Refusal)
    assert (found.reason, found.field) == ("not_json", None)
    assert "\n" not in found.detail


@pytest.mark.parametrize("value", [b"1.7976931348623157e308", b"-1e308", b"1e-999", b"-0.0", b"9" * 30, b"9" * 4300])
def test_numbers_of_ext_may_be_as_large_as_can_be_read(value: bytes) -> None:
    agree(with_own(b'{"a":' + value + b"}"))
    assert isinstance(codec.decode(with_own(b'{"a":' + value + b"}")), Record)


def nested(depth: int, opening: bytes = b"[", ending: bytes = b"]") -> bytes:
    """An `ext` in a record that is so deep in all: the record is 1, `ext` itself 2."""
    return b'{"a":' + opening * (depth - 2) + b"1" + ending * (depth - 2) + b"}"


@pytest.mark.parametrize("space", [b"", b" "])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"\\"]":', b"}]")])
def test_a_record_may_be_64_deep_and_no_deeper(brackets: tuple[bytes, bytes], space: bytes) -> None:
    step = brackets[0].count(b"[") + brackets[0].count(b"{")
    deepest = with_own(nested(2 + 62 // step, *brackets), space)
    deeper = with_own(b'{"a":' + nested(2 + 62 // step, *brackets) + b"}", space)
    agree(deepest)
    agree(deeper)
    assert isinstance(codec.decode(deepest), Record)
    found = codec.decode(deeper)
    assert isinstance(found, Refusal)
    assert (found.reason, found.field) == ("not_json", None)


def test_brackets_in_a_text_are_not_deep() -> None:
    for line in (
        with_own(b'{"a":"' + b"[{" * 99 + b'"}'),
        with_own(b'{"' + b'[\\"{' * 99 + b'":1}'),
        LINE.replace(b'"amount"', b'"memo":"' + b"[" * 99 + b'","amount"'),
    ):
        agree(line)
        assert isinstance(codec.decode(line), Record)


def test_a_nested_ext_does_not_hide_a_key_that_stands_twice() -> None:
    reasons: dict[str, list[int]] = {}
    for depth in range(2, 80):
        found = codec.decode(with_own(nested(depth), b'"amount":1,'))
        assert isinstance(found, Refusal)
        reasons.setdefault(found.reason, []).append(depth)
    assert reasons == {"bad_value": list(range(2, 65)), "not_json": list(range(65, 80))}


def at_depth(depth: int, line: bytes) -> Record | Refusal:
    """Decode from a place so many calls deep."""
    return codec.decode(line) if depth == 0 else at_depth(depth - 1, line)


@pytest.mark.parametrize("depth", [64, 65, 300, 900])
def test_who_calls_does_not_decide_what_is_a_record(depth: int) -> None:
    line = with_own(nested(depth), b" ")
    assert at_depth(0, line) == at_depth(600, line)


@pytest.mark.parametrize(
    ("fraction", "is_taken"), [(".1", True), (".123456789", True), ("." + "1" * 40, True), (".", False), (",5", False)]
)
def test_a_second_may_have_any_number_of_digits(fraction: str, is_taken: bool) -> None:
    line = LINE.replace(b"T10:00:00+08:00", f"T10:00:00{fraction}+08:00".encode())
    agree(line)
    assert isinstance(codec.decode(line), Record) == is_taken


@pytest.mark.parametrize("version", ["2", "0", "-1", "9" * 19, "9" * 4300])
def test_a_version_is_not_quoted_at_length(version: str) -> None:
    found = codec.decode(LINE.replace(b'"schema_version":1', f'"schema_version":{version}'.encode()))
    assert isinstance(found, Refusal)
    assert found.reason == "version_unsupported"
    assert len(found.detail) < 100


# Years from 1900 to 2999


@pytest.mark.parametrize(
    ("date", "is_taken"),
    [("1899-12-31", False), ("1900-01-01", True), ("2999-12-31", True), ("3000-01-01", False), ("0001-01-01", False),
     ("9999-12-31", False), ("0000-01-01", False)],
)  # fmt: skip
@pytest.mark.parametrize("field", ["value_date", "booked_on", "occurred_at"])
def test_the_years_of_dates(date: str, is_taken: bool, field: str) -> None:
    text = f"{date}T10:00:00+08:00" if field == "occurred_at" else date
    content = {**msgspec.json.decode(LINE), field: text}
    line = msgspec.json.encode(content)
    agree(line)
    found = codec.decode(line)
    if is_taken:
        assert isinstance(found, Record)
    else:
        assert isinstance(found, Refusal)
        assert (found.reason, found.field) == ("bad_value", field)


@pytest.mark.parametrize(("date", "is_taken"), [("1899-12-31", False), ("1900-01-01", True), ("3000-01-01", False)])
def test_the_years_of_dates_in_a_list(date: str, is_taken: bool) -> None:
    told = brought("C1", "ordinary", on="2025-12-31", payrolls=["2025-12-05", date])
    agree(codec.encode(told))
    assert isinstance(codec.decode(codec.encode(told)), Record) == is_taken


def test_what_calls_itself_sealed_is_decoded_here_and_refused_at_the_door() -> None:
    line = LINE.replace(b'"amount"', b'"sealed":"QQ==","amount"')
    found = codec.decode(line)
    assert isinstance(found, Record)
    assert found.sealed == "QQ=="
    assert expected(line) is None


@pytest.mark.parametrize("depth", [2_000, 50_000])
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
