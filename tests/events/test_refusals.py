"""Every word of refusal, met at the door by a publisher (CONTRACT §2)."""

import base64
from collections.abc import Callable

import msgspec
import pytest

from events import codec
from events.catalog import INACTIVE
from events.fields import Record
from events.refusals import LATER, REASONS
from processors.erased import without_personal
from processors.policies import activation
from processors.snapshot import frame_of
from tests.dsl.door import Door
from tests.dsl.records import (
    assigned,
    brought,
    close,
    closed,
    consent,
    deposit,
    erasure,
    granted,
    loan,
    met,
    opened,
    registered,
    reversal,
    updated,
    valued,
)

A1 = opened("C1", "A1", on="2026-01-01", id="a1")
F1 = opened("C1", "F1", category="fund", on="2026-01-01", id="f1")
D1 = deposit("C1", "A1", "1.00", on="2026-01-02", id="d1")
L1 = loan("loan_opened", on="2026-01-02", outstanding="5.00", id="l1")
K1 = met("complaint_filed", at="2026-01-02", complaint_id="K1", severity=3, id="k1")
LINE = codec.encode(D1)


def changed(**fields: object) -> bytes:
    """The deposit with other or more fields; None takes one away."""
    content = {**msgspec.json.decode(LINE), **fields}
    return msgspec.json.encode({name: value for name, value in content.items() if value is not None})


def days(first: int, last: int, year_month: str) -> list[Record]:
    return [close(f"{year_month}-{day:02d}") for day in range(first, last + 1)]


