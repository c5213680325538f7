"""Money without floats (DOMAIN §2) and the calendar arithmetic beneath everything."""

from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates import dates, money

DECIMALS = st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True).filter(str.isascii)


@given(DECIMALS)
def test_scaled_is_exact(text: str) -> None:
    assert money.scaled(text, 12) == Decimal(text).scaleb(12)


@pytest.mark.parametrize("text", ["0.001", "1.239", "-0.0100001"])
def test_more_digits_than_the_currency_has_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than 2 digits"):
        money.scaled(text, 2)


@pytest.mark.parametrize(("text", "minor"), [("1", 100), ("1.5", 150), ("-0.01", -1), ("0.010", 1), ("-3.2", -320)])
def test_scaled_by_example(text: str, minor: int) -> None:
    assert money.scaled(text, 2) == minor


@pytest.mark.parametrize(("text", "parts"), [("0.70", (70, 100)), ("1", (1, 1)), ("0.125", (125, 1000))])
def test_a_share_is_a_fraction(text: str, parts: tuple[int, int]) -> None:
    assert money.share(text) == parts


@given(st.integers(-(2**70), 2**70), st.integers(28, 31))
def test_an_average_for_display_is_rounded_half_even(total: int, days: int) -> None:
    with localcontext(prec=60):
        assert money.average(total, days) == (Decimal(total) / days).quantize(Decimal(1), ROUND_HALF_EVEN)


@pytest.mark.parametrize(("total", "average"), [(14, 0), (42, 2), (70, 2), (-14, 0), (-42, -2), (-15, -1)])
def test_half_a_minor_unit_goes_to_the_even_side(total: int, average: int) -> None:
    assert money.average(total, 28) == average


def test_the_worked_average_is_shown_in_two_digits() -> None:
    assert money.average(10 * 300_000_00 + 20 * 200_000_00, 30) == 233_333_33


@given(st.integers(-(2**60), 2**60), st.integers(1, 31))
def test_ceil_div_never_rounds_down(amount: int, parts: int) -> None:
    with localcontext(prec=60):
        assert money.ceil_div(amount, parts) == (Decimal(amount) / parts).quantize(Decimal(1), ROUND_CEILING)


@given(DECIMALS, DECIMALS, st.integers(0, 2**53), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_a_valuation_is_consistent_within_one_minor_unit(units: str, price: str, value: int, currency: str) -> None:
    with localcontext(prec=80):
        exact = Decimal(units) * Decimal(price) * 10 ** {"CNY": 2, "JPY": 0, "KWD": 3}[currency]
        near = int(exact)
        for each in (value, near - 2, near - 1, near, near + 1, near + 2):
            assert money.consistent(units, price, each, currency) == (abs(exact - each) <= 1)


@given(st.dates(min_value=date(1, 1, 1), max_value=date(9998, 12, 31)))
def test_days_and_months_are_those_of_the_calendar(on: date) -> None:
    day = on.toordinal()
    month = dates.month_of(day)
    assert dates.iso(day) == on.isoformat()
    assert dates.day_of(on.isoformat()) == day
    assert dates.iso_month(month) == on.isoformat()[:7]
    assert dates.month_from(on.isoformat()) == month
    assert dates.first_day(month) == on.replace(day=1).toordinal()
    assert dates.last_day(month) + 1 == dates.first_day(month + 1)
    assert dates.days_in(month) == dates.last_day(month) - dates.first_day(month) + 1
    later = date.fromordinal(dates.years_after(day, 1))
    assert (later.year, later.month, later.day) == (
        on.year + 1,
        on.month,
        28 if (on.month, on.day) == (2, 29) else on.day,
    )
