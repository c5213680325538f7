"""How many? Records taken by type, duplicates, and refusals by reason."""

from collections import Counter
from collections.abc import Iterator

from events.decisions import RecordRefused
from projections.feed import Feed, Row
from projections.table import Table


class Counts:
    """One row a kind (`taken`, `duplicate`, `refused`) and name: a record type, nothing, or a reason."""

    name = "counts"
    version = 1
    table = Table(
        "counts", (("kind", "TEXT"), ("name", "TEXT"), ("count", "INTEGER")), ("kind", "name"), adds=("count",)
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """What comes on top."""
        counts: Counter[tuple[str, str]] = Counter()
        for told in feed.told:
            for name, number in told.facts.items():
                counts["taken", name] += number
            counts["duplicate", ""] += told.duplicates
        for _, _, refused in feed.decisions(RecordRefused):
            counts["refused", refused.reason] += 1
        for (kind, name), number in sorted(counts.items()):
            if number:
                yield kind, name, number
