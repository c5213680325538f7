"""Who should be contacted, why, and what came of it? Every step of every retention trigger (CONTRACT §5)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import zstandard

from events.codec import to_json
from events.decisions import TriggerMoved
from projections.feed import Feed, Row
from projections.frames import Frames
from projections.table import Table

STANDING: Final = ("raised", "claimed", "contacted")
"""Steps behind which a trigger still asks for something to be done."""

SHOWN: Final = (
    "id",
    "sequence",
    "customer_id",
    "code",
    "key",
    "step",
    "business_date",
    "evidence",
    "says",
    "policy_version",
    "manager_id",
    "cause",
)
"""Fields of a step as it is published; a step without a manager or a cause leaves these out."""

_ALIKE = zstandard.ZstdCompressionDict(
    b"""{"id":"C1:maturity_upcoming:A1:2026-04-30","sequence":2,"customer_id":"C1","code":"maturity_upcoming","key":"A1:2026-04-30","step":"expired","business_date":"2026-04-23","evidence":{"records":[{"source":"core","event_id":"1"}],"amount":10000000,"date":"2026-04-30"},"says":{"zh":"","en":""},"policy_version":"default-1","manager_id":"M1","cause":[{"source":"core","event_id":"1"}]}{"id":"C1:near_upgrade:2026-04","sequence":1,"customer_id":"C1","code":"near_upgrade","key":"2026-04","step":"raised","business_date":"2026-04-10","evidence":{"records":[],"projection":19000000,"top_up":1500000},"says":{"zh":"","en":""},"policy_version":"default-1"}{"id":"C1:aum_drop:2026-04-10","sequence":1,"customer_id":"C1","code":"aum_drop","key":"2026-04-10","step":"raised","business_date":"2026-04-10","evidence":{"records":[{"source":"core","event_id":"1"}],"high":10000000,"high_on":"2026-03-20","now":6000000},"says":{"zh":"","en":""},"policy_version":"default-1"}""",
    dict_type=zstandard.DICT_TYPE_RAWCONTENT,
)
"""What steps have in common. Changed with ``TriggerSteps.version`` only."""

_FRAMES = Frames(3, _ALIKE)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class TriggerSteps:
    """One row a step. content: the step as published, packed; the columns beside it are those that are asked by."""

    name = "trigger_steps"
    version = 1
    table = Table(
        "trigger_steps",
        (
            ("customer_id", "TEXT"),
            ("sequence", "INTEGER"),
            ("block", "INTEGER"),
            ("code", "TEXT"),
            ("key", "TEXT"),
            ("step", "TEXT"),
            ("business_date", "TEXT"),
            ("manager_id", "TEXT"),
            ("content", "BLOB"),
        ),
        ("customer_id", "sequence"),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The steps among the decisions."""
        for told, _, line in feed.decisions(TriggerMoved):
            yield (
                line.customer_id,
                line.sequence,
                told.block,
                line.code,
                line.key,
                line.step,
                line.business_date,
                line.manager_id,
                _FRAMES.compress(to_json(line.published())),
            )


def step_rows(contents: Iterable[tuple[bytes]]) -> Iterator[dict[str, Any]]:
    """Steps as published (``TriggerMoved.published``)."""
    for (content,) in contents:
        yield _decode(_FRAMES.decompress(content))
