"""How the calendar of a shard evolves: closes of days by their sources, and days that are closed (DOMAIN §2)."""

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from aggregates import account as accounts
from aggregates.dates import day_of, last_day, month_of
from aggregates.triggers import upkeep
from aggregates.waiting import StatedTotals
from events.calendar import BusinessDayClosed
from events.codec import DAYS
from events.decisions import DayClosed, DayClosing

if TYPE_CHECKING:  # the shard evolves by what stands here
    from aggregates.shard import Shard

TOTALS_KEPT_DAYS = 400
"""Control totals of a booking day are kept this long behind its source's latest close."""


def close(shard: "Shard", r: BusinessDayClosed) -> None:
    """A source closed a day."""
    calendar, day = shard.calendar, DAYS[r.date]
    calendar.first_source = calendar.first_source or r.source
    calendar.closes.setdefault(r.source, {})[r.date] = content_of(r)
    if r.totals is not UNSET and day > shard.closed_through:
        shard.stated_totals.setdefault(day, []).append(StatedTotals(r.source, r.totals.count, r.totals.signed_sum))
    if r.source in shard.required and day > calendar.highest.get(r.source, 0):
        calendar.highest[r.source] = day
    if r.working_day is not UNSET and r.source in shard.required:
        calendar.working[day] = r.working_day
    if not calendar.first_closed and shard.due:
        calendar.first_closed = shard.due
        shard.renew()
        _begin_first_month(shard)


def content_of(record: BusinessDayClosed) -> str:
    """The content of a close as one text; `ext` is the publisher's own and not compared."""
    plain = msgspec.structs.replace(record, ext=UNSET, sealed=UNSET)
    return msgspec.json.encode(plain, order="deterministic").decode()


def day_closing(shard: "Shard", line: DayClosing) -> None:
    """The close of a day came so far."""
    shard.closing_cursor = line.cursor


def day_closed(shard: "Shard", line: DayClosed) -> None:
    """The close of a day is complete."""
    calendar, day = shard.calendar, day_of(line.date)
    parked = shard.parked
    shard.asked = [asked for asked in shard.asked if asked.customer_id in parked]
    shard.brought.clear()
    calendar.closed_through = day
    shard.closing_cursor = None
    upkeep.close(shard, day)
    for known in (shard.stated_totals, shard.specials):
        for due in [d for d in known if d <= day]:
            del known[due]
    for due in [d for d in shard.statements if d <= day]:
        kept = [stated for stated in shard.statements.pop(due) if stated.customer_id in parked]
        if kept:
            shard.statements[due] = kept
    if parked and day == last_day(month_of(day)):
        for each in parked.values():
            each.missed = each.missed or month_of(day)
    for of_source in shard.totals.values():
        for old in [d for d in of_source if DAYS[d] < day - TOTALS_KEPT_DAYS]:
            del of_source[old]
    shard.renew()


def _begin_first_month(shard: "Shard") -> None:
    """F became known: value dates before it count as its first day (DOMAIN §3)."""
    for customer_id in list(shard.customers.all):
        for account in shard.customers.ensure(customer_id).accounts.values():
            accounts.begin_first_month(account, shard.first_month, shard.moves)
