"""Who is parked, since when, and why? (laws of the log 7, `guanxi parked`)."""

from collections.abc import Iterable, Iterator
from typing import Any

from events.decisions import CustomerUnparked, IntegrityAlerted, RecordParked
from projections.feed import Feed, Row
from projections.table import Table

SHOWN = ("customer_id", "since_block", "records", "error", "place", "parked_at")
"""Fields of a parked customer as they are shown, in order."""


class Parked:
    """One row a line about parking, by its line of the log: a record, a close left out, or the end of it.

    records: how many it adds; null: nothing waits any more.
    """

    name = "parked"
    version = 1
    table = Table(
        "parked",
        (
            ("log_line", "INTEGER"),
            ("customer_id", "TEXT"),
            ("block", "INTEGER"),
            ("records", "INTEGER"),
            ("error", "TEXT"),
            ("place", "TEXT"),
            ("parked_at", "TEXT"),
        ),
        ("log_line",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """What parks and unparks among the decisions. parked_at: commit clock of the block."""
        for told, line, decision in feed.decisions(RecordParked, IntegrityAlerted, CustomerUnparked):
            match decision:
                case RecordParked():
                    yield line, decision.customer_id, told.block, 1, decision.error, decision.place, told.at
                case IntegrityAlerted(kind="parked_at_close"):
                    error, _, place = str(decision.actual).partition(" in ")
                    yield line, decision.customer_id, told.block, 0, error, place, told.at
                case CustomerUnparked():
                    yield line, decision.customer_id, told.block, None, None, None, told.at


def parked_rows(kept: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Customers that are parked, by customer_id bytes. kept: the table's rows in log order. records: that wait."""
    found: dict[str, dict[str, Any]] = {}
    for _, customer_id, block, records, error, place, at in kept:
        if records is None:
            found.pop(customer_id, None)
        elif customer_id in found:
            found[customer_id]["records"] += records
        else:
            found[customer_id] = dict(zip(SHOWN, (customer_id, block, records, error, place, at), strict=True))
    for customer_id in sorted(found, key=str.encode):
        yield found[customer_id]