Case = tuple[list[Record], Record | bytes, str | None]
CASES: dict[str, list[Case]] = {
    "not_json": [
        ([], b"{", None),
        ([], b"[]", None),
        ([], b'"deposit"', None),
        ([], b"deposit", None),
        ([], LINE[:-1], None),
        ([], LINE + b"}", None),
        ([], b"\xef\xbb\xbf" + LINE, None),
        ([A1], changed(memo="x").replace(b'"x"', b'"\xff"'), None),
        ([A1], changed(ext={"a": "x"}).replace(b'"x"', b'"\xff"'), None),
        ([A1], changed(ext={"a": 7}).replace(b"7}", b"1e999}"), None),
        ([A1], changed(ext={"a": 7}).replace(b"7}", b"[" * 63 + b"]" * 63 + b"}"), None),
        ([A1], changed(memo=7).replace(b":7", b":" + b"[" * 64 + b"]" * 64), None),
    ],
    "unknown_type": [([], changed(type="gift"), "type"), ([], changed(type=""), "type")],
    "unknown_field": [
        ([A1], changed(tags=[]), "tags"),
        ([A1], changed(sealed="QQ=="), "sealed"),
        ([A1], changed(counterparty={"kind": "cash", "city": "x"}), "counterparty.city"),
    ],
    "missing_field": [
        ([A1], changed(amount=None), "amount"),
        ([], changed(type=None), "type"),
        ([A1], changed(schema_version=None), "schema_version"),
        ([A1], changed(counterparty={"bank": "x"}), "counterparty.kind"),
    ],
    "bad_value": [
        ([A1], changed(amount=0), "amount"),
        ([A1], changed(amount=2**53), "amount"),
        ([A1], changed(amount=1.0), "amount"),
        ([A1], changed(amount="1"), "amount"),
        ([A1], changed(amount=True), "amount"),
        ([A1], changed(value_date="2026-02-29"), "value_date"),
        ([A1], changed(value_date="2026-1-2"), "value_date"),
        ([A1], changed(booked_on="02.01.2026"), "booked_on"),
        ([A1], changed(value_date="1899-12-31"), "value_date"),
        ([A1], changed(booked_on="3000-01-01"), "booked_on"),
        ([A1], changed(occurred_at="3000-01-01T10:00:00+08:00"), "occurred_at"),
        ([], codec.encode(close("2999-12-31")).replace(b'"date":"2999-12-31"', b'"date":"3000-01-01"'), "date"),
        ([close("2026-01-31")], close("2036-02-10"), "date"),
        ([A1], changed(occurred_at="2026-01-02T10:00:00"), "occurred_at"),
        ([A1], changed(occurred_at="2026-01-02 10:00:00Z"), "occurred_at"),
        ([A1], changed(occurred_at="2026-01-02T24:00:00Z"), "occurred_at"),
        ([A1], changed(currency="cny"), "currency"),
        ([A1], changed(event_id=""), "event_id"),
        ([A1], changed(event_id="x" * 65), "event_id"),
        ([A1], changed(source="Core"), "source"),
        ([A1], changed(source="x" * 33), "source"),
        ([A1], changed(customer_id="客" * 65), "customer_id"),
        ([A1], changed(counterparty={"kind": "friend"}), "counterparty.kind"),
        ([A1], changed(ext=[1]), "ext"),
        ([A1], changed(memo=7), "memo"),
        ([A1], changed(memo=7).replace(b":7", b":" + b"[" * 63 + b"]" * 63), "memo"),
        ([A1], changed(type=7), "type"),
        ([A1], changed(schema_version="1"), "schema_version"),
        ([A1], LINE.replace(b'"amount":', b'"amount":5,"amount":'), "amount"),
        ([A1], changed(counterparty={"kind": "cash"}).replace(b'"kind"', b'"kind":"own","kind"'), "counterparty.kind"),
        ([A1, D1], reversal("C1", "a1", at="2026-01-02", id="r"), "reverses"),
        ([A1], granted("C1", "bronze", on="2026-01-02", id="g"), "level"),
        ([], brought("C1", "ordinary", on="2025-12-30", id="b"), "value_date"),
        ([], met("complaint_resolved", at="2026-01-02", complaint_id="K1", outcome="o", id="k"), "complaint_id"),
        ([K1], met("complaint_filed", at="2026-01-05", complaint_id="K1", severity=1, id="k"), "complaint_id"),
    ],
    "version_unsupported": [([A1], changed(schema_version=2), "schema_version")],
    "currency_unsupported": [([A1], changed(currency="USD"), "currency")],
    "id_reused_with_other_content": [
        ([A1, D1], changed(amount=101), "event_id"),
        ([A1, D1], changed(occurred_at="2026-01-03T10:00:00+08:00"), "event_id"),
        ([A1, D1], changed(type="withdrawal"), "event_id"),
        ([A1, D1], changed(memo="more"), "event_id"),
        ([A1, D1], changed(ext={}), "event_id"),
    ],
    "account_unknown": [([], D1, "account_id"), ([A1], changed(account_id="a1"), "account_id")],
    "account_exists": [([A1], opened("C1", "A1", on="2026-01-02", id="again"), "account_id")],
    "loan_unknown": [
        ([L1], loan("loan_repaid", on="2026-01-02", loan_id="L2", amount="1.00", id="l"), "loan_id"),
        ([], loan("loan_overdue", on="2026-01-02", amount="1.00", days_overdue=1, id="l", currency=None), "loan_id"),
        ([A1], loan("loan_classified", on="2026-01-02", currency=None, id="l", **{"class": "loss"}), "loan_id"),
    ],
    "loan_exists": [([L1], loan("loan_opened", on="2026-01-03", outstanding="5.00", id="l"), "loan_id")],
    "account_closed": [([A1, closed("C1", "A1", on="2026-01-01", id="x")], D1, "account_id")],
    "reversal_unknown": [([A1], reversal("C1", "d1", at="2026-01-02", id="r"), "reverses")],
    "already_reversed": [
        (
            [A1, D1, reversal("C1", "d1", at="2026-01-02", id="r")],
            reversal("C1", "d1", at="2026-01-02", id="r2"),
            "reverses",
        )
    ],
    "value_date_too_old": [
        ([A1, close("2026-01-31"), close("2027-01-31")], D1, "value_date"),
        ([close("2026-01-31")], brought("C1", "ordinary", on="2025-12-31", id="b"), "value_date"),
        ([close("2026-01-31")], granted("C1", "gold", on="2025-01-31", at="2026-01-31", id="g"), "value_date"),
    ],
    "value_date_in_future": [([A1], changed(value_date="2026-01-04"), "value_date")],
    "day_already_closed": [
        ([close("2026-01-31")], close("2026-01-31", working_day=False), "date"),
        ([close("2026-01-31")], close("2026-01-31", totals=(0, "0.00")), "date"),
        ([close("2026-01-31", source="cards")], close("2026-01-31", source="cards", totals=(0, "0.00")), "date"),
    ],
    "valuation_inconsistent": [
        ([F1], valued("C1", "F1", "1.00", on="2026-01-02", units="2", price="1", id="v"), "market_value")
    ],
    "customer_erased": [
        ([A1, erasure("C1", at="2026-01-02", id="x")], each, "customer_id")
        for each in (
            registered("C1", at="2026-01-03", id="r"),
            updated("C1", at="2026-01-03", id="u", branch="B1"),
            assigned("C1", "M7", at="2026-01-03", id="m"),
            consent("C1", at="2026-01-03", id="c"),
            granted("C1", "gold", on="2026-01-03", id="g"),
            met("branch_visit", at="2026-01-03", id="v", branch="B1"),
            met("complaint_resolved", at="2026-01-03", id="s", complaint_id="K1", outcome="none"),
        )
    ],
    "type_not_active": [([], changed(type=name), "type") for name in sorted(INACTIVE)],
    "too_large": [
        ([A1], b"x" * ((1 << 20) + 1), None),
        ([A1], LINE + b" " * (1 << 20), None),
        ([A1], b"{" + b" " * (1 << 20) + changed(ext={"x": "x"})[1:], None),
    ],
    "not_first_record": [([A1], brought("C1", "ordinary", on="2025-12-31", id="b"), "customer_id")],
}

