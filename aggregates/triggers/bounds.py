"""Between which amounts of money no rule has news (``Conduct.rest``): whoever stays there need not be looked at."""

from typing import TYPE_CHECKING

import msgspec

from aggregates import account as accounts
from aggregates.customer import Customer
from aggregates.dates import Day, Month
from aggregates.triggers.rule import UNBOUND
from aggregates.triggers.seen import Seen

if TYPE_CHECKING:
    from aggregates.shard import Shard

Bounds = tuple[int | None, ...]
"""Of all rules, as ``Conduct.rest``."""
_STAYING, _FOLLOWING = 4, 3
"""Places of the bounds that stay, and of those of each rule that follows AUM."""


def bounds_of(shard: "Shard", customer: Customer, view: Seen, before: Bounds, asked: int) -> Bounds:
    """Between which amounts the rules have no news (``Conduct.rest``). before: as it was; asked: what was asked."""
    if view.next_change():
        return ()
    asked = asked & shard.resting if before else shard.resting
    if asked & shard.staying:
        asked |= shard.staying
    raises = None if customer.life is None else customer.life.raises
    low = high = low_average = high_average = None
    following: list[int | None] = []
    for rule, parameters, bit in shard.asked_of(customer, asked).judged:
        assert callable(rule.rests)  # of those that have bounds
        raised = raises.get(rule.code) if raises else None
        last = msgspec.convert(raised[-1].evidence, rule.evidence) if raised else None
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
    staying = (low, high, low_average, high_average) if is_told else before[:_STAYING]
    for at in range(_STAYING, len(before), _FOLLOWING):
        if not asked & before[at] and before[at] in shard.following:  # type: ignore[operator]
            following += before[at : at + _FOLLOWING]
    return (*staying, *following)


def strays(shard: "Shard", customer: Customer, rest: Bounds, month: Month, days: int) -> tuple[int, int]:
    """Rules whose bounds AUM or the projected average has left, and those that follow it there. Nothing is dated ahead."""
    spot = total = 0
    for account in customer.accounts.values():
        spot += account.balance
        total += account.running if account.summed == month else accounts.month_sum(account, month)
    low, high, low_average, high_average = rest[:_STAYING]
    asked = follows = 0
    if (
        (low is not None and spot < low)
        or (high is not None and spot > high)
        or (low_average is not None and total < low_average * days)
        or (high_average is not None and total >= high_average * days)
    ):
        asked = shard.staying
    for at in range(_STAYING, len(rest), _FOLLOWING):
        bit, low, high = rest[at : at + _FOLLOWING]
        if low is not None and spot < low:
            asked |= bit  # type: ignore[operator]
        elif high is not None and spot > high:
            if low is None or low <= high:
                follows |= bit  # type: ignore[operator]
            else:
                asked |= bit  # type: ignore[operator]
    return asked, follows


def was_astray(customer: Customer, rest: Bounds, day: Day) -> bool:
    """Whether AUM of a day of which a value came late was not between the bounds."""
    level = sum(accounts.balance_back(each, day) for each in customer.accounts.values())
    return any(
        (low is not None and level < low) or (high is not None and level > high)
        for low, high in (rest[:2], *(rest[at + 1 : at + _FOLLOWING] for at in range(_STAYING, len(rest), _FOLLOWING)))
    )


def followed(shard: "Shard", rest: Bounds, spot: int) -> Bounds:
    """The bounds with those that AUM has left upwards as they are now; empty: a rule must be asked."""
    found = list(rest[:_STAYING])
    for at in range(_STAYING, len(rest), _FOLLOWING):
        bit, low, high = rest[at : at + _FOLLOWING]
        if high is not None and spot > high:
            judged = shard.following.get(bit)  # type: ignore[arg-type]
            bounds = None if judged is None else judged.rule.follows(judged.parameters, spot)  # type: ignore[misc]
            if bounds is None:
                return ()
            low, high = bounds.low, bounds.high
        found += (bit, low, high)
    return tuple(found)
