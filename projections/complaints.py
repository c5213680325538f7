"""Which complaints are open, how grave, and for how long? (the rapid-response list, `guanxi complaints`)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from aggregates.dates import day_of, is_weekday, iso
from projections.feed import Basis, Feed, Row
from projections.table import Table

SHOWN: Final = ("customer_id", "complaint_id", "severity", "filed_on", "days", "working_days", "source", "event_id")
"""Fields of a row. days: since the day of the complaint; working_days: of these those of the calendar; both to the last close.

A working day is one of Monday to Friday, unless its close said otherwise: as the rule ``complaint_open`` counts.
"""


class Complaints:
    """One row a customer who ever complained, with the complaints that are open."""

    name = "complaints"
    version = 2  # rows are as of 1, but the basis beside them says which days are odd
    table = Table("complaints", (("customer_id", "TEXT"), ("open", "TEXT")), ("customer_id",))

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The touched customers."""
        for customer in feed.customers:
            relations = customer.relations
            if relations is not None and relations.filed:
                found = [
                    (each.complaint_id, each.severity, iso(each.filed_on), each.cause.source, each.cause.event_id)
                    for each in relations.open_complaints()
                ]
                yield customer.id, msgspec.json.encode(found).decode()


def complaint_rows(kept: Iterable[Row], basis: Basis) -> Iterator[dict[str, Any]]:
    """Open complaints by customer, in log order. kept: rows of the table; basis: its calendar."""
    closed_through, odd = basis.closed_through, {*basis.odd_days}
    for customer_id, packed in kept:
        for complaint_id, severity, filed_on, source, event_id in msgspec.json.decode(packed):
            first = day_of(filed_on) + 1
            days = range(first, max(closed_through, first - 1) + 1)
            working = sum(is_weekday(day) != (day in odd) for day in days)
            row = (customer_id, complaint_id, severity, filed_on, len(days), working, source, event_id)
            yield dict(zip(SHOWN, row, strict=True))


def first_to_answer(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order in which they are to be answered: the gravest first, then what is open for longer."""
    return sorted(
        rows,
        key=lambda row: (-row["severity"], row["filed_on"], row["customer_id"].encode(), row["complaint_id"].encode()),
    )