IN_A_PARTITION = {"key_mismatch"}
"""Lines of a file have no key: tests/processors/test_messages.py."""


def test_every_word_that_can_occur_is_met_here() -> None:
    assert set(CASES) | IN_A_PARTITION == set(REASONS) - LATER


def test_words_of_later_are_words() -> None:
    assert set(REASONS) > LATER


@pytest.mark.parametrize(
    ("reason", "before", "sent", "field"),
    [
        pytest.param(reason, *case, id=f"{reason}-{at}")
        for reason, cases in CASES.items()
        for at, case in enumerate(cases)
    ],
)
def test_a_record_is_refused(reason: str, before: list[Record], sent: Record | bytes, field: str | None) -> None:
    door = Door().send(*before)
    assert not door.refused
    state, taken = frame_of(door.intake.shard), door.counts[0]
    door.send(sent)
    (refused,) = door.refused
    assert (refused.reason, refused.field) == (reason, field)
    assert refused.detail
    assert len(refused.detail) < 500
    assert (refused.file, refused.line) == ("door.jsonl", len(before) + 1)
    line = sent if isinstance(sent, bytes) else codec.encode(sent)
    kept = without_personal(line) if reason == "customer_erased" else line
    assert kept.startswith(door.original(refused))
    assert base64.b64encode(line[:200]) not in door.stored()
    assert frame_of(door.intake.shard) == state
    # Refused records leave no identity: sent again, they are judged anew. They never stop the ones behind them.
    door.send(sent, opened("C9", "A9", on="2026-01-02", id="behind", at="2026-01-02"))
    assert [each.reason for each in door.refused] == [reason] * 2
    assert door.counts[0] == taken + 1


@pytest.mark.parametrize("size", [1 << 20, 10_000_000])
def test_a_record_in_its_shortest_form_may_be_too_large_as_well(size: int) -> None:
    door = Door().send(A1, changed(ext={"x": "x" * size}))
    assert [each.reason for each in door.refused] == ["too_large"]


def test_a_record_of_the_largest_size_is_taken() -> None:
    room = (1 << 20) - len(changed(ext={"x": ""}))
    assert Door().send(A1, changed(ext={"x": "x" * room})).counts == (2, 0, 0)


def test_a_refused_record_is_taken_once_what_it_needs_is_there() -> None:
    door = Door().send(D1).send(A1).send(D1)
    assert (door.counts, [each.reason for each in door.refused]) == ((2, 0, 1), ["account_unknown"])


