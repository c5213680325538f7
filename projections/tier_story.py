"""How did a tier come about, and what changed? Every line of the log about tiers, by customer (CONTRACT §5).

Tier changes are published from here; folded again they give the tier of any day, as known at any time.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
import zstandard

from aggregates.as_of import TierLine, tell
from aggregates.customer import Customer
from events.codec import to_json
from events.decisions import SpecialRecorded, TierChanged, TierMoved, TierRerun
from projections.feed import Feed, Row
from projections.frames import Frames
from projections.table import Table

_DECISIONS: tuple[type[TierChanged | TierMoved | TierRerun | SpecialRecorded], ...] = (
    TierChanged,
    TierMoved,
    TierRerun,
    SpecialRecorded,
)
_ALIKE = zstandard.ZstdCompressionDict(
    b"""{"type":"tier_moved","customer_id":"C1","decided_at":"2026-04-30","policy_version":"default-1","tier":["vip","gold",[],1,0,0,[]]}{"type":"tier_changed","id":"C1:1","sequence":1,"customer_id":"C1","kind":"watch_started","closed_month":"2026-01","effective_date":"2026-02-01","before":{"state":"vip","level":"diamond","until":null},"after":{"state":"vip","level":"platinum","until":null},"watch":1,"below_entry":0,"months":[{"month":"2026-01","sum":1680000000,"days":31}],"policy_version":"default-1","decided_at":"2026-01-31","cause":null,"tier":["vip","platinum",[null,"gold"],1,0,0,[]]}{"type":"tier_changed","id":"C1:1","sequence":1,"customer_id":"C1","kind":"entered","closed_month":"2026-01","effective_date":"2026-02-01","before":{"state":"ordinary","level":null,"until":null},"after":{"state":"vip","level":"gold","until":null},"watch":0,"below_entry":0,"months":[{"month":"2026-01","sum":1680000000,"days":31}],"policy_version":"default-1","decided_at":"2026-01-31","cause":null,"tier":["vip","gold",[],0,0,0,[]]}""",
    dict_type=zstandard.DICT_TYPE_RAWCONTENT,
)
"""What lines have in common, so that a short one packs to a fifth. Changed with ``TierStory.version`` only."""

_FRAMES = Frames(3, _ALIKE)
_decode = msgspec.json.Decoder(TierLine).decode
_decode_change = msgspec.json.Decoder().decode


class TierStory:
    """One row a line, in log order. sequence: of a tier change, else null; content: the line, packed."""

    name = "tier_story"
    version = 1
    table = Table(
        "tier_story",
        (
            ("customer_id", "TEXT"),
            ("log_line", "INTEGER"),
            ("block", "INTEGER"),
            ("sequence", "INTEGER"),
            ("content", "BLOB"),
        ),
        ("customer_id", "log_line"),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The lines among the decisions, and customers brought forward."""
        for told in feed.told:
            for at, line in told.brought:
                yield line.customer_id, at, told.block, None, _FRAMES.compress(to_json(line))
        for told, at, decision in feed.decisions(*_DECISIONS):
            sequence = decision.sequence if isinstance(decision, TierChanged) else None
            yield decision.customer_id, at, told.block, sequence, _FRAMES.compress(to_json(decision))


def change_rows(contents: Iterable[tuple[bytes]], effective_by: str | None = None) -> Iterator[dict[str, Any]]:
    """Tier changes as published (``TierChanged.published``); effective_by: those effective by a date."""
    for (content,) in contents:
        change: dict[str, Any] = _decode_change(_FRAMES.decompress(content))
        if effective_by is None or change["effective_date"] <= effective_by:
            del change["type"], change["tier"]
            yield change


def stories(rows: Iterable[tuple[str, bytes]]) -> Iterator[Customer]:
    """Customers with the whole story of their tier and nothing else; rows: (customer_id, content) in order."""
    for customer_id, lines in groupby(rows, key=lambda row: row[0]):
        customer = Customer(customer_id, 0, {})
        for _, content in lines:
            tell(customer, _decode(_FRAMES.decompress(content)))
        yield customer
