"""On which days to come a customer's rules have something to be asked, nothing more coming in (``Conduct.dues``)."""

from collections.abc import Iterator
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
