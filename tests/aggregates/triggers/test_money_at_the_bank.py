"""Triggers on money and time, from records to what is raised: given, when, then through a whole bank (DOMAIN §5)."""

import pytest

from aggregates.dates import day_of, iso
from aggregates.policy import Policy
from aggregates.triggers.catalog import RULES
from events.fields import Record
from tests.aggregates.triggers.banks import RICH, cause, evidence, given, paid, payroll, product, steps
from tests.dsl.records import (
    brought,
    closed,
    closed_through,
    deposit,
    matured,
    money,
    opened,
    purchase,
    record,
    redeemed,
    reversal,
    valued,
    withdrawal,
)

# ---------------------------------------------------------------------------------------------------- aum_drop


def test_assets_that_drop_and_drop_on() -> None:
    bank = given(RICH).when(
        withdrawal("C1", "A1", "999.99", on="2026-02-02", id="small"),
        withdrawal("C1", "A1", "29000.00", on="2026-02-02", id="a"),
        withdrawal("C1", "A1", "0.01", on="2026-02-03", id="today"),
        closed_through("2026-02-03"),
    )
    assert steps(bank, "aum_drop") == ["raised 2026-02-03"]
    assert evidence(bank, "aum_drop") == {
        "high": 10_000_000, "high_on": "2026-02-01", "now": 7_000_000, "records": ["a", "today"],
    }  # fmt: skip
    bank.when(withdrawal("C1", "A1", "20999.99", on="2026-02-04"), closed_through("2026-02-04"))
    assert steps(bank, "aum_drop") == []  # 49,000.01: not yet 70% of 70,000
    bank.when(withdrawal("C1", "A1", "0.01", on="2026-02-05"), closed_through("2026-02-05"))
    assert steps(bank, "aum_drop") == ["raised 2026-02-05"]
    bank.when(closed_through("2026-03-31"))  # the high has left the window by the time the cooldown is over
    assert steps(bank, "aum_drop") == ["expired 2026-03-05 2026-02-03", "expired 2026-03-07 2026-02-05"]


def test_a_high_that_no_other_rule_has_news_of() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="60000.00"), closed_through("2026-02-01")).when(
        deposit("C1", "A1", "90000.00", on="2026-02-02"),
        closed_through("2026-02-02"),
        withdrawal("C1", "A1", "45000.00", on="2026-02-03"),
        closed_through("2026-02-03"),
    )
    assert steps(bank, "aum_drop") == ["raised 2026-02-03"]
    assert evidence(bank, "aum_drop")["high"] == 150_000_00


def test_where_nothing_is_a_share_of_all_a_new_high_asks_the_rule() -> None:
    """A share of 1: AUM that is no higher than its highest is a drop, so the rule never rests above one."""
    policy = Policy(triggers={"aum_drop": {"share": [1, 1], "high_at_least": 60_000_00, "cooldown_days": 0}})
    bank = given(opened("C1", "A1", on="2026-01-01", balance="59999.99"), closed_through("2026-02-01"), policy=policy)
    bank.when(deposit("C1", "A1", "0.01", on="2026-02-02"), closed_through("2026-02-02"))
    assert steps(bank, "aum_drop") == ["raised 2026-02-02"]


def test_a_drop_that_a_late_deposit_undoes() -> None:
    bank = given(RICH).when(withdrawal("C1", "A1", "30000.00", on="2026-02-02"), closed_through("2026-02-05"))
    assert steps(bank, "aum_drop") == ["raised 2026-02-02"]
    bank.when(deposit("C1", "A1", "0.01", on="2026-02-02", at="2026-02-06", id="late"), closed_through("2026-02-06"))
    assert steps(bank, "aum_drop") == ["withdrawn 2026-02-06 2026-02-02"]
    assert cause(bank, "aum_drop") == ["late"]


def test_a_drop_dated_ahead_comes_on_its_day() -> None:
    bank = given(RICH).when(withdrawal("C1", "A1", "30000.00", on="2026-02-02", at="2026-02-01"))
    bank.when(closed_through("2026-02-01"))
    assert steps(bank, "aum_drop") == []
    bank.when(closed_through("2026-02-02"))
    assert steps(bank, "aum_drop") == ["raised 2026-02-02"]


