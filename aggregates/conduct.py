"""What a customer does, as far as retention triggers ask: signs of life, money out, salaries, products at their term.

Kept by evolve alone and for as long as a rule may look back (DOMAIN §5), always, whether or not a rule is active yet. What
balances were is not here: accounts keep their days (``aggregates.account``). Lists are flat, several places an entry,
since most customers have only a few and all of them are in memory.
"""

from collections.abc import Iterator, Sequence

from aggregates.customer import Conduct, Customer
from aggregates.dates import Day
from events.decisions import Cause

ACTIVITY_DAYS_KEPT = 8
"""Days with a sign of life kept on or before the day that matters: so many whole days would have to be reversed before
one is missed."""
_ACTIVITY_DAYS_AT_MOST = 40
_ACT = 4  # a day takes four places in `acts`


def conduct_of(customer: Customer) -> Conduct:
    """The customer's conduct, begun if there was none."""
    conduct = customer.conduct
    if conduct is None:
        conduct = customer.conduct = Conduct([], [])
    return conduct


# ------------------------------------------------------------------------------------------------------ signs of life


def note_activity(customer: Customer, day: Day, cause: Cause) -> None:
    """Evolve: a sign of life (DOMAIN §5, dormant). day: date of occurred_at."""
    add_activity(conduct_of(customer), day, cause.source, cause.event_id)


def add_activity(conduct: Conduct, day: Day, source: str, event_id: str) -> None:
    """As ``note_activity``. Of a day the first record is named, the others are counted."""
    acts = conduct.acts
    at = _place(acts, day, _ACT)
    if at < len(acts) and acts[at] == day:
        acts[at + 1] += 1  # type: ignore[operator]
        return
    acts[at:at] = (day, 1, source, event_id)


def drop_activity(conduct: Conduct, day: Day, cause: Cause) -> None:
    """Evolve: a record was reversed, which is no activity then."""
    acts = conduct.acts
    at = _place(acts, day, _ACT)
    if at == len(acts) or acts[at] != day:
        return
    acts[at + 1] -= 1  # type: ignore[operator]
    if not acts[at + 1]:
        del acts[at : at + _ACT]
    elif acts[at + 2 : at + _ACT] == [cause.source, cause.event_id]:
        acts[at + 2 : at + _ACT] = ("", "")  # others are left of the day, but which is not known


def forget_activity(conduct: Conduct, day: Day) -> None:
    """Drop days with a sign of life that nobody asks for. day: the earliest on which somebody may still ask for the last."""
    acts = conduct.acts
    if len(acts) > _ACTIVITY_DAYS_AT_MOST * _ACT:
        del acts[: max(_place(acts, day + 1, _ACT) - ACTIVITY_DAYS_KEPT * _ACT, 0)]


def _place(flat: Sequence[int | str], day: Day, size: int) -> int:
    """Where a day stands, or would, among entries that begin with their day, ascending; found from the end."""
    at = len(flat)
    while at and flat[at - size] >= day:  # type: ignore[operator]
        at -= size
    return at


def entries(flat: Sequence[int | str], size: int) -> Iterator[Sequence[int | str]]:
    """A flat list by its entries."""
    return (flat[at : at + size] for at in range(0, len(flat), size))
