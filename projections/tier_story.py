"""How did a tier come about, and what changed? Every line of the log about tiers, by customer (CONTRACT §5).

Tier changes are published from here; folded again they give the tier of any day, as known at any time.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from aggregates.as_of import TierLine, tell
from aggregates.customer import Customer
from events.codec import to_json
from events.decisions import SpecialRecorded, TierChanged, TierMoved, TierRerun
from projections.feed import Feed, Row
from projections.table import Table

_DECISIONS = (TierChanged, TierMoved, TierRerun, SpecialRecorded)
_decode = msgspec.json.Decoder(TierLine).decode
_decode_change = msgspec.json.Decoder(TierChanged).decode


class TierStory:
    """One row a line, in log order. sequence: of a tier change, else null; content: the line as JSON."""

    name = "tier_story"
    version = 1
    table = Table(
        "tier_story",
        (
            ("customer_id", "TEXT"),
            ("log_line", "INTEGER"),
            ("block", "INTEGER"),
            ("sequence", "INTEGER"),
            ("content", "TEXT"),
        ),
        ("customer_id", "log_line"),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The lines among the decisions, and customers brought forward."""
        for told in feed.told:
            for at, line in told.brought:
                yield line.customer_id, at, told.block, None, to_json(line).decode()
            for at, decision in told.decisions:
                if isinstance(decision, _DECISIONS):
                    sequence = decision.sequence if isinstance(decision, TierChanged) else None
                    yield decision.customer_id, at, told.block, sequence, to_json(decision).decode()


def change_rows(contents: Iterable[tuple[str]]) -> Iterator[dict[str, Any]]:
    """Tier changes as published."""
    for (content,) in contents:
        yield _decode_change(content).published()


def stories(rows: Iterable[tuple[str, str]]) -> Iterator[Customer]:
    """Customers with the whole story of their tier and nothing else; rows: (customer_id, content) in order."""
    for customer_id, lines in groupby(rows, key=lambda row: row[0]):
        customer = Customer(customer_id, 0, {})
        for _, content in lines:
            tell(customer, _decode(content))
        yield customer