FUND = (
    opened("C1", "A1", on="2026-01-01", balance="40000.00"),
    opened("C1", "F1", on="2026-01-01", category="fund", balance="60000.00"),
    closed_through("2026-02-02"),
)


def test_a_high_that_is_known_late_lies_above_what_is_left() -> None:
    """AUM stays where it was at rest; what it was in between is known afterwards, as the value of a fund is."""
    bank = given(FUND).when(
        valued("C1", "F1", "160000.00", on="2026-02-02", at="2026-02-03", id="late"),
        valued("C1", "F1", "60000.00", on="2026-02-03"),
        closed_through("2026-02-03"),
    )
    assert steps(bank, "aum_drop") == ["raised 2026-02-03"]
    assert evidence(bank, "aum_drop") == {
        "high": 20_000_000, "high_on": "2026-02-02", "now": 10_000_000, "records": [],
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------- large_outflow


def test_an_outflow_that_is_large_beside_what_a_fund_turns_out_to_be_worth() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="100000.00"),
        opened("C1", "F1", on="2026-01-01", category="fund", balance="300000.00"),
        closed_through("2026-02-02"),
    ).when(paid("60000.00", "other_bank", on="2026-02-03", id="t1"))
    assert steps(bank, "large_outflow") == []  # of 400,000
    bank.when(valued("C1", "F1", "150000.00", on="2026-02-02", at="2026-02-03"), closed_through("2026-02-03"))
    assert steps(bank, "large_outflow") == ["raised 2026-02-03"]  # of 250,000


def test_an_outflow_is_raised_by_the_record() -> None:
    bank = given(RICH).when(paid("49999.99", "other_bank", on="2026-02-01", id="t1"))
    assert steps(bank, "large_outflow") == []
    bank.when(withdrawal("C1", "A1", "0.01", on="2026-02-01", id="w1"))
    assert steps(bank, "large_outflow") == ["raised 2026-02-01"]
    assert evidence(bank, "large_outflow") == {
        "out": 5_000_000, "loss": 5_000_000, "before": 10_000_000, "now": 5_000_000,
        "to": [{"amount": 4_999_999, "kind": "other_bank"}, {"amount": 1, "kind": "cash"}], "records": ["t1", "w1"],
    }  # fmt: skip
    bank.when(closed_through("2026-02-01"))
    assert steps(bank, "large_outflow") == []


@pytest.mark.parametrize("day", ["2026-02-04", "2026-02-06"], ids=["the day after", "later"])
def test_an_outflow_that_a_fund_valued_late_makes_small_whatever_other_rules_are_on(day: str) -> None:
    others = {rule.code: {"enabled": False} for rule in RULES if rule.code != "large_outflow"}
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="100000.00"),
        opened("C1", "F1", on="2026-01-01", category="fund", balance="100000.00"),
        closed_through("2026-02-02"),
        policy=Policy(triggers=others),
    ).when(paid("60000.00", "other_bank", on="2026-02-03"), closed_through("2026-02-03"))
    assert steps(bank, "large_outflow") == ["raised 2026-02-03"]
    bank.when(closed_through(iso(day_of(day) - 1)))
    bank.when(valued("C1", "F1", "120000.00", on="2026-02-03", at=day, id="late"), closed_through(day))
    assert steps(bank, "large_outflow") == [f"withdrawn {day} 2026-02-03"]
    assert cause(bank, "large_outflow") == ["late"]


def test_an_outflow_of_the_first_day_is_raised_as_it_closes() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-30", balance="100000.00"), paid("60000.00", "other_bank", on="2026-01-31")
    )
    bank.when(closed_through("2026-01-31"))
    assert steps(bank, "large_outflow") == ["raised 2026-01-31"]


def test_an_outflow_that_comes_back_by_the_close_is_withdrawn_without_a_cause() -> None:
    bank = given(RICH, paid("60000.00", "other_bank", on="2026-02-01"))
    bank.when(deposit("C1", "A1", "10000.01", on="2026-02-01"), closed_through("2026-02-01"))
    assert steps(bank, "large_outflow") == ["withdrawn 2026-02-01"]
    assert cause(bank, "large_outflow") is None


