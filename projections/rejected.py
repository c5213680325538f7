"""What was refused, and why? (CONTRACT §2, `guanxi rejected`)."""

from collections.abc import Iterator

from events.decisions import RecordRefused
from projections.feed import Feed, Row
from projections.table import Table

SHOWN = (
    "reason",
    "field",
    "detail",
    "source",
    "event_id",
    "topic",
    "partition",
    "offset",
    "file",
    "line",
    "refused_at",
)
"""Fields of a refusal as they are shown, in order; the original stays sealed."""


class Rejected:
    """One row a refusal, by its line of the log. original: the record's bytes, sealed, base64."""

    name = "rejected"
    version = 1
    table = Table(
        "rejected",
        (
            ("log_line", "INTEGER"),
            ("reason", "TEXT"),
            ("field", "TEXT"),
            ("detail", "TEXT"),
            ("source", "TEXT"),
            ("event_id", "TEXT"),
            ("topic", "TEXT"),
            ("partition", "INTEGER"),
            ("offset", "INTEGER"),
            ("file", "TEXT"),
            ("line", "INTEGER"),
            ("refused_at", "TEXT"),
            ("original", "TEXT"),
        ),
        ("log_line",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The refusals among the decisions. refused_at: commit clock of the block."""
        for told, line, refused in feed.decisions(RecordRefused):
            yield (
                line,
                refused.reason,
                refused.field,
                refused.detail,
                refused.source,
                refused.event_id,
                refused.topic,
                refused.partition,
                refused.offset,
                refused.file,
                refused.line,
                told.at,
                refused.original,
            )
