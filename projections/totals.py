"""Did all postings of a day arrive? Control totals as stated and as counted, over all shards (DOMAIN §2)."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from events.decisions import TotalsCounted
from projections.alerts import SHOWN
from projections.feed import Feed, Row
from projections.table import Table, narrow, wide


class Totals:
    """One row a source, booking date and shard: what the shard counted, and what the source stated for all of them."""

    name = "totals"
    version = 1
    table = Table(
        "totals",
        (
            ("source", "TEXT"),
            ("date", "TEXT"),
            ("shard", "TEXT"),
            ("count", "INTEGER"),
            ("signed_sum", "ANY"),
            ("stated_count", "INTEGER"),
            ("stated_signed_sum", "ANY"),
            ("counted_at", "TEXT"),
        ),
        ("source", "date", "shard"),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """What was counted, among the decisions."""
        for told, _, totals in feed.decisions(TotalsCounted):
            yield (
                totals.source,
                totals.date,
                feed.shard_id,
                totals.count,
                wide(totals.signed_sum),
                totals.stated_count,
                wide(totals.stated_signed_sum),
                told.at,
            )


def totals_alerts(kept: Iterable[Row], shards: int = 1) -> Iterator[dict[str, Any]]:
    """Alerts `totals_differ`: the sum over the shards is not what was stated. kept: rows in order of their key.

    shards: how many the log has; a day is compared once all of them have counted it (DOMAIN §2).
    """
    for (source, date), counted in groupby(kept, key=lambda row: (row[0], row[1])):
        rows = list(counted)
        if len(rows) < shards:
            continue
        actual = {"count": sum(row[3] for row in rows), "signed_sum": sum(narrow(row[4]) for row in rows)}
        expected = {"count": rows[0][5], "signed_sum": narrow(rows[0][6])}
        if expected != actual:
            alert = dict.fromkeys(SHOWN) | {"kind": "totals_differ", "source": source, "date": date}
            yield alert | {"expected": expected, "actual": actual, "alerted_at": max(row[7] for row in rows)}
