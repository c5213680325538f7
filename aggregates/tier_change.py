"""A tier change as it is published (CONTRACT §5)."""

from collections.abc import Sequence

from aggregates.customer import Customer, standing, story_of
from aggregates.dates import Day, Month, iso, iso_month
from events.decisions import Cause, Kind, Tier, TierChanged
from events.fields import MonthSum


def change(
    customer: Customer,
    kind: Kind,
    after: Tier,
    *,
    effective: Day,
    decided: Day,
    version: str,
    closed_month: Month | None = None,
    months: Sequence[MonthSum] = (),
    cause: Sequence[Cause] | None = None,
) -> TierChanged:
    """The next tier change of a customer (CONTRACT §5). Not yet evolved."""
    story = story_of(customer)
    sequence = story.sequence + 1
    return TierChanged(
        id=f"{customer.id}:{sequence}",
        sequence=sequence,
        customer_id=customer.id,
        kind=kind,
        closed_month=None if closed_month is None else iso_month(closed_month),
        effective_date=iso(effective),
        before=standing(story.tier),
        after=standing(after),
        watch=len(after.watch),
        below_entry=after.below_entry,
        months=tuple(months),
        policy_version=version,
        decided_at=iso(decided),
        cause=None if cause is None else tuple(cause),
        tier=after,
    )
