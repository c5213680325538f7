"""Between which amounts a customer is at rest, rule by rule (``aggregates.triggers.bounds``)."""

import pytest

from aggregates.dates import day_of, iso, month_of
from aggregates.policy import Policy
from aggregates.triggers.bounds import Bounds, followed, strays
from aggregates.triggers.catalog import RULES
from aggregates.triggers.duty import ALL
from aggregates.triggers.rule import NEVER_RESTS
from aggregates.triggers.sifting import sifted
from events.decisions import TriggersActivated
from tests.aggregates.triggers.banks import given, paid, payroll, steps
from tests.dsl.bank import Bank
from tests.dsl.records import closed_through, deposit, met, opened, withdrawal
from tests.dsl.seen import FIRST

NONE = (None, None, None, None)
OTHER = 1 << 40
"""The bit of another rule that follows AUM."""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 100_00, (0, 0)),
        (100_00, 100_00, (0, 0)),
        (100_01, 200_00, (OTHER, 0)),
        (1, 99_99, (0, OTHER)),
        (None, 99_99, (0, OTHER)),
        (NEVER_RESTS.low, NEVER_RESTS.high, (OTHER, 0)),
    ],
    ids=["between", "just", "below", "above", "above, with no lower one", "never at rest"],
)
def test_a_rule_that_follows_is_asked_below_its_bounds_and_told_above_them(
    low: int | None, high: int | None, expected: tuple[int, int]
) -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="100.00"), closed_through("2026-01-01"))
    assert strays(bank.shard, bank.customer(), (*NONE, OTHER, low, high), month_of(FIRST), 31) == expected


@pytest.mark.parametrize(
    ("rest", "asked"),
    [
        (NONE, False),
        ((100_00, None, None, None), False),
        ((100_01, None, None, None), True),
        ((None, 100_00, None, None), False),
        ((None, 99_99, None, None), True),
        ((None, None, 100_00, None), False),
        ((None, None, 100_01, None), True),
        ((None, None, None, 100_01), False),
        ((None, None, None, 100_00), True),
    ],
)
def test_the_others_are_asked_together_as_one_of_four_bounds_is_left(rest: Bounds, asked: bool) -> None:
    """AUM at least and at most, projected average at least and below: 100.00 both."""
    bank = given(opened("C1", "A1", on="2026-01-01", balance="100.00"), closed_through("2026-01-01"))
    found = strays(bank.shard, bank.customer(), rest, month_of(FIRST), 31)
    assert found == (bank.shard.staying if asked else 0, 0)


def test_who_stays_between_them_is_not_looked_at() -> None:
    """Down to 85% of AUM there is room: seven tenths of a high that is not reached yet."""
    bank = given(opened("C1", "A1", on="2026-01-01", balance="100000.00"), closed_through("2026-01-31"))
    bank.given(withdrawal("C1", "A1", "15000.00", on="2026-02-01"))
    assert looked_at(bank, "2026-02-01") == {}
    bank.given(closed_through("2026-02-01"), withdrawal("C1", "A1", "0.01", on="2026-02-02"))
    assert looked_at(bank, "2026-02-02") == {"C1": bank.shard.bits["aum_drop"]}


def looked_at(bank: Bank, day: str) -> dict[str, int]:
    found = sifted(bank.shard, day_of(day)).looked
    bank.shard.sifted = None
    return found


def test_the_drift_rule_is_asked_once_there_are_three_transfers() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="100000.00"), closed_through("2026-01-31"))
    for number, asked in enumerate((False, False, True), 1):
        day = f"2026-02-{number:02}"
        bank.given(paid("1.00", "other_bank", on=day), paid("1.00", "same_bank", on=day))
        assert looked_at(bank, day) == ({"C1": bank.shard.bits["outside_platform_drift"]} if asked else {})
        bank.given(closed_through(day))


def test_the_salary_rule_is_asked_once_there_are_three_and_not_while_its_day_is_planned() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01"), closed_through("2026-01-09"))
    for day, asked in (("2026-01-10", False), ("2026-02-12", False), ("2026-03-09", True), ("2026-04-12", False)):
        bank.given(closed_through(iso(day_of(day) - 1)), payroll(day))
        assert bool(looked_at(bank, day).get("C1", 0) & bank.shard.bits["payroll_stopped"]) is asked
        bank.given(closed_through(day))


def test_rules_that_become_active_ask_everybody_at_the_next_close() -> None:
    bank = Bank(Policy()).given(opened("C1", "A1", on="2026-01-01", balance="100000.00"), closed_through("2026-01-31"))
    bank.given(withdrawal("C1", "A1", "30000.00", on="2026-02-01"), closed_through("2026-02-02"))
    bank.evolve(TriggersActivated(("aum_drop",)))
    assert steps(bank.when(closed_through("2026-02-03")), "aum_drop") == ["raised 2026-02-03"]


def test_a_rule_that_follows_has_its_bounds_once_and_none_when_it_is_off() -> None:
    off = {"aum_drop": {"enabled": False}}
    bank = Bank(Policy(), Policy(version="2", valid_from=day_of("2026-03-01"), triggers=off))
    bank.evolve(TriggersActivated(tuple(rule.code for rule in RULES)))
    bank.given(opened("C1", "A1", on="2026-01-01", balance="100000.00"), closed_through("2026-01-31"))
    for day in range(1, 8):  # a visit asks every rule
        bank.given(met("branch_visit", at=f"2026-02-{day:02}", branch="B1"), closed_through(f"2026-02-{day:02}"))
    aum_drop = bank.shard.bits["aum_drop"]
    assert rest_of(bank)[4:] == (aum_drop, 85_000_00, 121_428_57)
    bank.given(closed_through("2026-02-28"))
    assert looked_at(bank, "2026-03-01") == {"C1": ALL}, "by the first close under another version"
    bank.given(closed_through("2026-03-01"))
    assert looked_at(bank, "2026-03-02") == {}
    assert len(rest_of(bank)) == len(NONE)


@pytest.mark.parametrize("alone", ["aum_drop", "near_upgrade"])
def test_one_rule_alone_has_its_bounds_where_they_belong(alone: str) -> None:
    others = {rule.code: {"enabled": False} for rule in RULES if rule.code != alone}
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="60000.00"), closed_through("2026-02-01"),
        policy=Policy(triggers=others),
    )  # fmt: skip
    bank.when(deposit("C1", "A1", "130000.00", on="2026-02-02"), closed_through("2026-02-02"))
    bank.when(withdrawal("C1", "A1", "70000.00", on="2026-02-03"), closed_through("2026-02-10"))
    assert [line.split()[0] for line in steps(bank, alone)] == (["raised"] if alone == "aum_drop" else [])
    assert len(rest_of(bank)) == len(NONE) + (3 if alone == "aum_drop" else 0)


def rest_of(bank: Bank) -> Bounds:
    conduct = bank.customer().conduct
    assert conduct is not None
    return conduct.rest


def test_only_the_bounds_that_were_left_upwards_are_new() -> None:
    shard = given().shard
    aum_drop = shard.bits["aum_drop"]
    rest = (*NONE, OTHER, 1, 60_000_00, aum_drop, 40_000_00, 50_000_00)
    assert followed(shard, rest, 60_000_00) == (*NONE, OTHER, 1, 60_000_00, aum_drop, 51_000_00, 72_857_14)
    assert followed(shard, (*rest, OTHER, 1, None), 60_000_00)[10:] == (OTHER, 1, None), (
        "nor is it where nothing is too high"
    )
    assert followed(shard, rest, 60_000_01) == (), "the other rule is not there to be told"