def test_an_outflow_dated_ahead_is_for_the_close_of_its_day() -> None:
    bank = given(RICH).when(
        paid("60000.00", "other_bank", on="2026-02-02", at="2026-02-01"), closed_through("2026-02-01")
    )
    assert steps(bank, "large_outflow") == []
    bank.when(closed_through("2026-02-02"))
    assert steps(bank, "large_outflow") == ["raised 2026-02-02"]


def test_an_outflow_that_was_a_mistake() -> None:
    bank = given(RICH, paid("60000.00", "other_bank", on="2026-02-01", id="t1"), closed_through("2026-02-01"))
    bank.when(reversal("C1", "t1", at="2026-02-02", id="r1"), closed_through("2026-02-02"))
    assert steps(bank, "large_outflow") == ["withdrawn 2026-02-02 2026-02-01"]
    assert cause(bank, "large_outflow") == ["r1"]


def test_an_outflow_twice_as_large_breaks_the_cooldown() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="300000.00"), closed_through("2026-01-31"),
        paid("60000.00", "other_bank", on="2026-02-01"), closed_through("2026-02-01"),
    )  # fmt: skip
    bank.when(paid("119999.99", "other_bank", on="2026-02-02"), closed_through("2026-02-02"))
    assert steps(bank, "large_outflow") == []
    bank.when(paid("120000.00", "other_bank", on="2026-02-03"), closed_through("2026-02-03"))
    assert steps(bank, "large_outflow") == ["raised 2026-02-03"]


@pytest.mark.parametrize(("paid_to", "raised"), [("A1", []), (None, ["raised 2026-02-01"])])
def test_a_redemption_leaves_unless_it_is_paid_to_an_account(paid_to: str | None, raised: list[str]) -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01"), opened("C1", "F1", on="2026-01-01", category="fund"),
        purchase("C1", "F1", "60000.00", on="2026-01-01"), closed_through("2026-01-31"),
    )  # fmt: skip
    bank.when(redeemed("C1", "F1", "60000.00", on="2026-02-01", paid_to=paid_to))
    assert steps(bank, "large_outflow") == raised


# ---------------------------------------------------------------------------------------------------- drift


def drift(*dates: str) -> list[Record]:
    return [paid("7000.00", "payment_platform", on=date, id=f"p{at}") for at, date in enumerate(dates)]


def test_money_that_drifts_away() -> None:
    bank = given(RICH, paid("9000.00", "cash", on="2026-02-01"), drift("2026-02-01", "2026-02-10"))
    bank.when(paid("5999.99", "other_bank", on="2026-02-20"), closed_through("2026-02-20"))
    assert steps(bank, "outside_platform_drift") == []
    bank.when(paid("0.01", "other_bank", on="2026-02-21", id="p4"), closed_through("2026-02-21"))
    assert steps(bank, "outside_platform_drift") == ["raised 2026-02-21"]
    assert evidence(bank, "outside_platform_drift") | {"records": 4} == {
        "count": 4, "sum": 2_000_000, "base": 10_000_000, "records": 4,
    }  # fmt: skip


def test_a_lower_base_comes_up_without_a_record() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="120000.00"),
        paid("20000.00", "same_bank", on="2026-01-25"),
        closed_through("2026-01-31"),
        drift("2026-02-05", "2026-02-06", "2026-02-07"),
    )
    bank.when(closed_through("2026-02-28"))
    assert steps(bank, "outside_platform_drift") == ["raised 2026-02-24"]


def test_a_transfer_that_was_a_mistake_does_not_count() -> None:
    bank = given(RICH, drift("2026-02-01", "2026-02-02", "2026-02-03"))
    bank.when(reversal("C1", "p1", at="2026-02-03"), closed_through("2026-02-28"))
    assert steps(bank, "outside_platform_drift") == []


# ---------------------------------------------------------------------------------------------------- payroll_stopped


