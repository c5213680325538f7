"""All shards of a log on PostgreSQL read behind one another over one connection: woken when a block is written."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Identifier, Literal

from infra import block as layout
from infra.postgres_schema import identity_of
from infra.postgres_session import Session, address_of
from infra.postgres_tables import journal
from processors.ports import Block, LogDamaged

_AHEAD, _AHEAD_BYTES = 4, 65_536
"""So many blocks of a shard that told of new ones are read with its end, where each of them is small."""


class PostgresTail:
    """See ``processors.relay.LogTail``. url: `postgresql://user@host:port/database?schema=name`."""

    def __init__(self, url: str) -> None:
        address = address_of(url)
        self.where = address.shown
        self._session = Session(address, read_only=True)
        self._listens: Connection[Any] | None = None
        try:
            self.name, self.incarnation, self.shards = self._identity()
        except BaseException:
            self.close()
            raise
        tables = [Identifier(address.schema, journal(number)) for number in range(len(self.shards))]
        ids = [uuid.UUID(bytes=shard) for shard in self.shards]
        self._channels = [f"{address.schema}.{journal(number)}" for number in range(len(self.shards))]
        self._heads = SQL(" UNION ALL ").join(
            SQL("(SELECT {}::int AS shard, COALESCE(MAX(originator_version), 0) AS head FROM {} WHERE originator_id = {})")
            .format(Literal(number), table, Literal(str(shard)))
            for number, (table, shard) in enumerate(zip(tables, ids, strict=True))
        )  # fmt: skip
        self._blocks = [_blocks_of(table, shard) for table, shard in zip(tables, ids, strict=True)]
        self._small = [_blocks_of(table, shard, _AHEAD_BYTES) for table, shard in zip(tables, ids, strict=True)]
        self._shard_of = {channel: number for number, channel in enumerate(self._channels)}
        self._told: set[int] = set()
        self._read: dict[int, int] = {}
        self._ahead: dict[int, list[DictRow]] = {}

    def _identity(self) -> tuple[str, str, list[bytes]]:
        log = identity_of(self._session, self.where)
        with self._connected() as connection:
            shards = connection.execute(
                SQL("SELECT id FROM {}.shard ORDER BY number").format(Identifier(self._session.schema))
            ).fetchall()
        return log.name, log.incarnation, [row["id"].bytes for row in shards]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection[DictRow]]:
        with self._session.get_connection() as connection:
            yield connection

    def heads(self) -> list[int]:
        """See the port. Small blocks of shards that told of new ones are read on the same way to the server."""
        told = {shard: self._read[shard] for shard in self._told & self._read.keys()}
        self._told.clear()
        with self._connected() as connection, connection.pipeline():
            ends = connection.execute(self._heads, prepare=True)
            found = {
                shard: connection.execute(self._small[shard], (after, _AHEAD), prepare=True)
                for shard, after in told.items()
            }
            rows = ends.fetchall()
            self._ahead = {shard: cursor.fetchall() for shard, cursor in found.items()}
        return [row["head"] for row in sorted(rows, key=lambda row: row["shard"])]

    def blocks(self, shard: int, after: int, most: int) -> list[Block]:
        """See the port."""
        rows = _following(self._ahead.pop(shard, []), after)
        if len(rows) > most:
            rows, self._ahead[shard] = rows[:most], rows[most:]
        if not rows:
            with self._connected() as connection:
                rows = connection.execute(self._blocks[shard], (after, most), prepare=True).fetchall()
        found = []
        for number, row in enumerate(rows, after + 1):
            if row["number"] != number:
                raise LogDamaged(f"{self.where}, shard {shard}: block {number} is missing; restore the log from a copy")
            try:
                found.append(layout.unpack(row["state"], number))
            except LogDamaged as error:
                said = str(error).replace("the log file", "the log")
                raise type(error)(f"{self.where}, shard {shard}: {said}") from error
        self._read[shard] = after + len(found)
        return found

    def hand(self, shard: int, number: int, stored: bytes) -> None:
        """See the port."""
        self._ahead.setdefault(shard, []).append({"number": number, "state": stored})

    def claim(self) -> bool:
        """Whether this is the one that publishes the log, until it is closed or its connection lost."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended('guanxi-relay:' || %s, 0)) AS alone",
                (self._session.schema,),
            ).fetchone()
        return bool(row and row["alone"])

    def wait(self, timeout_s: float) -> None:
        """See the port. What was written before the first call is not told: look before waiting."""
        ends = time.monotonic() + timeout_s
        with self._connected() as connection:
            if self._listens is not connection:
                for channel in self._channels:
                    connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
                self._listens = connection
                return  # what was written until now told nobody
            for told in connection.notifies(timeout=max(ends - time.monotonic(), 0), stop_after=1):
                self._told.add(self._shard_of[told.channel])

    def rest(self) -> None:
        """See the port."""
        if self._listens is not None:
            self._listens = None
            with self._connected() as connection:
                connection.execute("UNLISTEN *")

    def close(self) -> None:
        """See the port."""
        self._listens = None
        self._session.close()


def _blocks_of(table: Identifier, shard: uuid.UUID, most_bytes: int | None = None) -> Composed:
    """The blocks behind a number, so many at most; most_bytes: the larger ones left out, unread."""
    found = SQL(
        "SELECT originator_version AS number, state FROM {} WHERE originator_id = {} AND originator_version > %b "
        "ORDER BY originator_version LIMIT %b"
    ).format(table, Literal(str(shard)))
    if most_bytes is None:
        return found
    return SQL("SELECT * FROM ({}) AS next WHERE length(state) <= {}").format(found, Literal(most_bytes))


def _following(rows: list[DictRow], after: int) -> list[DictRow]:
    """The rows that follow a block without a gap, from the first on."""
    return [row for number, row in enumerate(rows, after + 1) if row["number"] == number]
