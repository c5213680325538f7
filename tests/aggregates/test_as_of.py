"""Balances and sums of a day that has passed, by what is valued up to it (DOMAIN §3 and §4, As of)."""

import pytest

from aggregates.account import Account, opened, post
from aggregates.as_of import balance_minor, month_sum_through, tier_on
from aggregates.dates import day_of, iso, month_from
from aggregates.policy import Policies, Policy
from tests.dsl.bank import given
from tests.dsl.records import brought, close, closed_through, deposit
from tests.dsl.records import opened as account_opened

APRIL = month_from("2026-04")


def worked() -> Account:
    """300,000 from the 1st of April, 100,000 out on the 11th, 50,000 in on the 3rd of May."""
    account = opened(0, "deposit", day_of("2026-04-01"), 0)
    for date, delta_minor in (("2026-04-01", 300_000_00), ("2026-04-11", -100_000_00), ("2026-05-03", 50_000_00)):
        post(account, day_of(date), delta_minor, APRIL, [])
    return account


@pytest.mark.parametrize(
    ("date", "balance_minor_then"),
    [
        ("2026-04-01", 300_000_00),
        ("2026-04-10", 300_000_00),
        ("2026-04-11", 200_000_00),
        ("2026-05-02", 200_000_00),
        ("2026-05-03", 250_000_00),
        ("2026-12-31", 250_000_00),
        ("2026-03-31", 300_000_00),  # a day before F counts as F's first day
    ],
)
def test_the_balance_of_a_day_counts_what_is_valued_up_to_it(date: str, balance_minor_then: int) -> None:
    assert balance_minor(worked(), day_of(date), APRIL) == balance_minor_then


@pytest.mark.parametrize(
    ("month", "as_of", "sum_minor"),
    [
        ("2026-04", "2026-04-10", 30 * 300_000_00),  # what goes out tomorrow is not known of the day
        ("2026-04", "2026-04-11", 10 * 300_000_00 + 20 * 200_000_00),
        ("2026-04", "2026-04-30", 10 * 300_000_00 + 20 * 200_000_00),
        ("2026-05", "2026-05-02", 31 * 200_000_00),
        ("2026-05", "2026-05-03", 2 * 200_000_00 + 29 * 250_000_00),
        ("2026-05", "2026-04-10", 31 * 300_000_00),  # a month to come: the balance stays as it is then
        ("2026-04", "2026-06-01", 10 * 300_000_00 + 20 * 200_000_00),
    ],
)
def test_a_month_counts_what_is_valued_up_to_the_day_and_goes_on_with_its_balance(
    month: str, as_of: str, sum_minor: int
) -> None:
    assert month_sum_through(worked(), month_from(month), day_of(as_of), APRIL) == sum_minor


def test_before_the_first_change_takes_effect_a_customer_is_ordinary() -> None:
    bank = given(account_opened("C1", "A1", on="2026-04-01", balance="250000.00"), close("2026-04-30"))
    found = tier_on(bank.customer(), day_of("2026-04-30"), Policies([Policy()]), APRIL)
    assert (found.tier.state, found.since, found.policy_version) == ("ordinary", 0, "")


def test_what_was_brought_forward_was_decided_by_no_policy_of_ours() -> None:
    bank = given(
        brought("C1", "vip", level="diamond", on="2026-03-31"),
        account_opened("C1", "A1", on="2026-04-01", balance="600000.00"),
        close("2026-04-01"),
        closed_through("2026-04-30"),
    )
    found = tier_on(bank.customer(), day_of("2026-04-15"), Policies([Policy()]), APRIL)
    assert (found.tier.level, len(found.tier.watch), found.policy_version) == ("diamond", 0, "")


def test_a_level_counts_from_the_day_it_took_effect_until_another_did() -> None:
    bank = given(
        account_opened("C1", "A1", on="2026-04-01", balance="250000.00"),
        close("2026-04-30"),
        deposit("C1", "A1", "300000.00", on="2026-05-01"),
        closed_through("2026-05-31"),
        deposit("C1", "A1", "2000000.00", on="2026-06-01"),
        closed_through("2026-07-31"),
    )
    levels = {}
    for date in ("2026-05-01", "2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01"):
        found = tier_on(bank.customer(), day_of(date), Policies([Policy()]), APRIL)
        levels[date] = (found.tier.level, iso(found.since))
    assert levels == {
        "2026-05-01": ("gold", "2026-05-01"), "2026-05-31": ("gold", "2026-05-01"),
        "2026-06-01": ("platinum", "2026-06-01"), "2026-06-30": ("platinum", "2026-06-01"),
        "2026-07-01": ("diamond", "2026-07-01"),
    }  # fmt: skip
