"""Accounts, value dates, currency: what a record about an account has to meet (DOMAIN §3)."""

import pytest

from events.fields import Record
from tests.dsl.bank import given
from tests.dsl.records import (
    close,
    closed,
    deposit,
    opened,
    purchase,
    redeemed,
    stated,
    valued,
)


@pytest.mark.parametrize("category", ["deposit", "fund"])
def test_value_dates_lie_between_opening_and_closing(category: str) -> None:
    bank = given(
        opened("C1", "A1", category=category, on="2026-01-05", balance="10.00"),
        closed("C1", "A1", on="2026-01-20"),
        close("2026-01-03"),
    )
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-04")).then_refused("account_unknown", "account_id")
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-21")).then_refused("account_closed", "account_id")
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-05")).then()
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-20")).then()
    assert bank.spot() == 1200


def test_either_leg_may_be_unknown() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"), opened("C1", "F1", category="fund", on="2026-01-05"))
    bank.when(purchase("C1", "F9", "1.00", on="2026-01-06", funded_from="A1")).then_refused(
        "account_unknown", "account_id"
    )
    bank.when(purchase("C1", "F1", "1.00", on="2026-01-06", funded_from="A9")).then_refused(
        "account_unknown", "funded_from"
    )
    bank.when(redeemed("C1", "F1", "1.00", on="2026-01-06", paid_to="A9")).then_refused("account_unknown", "paid_to")
    assert bank.spot() == 0


def test_accounts_are_the_customer_s_own() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"))
    bank.when(deposit("C2", "A1", "1.00", on="2026-01-06")).then_refused("account_unknown", "account_id")
    bank.when(opened("C2", "A1", on="2026-01-05")).then()


@pytest.mark.parametrize(
    "record",
    [
        closed("C1", "A9", on="2026-01-05"),
        valued("C1", "A9", "1.00", on="2026-01-05"),
        stated("C1", "A9", "1.00", on="2026-01-05"),
        closed("C9", "A1", on="2026-01-05"),
        valued("C1", "A1", "1.00", on="2026-01-04", at="2026-01-05"),
        stated("C1", "A1", "1.00", on="2026-01-04", at="2026-01-05"),
        closed("C1", "A1", on="2026-01-04"),
    ],
)
def test_every_record_about_an_account_needs_it_on_its_value_date(record: Record) -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"))
    bank.when(record).then_refused("account_unknown", "account_id")


def test_an_account_id_opened_again_is_refused_even_after_its_closing() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"), closed("C1", "A1", on="2026-01-06"))
    bank.when(opened("C1", "A1", on="2026-01-07")).then_refused("account_exists", "account_id")


def test_a_value_date_may_be_one_day_after_the_day_it_happened() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"))
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-07", at="2026-01-06")).then()
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-08", at="2026-01-06")).then_refused(
        "value_date_in_future", "value_date"
    )


def test_the_day_it_happened_is_the_one_of_its_own_offset() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"))
    late_evening = "2026-01-06T23:30:00-11:00"
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-08", at=late_evening)).then_refused(
        "value_date_in_future", "value_date"
    )
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-07", at=late_evening)).then()


def test_money_valued_tomorrow_is_in_the_spot_balance_and_not_in_todays() -> None:
    bank = given(opened("C1", "A1", on="2026-01-30"), close("2026-01-30"))
    bank.given(deposit("C1", "A1", "300000.00", on="2026-02-01", at="2026-01-31"))
    assert bank.spot() == 30_000_000
    bank.when(close("2026-01-31")).then()
    assert (bank.sum("2026-01"), bank.sum("2026-02")) == (0, 28 * 30_000_000)


def test_only_the_policy_s_currency_is_taken() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05"), opened("C1", "F1", category="fund", on="2026-01-05"))
    for record in (
        deposit("C1", "A1", "1.00", on="2026-01-05", currency="USD"),
        opened("C1", "A2", on="2026-01-05", currency="USD"),
        purchase("C1", "F1", "1.00", on="2026-01-05", currency="USD"),
        valued("C1", "F1", "1.00", on="2026-01-05", currency="USD"),
        stated("C1", "A1", "1.00", on="2026-01-05", currency="USD"),
    ):
        bank.when(record).then_refused("currency_unsupported", "currency")


@pytest.mark.parametrize("category", ["deposit", "fund"])
@pytest.mark.parametrize("is_stated_ahead", [True, False])
def test_a_balance_stated_for_a_day_before_the_first_month_is_compared_with_its_first_day(
    category: str, is_stated_ahead: bool
) -> None:
    statement, first = stated("C1", "A1", "10.00", on="2025-12-31"), close("2026-01-10")
    bank = given(opened("C1", "A1", category=category, on="2025-12-01", balance="10.00"))
    bank.when(*((statement, first) if is_stated_ahead else (first, statement))).then()
