"""What `tier_at_risk` and `near_upgrade` share: they look ahead to the end of the month, once a month (DOMAIN §5).

Both ask the same of the projected average on every day from `from_day` to the last but one of the month. The balance of
a quiet customer stays, so the day on which the answer changes is known ahead.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from aggregates.dates import Day, days_in, first_day, iso_month, last_day, month_of
from aggregates.money import average
from aggregates.outlook import MonthSoFar
from aggregates.triggers.rule import Evidence, Parameters, Rest
from aggregates.triggers.view import View

Met = Callable[[int, int], bool]
"""Whether a sum of end-of-day balances over so many days is what the rule looks for; it depends on their quotient alone."""

_NEVER_FROM = 31
"""Not one month has a day after this one: begun on it there is nothing to look at, ever."""


class MonthAheadParameters(Parameters, frozen=True):
    """from_day: the first day of the month on whose close the projection counts."""

    from_day: Annotated[int, Meta(ge=1, le=31)] = 10


class MonthAhead(Evidence, frozen=True, kw_only=True, gc=False):
    """projection: projected month average, half-even; top_up: to hold from tomorrow to month end; minor units."""

    projection: int
    top_up: int


def key(view: View) -> str:
    """The month that is looked at: YYYY-MM."""
    return iso_month(month_of(view.day))


def projected(so_far: MonthSoFar) -> int:
    """The projected average for display, minor units."""
    return average(so_far.projected_sum_minor, so_far.days)


def due(view: View, from_day: int, met: Met) -> Day:
    """The next day on which the rule may be met anew while the tier stays as it is; 0: none (``rule.Rule.due``).

    A month has one key, so once it is met nothing new comes before the next month.
    """
    if from_day >= _NEVER_FROM:
        return 0
    day, change, so_far = view.day, view.next_change(), view.month_so_far()
    month = month_of(day)
    if met(so_far.projected_sum_minor, so_far.days):
        if so_far.day < from_day < so_far.days:
            return first_day(month) + from_day - 1
    elif change and month_of(change) == month:
        return _looked_at(change, from_day)
    stays = view.aum(day)
    if met(stays, 1):
        return _looked_at(first_day(month + 1), from_day)
    return _looked_at(max(change, first_day(month + 1)), from_day) if change else 0


@lru_cache(maxsize=256)
def _looked_at(day: Day, from_day: int) -> Day:
    """The first day not before `day` that is looked at."""
    month = month_of(day)
    while from_day >= days_in(month) or day >= last_day(month):
        month += 1
        day = first_day(month)
    return max(day, first_day(month) + from_day - 1)


def rests_below(view: View, amount: int, parts: tuple[int, int] = (1, 1)) -> Rest:
    """Of a rule that is met from an amount (part of whole) on: balance and projected average, as far as they are below it.

    Beyond it a day is planned, on which it is asked anyway, or the month's key is spent.
    """
    part, whole = parts
    at_least, surely_below = -(-amount * part // whole), amount * part // whole
    so_far = view.month_so_far()
    total, days = so_far.projected_sum_minor, so_far.days
    return Rest(
        high=at_least - 1 if view.aum(view.day) < at_least else None,
        high_average=surely_below if total < at_least * days else None,
    )


def rests_above(view: View, amount: int) -> Rest:
    """The same of a rule that is met below an amount."""
    so_far = view.month_so_far()
    return Rest(
        low=amount if view.aum(view.day) >= amount else None,
        low_average=amount if so_far.projected_sum_minor >= amount * so_far.days else None,
    )
