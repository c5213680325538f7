"""Where is everyone's month heading? What its close does if every balance stays, and what it takes to do better (DOMAIN §3).

Worked out when it is asked, from moves and tier lines, and never kept: so it can be asked of any day.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aggregates.customer import Customer, standing
from aggregates.dates import Day, days_in, first_day, iso, month_of
from aggregates.outlook import MonthSoFar, TopUp, month_end, months_left, outlook
from aggregates.packing import listed_accounts, number_of
from aggregates.policy import Policies, Policy
from aggregates.tiers import ORDINARY
from events.decisions import Tier
from projections.feed import Row
from projections.moment import Moment
from projections.tiers import TiersAt

FORETOLD: dict[str, int | str | None] = {
    "date": None,
    "days_left": None,
    "projected": None,
    "kind": None,
    "end_state": None,
    "end_level": None,
    "end_watch": None,
    "end_below_entry": None,
    "end_grace_left": None,
    "hold": None,
    "reach": None,
    "reach_level": None,
    "to_downgrade": None,
    "to_exit": None,
}
"""What is foretold of a customer, amounts in minor units; all null where nothing is: no AUM, or no day closed.

date: the last closed day; projected: average of the month; kind: of the tier change at its close, null for none; end_…: the
tier then, where no special ends by its date before; hold, reach: what to hold in addition from tomorrow to month end for the
own level and for the next one, reach_level; to_downgrade, to_exit: in how many months a VIP falls who missed some and misses
all further ones.
"""


def foretold_on(at: Moment) -> Day:
    """The last closed day that is looked at; 0: none."""
    closed = at.known.basis.closed_through
    return min(closed, at.as_of) if at.as_of else closed


def is_foretold(tier: Tier, *, has_accounts: bool) -> bool:
    """Whether a month close may mean anything to a customer: whoever has no account can only lose a level."""
    return has_accounts or tier.state != ORDINARY.state


def forecast_rows(
    kept: Iterable[Row], stories: Iterable[Customer], at: Moment, sums: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi tiers --forecast`: customer_id, state, level, until, and what is ``FORETOLD``.

    kept: (customer_id, packed state) of everyone; stories: of those who have one, both by customer_id bytes; sums: of the
    whole month as projected on ``foretold_on``, by account number, of the accounts that were known; empty if no day is.
    """
    day, reader, told = foretold_on(at), TiersAt(at), iter(stories)
    policy = Policies(at.known.basis.policies).at(month_of(day)) if day else None
    story = next(told, None)
    for customer_id, packed in kept:
        if not at.is_all_known and number_of(packed) >= at.known.customers:
            continue
        tier = ORDINARY
        if story is not None and story.id == customer_id:
            tier, story = reader.stood(story).tier, next(told, None)
        held = [sums[each.number] for each in listed_accounts(packed).values() if each.number < len(sums)]
        now = standing(tier)
        row = {"customer_id": customer_id, "state": now.state, "level": now.level, "until": now.until, **FORETOLD}
        if policy is not None and is_foretold(tier, has_accounts=bool(held)):
            row |= foretold(tier, _projected(sum(held), day), policy, day)
        yield row


def _projected(sum_minor: int, day: Day) -> MonthSoFar:
    """A month of which only the projected sum is known: as one whose days so far hold all of it."""
    month = month_of(day)
    return MonthSoFar(sum_minor, 0, day - first_day(month) + 1, days_in(month))


def foretold(tier: Tier, so_far: MonthSoFar, policy: Policy, day: Day) -> dict[str, int | str | None]:
    """What is ``FORETOLD`` of a customer on the last closed day."""
    asked = outlook(tier, so_far, policy)
    moves = month_end(tier, so_far, policy) if so_far.days_left else ()
    end = moves[-1].after if moves else tier
    left = months_left(tier, policy) if tier.watch or tier.below_entry else None
    return {
        "date": iso(day),
        "days_left": so_far.days_left,
        "projected": so_far.projected_minor,
        "kind": next((move.kind for move in reversed(moves) if move.kind), None),
        "end_state": end.state,
        "end_level": end.level,
        "end_watch": len(end.watch),
        "end_below_entry": end.below_entry,
        "end_grace_left": end.grace_left,
        "hold": _amount(asked.hold),
        "reach": _amount(asked.reach),
        "reach_level": asked.reach.level if asked.reach else None,
        "to_downgrade": left.to_downgrade if left else None,
        "to_exit": left.to_exit if left else None,
    }


def _amount(top_up: TopUp | None) -> int | None:
    return top_up.amount_minor if top_up else None
