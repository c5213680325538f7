"""Who stands where? The newest decision on each customer (CONTRACT §4, `guanxi tiers`)."""

from collections.abc import Iterable, Iterator
from typing import Any

from aggregates.as_of import Stood, newest, tier_on
from aggregates.customer import Customer
from aggregates.dates import Day, iso, month_of
from aggregates.packing import number_of
from aggregates.policy import Policies
from events.decisions import Tier
from projections.feed import Basis, Feed, Row
from projections.moment import Moment
from projections.table import Table

UNDECIDED: dict[str, str | int | None] = {
    "state": "ordinary",
    "level": None,
    "watch": 0,
    "below_entry": 0,
    "grace_left": 0,
    "until": None,
    "since": None,
    "policy_version": None,
}
"""Columns of a customer without a row: most have none, so that putting them costs nothing here."""


class Tiers:
    """One row a customer about whom something was decided or brought; others are as ``UNDECIDED``.

    policy_version is null while nothing was decided: it then follows the last closed month.
    """

    name = "tiers"
    version = 1
    table = Table(
        "tiers",
        (
            ("customer_id", "TEXT"),
            ("state", "TEXT"),
            ("level", "TEXT"),
            ("watch", "INTEGER"),
            ("below_entry", "INTEGER"),
            ("grace_left", "INTEGER"),
            ("until", "TEXT"),
            ("since", "TEXT"),
            ("policy_version", "TEXT"),
        ),
        ("customer_id",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The touched customers that have a story."""
        for customer in feed.customers:
            story = customer.story
            if story is None:
                continue
            yield customer.id, *row_of(story.tier, story.since).values(), story.policy_version or None


def tier_rows_at(kept: Iterable[Row], stories: Iterable[Customer], at: Moment) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi tiers` at a moment. kept: (customer_id, packed state) of everyone; stories: of those who have one.

    Both by customer_id bytes. Everyone known by then has a row, whatever the business date.
    """
    known, reader = at.known, TiersAt(at)
    told = iter(stories)
    story = next(told, None)
    for customer_id, packed in kept:
        if not at.is_all_known and number_of(packed) >= known.customers:
            continue
        if story is not None and story.id == customer_id:
            yield reader.row(story)
            story = next(told, None)
        else:
            yield {"customer_id": customer_id, **reader.undecided}


class TiersAt:
    """Reads tiers at a moment from customers with the whole story of their tier up to what was known then."""

    def __init__(self, at: Moment) -> None:
        self._at, self._policies = at, Policies(at.known.basis.policies)
        self._version = _undecided(at, self._policies)
        self.undecided = UNDECIDED | {"policy_version": self._version}
        """Columns of a customer of whom nothing is told."""

    def stood(self, customer: Customer) -> Stood:
        """The tier at the moment."""
        at = self._at
        if not at.as_of:
            return newest(customer)
        return tier_on(customer, at.as_of, self._policies, at.known.basis.first_month)

    def row(self, customer: Customer) -> dict[str, Any]:
        """The row of `guanxi tiers`."""
        tier, since, version = self.stood(customer)
        return {"customer_id": customer.id, **row_of(tier, since), "policy_version": version or self._version}


def row_of(tier: Tier, since: Day) -> dict[str, str | int | None]:
    """Columns of a tier, those of ``UNDECIDED`` in their order without the policy version."""
    return {
        "state": tier.state,
        "level": tier.level,
        "watch": len(tier.watch),
        "below_entry": tier.below_entry,
        "grace_left": tier.grace_left,
        "until": iso(tier.until) if tier.until else None,
        "since": iso(since) if since else None,
    }


def _undecided(at: Moment, policies: Policies) -> str:
    """The version that someone stands under of whom nothing was decided: of the last closed month in effect."""
    basis = at.known.basis
    if not basis.policies or not at.as_of or not basis.last_closed:
        return basis.policy_version
    return policies.at(max(min(basis.last_closed, month_of(at.as_of) - 1), basis.first_month)).version


def tier_rows(kept: Iterable[Row], basis: Basis) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi tiers`: customer_id, state, level, watch (months in it), …, policy_version."""
    names, undecided = Tiers.table.names, basis.policy_version
    for row in kept:
        shown = dict(zip(names, row, strict=True))
        shown["policy_version"] = shown["policy_version"] or undecided
        yield shown
