"""On which days to come a customer's rules have something to be asked, nothing more coming in (``Conduct.dues``)."""

from itertools import chain
from typing import TYPE_CHECKING

from aggregates.customer import Customer
from aggregates.dates import Day
from aggregates.triggers import catalog
from aggregates.triggers.duty import ALL, LIFE
from aggregates.triggers.life import cools_until, expires_on
from aggregates.triggers.memory import Life
from aggregates.triggers.seen import Seen

if TYPE_CHECKING:
    from aggregates.shard import Shard


def dues_of(shard: "Shard", customer: Customer, view: Seen, before: tuple[int, ...], asked: int) -> tuple[int, ...]:
    """Days after the view's on whose close there may be something to decide without a further line (``Conduct.dues``).

    before: as they were; asked: what was asked on the view's day, the rest stays as it is.
    """
    day, asked = view.day, asked | LIFE
    found: dict[Day, int] = {}
    if asked != ALL:  # else nothing of it stays
        for at in range(0, len(before), 2):
            on, kept = before[at], before[at + 1]
            if kept != ALL:
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
    if customer.life is not None:
        _add_life(shard, customer.life, day, found)
    return tuple(chain.from_iterable(sorted(found.items())))


def _add_life(shard: "Shard", life: Life, day: Day, found: dict[Day, int]) -> None:
    """Add days on which an open trigger expires or a rule that cools may raise again, and what is asked then."""
    bits, raises = shard.bits, life.raises
    if not life.open and not raises:
        return
    parameters = shard.terms_at(day).parameters
    for of in life.open:
        of_rule = parameters.get(of.code)
        if of_rule is not None and (on := expires_on(of, of_rule)) > day:
            found[on] = found.get(on, 0) | LIFE | (bits.get(of.code, 0) if of.code in raises else 0)
    for code in raises:
        rule = catalog.rule_of(code)
        if rule is None:
            continue
        if (on := cools_until(life, rule, parameters[code])) > day:
            found[on] = found.get(on, 0) | bits.get(code, 0)
    for code in catalog.ARMED:
        if any(each.on == day for each in raises.get(code, ())):
            found[day + 1] = found.get(day + 1, 0) | LIFE  # whether there is AUM again is asked from the day after on
