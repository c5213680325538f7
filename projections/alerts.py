"""What does not add up? Integrity alerts about customers, days and ids (DOMAIN §2, §3)."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from events.codec import to_json
from events.decisions import IntegrityAlerted
from projections.feed import Feed, Row
from projections.table import Table

_FIELDS = IntegrityAlerted.__struct_fields__
_JSON = ("expected", "actual")
SHOWN = (*_FIELDS, "alerted_at")
"""Fields of an alert as they are shown, in order."""


class Alerts:
    """One row an alert, by its line of the log. expected, actual: JSON, so that numbers and texts stay apart."""

    name = "alerts"
    version = 1
    table = Table("alerts", (("log_line", "INTEGER"), *((field, "TEXT") for field in SHOWN)), ("log_line",))

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The alerts among the decisions. alerted_at: commit clock of the block."""
        for told, line, alert in feed.decisions(IntegrityAlerted):
            values = (_kept(field, getattr(alert, field)) for field in _FIELDS)
            yield line, *values, told.at


def _kept(field: str, value: int | str | None) -> int | str | None:
    return to_json(value).decode() if field in _JSON else value


def alert_rows(kept: Iterable[Row], until: str | None = None) -> Iterator[dict[str, Any]]:
    """Alerts as they are shown (``SHOWN``), in log order; until: those about days up to a date, or about none."""
    for row in kept:
        shown = dict(zip(SHOWN, row[1:], strict=True))
        for field in _JSON:
            shown[field] = msgspec.json.decode(shown[field])
        if until is None or shown["date"] is None or shown["date"] <= until:
            yield shown
