"""Plain records, many at a time: money of one leg on an account that has no story, nine of ten that a bank sends.

``take_plain`` is ``aggregates.records.take`` for these, without asking each time what holds for all of them. What it leaves
is judged there; so every rule and every refusal is there, and here only what makes them needless.
"""

from collections.abc import Container, Iterator
from typing import Any

from msgspec import UNSET

from aggregates import account as accounts
from aggregates.dates import PLACES, Day
from aggregates.shard import Shard
from events.codec import DAYS, SOURCES
from events.transactions import CREDITS, DEBITS

_SIGNS: dict[type[Any], int] = {**dict.fromkeys(CREDITS, 1), **dict.fromkeys(DEBITS, -1)}


def take_plain(
    shard: Shard, records: Iterator[tuple[int, Any]], odd: Container[int], latest: Day
) -> tuple[int, Any] | None:
    """Take records up to the first that wants a closer look -> its place and itself, untouched; None: all were taken.

    records: (place, record) in order; odd: places of those that want a closer look whatever they are, among them all whose
    `occurred_at` is not well formed; latest: the last value date that is not too far ahead for any of the others (DOMAIN
    §3). What was taken has no personal field and decided nothing.
    """
    everyone, moves = shard.customers.all, shard.moves
    currency, last_closed, last_closed_end = shard.currency, shard.last_closed, shard.last_closed_end
    first_month, retained = shard.first_month, shard.retained
    date = source = ""
    day = month = left = count = net = 0
    is_ahead = False
    found: tuple[int, Any] | None = None
    for at, r in records:
        sign = _SIGNS.get(r.__class__)
        if (
            sign is None
            or at in odd
            or r.currency != currency
            or r.booked_on is not UNSET
            or r.counterparty is not UNSET
            or r.memo is not UNSET
            or r.ext is not UNSET
            or r.sealed is not UNSET
        ):
            found = at, r
            break
        if r.value_date != date or r.source != source:
            if count:
                shard.count(source, date, net, count)
                count = net = 0
            date, source = r.value_date, r.source
            day = DAYS.get(date, 0)
            if day <= last_closed_end or source not in SOURCES:
                date, found = "", (at, r)
                break
            month, left = PLACES[day]
            is_ahead = day > latest
        customer = everyone.get(r.customer_id)
        if customer.__class__ is bytes:
            customer = shard.customers.get(r.customer_id)
        account = None if customer is None else customer.accounts.get(r.account_id)  # type: ignore[union-attr]
        if (
            account is None
            or day < account.opened
            or account.closed
            or (is_ahead and day > DAYS[r.occurred_at[:10]] + 1)
        ):
            found = at, r
            break
        delta = r.amount if sign > 0 else -r.amount
        count += 1
        net += delta
        if account.rolled != last_closed:
            accounts.roll(account, last_closed, first_month, retained)
        days = account.days
        if days and account.summed == month and day >= days[-2]:  # as ``accounts.post`` does, which does the rest
            account.sums[-1] += delta * left
            account.balance += delta
            moves.extend((account.number, day, delta))
            if day == days[-2]:
                days[-1] += delta
            else:
                days.extend((day, delta))
        else:
            accounts.post(account, day, delta, first_month, moves)
    if count:
        shard.count(source, date, net, count)
    return found
