"""Who looks after a customer, and in which branch? (DOMAIN §1, §7; asked for together with triggers)."""

from collections.abc import Iterator

from aggregates.dates import iso
from projections.feed import Feed, Row
from projections.table import Table


class Managers:
    """One row a customer of whom a branch or a manager was ever said; manager_id, since: null where nobody does now.

    branch: that of the manager's relation, else where the customer is registered.
    """

    name = "managers"
    version = 1
    table = Table(
        "managers",
        (("customer_id", "TEXT"), ("manager_id", "TEXT"), ("since", "TEXT"), ("branch", "TEXT")),
        ("customer_id",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The touched customers."""
        for customer in feed.customers:
            profile = customer.profile
            if profile is None or not (profile.managers or profile.branch):
                continue
            now = profile.managed
            if now is None:
                yield customer.id, None, None, profile.branch
            else:
                yield customer.id, now.manager_id, iso(now.since), now.branch or profile.branch
