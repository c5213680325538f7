"""`guanxi worker` without what makes it exactly once: to measure what that costs, and for nothing else.

Left out: ids are neither looked up nor kept, so that a record sent twice counts twice; a block is written whatever stands
before it, so that two writers spoil a log; the relay does without transactions. What is left is the same path: positions are
told with the block either way, for there is no cheaper place for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from psycopg.sql import SQL, Identifier, Literal

from guanxi import worker
from guanxi.cli import main as command
from infra import postgres_together
from infra.ids import IdIndex
from infra.postgres_together import Waiting
from processors import batch


def main() -> None:
    """The command line of guanxi, made to do less."""
    IdIndex.lookup = lambda *_: []  # type: ignore[method-assign]
    IdIndex.add = lambda *_: None  # type: ignore[method-assign]
    batch._keys_of = _no_keys
    batch._has_equals = lambda _: False
    postgres_together._values = _values
    postgres_together._insertions = _insertions  # type: ignore[assignment]
    worker.Relay = partial(worker.Relay, transactions=False)  # type: ignore[assignment, misc]
    command()


def _no_keys(records: Sequence[Any]) -> Any:
    return np.zeros(len(records), dtype=np.uint64)


def _values(blocks: Sequence[Waiting]) -> list[Any]:
    first = blocks[0]
    return [first.shard, first.topic, [block.number for block in blocks], [block.state for block in blocks]]


def _insertions(schema: str, tables: Sequence[tuple[str, str | None, bool]]) -> str:
    """As the one it stands for, without a look at what is there; of records without personal fields, for keys are not made."""
    parts, told = [], []
    for place, (table, *_) in enumerate(tables):
        written = Identifier(f"written_{place}")
        parts.append(
            SQL(
                "{} AS (INSERT INTO {} (originator_id, originator_version, topic, state) SELECT %b::uuid, number, %b::text, "
                "state FROM unnest(%b::bigint[], %b::bytea[]) AS new (number, state) RETURNING 1)"
            ).format(written, Identifier(schema, table))
        )
        told.append(SQL("SELECT DISTINCT {}::int AS place FROM {}").format(Literal(place), written))
    return SQL("WITH {} {}").format(SQL(", ").join(parts), SQL(" UNION ALL ").join(told)).as_string()