def test_a_salary_that_stops() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01"), payroll("2026-01-10"), closed_through("2026-01-31"),
        payroll("2026-02-12", "2026-03-09"), closed_through("2026-03-31"),
    )  # fmt: skip
    bank.when(closed_through("2026-05-31"))
    assert steps(bank, "payroll_stopped") == ["raised 2026-04-17 2026-04", "expired 2026-05-17 2026-04"]
    assert evidence(bank, "payroll_stopped") == {
        "days": ["2026-01-10", "2026-02-12", "2026-03-09"],
        "records": ["pay-2026-01-10", "pay-2026-02-12", "pay-2026-03-09"],
    }


def test_a_salary_that_comes_while_its_day_is_planned_puts_off_the_day() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01"), payroll("2026-01-10"), closed_through("2026-02-11"),
        payroll("2026-02-12"), closed_through("2026-03-08"), payroll("2026-03-09"), closed_through("2026-04-11"),
    )  # fmt: skip
    bank.when(payroll("2026-04-12"), closed_through("2026-04-30"))
    assert steps(bank, "payroll_stopped") == []
    bank.when(closed_through("2026-05-16"))
    assert steps(bank, "payroll_stopped") == []
    bank.when(closed_through("2026-05-17"))
    assert steps(bank, "payroll_stopped") == ["raised 2026-05-17 2026-05"]


def test_a_salary_that_stops_while_something_far_ahead_is_known_already() -> None:
    """Of who has no other rule: what is asked on that day does not put off what is asked before."""
    others = {rule.code: {"enabled": False} for rule in RULES if rule.code != "payroll_stopped"}
    ahead = deposit("C1", "A1", "1.00", on="2026-06-01", at="2026-05-31")
    bank = given(
        opened("C1", "A1", on="2026-01-01"), payroll("2026-01-10"), closed_through("2026-01-31"), ahead,
        closed_through("2026-02-11"), payroll("2026-02-12"), closed_through("2026-03-08"), payroll("2026-03-09"),
        policy=Policy(triggers=others),
    )  # fmt: skip
    bank.when(closed_through("2026-04-30"))
    assert steps(bank, "payroll_stopped") == ["raised 2026-04-17 2026-04"]


def test_a_salary_that_came_late_into_the_log() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01"), payroll("2026-01-10"), closed_through("2026-01-31"),
        payroll("2026-02-12", "2026-03-09"), closed_through("2026-04-17"),
    )  # fmt: skip
    bank.when(payroll("2026-04-17"), closed_through("2026-04-18"))
    assert steps(bank, "payroll_stopped") == ["withdrawn 2026-04-18 2026-04"]
    bank.when(reversal("C1", "pay-2026-04-17", at="2026-04-19"), closed_through("2026-05-31"))
    assert steps(bank, "payroll_stopped") == []  # once for a month, even after a withdrawal


def test_salaries_dated_before_the_first_month_count_as_its_first_day() -> None:
    bank = given(
        opened("C1", "A1", on="2025-12-01"), payroll("2025-12-10", "2026-01-10", "2026-02-12"),
        closed_through("2026-01-31"),
    )  # fmt: skip
    bank.when(closed_through("2026-03-31"))
    assert steps(bank, "payroll_stopped") == []


def test_a_salary_brought_forward() -> None:
    bank = given(
        brought("C1", "ordinary", on="2025-12-31", payrolls=["2025-10-10", "2025-11-10", "2025-12-31"], id="b"),
        opened("C1", "A1", on="2026-01-01"), closed_through("2026-01-31"),
    )  # fmt: skip
    bank.when(closed_through("2026-02-28"))
    assert steps(bank, "payroll_stopped") == ["raised 2026-02-05 2026-01"]
    assert evidence(bank, "payroll_stopped")["records"] == ["b"]


# ---------------------------------------------------------------------------------------------------- products


def test_a_product_about_to_come_to_its_term() -> None:
    bank = given(product("2026-04-05")).when(closed_through("2026-04-05"))
    assert steps(bank, "maturity_upcoming") == ["raised 2026-03-29 W1:2026-04-05"]
    assert evidence(bank, "maturity_upcoming") == {
        "amount": 5_000_000, "date": "2026-04-05", "product": "安盈90天", "records": ["bought"],
    }  # fmt: skip


