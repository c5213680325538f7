"""The Chinese bank year: working days, pay days, Spring Festival, Singles' Day."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

SPRING_FESTIVAL: Final = {
    year: date(year, month, day)
    for year, month, day in (
        (2020, 1, 25), (2021, 2, 12), (2022, 2, 1), (2023, 1, 22), (2024, 2, 10), (2025, 1, 29), (2026, 2, 17),
        (2027, 2, 6), (2028, 1, 26), (2029, 2, 13), (2030, 2, 3), (2031, 1, 23), (2032, 2, 11), (2033, 1, 31),
        (2034, 2, 19), (2035, 2, 8), (2036, 1, 28), (2037, 2, 15), (2038, 2, 4), (2039, 1, 24), (2040, 2, 12),
        (2041, 2, 1), (2042, 1, 22), (2043, 2, 10), (2044, 1, 30), (2045, 2, 17), (2046, 2, 6), (2047, 1, 26),
        (2048, 2, 14), (2049, 2, 2), (2050, 1, 23),
    )
}  # fmt: skip
"""First day of the lunar year; years outside have no Spring Festival here."""

ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BankDay:
    """One calendar day as the bank lives it."""

    on: date
    text: str
    working: bool
    month_end: bool
    spending_permille: int
    """How often people spend, against an ordinary day."""
    amount_percent: int
    """How much they spend each time."""
    online: bool
    """Most spending goes to payment platforms today."""
    red_envelopes: bool
    """Money is given to family."""
    bonus: bool
    """Salaries paid today carry the year-end bonus."""


def is_working(on: date) -> bool:
    """Monday to Friday outside the long holidays (weekends worked in exchange are left out)."""
    return on.weekday() < 5 and not _holiday(on)


def _holiday(on: date) -> bool:
    festival = SPRING_FESTIVAL.get(on.year)
    if festival is not None and -1 <= (on - festival).days <= 6:
        return True
    return (on.month, on.day) == (1, 1) or (on.month == 5 and on.day <= 5) or (on.month == 10 and on.day <= 7)


def bank_day(on: date) -> BankDay:
    """What is special about a day."""
    festival = SPRING_FESTIVAL.get(on.year)
    to_festival = (festival - on).days if festival is not None else 400
    frequency, percent, online = 1000, 100, False
    if 0 < to_festival <= 14:
        frequency, percent = 1400, 130  # buying for the feast, cash for the village
    elif -7 < to_festival <= 0:
        frequency, percent = 700, 80  # everything is closed
    elif on.month == 11 and on.day <= 11:
        online = on.day in (1, 10, 11)
        frequency, percent = (1080, 125) if on.day == 11 else (1100, 110) if online else (1050, 100)
    elif on.month == 11 and on.day <= 20:
        frequency = 900  # after the bargains
    elif on.month == 6 and on.day in (17, 18):
        frequency, percent, online = 1100, 110, True
    if on.weekday() >= 5:
        frequency = frequency * 115 // 100
    return BankDay(
        on=on,
        text=on.isoformat(),
        working=is_working(on),
        month_end=(on + ONE_DAY).day == 1,
        spending_permille=frequency,
        amount_percent=percent,
        online=online,
        red_envelopes=-1 <= to_festival <= 1,
        bonus=5 <= to_festival <= 34,
    )


def pay_date(year: int, month: int, day: int) -> date:
    """The day a salary due on `day` is paid: that day, or the last working day before it."""
    on = date(year, month, day)
    while not is_working(on):
        on -= ONE_DAY
    return on


def working_after(on: date, days: int) -> date:
    """The first working day on or after `on` + `days`."""
    on += timedelta(days=days)
    while not is_working(on):
        on += ONE_DAY
    return on
