"""Who stands where? The newest decision on each customer (CONTRACT §4, `guanxi tiers`)."""

from collections.abc import Iterable, Iterator
from typing import Any

from aggregates.dates import iso
from projections.feed import Basis, Feed, Row
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
            tier = story.tier
            yield (
                customer.id,
                tier.state,
                tier.level,
                len(tier.watch),
                tier.below_entry,
                tier.grace_left,
                iso(tier.until) if tier.until else None,
                iso(story.since) if story.since else None,
                story.policy_version or None,
            )


def tier_rows(kept: Iterable[Row], basis: Basis) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi tiers`: customer_id, state, level, watch (months in it), …, policy_version."""
    names, undecided = Tiers.table.names, basis.policy_version
    for row in kept:
        shown = dict(zip(names, row, strict=True))
        shown["policy_version"] = shown["policy_version"] or undecided
        yield shown
