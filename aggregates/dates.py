"""Days and months as integers. A day is a proleptic ordinal (1 = 0001-01-01), a month is year × 12 + month − 1.

Pure calendar arithmetic: nothing here knows what day it is (DOMAIN §2: time is an event).
"""

from calendar import monthrange
from datetime import date
from functools import lru_cache

Day = int
Month = int


@lru_cache(maxsize=65_536)
def month_of(day: Day) -> Month:
    """The calendar month of a day."""
    on = date.fromordinal(day)
    return on.year * 12 + on.month - 1


@lru_cache(maxsize=8_192)
def first_day(month: Month) -> Day:
    """The 1st of a month."""
    return date(month // 12, month % 12 + 1, 1).toordinal()


@lru_cache(maxsize=8_192)
def days_in(month: Month) -> int:
    """Calendar days of a month, 28 to 31."""
    return monthrange(month // 12, month % 12 + 1)[1]


def is_weekday(day: Day) -> bool:
    """Whether a day is one of Monday to Friday."""
    return (day - 1) % 7 < 5  # the first day there is was a Monday


class _Places(dict[Day, tuple[Month, int]]):
    """Day -> its month, and how many days of the month are left, itself included; computed once a day."""

    def __missing__(self, day: Day) -> tuple[Month, int]:
        month = month_of(day)
        place = self[day] = (month, first_day(month) + days_in(month) - day)
        return place


PLACES = _Places()


def last_day(month: Month) -> Day:
    """The last day of a month."""
    return first_day(month) + days_in(month) - 1


@lru_cache(maxsize=65_536)
def iso(day: Day) -> str:
    """YYYY-MM-DD."""
    return date.fromordinal(day).isoformat()


def day_of(text: str) -> Day:
    """The day of an ISO date. Raises ValueError."""
    return date.fromisoformat(text).toordinal()


@lru_cache(maxsize=8_192)
def iso_month(month: Month) -> str:
    """YYYY-MM."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def month_from(text: str) -> Month:
    """The month of a text that begins YYYY-MM."""
    return int(text[:4]) * 12 + int(text[5:7]) - 1


def years_after(day: Day, years: int) -> Day:
    """The same day `years` later; 29 February becomes the 28th (DOMAIN §4)."""
    on = date.fromordinal(day)
    try:
        return on.replace(year=on.year + years).toordinal()
    except ValueError:
        return on.replace(year=on.year + years, day=28).toordinal()
