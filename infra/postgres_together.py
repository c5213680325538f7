"""Blocks of several shards of one process written in one statement: one wait for the disk instead of one a block.

A shard's log puts its blocks here and goes on as if they were written; ``settle`` writes all that wait, of all shards, and
tells each log what became of its own. A statement is a transaction that the server ends by itself: it holds no lock for a
process that was stopped in the middle of one.

Each block has the fence of ``infra.postgres_log`` for itself: one that does not follow is left out, and the others of the
statement stand. Where the server refuses the statement as a whole, nothing of it is there: then each shard is tried by
itself, and the one that cannot be written is told alone.
"""

import contextlib
import time
import uuid
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, Final, NamedTuple, Protocol

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier, Literal

from infra.postgres_session import Session, failure
from processors.handover import Handed, Handover
from processors.ports import LogDamaged, LogUnusable, LostShard

WAITS_S: Final = 0.1
"""What waits for so long is written when the next block comes, though no one asked for it: a shard with little to do does
not wait until another one has closed a month. Who makes blocks stands still meanwhile."""
WAITS_BYTES: Final = 4 << 20
MOST_SHARDS: Final = 16
"""In one statement, which has to be understood and planned."""

_WAKE: Final = (
    "SELECT set_config('synchronous_commit', 'off', true), count(pg_notify(channel, '')) "
    "FROM unnest(%b::text[]) AS channel"
)
"""Tells those who wait for blocks. In a transaction of its own behind theirs, and not durable: one that notifies holds a lock
of the whole database while it commits.
"""


class Shard(Protocol):
    """A log of which blocks wait."""

    path: str

    @property
    def channel(self) -> str:
        """Who waits for its blocks listens there."""

    def settled(self, error: Exception | None) -> None:
        """Hear what became of all blocks that waited; error: they are not in the log, or nobody knows."""


class Keys(NamedTuple):
    """New keys of customers, made durable together with the next block of their shard. table: of the log's vault."""

    table: str
    shard_number: int
    customers: list[bytes]
    wrapped: list[bytes]


class Waiting(NamedTuple):
    """A block that is not written yet. behind: length and digest of the header of the one before it, (0, None): none."""

    table: str
    shard: uuid.UUID
    number: int
    topic: str
    state: bytes
    behind: tuple[int, bytes | None]
    keys: Keys | None


Blocks = dict[Shard, list[Waiting]]
"""Consecutive blocks of several shards; new keys come with the first of a shard alone."""


class Together:
    """See the module. session: that of the logs; handover: to whom blocks are handed. For one thread, as the logs are."""

    def __init__(self, session: Session, handover: Handover | None = None) -> None:
        self._session, self._handover = session, handover
        self._waiting: dict[Shard, list[Waiting]] = {}
        self._keys: dict[int, Keys] = {}
        self._since, self._bytes = 0.0, 0

    def put_keys(self, keys: Keys) -> None:
        """Have keys made durable with the next block of a shard; where another process made one, that block is not written."""
        self._keys[keys.shard_number] = keys

    def keys_of(self, shard_number: int) -> Keys | None:
        """The keys that wait for a block of a shard; they wait no more."""
        return self._keys.pop(shard_number, None)

    def put(self, log: Shard, block: Waiting) -> None:
        """Have a block written behind those of its shard that wait; ``settle`` may happen here."""
        now = time.monotonic()
        if not self._waiting:
            self._since = now
        self._waiting.setdefault(log, []).append(block)
        self._bytes += len(block.state)
        if self._bytes >= WAITS_BYTES or now - self._since >= WAITS_S:
            self.settle()

    def forget(self, log: Shard) -> None:
        """Write nothing of what waits of a shard."""
        self._waiting.pop(log, None)

    def forget_keys(self, shard_number: int) -> None:
        """Make durable nothing of the keys that wait for a block of a shard."""
        self._keys.pop(shard_number, None)

    def settle(self) -> None:
        """Write what waits; each log is told what became of its blocks. Raises nothing of theirs."""
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        if waiting:
            self._settle(waiting)

    def _settle(self, waiting: dict[Shard, list[Waiting]]) -> None:
        """Of each shard its blocks up to the next with new keys, until there are no more."""
        while waiting:
            logs = sorted(waiting, key=lambda log: log.channel)[:MOST_SHARDS]
            blocks = {log: _before_keys(waiting[log]) for log in logs}
            there = self._settle_some_each(blocks)
            for log in logs:
                del waiting[log][: len(blocks[log])]
                if log not in there or not waiting[log]:
                    del waiting[log]
                    if log in there:
                        log.settled(None)

    def _settle_some_each(self, blocks: Blocks) -> list[Shard]:
        """Write blocks of each shard -> the shards of which they are in the log; the others are told why not."""
        try:
            there = self._write(blocks)
        except _Undone as undone:
            if len(blocks) > 1:
                return [found for log, some in blocks.items() for found in self._settle_some_each({log: some})]
            (log,) = blocks
            log.settled(self._told(log, undone.cause))
            return []
        except (LogUnusable, LogDamaged, PersistenceError) as error:
            said = f"{error}; the last batch may not be in the log: then run the same command again, nothing is taken twice"
            for log in blocks:
                log.settled(LogUnusable(said))
            return []
        for log, (first, *_) in blocks.items():
            if log not in there:
                log.settled(_lost(log, first))
        return there

    def _told(self, log: Shard, cause: psycopg.Error) -> Exception:
        """Why the blocks of one shard were refused by the server."""
        if isinstance(cause, psycopg.IntegrityError):
            return LostShard(
                f"{log.path}: the next block was written by another process; let one process write, "
                "then run the same command again: nothing is taken twice"
            )
        return failure(log.path, cause)

    def _write(self, blocks: Blocks) -> list[Shard]:
        """Write blocks of each shard, handed over before -> the shards whose blocks are in the log now. As ``_insert``."""
        handover = self._handover
        if handover is None:
            there = self._insert(blocks)
        else:
            handover.coming(
                [Handed(each.shard.bytes, each.number, each.state) for some in blocks.values() for each in some]
            )
            there = []
            try:
                there = self._insert(blocks)
            finally:
                handover.written({blocks[log][0].shard.bytes for log in there})
        if there:
            self._wake(there)
        return there

    def _insert(self, blocks: Blocks) -> list[Shard]:
        """One statement -> the shards whose blocks are in the log now. Raises _Undone where nothing is."""
        statement = _insertions(
            self._session.schema,
            tuple(
                (first.table, first.keys.table if first.keys else None, bool(more)) for first, *more in blocks.values()
            ),
        )
        values = [value for some in blocks.values() for value in _values(some)]
        with self._session.get_connection() as connection:
            try:
                rows = connection.execute(statement, values).fetchall()
            except psycopg.Error as error:
                if error.sqlstate and connection.info.transaction_status is TransactionStatus.IDLE:
                    raise _Undone(error) from error
                raise
        logs = list(blocks)
        return [logs[row["place"]] for row in rows]

    def _wake(self, logs: list[Shard]) -> None:
        """Tell those who wait for blocks; where it fails, they look by themselves before long."""
        with (
            contextlib.suppress(LogUnusable, LogDamaged, PersistenceError),
            self._session.get_connection() as connection,
        ):
            connection.execute(_WAKE, (sorted(log.channel for log in logs),), prepare=True)


