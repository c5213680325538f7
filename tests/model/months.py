"""Calendar arithmetic on dates and on months written `YYYY-MM`."""

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache


def month_of(day: date) -> str:
    """The month of a day, `YYYY-MM`."""
    return f"{day.year:04d}-{day.month:02d}"


def plus_months(month: str, count: int) -> str:
    """The month `count` months later (earlier, if negative)."""
    year, zero_based = divmod(int(month[:4]) * 12 + int(month[5:]) - 1 + count, 12)
    return f"{year:04d}-{zero_based + 1:02d}"


@cache
def days_in(month: str) -> int:
    """Calendar days of a month."""
    return calendar.monthrange(int(month[:4]), int(month[5:]))[1]


def first_day(month: str) -> date:
    """The 1st of a month."""
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(month: str) -> date:
    """The last day of a month."""
    return date(int(month[:4]), int(month[5:]), days_in(month))


def months_between(first: str, last: str) -> list[str]:
    """`first` … `last`, both included, ascending; empty if `last` is earlier."""
    months = []
    while first <= last:
        months.append(first)
        first = plus_months(first, 1)
    return months


def days_between(first: date, last: date) -> Iterator[date]:
    """`first` … `last`, both included, ascending."""
    while first <= last:
        yield first
        first += timedelta(days=1)


def same_day_later(day: date, years: int) -> date:
    """The same day `years` later; 29 February becomes 28 February where there is none (DOMAIN §4)."""
    year = day.year + years
    return date(year, day.month, min(day.day, calendar.monthrange(year, day.month)[1]))