def test_the_last_term_said_counts() -> None:
    bank = given(product("2026-04-05"))
    bank.when(purchase("C1", "W1", "1.00", on="2026-03-01", matures_on="2026-05-05"), closed_through("2026-04-30"))
    assert steps(bank, "maturity_upcoming") == ["raised 2026-04-28 W1:2026-05-05"]


def test_an_empty_product_is_nothing_to_talk_about() -> None:
    bank = given(product("2026-04-05"), redeemed("C1", "W1", "50000.00", on="2026-02-01", paid_to="A1"))
    bank.when(closed_through("2026-04-05"))
    assert steps(bank, "maturity_upcoming") == []


@pytest.mark.parametrize(("amount", "raised"), [("10000.00", []), ("10000.01", ["raised 2026-04-08 m1"])])
def test_what_a_product_paid_and_what_stayed(amount: str, raised: list[str]) -> None:
    bank = given(product("2026-04-05"), closed_through("2026-04-04"))
    bank.when(
        matured("C1", "W1", "50000.00", on="2026-04-05", paid_to="A1", id="m1"),
        paid(amount, "other_bank", on="2026-04-07"),
        closed_through("2026-04-10"),
    )
    assert steps(bank, "maturity_unrenewed") == raised
    if raised:
        assert evidence(bank, "maturity_unrenewed") == {"amount": 5_000_000, "kept": 3_999_999, "records": ["m1"]}


def test_money_that_did_stay_after_all() -> None:
    bank = given(
        product("2026-04-05"), closed_through("2026-04-04"), matured("C1", "W1", "50000.00", on="2026-04-05", id="m1"),
        closed_through("2026-04-08"),
    )  # fmt: skip
    bank.when(deposit("C1", "A1", "50000.00", on="2026-04-06", at="2026-04-09"), closed_through("2026-04-09"))
    assert steps(bank, "maturity_unrenewed") == ["withdrawn 2026-04-09 m1"]


# ---------------------------------------------------------------------------------------------------- dormant


def test_asleep_and_told_again_each_time_the_last_one_is_over() -> None:
    bank = given(
        RICH, money("interest_credited", "C1", "A1", "12.34", on="2026-03-21"),
        money("transfer_in", "C1", "A1", "5.00", on="2026-03-22"), payroll("2026-03-23"),
    )  # fmt: skip
    bank.when(closed_through("2026-03-31"))
    assert steps(bank, "dormant") == []
    bank.when(closed_through("2026-05-01"))
    assert steps(bank, "dormant") == ["raised 2026-04-01", "expired 2026-05-01 2026-04-01", "raised 2026-05-01"]
    assert evidence(bank, "dormant") | {"records": 1} == {
        "last_activity_on": "2026-01-01", "aum": 10_000_000 + 1_234 + 500 + 900_000, "records": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "sign",
    [
        deposit("C1", "A1", "1.00", on="2026-03-31"),
        paid("1.00", "own", on="2026-03-31"),
        record("branch_visit", "C1", at="2026-03-31", branch="B1"),
        record("phone_call", "C1", at="2026-03-31", direction="in"),
        record("app_session", "C1", at="2026-03-31"),
        record("satisfaction_rated", "C1", at="2026-03-31", score=5),
        opened("C1", "A2", on="2026-03-31", category="gold"),
    ],
)
def test_signs_of_life(sign: Record) -> None:
    bank = given(RICH, sign).when(closed_through("2026-06-30"))
    assert steps(bank, "dormant") == ["raised 2026-06-29"]


@pytest.mark.parametrize(
    "sign",
    [
        money("fee_charged", "C1", "A1", "1.00", on="2026-03-31"),
        record("phone_call", "C1", at="2026-03-31", direction="out"),
        record("campaign_contact", "C1", at="2026-03-31", campaign="spring"),
    ],
)
def test_what_the_bank_does_is_none(sign: Record) -> None:
    bank = given(RICH, sign).when(closed_through("2026-04-01"))
    assert steps(bank, "dormant") == ["raised 2026-04-01"]


def test_awake_before_last_nights_close_and_asleep_again() -> None:
    bank = given(RICH, closed_through("2026-04-01")).when(
        deposit("C1", "A1", "1.00", on="2026-04-03", id="d1"), closed_through("2026-07-02")
    )
    assert steps(bank, "dormant") == ["expired 2026-05-01 2026-04-01", "raised 2026-07-02"]
    assert evidence(bank, "dormant")["records"] == ["d1"]


