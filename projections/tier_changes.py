"""What changed? Every tier change as subscribers see it (CONTRACT §5)."""

from collections.abc import Iterator

from events.codec import to_json
from events.decisions import TierChanged
from projections.feed import Feed, Row
from projections.table import Table


class TierChanges:
    """One row a tier change. change: JSON as published; block: the block that decided it."""

    name = "tier_changes"
    version = 1
    table = Table(
        "tier_changes",
        (("customer_id", "TEXT"), ("sequence", "INTEGER"), ("change", "TEXT"), ("block", "INTEGER")),
        ("customer_id", "sequence"),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The tier changes among the decisions."""
        for told, _, decision in feed.decisions():
            if isinstance(decision, TierChanged):
                change = to_json(decision.published()).decode()
                yield decision.customer_id, decision.sequence, change, told.block
