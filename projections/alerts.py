"""What does not add up? Integrity alerts about customers, days and ids (DOMAIN §2, §3)."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from events.decisions import IntegrityAlerted
from projections.feed import Feed, Row
from projections.table import Table

SHOWN = (
    "kind",
    "customer_id",
    "account_id",
    "source",
    "event_id",
    "date",
    "through",
    "expected",
    "actual",
    "alerted_at",
)
"""Fields of an alert as they are shown, in order."""


class Alerts:
    """One row an alert, by its line of the log. expected, actual: JSON, so that numbers and texts stay apart."""

    name = "alerts"
    version = 1
    table = Table(
        "alerts",
        (
            ("log_line", "INTEGER"),
            ("kind", "TEXT"),
            ("customer_id", "TEXT"),
            ("account_id", "TEXT"),
            ("source", "TEXT"),
            ("event_id", "TEXT"),
            ("date", "TEXT"),
            ("through", "TEXT"),
            ("expected", "TEXT"),
            ("actual", "TEXT"),
            ("alerted_at", "TEXT"),
        ),
        ("log_line",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The alerts among the decisions. alerted_at: commit clock of the block."""
        for told, line, alert in feed.decisions():
            if isinstance(alert, IntegrityAlerted):
                yield (
                    line,
                    alert.kind,
                    alert.customer_id,
                    alert.account_id,
                    alert.source,
                    alert.event_id,
                    alert.date,
                    alert.through,
                    msgspec.json.encode(alert.expected).decode(),
                    msgspec.json.encode(alert.actual).decode(),
                    told.at,
                )


def alert_rows(kept: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Alerts as they are shown (``SHOWN``), in log order."""
    for row in kept:
        shown = dict(zip(SHOWN, row[1:], strict=True))
        shown["expected"] = msgspec.json.decode(shown["expected"])
        shown["actual"] = msgspec.json.decode(shown["actual"])
        yield shown