def test_a_refusal_names_the_record_where_it_can() -> None:
    door = Door().send(D1, changed(amount=0), changed(type="gift"), b"{")
    assert [(each.source, each.event_id, each.topic) for each in door.refused] == [
        ("core", "d1", "bank.transactions.v1"),
        ("core", "d1", None),
        ("core", "d1", None),
        (None, None, None),
    ]


@pytest.mark.parametrize("text", ["unknown field", "missing required field"])
def test_the_word_does_not_depend_on_what_a_bad_value_says(text: str) -> None:
    door = Door().send(A1, changed(counterparty={"kind": text}))
    assert [each.reason for each in door.refused] == ["bad_value"]


def test_the_detail_does_not_carry_the_value_of_a_field() -> None:
    door = Door().send(A1, changed(counterparty={"kind": "王小明 6222020200112233445 " * 100}))
    (refused,) = door.refused
    assert "王小明" not in refused.detail
    assert len(refused.detail) < 500


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (changed(amount=1.0), "wants an integer, got a number with a fraction"),
        (changed(amount="1"), "wants an integer, got a string"),
        (changed(memo=[]), "wants a string, got a list"),
        (changed(counterparty=True), "wants an object, got true or false"),
        (changed(event_id="x" * 65), "wants a string of length <= 64"),
        (changed(counterparty={"kind": "friend"}), "not one of the values allowed"),
        (changed(value_date="2026-02-30"), "no such day"),
        (
            codec.encode(brought("C2", "ordinary", on="2025-12-31", id="b")).replace(
                b'"state":"ordinary"', b'"state":"ordinary","watch":[7]'
            ),
            "wants a string or null, got an integer",
        ),
    ],
)
def test_a_bad_value_is_told_in_words_for_people(sent: bytes, detail: str) -> None:
    (refused,) = Door().send(A1, sent).refused
    assert (refused.reason, refused.detail) == ("bad_value", detail)


# Identity (DOMAIN §2)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_the_same_record_again_is_a_duplicate_and_no_refusal(is_one_batch: bool) -> None:
    door = Door().send(A1)
    if is_one_batch:
        door.send(D1, D1)
    else:
        door.send(D1).send(D1)
    assert door.counts == (2, 1, 0)
    assert door.intake.shard.customers.ensure("C1").spot_minor == 100


def test_the_same_content_in_another_form_is_a_duplicate() -> None:
    same = [
        changed(booked_on="2026-01-02"),
        LINE.replace(b",", b" ,\t"),
        LINE.replace(b'"deposit"', b'"\\u0064eposit"'),
        msgspec.json.encode(dict(reversed(msgspec.json.decode(LINE).items()))),
        LINE + b"\r",
    ]
    door = Door().send(A1, D1).send(*same)
    assert door.counts == (2, len(same), 0)
    other = codec.encode(A1).replace(b'"value_date"', b'"opening_balance":0,"value_date"')
    assert door.send(other).counts == (2, len(same) + 1, 0)


def test_a_reversal_that_names_its_own_source_is_the_same() -> None:
    first = reversal("C1", "d1", at="2026-01-02", id="r")
    door = Door().send(A1, D1, first).send(reversal("C1", "d1", at="2026-01-02", id="r", of_source="core"))
    assert door.counts == (3, 1, 0)


def test_personal_fields_are_part_of_the_content_although_they_are_stored_sealed() -> None:
    told = changed(memo="rent", counterparty={"kind": "other_bank", "name": "李四"}, ext={"a": [1, {"b": None}]})
    door = Door().send(A1, told).send(told)
    assert door.counts == (2, 1, 0)
    assert "李四".encode() not in door.stored()
    assert door.send(changed(memo="rent!", counterparty={"kind": "other_bank", "name": "李四"})).counts == (2, 1, 1)


def test_another_customer_or_month_is_another_record() -> None:
    door = Door().send(
        A1, D1, opened("C2", "A1", on="2026-01-01", id="a1"), deposit("C2", "A1", "1.00", on="2026-01-02", id="d1"),
        deposit("C1", "A1", "5.00", on="2026-02-01", at="2026-02-01", id="d1"),
        deposit("C1", "A1", "5.00", on="2026-01-02", id="d1", source="cards"),
    )  # fmt: skip
    assert door.counts == (6, 0, 0)


