"""The conditions of DOMAIN §5 on money, on the model itself: true at a threshold, not one minor unit or day beside it."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.model.trigger_core import Desk, desk

YUAN = 100


def day(first: str, after: int) -> str:
    """The day so many days after another."""
    return str(date.fromisoformat(first) + timedelta(days=after))


# --- aum_drop --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("high", "left", "raised"),
    [
        (50_000 * YUAN, 35_000 * YUAN, True),
        (50_000 * YUAN, 35_000 * YUAN + 1, False),
        (50_000 * YUAN - 1, 0, False),
    ],
)
def test_aum_drop_at_its_threshold(high: int, left: int, raised: bool) -> None:
    one = desk(high)
    one.money("fee_charged", "2025-01-02", high - left)
    one.close("2025-01-02")
    assert one.raised("aum_drop") == (["2025-01-02"] if raised else [])
    if raised:
        assert one.steps("aum_drop")[0].evidence == {"high": high, "high_on": "2025-01-01", "now": left}


@pytest.mark.parametrize(("after", "raised"), [(29, True), (30, False)])
def test_aum_drop_looks_back_over_thirty_days(after: int, raised: bool) -> None:
    one = desk(10_000_000, {"version": "v", "triggers": {"aum_drop": {"share": "0.50"}}})
    one.money("fee_charged", "2025-01-02", 4_000_000)  # 6,000,000 from here on
    one.close_through(day("2025-01-01", after - 1))
    one.money("fee_charged", day("2025-01-01", after), 2_000_000)  # 4,000,000: half of the first, not of the second
    one.close_through(day("2025-01-01", after))
    assert bool(one.raised("aum_drop")) == raised


def test_the_high_is_on_its_latest_day() -> None:
    one = desk(10_000_000)
    one.close_through("2025-01-04")
    one.money("fee_charged", "2025-01-05", 3_000_000)
    one.close("2025-01-05")
    assert one.steps("aum_drop")[0].evidence["high_on"] == "2025-01-04"


# --- large_outflow ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "amount", "raised"),
    [
        (10_000_000, 5_000_000, True),
        (10_000_000, 4_999_999, False),
        (25_000_000, 5_000_000, True),
        (25_000_001, 5_000_000, False),
    ],
)
def test_large_outflow_at_its_thresholds(balance: int, amount: int, raised: bool) -> None:
    one = desk(balance)
    one.sent_out("2025-01-02", amount)
    assert one.told("large_outflow") == ([("raised", "2025-01-02", "2025-01-02")] if raised else [])
    if raised:
        assert one.steps("large_outflow")[0].evidence == {
            "out": amount,
            "loss": amount,
            "before": balance,
            "now": balance - amount,
            "to": [{"amount": amount, "kind": "other_bank"}],
        }


@pytest.mark.parametrize(
    ("kind", "fields", "counted"),
    [
        ("withdrawal", {}, "cash"),
        ("transfer_out", {}, "unknown"),
        ("transfer_out", {"counterparty": {"kind": "own"}}, None),
        ("transfer_out", {"counterparty": {"kind": "same_bank"}}, None),
        ("transfer_out", {"counterparty": {"kind": "payment_platform"}}, "payment_platform"),
        ("withdrawal", {"counterparty": {"kind": "unknown"}}, "unknown"),
        ("product_redeemed", {}, "unknown"),
        ("product_matured", {}, "unknown"),
        ("product_redeemed", {"paid_to": "A2"}, None),
        ("fee_charged", {}, None),
    ],
)
def test_what_leaves(kind: str, fields: dict[str, Any], counted: str | None) -> None:
    one = desk(10_000_000)
    one.opened("2025-01-02", account_id="A2")
    one.money(kind, "2025-01-02", 6_000_000, **fields)
    found = [to["kind"] for step in one.steps("large_outflow") for to in step.evidence["to"]]
    assert found == ([] if counted is None else [counted])


def test_an_outflow_that_comes_back_on_its_day_is_withdrawn_without_cause() -> None:
    one = desk(10_000_000)
    one.sent_out("2025-01-02", 6_000_000)
    one.money("deposit", "2025-01-02", 5_000_000)
    one.close("2025-01-02")
    assert [step.step for step in one.steps("large_outflow")] == ["raised", "withdrawn"]
    assert one.steps("large_outflow")[1].cause is None


def test_an_outflow_valued_tomorrow_is_raised_at_its_own_close() -> None:
    one = desk(10_000_000)
    one.sent_out("2025-01-02", 6_000_000, value_date="2025-01-03")
    one.close("2025-01-02")
    assert one.raised("large_outflow") == []
    one.close("2025-01-03")
    assert one.told("large_outflow") == [("raised", "2025-01-03", "2025-01-03")]


# --- outside_platform_drift ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "amount", "raised"),
    [
        (["other_bank", "payment_platform", "other_bank"], 700_000, True),
        (["other_bank", "payment_platform"], 1_050_000, False),
        (["other_bank", "payment_platform", "same_bank"], 1_050_000, False),
        (["other_bank", "payment_platform", "other_bank"], 699_999, False),
    ],
)
def test_drift_at_its_thresholds(kinds: list[str], amount: int, raised: bool) -> None:
    one = desk(10_500_000)
    one.close_through("2025-02-04")
    for number, kind in enumerate(kinds):
        one.sent_out(day("2025-02-05", number), amount, kind)
    one.close_through("2025-02-07")
    assert bool(one.raised("outside_platform_drift")) == raised
    if raised:
        evidence = {"count": 3, "sum": 2_100_000, "base": 10_500_000}
        assert one.steps("outside_platform_drift")[0].evidence == evidence


def test_drift_has_no_base_in_the_first_thirty_days() -> None:
    one = desk(10_000_000)
    for number in range(3):
        one.sent_out(day("2025-01-28", number), 1_000_000)
    one.close_through("2025-01-30")
    assert one.raised("outside_platform_drift") == []
    one.close("2025-01-31")
    assert one.raised("outside_platform_drift") == ["2025-01-31"]


def test_drift_forgets_the_thirty_first_day() -> None:
    one = desk(10_000_000)
    one.close_through("2025-02-04")
    for on in ("2025-02-05", "2025-02-06", "2025-03-07"):
        one.sent_out(on, 1_000_000)
    one.close_through("2025-03-07")
    assert one.raised("outside_platform_drift") == []


# --- payroll_stopped -------------------------------------------------------------------------------------------------


def paid(one: Desk, *days: str) -> None:
    """Salaries."""
    for on in days:
        one.close_through(day(on, -1))
        one.money("payroll_credited", on, 100)


def test_a_payroll_that_does_not_come_is_told_five_days_after_its_latest_day() -> None:
    one = desk()
    paid(one, "2025-01-10", "2025-01-25", "2025-02-12", "2025-03-11")
    one.close_through("2025-04-16")
    assert one.raised("payroll_stopped") == []
    one.close("2025-04-17")
    assert one.told("payroll_stopped") == [("raised", "2025-04", "2025-04-17")]
    days = ["2025-01-10", "2025-02-12", "2025-03-11"]
    assert one.steps("payroll_stopped")[0].evidence == {"days": days}


@pytest.mark.parametrize(("came", "raised"), [("2025-03-23", False), ("2025-03-22", True), ("2025-04-17", False)])
def test_a_payroll_within_the_window_is_none_that_stopped(came: str, raised: bool) -> None:
    one = desk()
    paid(one, "2025-01-10", "2025-02-12", "2025-03-11", came)
    one.close_through("2025-04-17")
    assert bool(one.raised("payroll_stopped")) == raised


def test_a_month_without_payroll_or_one_reversed_is_no_habit() -> None:
    one = desk()
    paid(one, "2025-01-10", "2025-02-12")
    one.close_through("2025-03-10")
    one.money("payroll_credited", "2025-03-11", 100, event_id="p3")
    one.send("reversal", "2025-03-12", reverses={"event_id": "p3"})
    one.close_through("2025-04-30")
    assert one.raised("payroll_stopped") == []


def test_payrolls_brought_forward_count_and_the_day_is_cut_to_the_month() -> None:
    one = Desk()
    said: dict[str, Any] = {"value_date": "2025-01-31", "state": "ordinary", "months": []}
    payrolls = ["2024-11-30", "2024-12-31", "2025-01-30"]
    one.send("customer_brought_forward", "2025-02-01", **said, payrolls=payrolls)
    one.opened("2025-02-01")
    one.close("2025-02-01")
    one.close_through("2025-03-04")
    assert one.raised("payroll_stopped") == []
    one.close("2025-03-05")
    assert one.told("payroll_stopped") == [("raised", "2025-02", "2025-03-05")]


# --- maturities ------------------------------------------------------------------------------------------------------


def test_a_maturity_is_told_seven_days_ahead() -> None:
    one = desk(700, matures_on="2025-01-20", category="wealth_product", product="P1")
    one.close_through("2025-01-12")
    assert one.raised("maturity_upcoming") == []
    one.close("2025-01-13")
    assert one.told("maturity_upcoming") == [("raised", "A1:2025-01-20", "2025-01-13")]
    assert one.steps("maturity_upcoming")[0].evidence == {"amount": 700, "date": "2025-01-20", "product": "P1"}


@pytest.mark.parametrize(("on", "raised"), [("2025-01-19", True), ("2025-01-20", False)])
def test_a_maturity_known_late_is_told_until_the_day_before(on: str, raised: bool) -> None:
    one = desk()
    one.close_through(day(on, -1))
    one.opened(on, 5, account_id="W1", matures_on="2025-01-20")
    one.close_through("2025-01-21")
    assert bool(one.raised("maturity_upcoming")) == raised


def test_the_last_term_said_counts_and_an_empty_holding_has_none() -> None:
    one = desk(0, matures_on="2025-01-20")
    one.close_through("2025-01-15")
    assert one.raised("maturity_upcoming") == []
    one.money("product_purchased", "2025-01-16", 9, matures_on="2025-01-25")
    one.close_through("2025-01-20")
    assert one.raised("maturity_upcoming") == ["A1:2025-01-25"]


@pytest.mark.parametrize(("gone", "raised"), [(201, True), (200, False)])
def test_a_maturity_is_unrenewed_if_less_than_four_fifths_stay(gone: int, raised: bool) -> None:
    one = desk(5000)
    one.opened("2025-01-02", 1000, account_id="W1")
    one.close_through("2025-01-09")
    one.money("product_matured", "2025-01-10", 1000, account_id="W1", paid_to="A1", event_id="m")
    one.money("withdrawal", "2025-01-11", gone)
    one.close_through("2025-01-12")
    assert one.raised("maturity_unrenewed") == []
    one.close("2025-01-13")
    assert one.told("maturity_unrenewed") == ([("raised", "m", "2025-01-13")] if raised else [])
    if raised:
        assert one.steps("maturity_unrenewed")[0].evidence == {"amount": 1000, "kept": 799}
