"""Whom the close of a day looks at for triggers, and what it asks.

Asked are, of customers with a record or a tier decision since the last close (``Shard.active``), the rules that it may concern:
all of them, but of plain money only those that it stirs or whose bounds of rest AUM has left. And of those of whom a day is due
(``Shard.days_due``) the rules whose day it is: the first on which one may find something that it does not find today; a movement
dated ahead, the expiry of an open trigger, the end of a cooldown. Everybody is asked everything by the first close under other
rules: a new policy version, rules that became active. A day that comes too early costs a question, and the next one is
found then; so an entry of the index stays where it is when the day moves on.

Where every rule is off, only who ever had a trigger is looked at, which may still end: a rule that is on some day comes with
other rules, and so with a close that asks everybody.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from aggregates.conduct import OUT, PAYROLL, conduct_of
from aggregates.customer import Customer
from aggregates.dates import Day, days_in, first_day, month_of
from aggregates.triggers.bounds import Bounds, followed, strays, was_astray
from aggregates.triggers.duty import ALL, LIFE
from aggregates.triggers.memory import REVALUED, Conduct
from aggregates.triggers.seen import Seen

if TYPE_CHECKING:
    from aggregates.shard import Shard

_VIEWS_AT_MOST = 20_000


class Sifted(NamedTuple):
    """Customers of a close.

    looked: at whom it looks, and what it asks (``aggregates.triggers.duty``); spent: who only spent money, which is no news;
    rest: new bounds of some of them (``Rule.follows``); early: of whom nothing is due after all; views: kept.
    """

    day: Day
    looked: dict[str, int]
    spent: list[Customer]
    rest: dict[str, Bounds]
    early: list[str]
    views: dict[str, Seen]


def sifted(shard: "Shard", day: Day) -> Sifted:
    """Whom the close of a day has to look at, parked customers included, and who only spent money, which is no news.

    The same until the day is closed: worked out once, but for a customer made cold meanwhile, who is another object then.
    """
    found = shard.sifted
    if found is None or found.day != day:
        found = shard.sifted = (_sift if shard.judged else _sift_without_rules)(shard, day)
    return found


def _sift(shard: "Shard", day: Day) -> Sifted:
    if shard.everyone or _begins_version(shard, day):
        return Sifted(day, dict.fromkeys(shard.customers.all, ALL), [], {}, [], {})
    looked, early = _due(shard, day)
    spent: list[Customer] = []
    renewed: dict[str, Bounds] = {}
    month, days = month_of(day), days_in(month_of(day))
    asked_by, floor, losing, stinted = shard.asked_by, shard.floor, shard.losing, shard.stinted
    for customer_id, active in shard.active.items():
        customer = shard.customers.ensure(customer_id) if active is None else active
        conduct = customer.conduct or conduct_of(customer)
        asked = asked_by[conduct.marks] if conduct.rest else ALL
        if asked != ALL:
            if asked & stinted:
                asked &= ~_stinted(shard, conduct)
            if conduct.out >= floor:
                asked |= losing
            is_late = conduct.marks & REVALUED
            if is_late and _had_open(conduct):
                asked |= LIFE  # what stands open is tested again
            left, follows = strays(shard, customer, conduct.rest, month, days)
            if is_late and was_astray(customer, conduct.rest, day - 1):
                left = shard.resting
            if follows and not (asked | left or customer_id in looked or is_late):
                rest = followed(shard, conduct.rest, customer.spot_minor)
                if rest:
                    renewed[customer_id] = rest
                else:
                    left = follows
            else:
                left |= follows
            asked |= left
        if customer_id in looked:
            looked[customer_id] |= asked
        elif asked:
            looked[customer_id] = asked
        else:
            spent.append(customer)
    return Sifted(day, looked, spent, renewed, early, {})


def _sift_without_rules(shard: "Shard", day: Day) -> Sifted:
    """As ``_sift``, where no rule is on: only what stands open may end."""
    customers: Mapping[str, Customer | bytes | None] = shard.active
    if shard.everyone or _begins_version(shard, day):
        customers = shard.customers.all
    looked, early = _due(shard, day)
    spent: list[Customer] = []
    for customer_id, found in customers.items():
        customer = found if isinstance(found, Customer) else shard.customers.ensure(customer_id)
        if customer.life is not None:
            looked[customer_id] = ALL
        elif customer_id not in looked:
            spent.append(customer)
    return Sifted(day, looked, spent, {}, early, {})


def _stinted(shard: "Shard", conduct: Conduct) -> int:
    """Rules that what stirred them is no news for: too little is known yet, or a day is planned that it can only put off."""
    planned = found = 0
    for asked in conduct.dues[1::2]:
        if asked != ALL:
            planned |= asked
    outs = len(conduct.outs) // OUT
    payrolls = 0 if conduct.more is None else len(conduct.more.payrolls) // PAYROLL
    for bit, is_out, least in shard.least:
        if (outs if is_out else payrolls) < least:
            found |= bit
    return planned & shard.put_off | found


def _had_open(conduct: Conduct) -> bool:
    """Whether a trigger stood open at the last close: a day is planned on which it expires.

    Life says it as well, but not after what this close decides: what a close looks at is the same before and behind that.
    """
    return any(asked & LIFE for asked in conduct.dues[1::2])


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
    found = shard.sifted
    views = found.views if found is not None and found.day == day else sifted(shard, day).views
    view = views.get(customer.id)
    if view is None:
        view = Seen(shard, customer, day)
        if len(views) < _VIEWS_AT_MOST:
            views[customer.id] = view
    return view


def _begins_version(shard: "Shard", day: Day) -> bool:
    """Whether a policy version is valid from this day on: what was planned by the one before says nothing of it."""
    month = month_of(day)
    return day == first_day(month) and shard.policies.at(month) is not shard.policies.at(month - 1)