def test_identity_is_tested_before_any_other_rule() -> None:
    door = Door().send(A1, D1, close("2026-01-31")).send(close("2027-03-31")).send(D1)
    assert door.counts == (4, 1, 0)
    door.send(changed(amount=101))
    assert [each.reason for each in door.refused] == ["id_reused_with_other_content"]


def test_a_close_again_is_a_duplicate_also_when_something_happened_in_between() -> None:
    door = Door().send(close("2026-01-31"), A1).send(close("2026-01-31"))
    assert door.counts == (2, 1, 0)


def test_a_reversal_finds_its_original_in_its_own_batch_and_in_an_earlier_one() -> None:
    door = Door().send(A1, D1, reversal("C1", "d1", at="2026-01-02", id="r1"))
    door.send(deposit("C1", "A1", "7.00", on="2026-01-02", id="d2")).send(
        reversal("C1", "d2", at="2026-01-02", id="r2")
    )
    assert door.counts == (5, 0, 0)
    assert door.intake.shard.customers.ensure("C1").spot_minor == 0


def test_blank_lines_are_nothing() -> None:
    door = Door().send(A1, b"", b"  ", b"\r", D1)
    assert door.counts == (2, 0, 0)


# Bytes that must not stop the door


HOSTILE: dict[str, Callable[[], bytes]] = {
    "ext with broken UTF-8": lambda: changed(ext={"a": "x"}).replace(b'"x"', b'"\xff"'),
    "ext with a number beyond every range": lambda: changed(ext={"a": 7}).replace(b":7}", b":1e999}"),
    "ext with an endless integer": lambda: changed(ext={"a": 7}).replace(b":7}", b":" + b"1" * 5000 + b"}"),
    "ext nested deeply": lambda: changed(ext={"a": 7}).replace(b":7}", b":" + b"[" * 920 + b"]" * 920 + b"}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_record_with_a_strange_ext_comes_twice(name: str) -> None:
    door = Door().send(A1, HOSTILE[name]()).send(HOSTILE[name](), A1)
    assert (door.counts, [each.reason for each in door.refused]) == ((1, 1, 2), ["not_json"] * 2)


@pytest.mark.parametrize(
    "value", [b"1e300", b"-0.0", b"1e-999", b"9" * 4300, b"[" * 62 + b"]" * 62, b'"\\ud83d\\ude00"', b'{"b":1,"b":2}']
)
def test_a_record_with_an_odd_ext_comes_twice(value: bytes) -> None:
    line = changed(ext={"a": 7}).replace(b":7}", b":" + value + b"}")
    assert Door().send(A1, line).send(line, line).counts == (2, 2, 0)


def test_totals_beyond_every_range_do_not_stop_the_door() -> None:
    line = codec.encode(close("2026-01-31", totals=(1, "1.00"))).replace(
        b'"signed_sum":100', b'"signed_sum":' + b"9" * 40
    )
    door = Door().send(A1, line).send(D1)
    assert sum(door.counts) == 3


def test_balances_beyond_64_bits_do_not_stop_the_door() -> None:
    largest = [deposit("C1", "A1", "90071992547409.91", on="2026-01-01", id=f"d{n}") for n in range(70)]
    door = (
        Door()
        .send(A1, *largest)
        .send(close("2026-01-31"))
        .send(deposit("C1", "A1", "1.00", on="2026-01-01", id="late"))
    )
    assert door.send(close("2026-02-01")).counts == (74, 0, 0)
    assert door.lines()


def test_a_policy_taken_in_changes_how_the_next_record_is_judged() -> None:
    door = Door().send(A1)
    line = activation(
        door.intake.shard, msgspec.structs.replace(door.intake.shard.policy, version="v2", special_years=2)
    )
    assert line is not None
    door.intake.activate(line)
    door.send(close("2026-01-10"), granted("C1", "gold", on="2026-01-11", id="g"))
    assert door.intake.shard.customers.ensure("C1").tier.until == 740_357  # 2028-01-11


def test_closes_of_a_month_go_in_as_one_batch() -> None:
    door = Door().send(A1, *days(10, 31, "2026-01"), *days(1, 28, "2026-02"))
    assert door.counts == (51, 0, 0)
