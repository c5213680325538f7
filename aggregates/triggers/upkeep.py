"""Keeps book of whom a close has to look at for triggers, and forgets what nobody can ask any more. By evolve alone.

Looked at are customers with a record or a tier decision since the last close (``Shard.active``), and those of whom a day
is due (``Shard.days_due``): the first day on which a rule may find something that it does not find today, a movement
dated ahead, the expiry of an open trigger, the end of a cooldown. Everybody is looked at by the first close under other
rules: a new policy version, rules that became active. A day that is due too early costs a look, and the next
one is found then; so an entry of the index stays where it is when the day moves on.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from aggregates.conduct import (
    ACT,
    ACTIVITY_DAYS_AT_MOST,
    OUTSIDE,
    conduct_of,
    forget_activity,
    forget_more,
    forget_outs,
    more_of,
)
from aggregates.customer import Customer, aum_sum
from aggregates.dates import Day, Month, days_in, first_day, month_of
from aggregates.triggers import catalog
from aggregates.triggers.life import cools_until, expires_on
from aggregates.triggers.life import evolve as evolve_life
from aggregates.triggers.memory import CHANGED, DRIFTED, PAID, SPENT, Conduct, Life
from aggregates.triggers.rule import OUTS
from aggregates.triggers.seen import Seen
from aggregates.triggers.sifting import Sifted
from aggregates.waiting import Noted
from events.codec import DAYS, to_json
from events.decisions import TriggerMoved, TriggersActivated
from events.fields import CustomerRecord
from events.transactions import BalanceStated, MoneyRecord, PayrollCredited, Reversal, TransferOut, ValuationUpdated

if TYPE_CHECKING:
    from aggregates.shard import Shard


_VIEWS_AT_MOST = 20_000
_ACTS_AT_MOST = ACTIVITY_DAYS_AT_MOST * ACT


def touch(shard: "Shard", customer: Customer) -> Conduct:
    """Something happened to a customer that rules may look at: the next close does."""
    conduct = conduct_of(customer)
    if not conduct.marks:
        shard.active[customer.id] = None
    conduct.marks |= CHANGED
    return conduct


def took(shard: "Shard", record: CustomerRecord) -> None:
    """A record about a customer was evolved."""
    customer = shard.customers.ensure(record.customer_id)
    date: str = getattr(record, "value_date", record.occurred_at[:10])
    day = DAYS[date]
    if isinstance(record, BalanceStated) and day > shard.closed_through > 0:
        return  # compared as the day closes, and nothing else
    if isinstance(record, ValuationUpdated) and day == shard.closed_through + 1:
        conduct = conduct_of(customer)
        if not conduct.marks:
            shard.active[customer.id] = None
        conduct.marks |= SPENT
    else:
        conduct = touch(shard, customer)
    _book(shard, conduct, record, day)


def then_took(evolve: Callable[["Shard", Any], None]) -> Callable[["Shard", Any], None]:
    """How a record about a customer evolves: what it does, and that it came."""

    def evolve_record(shard: "Shard", r: CustomerRecord) -> None:
        evolve(shard, r)
        took(shard, r)

    return evolve_record


def took_money(shard: "Shard", customer: Customer, conduct: Conduct, record: MoneyRecord, day: Day) -> None:
    """A record of one leg was evolved. day: its value date."""
    if not conduct.marks:
        shard.active[customer.id] = None
    if day != shard.closed_through + 1:
        conduct.marks |= CHANGED
        if not shard.closed_through or day <= shard.closed_through:
            _book(shard, conduct, record, day)
        return
    conduct.marks |= SPENT
    if record.__class__ is PayrollCredited:
        conduct.marks |= PAID
    elif record.__class__ is TransferOut and record.counterparty is not UNSET and record.counterparty.kind in OUTSIDE:
        conduct.marks |= DRIFTED


def _book(shard: "Shard", conduct: Conduct, record: CustomerRecord, day: Day) -> None:
    """What is late is remembered for the next close; before the first one, what may raise a trigger at once waits for it."""
    if not shard.closed_through:
        note(shard, conduct, record)
    elif day <= shard.closed_through or isinstance(record, Reversal):
        more_of(conduct).late += (record.source, record.event_id)


def note(shard: "Shard", conduct: Conduct, record: CustomerRecord) -> None:
    """Before the first close: what may raise a trigger at once waits for the day that is open."""
    if type(record) in shard.on_types:
        shard.noted[f"{record.customer_id} {record.source} {record.event_id}"] = Noted(
            record.customer_id, 0, to_json(record).decode()
        )
    elif conduct.out >= shard.floor:
        date: str | None = getattr(record, "value_date", None)
        if date is not None:
            shard.noted.setdefault(f"{record.customer_id} {date}", Noted(record.customer_id, DAYS[date]))


def moved(shard: "Shard", line: TriggerMoved) -> None:
    """Evolve: a step of a trigger."""
    evolve_life(shard.customers.ensure(line.customer_id), line)


def activated(shard: "Shard", line: TriggersActivated) -> None:
    """Evolve: rules begin to fire; the next close looks at everybody."""
    shard.triggers |= dict.fromkeys(line.codes)
    shard.everyone = bool(shard.customers.all)
    shard.renew()


# ------------------------------------------------------------------------------------------------------ closes


def sifted(shard: "Shard", day: Day) -> Sifted:
    """Whom the close of a day has to look at, parked customers included, and who only spent money, which is no news.

    The same until the day is closed: worked out once.
    """
    found = shard.sifted
    if found is None or found.day != day:
        found = shard.sifted = _sift(shard, day)
    return found


def _sift(shard: "Shard", day: Day) -> Sifted:
    if shard.everyone or _begins_version(shard, day):
        return Sifted(day, dict.fromkeys(shard.customers.all, CHANGED), [], {})
    looked: dict[str, int] = {}
    spent: list[str] = []
    for due in sorted(each for each in shard.days_due if each <= day):
        looked |= dict.fromkeys(shard.days_due[due], CHANGED)
    everyone, month, days, floor = shard.customers.all, month_of(day), days_in(month_of(day)), shard.floor
    for customer_id in shard.active:
        if customer_id in looked:
            continue
        found = everyone[customer_id]
        customer = shard.customers.ensure(customer_id) if isinstance(found, bytes) else found
        conduct = conduct_of(customer)
        if conduct.marks >= CHANGED or conduct.out >= floor or not _rests(customer, conduct.rest, month, days):
            looked[customer_id] = CHANGED
        elif conduct.marks > SPENT:
            looked[customer_id] = conduct.marks
        else:
            spent.append(customer_id)
    return Sifted(day, looked, spent, {})


def view_of(shard: "Shard", customer: Customer, day: Day) -> Seen:
    """The view of a customer at the close of a day, for its decisions and for what follows from them."""
    views = sifted(shard, day).views
    view = views.get(customer.id)
    if view is None:
        view = Seen(shard, customer, day)
        if len(views) < _VIEWS_AT_MOST:
            views[customer.id] = view
    return view


def _rests(customer: Customer, rest: tuple[int | None, ...], month: Month, days: int) -> bool:
    """Whether AUM and the projected average are where no rule has news. Nothing is dated ahead."""
    if not rest:
        return False
    low, high, low_average, high_average = rest
    spot = customer.spot_minor
    if (low is not None and spot < low) or (high is not None and spot > high):
        return False
    if low_average is None and high_average is None:
        return True
    total = aum_sum(customer, month)
    return (low_average is None or total >= low_average * days) and (
        high_average is None or total < high_average * days
    )


def close(shard: "Shard", day: Day) -> None:
    """Evolve: a day closed. Everyone who was looked at begins anew, and the next day of each is found.

    Parked customers keep what they have: they are looked at by the first close after they go on.
    """
    shard.noted.clear()
    parked, found = shard.parked, sifted(shard, day)
    for customer_id, marks in found.looked.items():
        if customer_id not in parked:
            _begin_anew(shard, shard.customers.ensure(customer_id), day, marks)
    for customer_id in found.spent:
        if customer_id not in parked:
            customer = shard.customers.ensure(customer_id)
            conduct = conduct_of(customer)
            conduct.marks = 0
            if conduct.out:
                _forget_day(shard, customer, conduct, day)
    shard.sifted = None
    shard.active.clear()
    for due in [due for due in shard.days_due if due <= day]:
        del shard.days_due[due]
    shard.everyone = False


def _forget_day(shard: "Shard", customer: Customer, conduct: Conduct, day: Day) -> None:
    """The day of a customer who only spent money: small amounts are forgotten with it, unless a trigger is open."""
    life = customer.life
    if life is not None and life.open:
        _forget_outs(shard, conduct, day, min(of.on for of in life.open))
    elif conduct.out < shard.worth:
        del conduct.outs[conduct.told :]
        conduct.out = 0
    else:
        _forget_outs(shard, conduct, day, day + 1)
    if len(conduct.acts) > _ACTS_AT_MOST:
        forget_activity(conduct, min(of.on for of in life.open) if life is not None and life.open else day)


def _forget_outs(shard: "Shard", conduct: Conduct, day: Day, raised: Day) -> None:
    """raised: when the earliest open trigger was, else a later day."""
    forget_outs(conduct, day, raised, min(raised, day + 1) - shard.look_back, shard.worth)


def _begin_anew(shard: "Shard", customer: Customer, day: Day, marks: int) -> None:
    conduct = conduct_of(customer)
    life = customer.life
    view = view_of(shard, customer, day)
    if life is not None:
        _see_money(life, view)
    raised = min((of.on for of in life.open), default=day + 1) if life is not None else day + 1
    keep_from = min(raised, day + 1) - shard.look_back
    if conduct.outs:
        _forget_outs(shard, conduct, day, raised)
    if conduct.more is not None:
        payrolls_from = first_day(month_of(raised) - shard.payroll_months - 1)
        forget_more(conduct.more, keep_from, payrolls_from)
    forget_activity(conduct, min(raised, day))
    conduct.marks = 0
    if conduct.due <= day:
        conduct.due = 0
    due = _next_day(shard, customer, view, marks)
    if due and not 0 < conduct.due <= due:
        conduct.due = due
        shard.days_due.setdefault(due, {})[customer.id] = None
    if marks & CHANGED:
        conduct.rest = _rest(shard, customer, view)


def _see_money(life: Life, view: Seen) -> None:
    """Note with raises before the day whether there is AUM again: how far back they lie, no account's days need to reach."""
    before = [each for raises in life.raises.values() for each in raises if each.on < view.day and not each.had_money]
    if before and view.aum(view.day) > 0:
        for each in before:
            each.had_money = True


