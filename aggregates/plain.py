"""Plain records, many at a time: money of one leg on an account that has no story, and the opening of an empty account.

They are nine of ten that a bank sends, and as it begins nearly all. ``take_plain`` is ``aggregates.records.take`` for these,
without asking each time what holds for all of them. What it leaves is judged there; so every rule and every refusal is there,
and here only what makes them needless.
"""

from collections.abc import Container, Iterator
from typing import Any

from msgspec import UNSET

from aggregates import account as accounts
from aggregates.conduct import (
    ACT,
    ACTS_AT_MOST,
    DRIFTS,
    TRANSFERRED,
    WITHDRAWN,
    add_activity,
    conduct_of,
    more_of,
    note_single,
)
from aggregates.dates import PLACES, Day
from aggregates.shard import Shard
from aggregates.triggers.memory import CHANGED, DRIFTED, PAID, SPENT
from events.codec import DAYS, SOURCES
from events.transactions import CREDITS, DEBITS, AccountOpened, Deposit, PayrollCredited, TransferOut, Withdrawal

_CREDIT, _SALARY, _ACTIVE_CREDIT = 1, 2, 3
_DEBIT, _OUT = -1, -2
_KINDS: dict[type[Any], int] = {
    **dict.fromkeys(CREDITS, _CREDIT),
    **dict.fromkeys(DEBITS, _DEBIT),
    Deposit: _ACTIVE_CREDIT,
    PayrollCredited: _SALARY,
    Withdrawal: _OUT,
    TransferOut: _OUT,
}
_SIGNS_OF_LIFE = (_OUT, _ACTIVE_CREDIT)
"""Kinds of ``aggregates.conduct.ACTIVE``."""
_BOOKED = (_OUT, _SALARY)
"""Kinds of ``aggregates.conduct.BOOKED``."""


def take_plain(  # noqa: C901 - one loop, written out: a call in it costs more than what it does
    shard: Shard,
    records: Iterator[tuple[int, Any]],
    odd: Container[int],
    latest: Day,
    today: Day,
    personal: list[int],
) -> tuple[int, Any] | None:
    """Take records up to the first that wants a closer look -> its place and itself, untouched; None: all were taken.

    records: (place, record) in order; odd: places of those that want a closer look whatever they are, among them all whose
    `occurred_at` is not well formed; latest: the last value date that is not too far ahead for any of the others (DOMAIN
    §3); today: date of `occurred_at` of all of them, 0 if there are several; personal: the places of what was taken and has
    personal fields are put here, who calls seals them. What was taken decided nothing.
    """
    everyone, moves = shard.customers.all, shard.moves
    currency, last_closed, last_closed_end = shard.currency, shard.last_closed, shard.last_closed_end
    first_month, closed_through = shard.first_month, shard.closed_through
    active, floor = shard.active, shard.floor
    date = source = ""
    mark, is_seen = CHANGED, True
    day = month = left = count = net = 0
    is_ahead = is_late = False
    found: tuple[int, Any] | None = None
    for at, r in records:
        kind = _KINDS.get(r.__class__)
        if kind is None and r.__class__ is AccountOpened and at not in odd and _open(shard, r, latest, today):
            continue
        if (
            kind is None
            or at in odd
            or r.currency != currency
            or r.booked_on is not UNSET
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
            is_late = day <= closed_through
            mark = SPENT if day == closed_through + 1 else CHANGED
            is_seen = mark == CHANGED or bool(shard.judged)
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
        conduct = customer.conduct  # type: ignore[union-attr]
        assert conduct is not None  # begun with the first account
        amount, other = r.amount, r.counterparty
        out, what = conduct.out, None
        if kind == _OUT:
            whats = WITHDRAWN if r.__class__ is Withdrawal else TRANSFERRED
            what = whats.get("" if other is UNSET else other.kind)
            if what is not None:
                out += amount
        if out >= floor:
            found = at, r
            break
        delta = amount if kind > 0 else -amount
        count += 1
        net += delta
        if account.rolled != last_closed:
            shard.roll_account(customer, account)  # type: ignore[arg-type]
        days = account.days
        if days and account.summed == month and day >= days[-2]:  # as ``accounts.post`` does, which does the rest
            account.running += delta * left
            account.balance += delta
            moves.extend((account.number, day, delta))
            if day == days[-2]:
                days[-1] += delta
            else:
                days.extend((day, delta))
        else:
            accounts.post(account, day, delta, first_month, moves)
        if is_seen or kind in _BOOKED or customer.life is not None:  # type: ignore[union-attr]
            if not conduct.marks:
                active[customer.id] = customer  # type: ignore[assignment, union-attr]
            conduct.marks |= mark
        if what is not None:
            conduct.out = out
            if what in DRIFTS and mark == SPENT:
                conduct.marks |= DRIFTED
            conduct.outs.extend((day, amount, what, source, r.event_id))
        elif kind == _SALARY:
            note_single(conduct, r, day)
            conduct.marks |= PAID if mark == SPENT else CHANGED
        if kind in _SIGNS_OF_LIFE:
            on = today or DAYS[r.occurred_at[:10]]
            acts = conduct.acts
            if not acts or acts[-ACT] < on:  # type: ignore[operator]
                acts.extend((on, 1, source, r.event_id))
            elif acts[-ACT] == on:
                acts[1 - ACT] += 1  # type: ignore[operator]
            else:
                add_activity(conduct, on, source, r.event_id)
            if len(acts) > ACTS_AT_MOST:
                active[customer.id] = customer  # type: ignore[assignment, union-attr]
                conduct.marks |= mark
        if is_late:
            more_of(conduct).late += (source, r.event_id)
        if other is not UNSET or r.memo is not UNSET:
            personal.append(at)
    if count:
        shard.count(source, date, net, count)
    return found


def _open(shard: Shard, r: AccountOpened, latest: Day, today: Day) -> bool:
    """Take the opening of an account -> whether it was plain; if not, nothing changed. As ``aggregates.records`` does it."""
    day = DAYS.get(r.value_date, 0)
    if (
        day <= shard.last_closed_end
        or r.source not in SOURCES
        or r.currency != shard.currency
        or r.opening_balance is not UNSET
        or r.product is not UNSET
        or r.matures_on is not UNSET
        or r.ext is not UNSET
        or r.sealed is not UNSET
        or AccountOpened in shard.on_types
    ):
        return False
    on = today or DAYS[r.occurred_at[:10]]
    if day > latest and day > on + 1:
        return False
    customer = shard.customers.get(r.customer_id)
    if customer is None:
        customer = shard.customers.ensure(r.customer_id)
    elif r.account_id in customer.accounts or (customer.conduct is not None and customer.conduct.out >= shard.floor):
        return False
    customer.accounts[r.account_id] = accounts.opened(shard.account_count, r.category, day, shard.last_closed)
    shard.account_count += 1
    conduct = conduct_of(customer)
    add_activity(conduct, on, r.source, r.event_id)
    if not conduct.marks:
        shard.active[customer.id] = customer
    conduct.marks |= SPENT if shard.closed_through and day == shard.closed_through + 1 else CHANGED
    if day <= shard.closed_through:
        more_of(conduct).late += (r.source, r.event_id)
    return True
