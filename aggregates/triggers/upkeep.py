"""Keeps book of what closes look at for triggers (``sifting``), and forgets what none will. By evolve alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from aggregates.conduct import (
    ACTS_AT_MOST,
    BOOKED,
    conduct_of,
    forget_activity,
    forget_more,
    forget_outs,
    more_of,
)
from aggregates.customer import Customer
from aggregates.dates import Day, first_day, month_of
from aggregates.triggers import catalog
from aggregates.triggers.bounds import bounds_of
from aggregates.triggers.life import evolve as evolve_life
from aggregates.triggers.memory import CHANGED, DRIFTED, PAID, REVALUED, SPENT, Conduct, Life
from aggregates.triggers.planning import dues_of
from aggregates.triggers.seen import Seen
from aggregates.triggers.sifting import sifted, view_of
from aggregates.triggers.view import OUTSIDE
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


def touch(shard: "Shard", customer: Customer) -> Conduct:
    """Something happened to a customer that rules may look at: the next close does.

    Also one that was parked: its marks are those of a day that closed without it.
    """
    conduct = conduct_of(customer)
    shard.active[customer.id] = customer
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
        shard.active[customer.id] = customer
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
    if (
        not shard.judged  # what turns rules on before the close has it look at everybody
        and day == shard.closed_through + 1
        and record.__class__ not in BOOKED
        and customer.life is None
        and len(conduct.acts) <= ACTS_AT_MOST
    ):
        return  # the next close asks nothing of this, and has nothing to forget
    if not conduct.marks:
        shard.active[customer.id] = customer
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


def close(shard: "Shard", day: Day) -> None:
    """Evolve: a day closed. Everyone who was looked at begins anew, and the next day of each is found.

    Parked customers keep what they have: they are looked at by the first close after they go on.
    """
    shard.noted.clear()
    parked, found = shard.parked, sifted(shard, day)
    for customer_id, asked in found.looked.items():
        if customer_id not in parked:
            _begin_anew(shard, shard.customers.ensure(customer_id), day, asked)
    judged, rest = shard.judged, found.rest
    for customer in found.spent:
        if parked and customer.id in parked:
            continue
        conduct = customer.conduct or conduct_of(customer)
        if rest and customer.id in rest:
            conduct.rest = rest[customer.id]
        if conduct.out:
            _forget_day(shard, customer, conduct, day)
        if judged:
            if conduct.more is not None:
                conduct.more.late.clear()
        elif conduct.more is not None or len(conduct.acts) > ACTS_AT_MOST:
            _forget_old(shard, conduct, day, day + 1)
        conduct.marks = 0
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
        _forget_outs(shard, conduct, day, life.open[0].on)
    elif conduct.out < shard.worth and not conduct.marks & (DRIFTED | CHANGED):
        del conduct.outs[conduct.told :]
        conduct.out = 0
    else:
        _forget_outs(shard, conduct, day, day + 1)
    if len(conduct.acts) > ACTS_AT_MOST:
        forget_activity(conduct, life.open[0].on if life is not None and life.open else day)


def _forget_outs(shard: "Shard", conduct: Conduct, day: Day, raised: Day) -> None:
    """raised: when the earliest open trigger was, else a later day."""
    forget_outs(conduct, day, raised, min(raised, day + 1) - shard.look_back, shard.worth)


def _forget_old(shard: "Shard", conduct: Conduct, day: Day, raised: Day) -> None:
    """What no look from this day on will ask for. raised: as above."""
    if conduct.more is not None:
        payrolls_from = first_day(month_of(raised) - shard.payroll_months - 1)
        forget_more(conduct.more, min(raised, day + 1) - shard.look_back, payrolls_from)
    forget_activity(conduct, min(raised, day))


def _begin_anew(shard: "Shard", customer: Customer, day: Day, asked: int) -> None:
    conduct = conduct_of(customer)
    life = customer.life
    view = view_of(shard, customer, day)
    raised = day + 1
    if life is not None:
        if life.raises:
            _see_money(life, view)
        if life.open:
            raised = life.open[0].on  # the first raised
    if conduct.outs:
        _forget_outs(shard, conduct, day, raised)
    _forget_old(shard, conduct, day, raised)
    conduct.marks = 0
    first = conduct.dues[:1]
    conduct.dues = dues_of(shard, customer, view, conduct.dues, asked)
    if conduct.dues[:1] != first:
        _index(shard, customer.id, conduct)
    if life is not None and life.withdrawn == day:
        conduct.rest = ()  # bounds may rest on a raise that no longer counts
    if asked & shard.resting or not conduct.rest:
        conduct.rest = bounds_of(shard, customer, view, conduct.rest, asked)


def _see_money(life: Life, view: Seen) -> None:
    """Note with raises before the day whether there is AUM again: how far back they lie, no account's days need to reach."""
    for code in catalog.ARMED:
        for each in life.raises.get(code, ()):
            if each.on < view.day and not each.had_money and view.aum(view.day) > 0:
                each.had_money = True
