"""Keeps book of whom a close has to look at for triggers, and of what it asks. By evolve alone.

Asked are, of customers with a record or a tier decision since the last close (``Shard.active``), the rules that it may concern:
all of them, but of plain money only those that it stirs or whose bounds of rest AUM has left. And of those of whom a day is due
(``Shard.days_due``) the rules whose day it is: the first on which one may find something that it does not find today; a movement
dated ahead, the expiry of an open trigger, the end of a cooldown. Everybody is asked everything by the first close under other
rules: a new policy version, rules that became active. A day that comes too early costs a question, and the next one is
found then; so an entry of the index stays where it is when the day moves on.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from aggregates.account import month_sum
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
from aggregates.customer import Customer
from aggregates.dates import Day, Month, days_in, first_day, month_of
from aggregates.triggers import catalog
from aggregates.triggers.duty import ALL, LIFE
from aggregates.triggers.life import cools_until, expires_on
from aggregates.triggers.life import evolve as evolve_life
from aggregates.triggers.memory import CHANGED, DRIFTED, PAID, REVALUED, SPENT, Conduct, Life
from aggregates.triggers.rule import UNBOUND
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
    if isinstance(record, ValuationUpdated) and day <= shard.closed_through + 1 and shard.closed_through:
        conduct = conduct_of(customer)
        if not conduct.marks:
            shard.active[customer.id] = None
        conduct.marks |= SPENT if day > shard.closed_through else REVALUED
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
        return Sifted(day, dict.fromkeys(shard.customers.all, ALL), [], [], {})
    looked, early = _due(shard, day)
    spent: list[str] = []
    everyone, month, days = shard.customers.all, month_of(day), days_in(month_of(day))
    asked_by, floor, losing, resting = shard.asked_by, shard.floor, shard.losing, shard.resting
    put_off = shard.put_off
    for customer_id in shard.active:
        found = everyone[customer_id]
        customer = shard.customers.ensure(customer_id) if isinstance(found, bytes) else found
        conduct = conduct_of(customer)
        asked = asked_by[conduct.marks]
        if asked != ALL:
            if asked & put_off:
                asked &= ~_planned(conduct, put_off)
            if conduct.out >= floor:
                asked |= losing
            if not conduct.rest:
                asked = ALL
            elif not _rests(customer, conduct.rest, month, days):
                asked |= resting
        if customer_id in looked:
            looked[customer_id] |= asked
        elif asked:
            looked[customer_id] = asked
        else:
            spent.append(customer_id)
    return Sifted(day, looked, spent, early, {})


def _planned(conduct: Conduct, put_off: int) -> int:
    """Rules of which a day is planned that what was taken can only put off."""
    planned = 0
    for asked in conduct.dues[1::2]:
        if asked != ALL:
            planned |= asked
    return planned & put_off


def _due(shard: "Shard", day: Day) -> tuple[dict[str, int], list[str]]:
    """Of whom something is due as a day closes, and what; and who is in the index too early."""
    looked: dict[str, int] = {}
    early: list[str] = []
    for each in sorted(each for each in shard.days_due if each <= day):
        for customer_id in shard.days_due[each]:
            dues, asked = conduct_of(shard.customers.ensure(customer_id)).dues, 0
            for at in range(0, len(dues), 2):
                if dues[at] > day:
                    break
                asked |= dues[at + 1]
            if asked:
                looked[customer_id] = asked
            else:
                early.append(customer_id)
    return looked, early


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
    low, high, low_average, high_average = rest
    spot = total = 0
    for account in customer.accounts.values():
        spot += account.balance
        total += account.sums[-1] if account.summed == month else month_sum(account, month)
    return (
        (low is None or spot >= low)
        and (high is None or spot <= high)
        and (low_average is None or total >= low_average * days)
        and (high_average is None or total < high_average * days)
    )


def close(shard: "Shard", day: Day) -> None:
    """Evolve: a day closed. Everyone who was looked at begins anew, and the next day of each is found.

    Parked customers keep what they have: they are looked at by the first close after they go on.
    """
    shard.noted.clear()
    parked, found = shard.parked, sifted(shard, day)
    for customer_id, asked in found.looked.items():
        if customer_id not in parked:
            _begin_anew(shard, shard.customers.ensure(customer_id), day, asked)
    for customer_id in found.spent:
        if customer_id not in parked:
            customer = shard.customers.ensure(customer_id)
            conduct = conduct_of(customer)
            conduct.marks = 0
            if conduct.out:
                _forget_day(shard, customer, conduct, day)
    for customer_id in found.early:
        _index(shard, customer_id, conduct_of(shard.customers.ensure(customer_id)))
    shard.sifted = None
    shard.active.clear()
    for due in [due for due in shard.days_due if due <= day]:
        del shard.days_due[due]
    shard.everyone = False


def _index(shard: "Shard", customer_id: str, conduct: Conduct) -> None:
    if conduct.dues:
        shard.days_due.setdefault(conduct.dues[0], {})[customer_id] = None


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


def _begin_anew(shard: "Shard", customer: Customer, day: Day, asked: int) -> None:
    conduct = conduct_of(customer)
    life = customer.life
    view = view_of(shard, customer, day)
    raised = day + 1
    if life is not None:
        _see_money(life, view)
        raised = min((of.on for of in life.open), default=raised)
    if conduct.outs:
        _forget_outs(shard, conduct, day, raised)
    if conduct.more is not None:
        payrolls_from = first_day(month_of(raised) - shard.payroll_months - 1)
        forget_more(conduct.more, min(raised, day + 1) - shard.look_back, payrolls_from)
    forget_activity(conduct, min(raised, day))
    conduct.marks = 0
    first = conduct.dues[:1]
    conduct.dues = _dues(shard, customer, view, conduct.dues, asked)
    if conduct.dues[:1] != first:
        _index(shard, customer.id, conduct)
    if asked & shard.resting or not conduct.rest:
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
    low = high = low_average = high_average = None
    for rule, parameters, _ in shard.judged_of(customer, shard.resting):
        assert rule.rests is not None  # of those that have bounds
        raises = None if life is None else life.raises.get(rule.code)
        last = msgspec.convert(raises[-1].evidence, rule.evidence) if raises else None
        bounds = rule.rests(view, parameters, last)
        if bounds is not UNBOUND:
            low, low_average = _higher(low, bounds.low), _higher(low_average, bounds.low_average)
            high, high_average = _lower(high, bounds.high), _lower(high_average, bounds.high_average)
    return low, high, low_average, high_average


def _higher(one: int | None, other: int | None) -> int | None:
    return other if one is None or (other is not None and other > one) else one


def _lower(one: int | None, other: int | None) -> int | None:
    return other if one is None or (other is not None and other < one) else one


def _dues(shard: "Shard", customer: Customer, view: Seen, before: tuple[int, ...], asked: int) -> tuple[int, ...]:
    """Days after the view's on whose close there may be something to decide without a further line (``Conduct.dues``).

    before: as they were; asked: what was asked on the view's day, the rest stays as it is.
    """
    day, asked = view.day, asked | LIFE
    found: dict[Day, int] = {}
    for at in range(0, len(before), 2):
        on, kept = before[at], before[at + 1]
        if kept != ALL or asked == ALL:
            kept &= ~asked
        if kept and on > day:
            found[on] = kept
    for rule, parameters, bit in shard.judged_of(customer, asked):
        on = rule.due(view, parameters)
        if on > day:
            found[on] = found.get(on, 0) | bit
    if asked == ALL:
        on = view.next_change()
        if on:
            found[on] = ALL
    life = customer.life
    if life is not None and (life.open or life.raises):
        for on, what in _of_life(shard, life, day):
            if on > day:
                found[on] = found.get(on, 0) | what
    flat: list[int] = []
    for on in sorted(found):
        flat += (on, found[on])
    return tuple(flat)


def _of_life(shard: "Shard", life: Life, day: Day) -> Iterator[tuple[Day, int]]:
    """Days on which an open trigger expires or a rule that cools may raise again, and what is asked then."""
    parameters = shard.terms_at(day).parameters
    for of in life.open:
        of_rule = parameters.get(of.code)
        if of_rule is not None:
            yield expires_on(of, of_rule), LIFE | (shard.bits.get(of.code, 0) if of.code in life.raises else 0)
    for code, raises in life.raises.items():
        rule = catalog.rule_of(code)
        if rule is not None:
            yield cools_until(life, rule, parameters[code]), shard.bits.get(code, 0)
        if any(each.on == day for each in raises):
            yield day + 1, LIFE  # whether there is AUM again is asked from the day after on


def _begins_version(shard: "Shard", day: Day) -> bool:
    """Whether a policy version is valid from this day on: what was planned by the one before says nothing of it."""
    month = month_of(day)
    return day == first_day(month) and shard.policies.at(month) is not shard.policies.at(month - 1)
