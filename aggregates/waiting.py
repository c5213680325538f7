"""What a shard knows of time, and what waits for a day to close (DOMAIN §2)."""

from functools import reduce
from operator import or_
from typing import Any, Literal, cast

import msgspec

from aggregates.dates import Day, Month, is_weekday
from events.catalog import RECORDS
from events.decisions import Cause
from events.fields import Record


class Calendar(msgspec.Struct):
    """Closes taken and how far the days are closed (DOMAIN §2, Closing).

    highest: a source's latest closed date; closes: source -> date -> the record's content; first_closed: the first value
    of closed_through; closed_through: last day whose close is complete; 0: none; working: what closes said of their days.
    """

    first_source: str = ""
    highest: dict[str, Day] = {}
    closes: dict[str, dict[str, str]] = {}
    first_closed: Day = 0
    closed_through: Day = 0
    working: dict[Day, bool] = {}

    def odd_days(self) -> tuple[Day, ...]:
        """Days of which their close said that they are no working day from Monday to Friday, or one on a weekend; ascending."""
        return tuple(sorted(day for day, working in self.working.items() if working != is_weekday(day)))


class Statement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An end-of-day balance that should be, waiting for its day to close: as stated, or 0 where an account was closed."""

    kind: Literal["balance_differs", "balance_left_at_closing"]
    customer_id: str
    account_id: str
    balance_minor: int
    cause: Cause


class StatedTotals(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Control totals of a close, waiting for the day to be closed by every required source."""

    source: str
    count: int
    signed_sum: int


class Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A grant (with level) or revocation taken before the first close, to be judged with it."""

    customer_id: str
    level: str | None
    value_date: Day
    cause: Cause


class Noted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What may raise a trigger at once, taken before the first close, to be judged with it.

    day: a value date of which money went out, 0 for a record that rules look at, whose line of the log is kept.
    """

    customer_id: str
    day: Day
    line: str = ""

    @property
    def record(self) -> Record | None:
        """The record; None of money."""
        return cast(Record, _RECORD.decode(self.line)) if self.line else None


_RECORD = msgspec.json.Decoder(cast(Any, reduce(or_, RECORDS.values())))


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer brought forward before the first close, its month to be checked with it."""

    customer_id: str
    value_date: Day
    cause: Cause


class Parked(msgspec.Struct, array_like=True):
    """A customer set aside since our own code failed on it (laws of the log 7).

    records: parked ones, "source event_id" -> how many; missed: first month that was closed without it, 0: none.
    """

    records: dict[str, int] = {}
    missed: Month = 0
