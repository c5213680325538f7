"""Who stands where? The newest decision on each customer (CONTRACT §4, `guanxi tiers`)."""

from collections.abc import Iterable, Iterator
from typing import Any

from aggregates.dates import iso
from projections.feed import Basis, Feed, Row
from projections.table import Table


class Tiers:
    """One row a customer. policy_version is null while nothing was decided: it then follows the last closed month."""

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
        """The touched customers. Most have no story: the row is then always the same."""
        for customer in feed.customers:
            story = customer.story
            if story is None:
                yield customer.id, "ordinary", None, 0, 0, 0, None, None, None
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