def _rest(shard: "Shard", customer: Customer, view: Seen) -> tuple[int | None, ...]:
    """Between which amounts no rule has news; empty: everything may be."""
    life = customer.life
    if view.next_change():
        return ()
    found: tuple[list[int], ...] = ([], [], [], [])
    for rule, parameters in shard.judged_of(customer, OUTS):  # plain money out comes without a look
        if rule.rests is None:
            return ()
        raises = None if life is None else life.raises.get(rule.code)
        last = msgspec.convert(raises[-1].evidence, rule.evidence) if raises else None
        for bounds, bound in zip(found, rule.rests(view, parameters, last), strict=True):
            if bound is not None:
                bounds.append(bound)
    lows, highs, low_averages, high_averages = found
    return (
        max(lows, default=None),
        min(highs, default=None),
        max(low_averages, default=None),
        min(high_averages, default=None),
    )


def _next_day(shard: "Shard", customer: Customer, view: Seen, marks: int) -> Day:
    """The first day after the view's on which there may be something to decide without a further line; 0: none.

    marks: what was taken; where no rule has news of plain money, only those are asked that it stirs.
    """
    day = view.day
    judged = shard.judged_of(customer)
    days = [rule.due(view, parameters) for rule, parameters in judged if marks & (CHANGED | rule.stirred)]
    days.append(view.next_change())
    life = customer.life
    if life is not None:
        for of in life.open:
            parameters = shard.terms_at(day).parameters.get(of.code)
            if parameters is not None:
                days.append(expires_on(of, parameters))
        if any(each.on == day for raises in life.raises.values() for each in raises):
            days.append(day + 1)  # whether there is AUM again is asked from the day after on
        for code in life.raises:
            rule_found = catalog.rule_of(code)
            if rule_found is not None:
                days.append(cools_until(life, rule_found, shard.terms_at(day).parameters[code]))
    return min((each for each in days if each > day), default=0)


def _begins_version(shard: "Shard", day: Day) -> bool:
    """Whether a policy version is valid from this day on: what was planned by the one before says nothing of it."""
    month = month_of(day)
    return day == first_day(month) and shard.policies.at(month) is not shard.policies.at(month - 1)
