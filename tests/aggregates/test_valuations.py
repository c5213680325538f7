"""Valuations on a whole bank: what they set, absorb and give back (DOMAIN §3)."""

import pytest

from aggregates.dates import day_of, days_in, iso, last_day, month_from
from tests.aggregates.banks import fund
from tests.dsl.bank import given
from tests.dsl.expect import core, month_restated
from tests.dsl.records import (
    close,
    closed_through,
    deposit,
    opened,
    purchase,
    reversal,
    valued,
)


def test_a_valuation_sets_the_balance_from_its_day_on() -> None:
    bank = fund().when(valued("C1", "F1", "130.00", on="2026-01-11")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (13000, 10 * 10000 + 21 * 13000)


def test_a_late_purchase_is_absorbed_by_a_later_valuation() -> None:
    bank = fund(valued("C1", "F1", "130.00", on="2026-01-11"))
    bank.when(purchase("C1", "F1", "20.00", on="2026-01-06")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (13000, 5 * 10000 + 5 * 12000 + 21 * 13000)


def test_a_purchase_of_the_day_of_a_valuation_is_absorbed_and_one_of_the_next_day_is_not() -> None:
    bank = fund(valued("C1", "F1", "130.00", on="2026-01-11"), purchase("C1", "F1", "20.00", on="2026-01-11"))
    assert bank.spot() == 13000
    bank.when(purchase("C1", "F1", "20.00", on="2026-01-12")).then()
    assert bank.sum("2026-01") == 10 * 10000 + 13000 + 20 * 15000


def test_of_two_valuations_of_a_day_the_last_in_the_log_stands() -> None:
    bank = fund(
        valued("C1", "F1", "130.00", on="2026-01-11", id="v1"), valued("C1", "F1", "110.00", on="2026-01-11", id="v2")
    )
    assert bank.spot() == 11000
    bank.when(reversal("C1", "v2", at="2026-01-12")).then()
    assert bank.spot() == 13000
    bank.when(reversal("C1", "v1", at="2026-01-12")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (10000, 31 * 10000)


def test_reversing_the_valuation_that_does_not_stand_changes_nothing() -> None:
    bank = fund(
        valued("C1", "F1", "130.00", on="2026-01-11", id="v1"), valued("C1", "F1", "110.00", on="2026-01-11", id="v2")
    )
    bank.when(reversal("C1", "v1", at="2026-01-12")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (11000, 10 * 10000 + 21 * 11000)
    bank.when(reversal("C1", "v1", at="2026-01-12")).then_refused("already_reversed", "reverses")


def test_a_reversed_valuation_lets_what_it_absorbed_count_again() -> None:
    bank = fund(valued("C1", "F1", "130.00", on="2026-01-11", id="v"), purchase("C1", "F1", "20.00", on="2026-01-06"))
    bank.when(reversal("C1", "v", at="2026-01-12")).then()
    assert bank.sum("2026-01") == 5 * 10000 + 26 * 12000


def test_a_reversed_purchase_that_was_absorbed_changes_only_the_days_before_the_valuation() -> None:
    bank = fund(purchase("C1", "F1", "20.00", on="2026-01-06", id="p"), valued("C1", "F1", "130.00", on="2026-01-11"))
    bank.when(reversal("C1", "p", at="2026-01-12")).then()
    assert bank.sum("2026-01") == 10 * 10000 + 21 * 13000


def test_a_late_valuation_restates_up_to_the_next_one() -> None:
    bank = fund(valued("C1", "F1", "130.00", on="2026-02-11"), through="2026-03-10")
    bank.when(valued("C1", "F1", "200.00", on="2026-01-31", id="v")).then(
        month_restated(
            core("v"),
            ("2026-01", 31 * 10000, 30 * 10000 + 20000),
            ("2026-02", 10 * 10000 + 18 * 13000, 10 * 20000 + 18 * 13000),
            from_month="2026-01",
        )
    )
    assert bank.spot() == 13000


@pytest.mark.parametrize("day", ["2025-06-01", "2025-12-31", "2026-01-01"])
def test_a_valuation_before_the_first_month_counts_on_its_first_day(day: str) -> None:
    bank = given(
        opened("C1", "F1", category="fund", on="2025-05-01", balance="100.00"),
        valued("C1", "F1", "130.00", on=day),
        purchase("C1", "F1", "20.00", on="2025-12-31"),
    )
    assert bank.spot() == (15000 if day == "2025-06-01" else 13000)
    bank.when(close("2026-01-02")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (13000, 31 * 13000)


@pytest.mark.parametrize("through", ["2026-01-10", "2026-01-31", "2026-05-31", "2027-04-30"])
def test_a_first_valuation_of_a_deposit_account_knows_its_earlier_days(through: str) -> None:
    """Deposit accounts keep months, not days: the first valuation brings the days back from the log."""
    value_on = iso(day_of(through) + 1)
    late = iso(last_day(month_from(through) - 1)) if through > "2026-02" else "2026-01-05"
    bank = given(
        opened("C1", "A1", on="2025-12-01", balance="100.00"),
        deposit("C1", "A1", "10.00", on="2026-01-05", id="d"),
        close("2026-01-05"),
        closed_through(through),
    )
    bank.when(valued("C1", "A1", "500.00", on=value_on)).then()
    bank.when(deposit("C1", "A1", "7.00", on=late))
    assert bank.spot() == 50000
    first = month_from(late)
    if first == month_from("2026-01"):
        assert bank.sum("2026-01") - 500_00 * (0 if through != "2026-01-10" else 21) == (
            4 * 10000 + 6 * 11700 if through == "2026-01-10" else 4 * 10000 + 27 * 11700
        )
    else:
        days = days_in(first)
        assert bank.sum(late[:7]) == days * 11000 + 700
        assert bank.sum(through[:7]) == days_in(month_from(through)) * 11700
    bank.check_rebuild()


@pytest.mark.parametrize("value_on", ["2026-12-05", "2027-04-30"])
def test_a_first_valuation_asks_the_log_for_days_of_closed_months(value_on: str) -> None:
    bank = given(
        opened("C1", "A1", on="2025-12-01", balance="100.00"),
        deposit("C1", "A1", "3.00", on="2026-01-10", id="back"),
        close("2026-01-31"),
    )
    for each in ("2026-02-10", "2026-11-20", "2027-03-30"):
        bank.given(closed_through(each[:8] + "09"), deposit("C1", "A1", "10.00", on=each))
        if each == "2026-02-10":
            bank.given(reversal("C1", "back", at="2026-02-09"))
    bank.given(closed_through("2027-04-29"))
    bank.when(valued("C1", "A1", "500.00", on=value_on))
    bank.when(deposit("C1", "A1", "7.00", on="2026-11-25", id="d"))  # before either valuation: absorbed by it
    assert bank.spot() == (51000 if value_on == "2026-12-05" else 50000)
    assert bank.sum("2026-11") == 19 * 11000 + 5 * 12000 + 6 * 12700
    assert bank.sum("2026-12") == (4 * 12700 + 27 * 50000 if value_on == "2026-12-05" else 31 * 12700)
    bank.check_rebuild()


def test_a_late_first_valuation_of_a_deposit_account() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="100.00"), deposit("C1", "A1", "10.00", on="2026-02-10"))
    bank.given(close("2026-01-31"), closed_through("2026-03-10"))
    bank.when(valued("C1", "A1", "150.00", on="2026-02-20", id="v")).then(
        month_restated(
            core("v"), ("2026-02", 28 * 10000 + 19 * 1000, 28 * 10000 + 10 * 1000 + 9 * 5000), from_month="2026-02"
        )
    )
    bank.when(reversal("C1", "v", at="2026-03-10", id="r")).then(
        month_restated(
            core("r"), ("2026-02", 28 * 10000 + 10 * 1000 + 9 * 5000, 28 * 10000 + 19 * 1000), from_month="2026-02"
        )
    )


@pytest.mark.parametrize(
    ("units", "price", "value"),
    [
        ("10", "1.234", "12.34"),
        ("3", "0.335", "1.00"),
        ("3", "0.335", "1.01"),
        ("3", "0.33", "1.00"),
        ("1000", "0.00001", "0.00"),
    ],
)
def test_units_times_price_within_one_minor_unit_is_taken(units: str, price: str, value: str) -> None:
    fund().when(valued("C1", "F1", value, on="2026-01-03", units=units, price=price)).then()


@pytest.mark.parametrize(
    ("units", "price", "value"), [("3", "0.3367", "1.00"), ("3", "0.3299", "1.00"), ("-1", "1", "1.00")]
)
def test_units_times_price_further_off_is_refused(units: str, price: str, value: str) -> None:
    fund().when(valued("C1", "F1", value, on="2026-01-03", units=units, price=price)).then_refused(
        "valuation_inconsistent", "market_value"
    )


def test_units_or_price_alone_prove_nothing() -> None:
    fund().when(valued("C1", "F1", "1.00", on="2026-01-03", units="77")).then()
    fund().when(valued("C1", "F1", "1.00", on="2026-01-03", price="77")).then()


def test_before_the_first_month_the_valuation_that_came_last_stands_whatever_its_date() -> None:
    bank = given(
        opened("C1", "F1", category="fund", on="2025-05-01", balance="100.00"),
        valued("C1", "F1", "130.00", on="2025-12-20", id="v1"),
        valued("C1", "F1", "110.00", on="2025-12-01", at="2025-12-21", id="v2"),
    )
    assert bank.spot() == 13000
    bank.when(close("2026-01-02")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (11000, 31 * 11000)
    bank.when(reversal("C1", "v2", at="2026-01-03")).then()
    assert bank.spot() == 13000