def _before_keys(waiting: list[Waiting]) -> list[Waiting]:
    """The first block, and those behind it up to the next with new keys."""
    return [waiting[0], *takewhile(lambda block: block.keys is None, waiting[1:])]


def _values(blocks: Sequence[Waiting]) -> list[Any]:
    block, *more = blocks
    size, digest = block.behind
    before = block.shard, block.number - 1
    values: list[Any] = [block.shard, block.number, block.topic, block.state, size, *before, digest, *before]
    if block.keys is not None:
        keys = block.keys
        values = [keys.shard_number, keys.customers, keys.wrapped, *values, len(keys.customers)]
    if more:
        values += [block.shard, block.topic, [each.number for each in more], [each.state for each in more]]
    return values


@lru_cache(256)
def _insertions(schema: str, tables: tuple[tuple[str, str | None, bool], ...]) -> str:
    """A statement that inserts blocks into each journal where they are the next ones, and says the places of those that were.

    tables: of the blocks of a shard their journal, that of new keys, all of which must be new, and whether there is more than
    one. Those behind the first follow where that one was inserted: until this is committed nobody else can write behind it.
    A number that another writer takes at this moment is waited for; an error would undo the blocks of all others. In order,
    what stands behind it is looked for in the index: else the server, which expects to find something, may read the whole
    journal, where there is nothing.
    """
    parts, told = [], []
    for place, (table, keys, more) in enumerate(tables):
        block = SQL(
            "INSERT INTO {table} (originator_id, originator_version, topic, state) "
            "SELECT %b::uuid, %b::bigint, %b::text, %b::bytea WHERE (SELECT sha256(substring(state FROM 1 FOR %b::int)) "
            "FROM {table} WHERE originator_id = %b AND originator_version = %b::bigint) IS NOT DISTINCT FROM %b::bytea "
            "AND (SELECT originator_version FROM {table} WHERE originator_id = %b AND originator_version > %b::bigint "
            "ORDER BY originator_version LIMIT 1) IS NULL"
        ).format(table=Identifier(schema, table))
        made, written = Identifier(f"made_{place}"), Identifier(f"written_{place}")
        if keys is not None:
            keyed = SQL(
                "{made} AS (INSERT INTO {keys} (shard, customer_id, wrapped) SELECT %b::smallint, * "
                "FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING RETURNING 1)"
            )
            parts.append(keyed.format(made=made, keys=Identifier(schema, keys)))
            block += SQL(" AND (SELECT COUNT(*) FROM {made}) = %b::bigint").format(made=made)
        parts.append(SQL("{} AS ({} ON CONFLICT DO NOTHING RETURNING 1)").format(written, block))
        if more:
            behind = SQL(
                "{behind} AS (INSERT INTO {table} (originator_id, originator_version, topic, state) "
                "SELECT %b::uuid, number, %b::text, state FROM unnest(%b::bigint[], %b::bytea[]) AS more (number, state) "
                "WHERE EXISTS (SELECT FROM {written}))"
            )
            names = {"behind": Identifier(f"behind_{place}"), "table": Identifier(schema, table), "written": written}
            parts.append(behind.format(**names))
        told.append(SQL("SELECT {}::int AS place FROM {}").format(Literal(place), written))
    return SQL("WITH {} {}").format(SQL(", ").join(parts), SQL(" UNION ALL ").join(told)).as_string()


def _lost(log: Shard, block: Waiting) -> LostShard:
    return LostShard(
        f"{log.path}: block {block.number} was written by another process, or that made keys for the same customers, or the "
        "database lost its end; let one process write, then run the same command again: nothing is taken twice"
    )


class _Undone(Exception):
    """The server refused the transaction: nothing of it was written."""

    def __init__(self, cause: psycopg.Error) -> None:
        super().__init__(str(cause))
        self.cause = cause
