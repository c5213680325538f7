"""Many plain records at a time are taken as each of them by itself would be, and what is not plain is left."""

from typing import get_args

import pytest

from aggregates.dates import day_of, iso
from aggregates.plain import take_plain
from aggregates.policy import Policies, Policy
from aggregates.records import take
from aggregates.shard import Shard
from aggregates.triggers import catalog
from events import codec
from events.decisions import TriggersActivated
from events.fields import CounterpartyKind, Record
from tests.dsl.bank import Bank, freeze, state_of
from tests.dsl.records import closed, closed_through, deposit, money, opened, record, withdrawal

MUCH_TO_TELL = day_of("2026-01-31")
"""Before it one customer had a sign of life on as many days as are kept."""
MANY = [
    deposit("C1", "A1", "100.00", on="2026-02-03", id="p1"),
    withdrawal("C1", "A1", "30.00", on="2026-02-03", id="p2"),
    deposit("C2", "B1", "7.00", on="2026-02-03", id="p3"),
    deposit("C1", "A1", "5.00", on="2026-02-05", id="p4"),
    deposit("C1", "A1", "5.00", on="2026-02-04", id="p5", at="2026-02-05"),
    deposit("C1", "A2", "1.00", on="2026-03-01", id="p6", at="2026-02-28"),
    withdrawal("C2", "B1", "2.00", on="2026-02-05", id="p7", source="funds"),
    opened("C3", "D1", on="2026-02-03", id="p8"),
    deposit("C3", "D1", "4.00", on="2026-02-03", id="p9"),
    opened("C1", "A3", on="2026-02-05", id="p10", category="fund", source="funds"),
    opened("C3", "D2", on="2026-02-04", id="p11", at="2026-02-05"),
    opened("C5", "F1", on="2026-02-01", id="p12"),
    *(
        money(name, "C2", "B1", "0.10", on=on, id=f"{name} {kind} {on}", at="2026-02-05", counterparty={"kind": kind})
        for name in ("deposit", "payroll_credited", "withdrawal", "transfer_out")
        for kind in get_args(CounterpartyKind)
        for on in ("2026-02-03", "2026-02-04")
    ),
    deposit("C1", "A1", "1.00", on="2026-02-04", id="p0", memo="rent"),
    money("payroll_credited", "C1", "A1", "9.00", on="2026-02-01", id="p13"),
    money("payroll_credited", "C2", "B1", "8.00", on="2026-02-05", id="p14"),
    money("interest_credited", "C1", "A1", "0.01", on="2026-02-04", id="p15"),
    money("fee_charged", "C2", "B1", "0.02", on="2026-02-04", id="p16"),
    money("transfer_in", "C1", "A2", "0.03", on="2026-02-04", id="p17"),
    money("transfer_out", "C1", "A2", "0.04", on="2026-02-04", id="p18"),
    money("transfer_in", "C6", "G1", "1.00", on="2026-02-04", id="p19"),
    money("transfer_in", "C7", "H1", "1.00", on="2026-02-04", id="p20"),
    deposit("C7", "H1", "1.00", on="2026-02-04", id="p21"),
    deposit("C8", "I1", "1.00", on="2026-02-04", id="p22"),
    money("fee_charged", "C9", "J1", "1.00", on="2026-02-04", id="p23"),
]
OFF = Policy(
    version="off",
    valid_from=day_of("2026-02-01"),
    triggers={rule.code: {"enabled": False} for rule in catalog.RULES},
)
ALL = TriggersActivated(codes=tuple(rule.code for rule in catalog.RULES))
NOT_PLAIN = {
    "another type": closed("C1", "A1", on="2026-02-03"),
    "another currency": deposit("C1", "A1", "1.00", on="2026-02-03", currency="USD"),
    "booked on another day": deposit("C1", "A1", "1.00", on="2026-02-03", booked_on="2026-02-04"),
    "what only the log writes": deposit("C1", "A1", "1.00", on="2026-02-03", sealed="AA=="),
    "a closed month": deposit("C1", "A1", "1.00", on="2026-01-15"),
    "a date never seen": deposit("C1", "A1", "1.00", on="2026-02-30", at="2026-02-28"),
    "a source never seen": deposit("C1", "A1", "1.00", on="2026-02-03", source="never-seen-elsewhere"),
    "no such customer": deposit("C9", "A1", "1.00", on="2026-02-03"),
    "no such account": deposit("C1", "A9", "1.00", on="2026-02-03"),
    "before the opening": deposit("C2", "B2", "1.00", on="2026-02-03"),
    "behind the closing": deposit("C2", "B3", "1.00", on="2026-02-03"),
    "ahead of its time": deposit("C1", "A1", "1.00", on="2026-02-05", at="2026-02-03"),
    "opened with a balance": opened("C1", "A3", on="2026-02-03", balance="1.00"),
    "opened in another currency": opened("C1", "A3", on="2026-02-03", currency="USD"),
    "opened in a closed month": opened("C1", "A3", on="2026-01-15"),
    "opened with a term": opened("C1", "A3", on="2026-02-03", matures_on="2027-02-03"),
    "opened with a product": opened("C1", "A3", on="2026-02-03", product="steady"),
    "opened with what only the log writes": opened("C1", "A3", on="2026-02-03", sealed="AA=="),
    "opened by a source never seen": opened("C1", "A3", on="2026-02-03", source="never-seen-elsewhere"),
    "opened before": opened("C1", "A2", on="2026-02-03"),
    "opened ahead of its time": opened("C1", "A3", on="2026-02-05", at="2026-02-03"),
    "opened ahead of its time by who is new": opened("C9", "A3", on="2026-02-05", at="2026-02-03"),
    "opened as much went out": opened("C4", "E2", on="2026-02-03"),
}


