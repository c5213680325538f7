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

from aggregates import account as accounts
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
from events.transactions import (
    AccountOpened,
    BalanceStated,
    MoneyRecord,
    PayrollCredited,
    Reversal,
    TransferOut,
    ValuationUpdated,
)

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
    conduct = conduct_of(customer)
    if not conduct.marks:
        shard.active[customer.id] = None
    conduct.marks |= _mark(record, day - shard.closed_through) if shard.closed_through else CHANGED
    _book(shard, conduct, record, day)


def _mark(record: CustomerRecord, ahead: int) -> int:
    """What a record is to the next close. ahead: days of its value date behind the day closed last."""
    if isinstance(record, ValuationUpdated) and ahead in (0, 1):
        return SPENT if ahead else REVALUED
    if isinstance(record, AccountOpened) and ahead == 1 and record.matures_on is UNSET and record.product is UNSET:
        return SPENT
    return CHANGED


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
        return Sifted(day, dict.fromkeys(shard.customers.all, ALL), [], {}, [], {})
    looked, early = _due(shard, day)
    spent: list[str] = []
    followed: dict[str, tuple[int | None, ...]] = {}
    everyone, month, days = shard.customers.all, month_of(day), days_in(month_of(day))
    asked_by, floor, losing, put_off = shard.asked_by, shard.floor, shard.losing, shard.put_off
    for customer_id in shard.active:
        found = everyone[customer_id]
        customer = shard.customers.ensure(customer_id) if isinstance(found, bytes) else found
        conduct = conduct_of(customer)
        asked = asked_by[conduct.marks] if conduct.rest else ALL
        if asked != ALL:
            if asked & put_off:
                asked &= ~_planned(conduct, put_off)
            if conduct.out >= floor:
                asked |= losing
            is_late = conduct.marks & REVALUED
            if is_late and customer.life is not None and customer.life.open:
                asked |= LIFE  # what stands open is tested again
            strays, follows = _strays(shard, customer, conduct.rest, month, days)
            if is_late and _was_astray(shard, customer, conduct.rest):
                strays = shard.resting
            if follows and not (asked | strays or customer_id in looked or is_late):
                rest = _followed(shard, conduct.rest, customer.spot_minor)
                if rest:
                    followed[customer_id] = rest
                else:
                    strays = follows
            else:
                strays |= follows
            asked |= strays
        if customer_id in looked:
            looked[customer_id] |= asked
        elif asked:
            looked[customer_id] = asked
        else:
            spent.append(customer_id)
    return Sifted(day, looked, spent, followed, early, {})


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


def _strays(
    shard: "Shard", customer: Customer, rest: tuple[int | None, ...], month: Month, days: int
) -> tuple[int, int]:
    """Rules whose bounds AUM or the projected average has left, and those that follow it there. Nothing is dated ahead."""
    spot = total = 0
    for account in customer.accounts.values():
        spot += account.balance
        total += account.sums[-1] if account.summed == month else accounts.month_sum(account, month)
    low, high, low_average, high_average = rest[:4]
    asked = follows = 0
    if (
        (low is not None and spot < low)
        or (high is not None and spot > high)
        or (low_average is not None and total < low_average * days)
        or (high_average is not None and total >= high_average * days)
    ):
        asked = shard.staying
    for at in range(4, len(rest), 3):
        bit, low, high = rest[at : at + 3]
        if low is not None and spot < low:
            asked |= bit  # type: ignore[operator]
        elif high is not None and spot > high:
            if low is None or low <= high:
                follows |= bit  # type: ignore[operator]
            else:
                asked |= bit  # type: ignore[operator]
    return asked, follows


def _was_astray(shard: "Shard", customer: Customer, rest: tuple[int | None, ...]) -> bool:
    """Whether AUM of the day closed last, of which a value came late, was not between the bounds."""
    level = sum(accounts.balance_back(each, shard.closed_through) for each in customer.accounts.values())
    return any(
        (low is not None and level < low) or (high is not None and level > high)
        for low, high in (rest[:2], *(rest[at + 1 : at + 3] for at in range(4, len(rest), 3)))
    )


