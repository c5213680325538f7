"""Keeps book of whom a close has to look at for triggers, and forgets what nobody can ask any more. By evolve alone.

Looked at are customers with a record or a tier decision since the last close (``Shard.active``), and those of whom a day
is due (``Shard.days_due``): the first day on which a rule may find something that it does not find today, a movement
dated ahead, the expiry of an open trigger, the end of a cooldown. Everybody is looked at by the first close under other
rules: a new policy version, rules that became active. A day that is due too early costs a look, and the next
one is found then; so an entry of the index stays where it is when the day moves on.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aggregates.conduct import conduct_of, forget_activity, forget_more, forget_outs, more_of
from aggregates.customer import Customer
from aggregates.dates import Day, first_day, month_of
from aggregates.triggers import catalog
from aggregates.triggers.life import cools_until, expires_on
from aggregates.triggers.life import evolve as evolve_life
from aggregates.triggers.memory import CHANGED, SPENT, Conduct, Life
from aggregates.triggers.seen import Seen
from aggregates.waiting import Noted
from events.codec import DAYS, to_json
from events.decisions import TriggerMoved, TriggersActivated
from events.fields import CustomerRecord
from events.transactions import MoneyRecord, PayrollCredited, Reversal

if TYPE_CHECKING:
    from aggregates.shard import Shard


def touch(shard: "Shard", customer: Customer) -> Conduct:
    """Something happened to a customer that rules may look at: the next close does."""
    conduct = conduct_of(customer)
    if not conduct.marks:
        shard.active[customer.id] = None
    conduct.marks = CHANGED
    return conduct


def took(shard: "Shard", record: CustomerRecord) -> None:
    """A record about a customer was evolved."""
    customer = shard.customers.ensure(record.customer_id)
    conduct = touch(shard, customer)
    date: str = getattr(record, "value_date", record.occurred_at[:10])
    _book(shard, conduct, record, DAYS[date])


def then_took(evolve: Callable[["Shard", Any], None]) -> Callable[["Shard", Any], None]:
    """How a record about a customer evolves: what it does, and that it came."""

    def evolve_record(shard: "Shard", r: CustomerRecord) -> None:
        evolve(shard, r)
        took(shard, r)

    return evolve_record


def took_money(shard: "Shard", customer: Customer, conduct: Conduct, record: MoneyRecord, day: Day) -> None:
    """A record of one leg was evolved. day: its value date."""
    if record.__class__ is PayrollCredited:
        touch(shard, customer)
    elif not conduct.marks:
        shard.active[customer.id] = None
        conduct.marks = SPENT
    if not shard.closed_through or day <= shard.closed_through:
        _book(shard, conduct, record, day)


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


def looked_at(shard: "Shard", day: Day) -> list[str]:
    """Customers whom the close of a day has to look at, parked ones included: in order of their first record, then by day."""
    if shard.everyone or _begins_version(shard, day):
        return list(shard.customers.all)
    found = dict(shard.active)
    for due in sorted(due for due in shard.days_due if due <= day):
        found |= shard.days_due[due]
    return list(found)


def close(shard: "Shard", day: Day) -> None:
    """Evolve: a day closed. Everyone who was looked at begins anew, and the next day of each is found.

    Parked customers keep what they have: they are looked at by the first close after they go on.
    """
    shard.noted.clear()
    parked = shard.parked
    for customer_id in looked_at(shard, day):
        if customer_id not in parked:
            _begin_anew(shard, shard.customers.ensure(customer_id), day)
    shard.active.clear()
    for due in [due for due in shard.days_due if due <= day]:
        del shard.days_due[due]
    shard.everyone = False


def _begin_anew(shard: "Shard", customer: Customer, day: Day) -> None:
    conduct = conduct_of(customer)
    life = customer.life
    if life is not None:
        _see_money(shard, customer, life, day)
    raised = min((of.on for of in life.open), default=day + 1) if life is not None else day + 1
    keep_from = min(raised, day + 1) - shard.look_back
    if conduct.outs:
        forget_outs(conduct, day, raised, keep_from, shard.worth)
    if conduct.more is not None:
        payrolls_from = first_day(month_of(raised) - shard.payroll_months - 1)
        forget_more(conduct.more, keep_from, payrolls_from)
    forget_activity(conduct, min(raised, day))
    conduct.marks = 0
    if conduct.due <= day:
        conduct.due = 0
    _plan(shard, customer, conduct, day)


def _see_money(shard: "Shard", customer: Customer, life: Life, day: Day) -> None:
    """Note with raises before the day whether there is AUM again: how far back they lie, no account's days need to reach."""
    before = [each for raises in life.raises.values() for each in raises if each.on < day and not each.had_money]
    if before and Seen(shard, customer, day).aum(day) > 0:
        for each in before:
            each.had_money = True


def _plan(shard: "Shard", customer: Customer, conduct: Conduct, day: Day) -> None:
    """Enter the customer's next day, unless an earlier one is entered."""
    due = _next_day(shard, customer, day)
    if due and not 0 < conduct.due <= due:
        conduct.due = due
        shard.days_due.setdefault(due, {})[customer.id] = None


def _next_day(shard: "Shard", customer: Customer, day: Day) -> Day:
    """The first day after `day` on which there may be something to decide about a customer without a further line; 0: none."""
    view = Seen(shard, customer, day)
    days = [view.next_change()]
    for rule, parameters in shard.judged:
        days.append(rule.due(view, parameters))
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