def shard(through: str = "2026-01-31", *later: Policy) -> Shard:
    """through: all is closed up to this day; later: policies besides the built-in one."""
    bank = Bank(Policy(), *later)
    bank.evolve(ALL)
    bank.given(
        opened("C1", "A1", on="2026-01-01"),
        opened("C1", "A2", on="2026-01-01", balance="10.00"),
        opened("C2", "B1", on="2026-01-01", category="fund"),
        opened("C2", "B3", on="2026-01-01"),
        closed("C2", "B3", on="2026-01-02"),
        opened("C6", "G1", on="2026-01-01", balance="90000.00"),
        *(opened(f"C{n}", f"{name}1", on="2025-12-01") for n, name in ((7, "H"), (8, "I"), (9, "J"))),
        *(deposit("C7", "H1", "1.00", on=iso(day)) for day in range(MUCH_TO_TELL - 39, MUCH_TO_TELL)),
        closed_through("2026-01-30"),
        withdrawal("C6", "G1", "80000.00", on="2026-01-31"),
        closed_through("2026-01-31"),
        opened("C2", "B2", on="2026-02-05"),
        opened("C4", "E1", on="2026-01-01", balance="300000.00"),
        withdrawal("C4", "E1", "60000.00", on="2026-02-05"),
        *([closed_through(through)] if through > "2026-01-31" else []),
    )
    for each in MANY:
        codec.check(each)  # as on the way in: dates and sources are known then
    rebuilt = Shard(Policies([Policy(), *later]))
    for line in bank.lines:
        rebuilt.evolve(line)
    return rebuilt


def taken(of: Shard, *records: Record, latest: str = "2026-02-04", odd: tuple[int, ...] = ()) -> int | None:
    """Place of the first that was left; `latest`: as if this was the last value date that is right for all."""
    personal: list[int] = []
    found = take_plain(of, enumerate(records), odd, day_of(latest), 0, personal)
    seen = records[: None if found is None else found[0]]
    assert personal == [
        at for at, each in enumerate(seen) if b'"counterparty"' in (line := codec.encode(each)) or b'"memo"' in line
    ]
    if found is None:
        return None
    assert found[1] is records[found[0]]
    return found[0]


@pytest.mark.parametrize("later", [(), (OFF,)], ids=["rules", "none"])
@pytest.mark.parametrize("through", ["2026-01-31", "2026-02-03"])
@pytest.mark.parametrize("cold", [False, True])
def test_many_at_a_time_are_as_one_by_one(cold: bool, through: str, later: tuple[Policy, ...]) -> None:
    together, apart = shard(through, *later), shard(through, *later)
    if cold:
        freeze(together)
    assert taken(together, *MANY) is None
    assert [list(take(apart, each)) for each in MANY] == [[]] * len(MANY)  # type: ignore[arg-type]
    assert state_of(together) == state_of(apart)
    assert together.take_moves() == apart.take_moves()


def test_without_rules_a_close_sees_nobody_of_whom_nothing_is_to_be_forgotten_or_to_end() -> None:
    found = shard("2026-02-03", OFF)
    assert not found.active
    assert taken(found, *(each for each in MANY if getattr(each, "value_date", "") == "2026-02-04")) is None
    assert sorted(found.active) == ["C1", "C2", "C3", "C6", "C7"]
    # money out, both and a salary, an opening, a trigger, signs of life on more days than are kept
    assert taken(found, deposit("C9", "J1", "1.00", on="2026-02-03", id="late")) is None
    assert "C9" in found.active


@pytest.mark.parametrize("why", NOT_PLAIN)
def test_what_is_not_plain_is_left_untouched(why: str) -> None:
    first, *rest = MANY
    found, expected = shard(), shard()
    assert taken(found, first, NOT_PLAIN[why], *rest) == 1, why
    take(expected, first)
    assert state_of(found) == state_of(expected)


def test_what_is_odd_is_left_whatever_it_is() -> None:
    assert taken(shard(), *MANY, odd=(3,)) == 3


def test_after_what_was_left_it_goes_on_behind() -> None:
    """One iterator goes through the whole batch."""
    found, run = (
        shard(),
        enumerate([MANY[0], record("reversal", "C1", at="2026-02-03", reverses={"event_id": "x"}), MANY[1]]),
    )
    assert take_plain(found, run, (), day_of("2026-02-04"), 0, []) is not None
    assert take_plain(found, run, (), day_of("2026-02-04"), 0, []) is None
    customer = found.customers.get("C1")
    assert customer is not None
    assert customer.accounts["A1"].balance == 7000
