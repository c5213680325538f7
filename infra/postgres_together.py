"""Blocks of several shards of one process written in one transaction: one wait for the disk instead of one a block.

A shard's log puts its blocks here and goes on as if they were written; ``settle`` writes all that wait, of all shards, and
tells each log what became of its own. What is sent is one message from BEGIN to COMMIT, so that the server needs nothing
more of a process that stops in between, and holds no lock for it.

Each block has the fence of ``infra.postgres_log`` for itself: one that does not follow is left out, and the others of the
transaction stand. Where the server refuses the transaction as a whole, nothing of it is there: then each shard is tried by
itself, and the one that cannot be written is told alone.
"""

import time
import uuid
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Identifier

from infra.postgres_session import Session, failure
from processors.ports import LogDamaged, LogUnusable, LostShard

WAITS_S: Final = 0.02
"""What waits for so long is written when the next block comes, though no one asked for it: a shard with little to do does
not wait until another one has closed a month."""
WAITS_BYTES: Final = 4 << 20

_WAKE: Final = (
    "SELECT set_config('synchronous_commit', 'off', true), count(pg_notify(channel, '')) "
    "FROM unnest(%b::text[]) AS channel"
)


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


class Together:
    """See the module. session: that of the logs. For one thread, as they are."""

    def __init__(self, session: Session) -> None:
        self._session = session
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
        try:
            written = self._write(waiting)
        except _Undone as undone:
            if len(waiting) > 1:
                for log, blocks in waiting.items():
                    self._settle({log: blocks})
            else:
                (log,) = waiting
                log.settled(self._told(log, undone.cause))
        except (LogUnusable, LogDamaged, PersistenceError) as error:
            said = f"{error}; the last batch may not be in the log: then run the same command again, nothing is taken twice"
            for log in waiting:
                log.settled(LogUnusable(said))
        else:
            for log, blocks in waiting.items():
                lost = next((block for block in blocks if block.number not in written[log]), None)
                log.settled(_lost(log, lost) if lost else None)

    def _told(self, log: Shard, cause: psycopg.Error) -> Exception:
        """Why the blocks of one shard were refused by the server."""
        if isinstance(cause, psycopg.IntegrityError):
            return LostShard(
                f"{log.path}: the next block was written by another process; let one process write, "
                "then run the same command again: nothing is taken twice"
            )
        return failure(log.path, cause)

    def _write(self, waiting: dict[Shard, list[Waiting]]) -> dict[Shard, set[int]]:
        """One transaction -> numbers of the blocks that are in the log now. Raises _Undone where nothing is.

        Who waits for blocks is told behind the commit, in a transaction that is not durable: one that notifies holds a lock
        of the whole database while it commits.
        """
        with self._session.get_connection() as connection:
            try:
                with connection.pipeline() as pipeline:
                    connection.execute("BEGIN")
                    sent = {
                        # In the order of the shards, so that two processes wait for each other and do not lock up.
                        log: [self._insert(connection, block) for block in waiting[log]]
                        for log in sorted(waiting, key=lambda log: log.channel)
                    }
                    connection.execute("COMMIT")
                    pipeline.sync()
                    connection.execute(_WAKE, ([log.channel for log in waiting],), prepare=True)
            except psycopg.Error as error:
                if connection.info.transaction_status is TransactionStatus.INERROR:
                    connection.execute("ROLLBACK")
                    raise _Undone(error) from error
                raise
            return {
                log: {row["number"] for each in cursors for row in each.fetchall()} for log, cursors in sent.items()
            }

    def _insert(self, connection: Connection[DictRow], block: Waiting) -> Cursor[DictRow]:
        keys = block.keys
        statement = _insertion(self._session.schema, block.table, keys.table if keys else None)
        size, digest = block.behind
        before = block.shard, block.number - 1
        values: list[Any] = [block.shard, block.number, block.topic, block.state, size, *before, digest, *before]
        if keys is not None:
            values = [keys.shard_number, keys.customers, keys.wrapped, *values, len(keys.customers)]
        return connection.execute(statement, values, prepare=True)


@cache
def _insertion(schema: str, table: str, keys: str | None) -> Composed:
    """A statement that inserts a block where it is the next one, and says its number if it was; keys: and its keys are new.

    A number that another writer takes at this moment is waited for; an error would undo the blocks of all others.
    """
    block = SQL(
        "INSERT INTO {table} (originator_id, originator_version, topic, state) "
        "SELECT %b::uuid, %b::bigint, %b::text, %b::bytea WHERE (SELECT sha256(substring(state FROM 1 FOR %b)) "
        "FROM {table} WHERE originator_id = %b AND originator_version = %b) IS NOT DISTINCT FROM %b::bytea "
        "AND NOT EXISTS (SELECT FROM {table} WHERE originator_id = %b AND originator_version > %b)"
    ).format(table=Identifier(schema, table))
    end = SQL(" ON CONFLICT DO NOTHING RETURNING originator_version AS number")
    if keys is None:
        return block + end
    made = SQL(
        "WITH made AS (INSERT INTO {keys} (shard, customer_id, wrapped) SELECT %b::smallint, * "
        "FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING RETURNING 1) "
    ).format(keys=Identifier(schema, keys))
    return made + block + SQL(" AND (SELECT COUNT(*) FROM made) = %b") + end


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