def _followed(shard: "Shard", rest: tuple[int | None, ...], spot: int) -> tuple[int | None, ...]:
    """The bounds with those that AUM has left upwards as they are now; empty: a rule must be asked."""
    found = list(rest[:4])
    for at in range(4, len(rest), 3):
        bit, low, high = rest[at : at + 3]
        if high is not None and spot > high:
            judged = shard.following.get(bit)  # type: ignore[arg-type]
            bounds = None if judged is None else judged.rule.follows(judged.parameters, spot)  # type: ignore[misc]
            if bounds is None:
                return ()
            low, high = bounds.low, bounds.high
        found += (bit, low, high)
    return tuple(found)


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
            if customer_id in found.rest:
                conduct.rest = found.rest[customer_id]
            if conduct.more is not None:
                conduct.more.late.clear()
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
        conduct.rest = _rest(shard, customer, view, conduct.rest, asked)


def _see_money(life: Life, view: Seen) -> None:
    """Note with raises before the day whether there is AUM again: how far back they lie, no account's days need to reach."""
    before = [
        each
        for code, raises in life.raises.items()
        if (rule := catalog.rule_of(code)) is not None and rule.arms
        for each in raises
        if each.on < view.day and not each.had_money
    ]
    if before and view.aum(view.day) > 0:
        for each in before:
            each.had_money = True


def _rest(
    shard: "Shard", customer: Customer, view: Seen, before: tuple[int | None, ...], asked: int
) -> tuple[int | None, ...]:
    """Between which amounts the rules have no news (``Conduct.rest``). before: as it was; asked: what was asked."""
    if view.next_change():
        return ()
    asked = asked & shard.resting if before else shard.resting
    if asked & shard.staying:
        asked |= shard.staying
    life = customer.life
    low = high = low_average = high_average = None
    following: list[int | None] = []
    for rule, parameters, bit in shard.asked_of(customer, asked).judged:
        assert rule.rests is not None  # of those that have bounds
        raises = None if life is None else life.raises.get(rule.code)
        last = msgspec.convert(raises[-1].evidence, rule.evidence) if raises else None
        bounds = rule.rests(view, parameters, last)
        if rule.follows is not None:
            following += (bit, bounds.low, bounds.high)
        elif bounds is not UNBOUND:
            above, below, above_average, below_average = bounds
            if above is not None and (low is None or above > low):
                low = above
            if below is not None and (high is None or below < high):
                high = below
            if above_average is not None and (low_average is None or above_average > low_average):
                low_average = above_average
            if below_average is not None and (high_average is None or below_average < high_average):
                high_average = below_average
    is_told = not before or asked & shard.staying
    staying = (low, high, low_average, high_average) if is_told else before[:4]
    for at in range(4, len(before), 3):
        if not asked & before[at] and before[at] in shard.following:  # type: ignore[operator]
            following += before[at : at + 3]
    return (*staying, *following)


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
    of_customer = shard.asked_of(customer, asked)
    for rule, parameters, bit in of_customer.planning:
        on = rule.due(view, parameters)
        if on > day:
            found[on] = found.get(on, 0) | bit
    on = view.next_change()
    if on:
        found[on] = ALL if asked == ALL else found.get(on, 0) | of_customer.bits
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
        if rule is not None and rule.arms and any(each.on == day for each in raises):
            yield day + 1, LIFE  # whether there is AUM again is asked from the day after on


def _begins_version(shard: "Shard", day: Day) -> bool:
    """Whether a policy version is valid from this day on: what was planned by the one before says nothing of it."""
    month = month_of(day)
    return day == first_day(month) and shard.policies.at(month) is not shard.policies.at(month - 1)