def test_a_reversed_record_is_no_activity() -> None:
    bank = given(RICH, deposit("C1", "A1", "1.00", on="2026-02-01", id="d1")).when(
        reversal("C1", "d1", at="2026-02-02"), closed_through("2026-04-01")
    )
    assert steps(bank, "dormant") == ["raised 2026-04-01"]


def test_known_before_there_was_anything_to_sleep_on_whatever_other_rules_are_on() -> None:
    others = {rule.code: {"enabled": False} for rule in RULES if rule.code != "dormant"}
    bank = given(record("consent_changed", "C1", at="2026-01-05", source="crm", purpose="marketing", granted=True),
                 closed_through("2026-01-31"), policy=Policy(triggers=others))  # fmt: skip
    bank.given(opened("C1", "A1", on="2026-02-01"), closed_through("2026-02-01"))
    bank.when(deposit("C1", "A1", "10000.00", on="2026-02-02"), closed_through("2026-05-03"))
    assert steps(bank, "dormant") == ["raised 2026-05-03"]


def test_last_seen_before_the_log_began() -> None:
    bank = given(
        brought("C1", "ordinary", on="2025-12-31", last_activity_on="2025-11-30"),
        opened("C1", "A1", on="2025-10-01", balance="10000.00"),
        closed_through("2026-01-31"),
    )
    bank.when(closed_through("2026-02-28"))
    assert steps(bank, "dormant") == ["raised 2026-02-28"]
    assert evidence(bank, "dormant")["last_activity_on"] == "2025-11-30"


# ---------------------------------------------------------------------------------------------------- relationship_end


def test_the_last_money_and_then_the_last_account() -> None:
    bank = given(RICH).when(paid("100000.00", "other_bank", on="2026-02-01", id="t1"), closed_through("2026-02-01"))
    assert steps(bank, "relationship_end") == ["raised 2026-02-01"]
    assert evidence(bank, "relationship_end") == {"accounts": ["A1"], "records": ["t1"]}
    bank.when(closed("C1", "A1", on="2026-05-01"), closed_through("2026-05-01"))
    assert steps(bank, "relationship_end") == ["expired 2026-03-03 2026-02-01"]  # the end was said
    bank.when(opened("C1", "A2", on="2026-05-02"), closed("C1", "A2", on="2026-05-03"), closed_through("2026-05-03"))
    assert steps(bank, "relationship_end") == []


def test_money_arms_it_anew() -> None:
    bank = given(RICH, paid("100000.00", "other_bank", on="2026-02-01"), closed_through("2026-04-30"))
    bank.when(
        deposit("C1", "A1", "0.01", on="2026-05-01"), closed_through("2026-05-01"),
        withdrawal("C1", "A1", "0.01", on="2026-05-02"), closed_through("2026-05-02"),
    )  # fmt: skip
    assert steps(bank, "relationship_end") == ["raised 2026-05-02"]


def test_an_empty_account_that_is_closed_unused() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01"), opened("C1", "A2", on="2026-01-01"), closed_through("2026-01-31"))
    bank.when(closed("C1", "A1", on="2026-02-01"), closed_through("2026-02-01"))
    assert steps(bank, "relationship_end") == []
    bank.when(closed("C1", "A2", on="2026-02-03", at="2026-02-02", id="x"), closed_through("2026-02-02"))
    assert steps(bank, "relationship_end") == []
    bank.when(closed_through("2026-02-03"))
    assert steps(bank, "relationship_end") == ["raised 2026-02-03"]
    assert evidence(bank, "relationship_end") == {"accounts": ["A2"], "records": ["x"]}


def test_an_end_that_a_late_deposit_undoes() -> None:
    bank = given(RICH, paid("100000.00", "other_bank", on="2026-02-01"), closed_through("2026-02-01"))
    bank.when(deposit("C1", "A1", "5.00", on="2026-02-01", at="2026-02-02"), closed_through("2026-02-02"))
    assert steps(bank, "relationship_end") == ["withdrawn 2026-02-02 2026-02-01"]
