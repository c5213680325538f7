"""Who looks after a customer, and in which branch, now and on a day? (DOMAIN §1, §7; asked for together with triggers)."""

from collections.abc import Iterator

import msgspec

from aggregates.dates import Day, iso
from aggregates.profile import Managed, Placed
from projections.feed import Feed, Row
from projections.table import Table

History = tuple[list[Managed], list[Placed]]
"""All managers and all branches a customer ever had, each in the order the log learnt of them."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(History).decode


class Managers:
    """One row a customer of whom a branch or a manager was ever said; manager_id, since: null where nobody does now.

    branch: that of the manager's relation, else where the customer is registered; history: ``History`` as JSON.
    """

    name = "managers"
    version = 2
    table = Table(
        "managers",
        (
            ("customer_id", "TEXT"),
            ("manager_id", "TEXT"),
            ("since", "TEXT"),
            ("branch", "TEXT"),
            ("history", "BLOB"),
        ),
        ("customer_id",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The touched customers."""
        for customer in feed.customers:
            profile = customer.profile
            if profile is None or not (profile.managers or profile.branches):
                continue
            now, history = profile.managed, _encode((profile.managers, profile.branches))
            if now is None:
                yield customer.id, None, None, profile.branch, history
            else:
                yield customer.id, now.manager_id, iso(now.since), now.branch or profile.branch, history


def history_from(kept: bytes | None) -> History:
    """A history as it is kept; None: of a customer of whom nothing was said."""
    return ([], []) if kept is None else _decode(kept)


def looked_after(history: History, day: Day) -> tuple[str | None, str | None]:
    """(manager, branch) of a customer at the end of a day, as known now; None: nobody, nowhere known.

    Of what began by that day the one stands that the log learnt of last, as on a customer's page: so a record that
    comes late counts from its own day on.
    """
    managers, branches = history
    now = next((each for each in reversed(managers) if each.since <= day), None)
    placed = next((each.branch for each in reversed(branches) if each.since <= day), None)
    return (None, placed) if now is None else (now.manager_id, now.branch or placed)
