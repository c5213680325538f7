"""The log of a shard in a table on PostgreSQL, carried by the eventsourcing library's recorder.

One block is one stored event: originator_id is the shard, originator_version the block number. The fence is in one
statement, which is one transaction: it inserts the next number, which is unique, and only behind a block whose header,
the whole vector of input positions in it, is the one that this writer stands on. The number alone would not do where the
database itself lost its end (a standby took over, a copy was restored) and another writer went on from there.

Block numbers of a shard have no gaps and are seen in order, because a block can only be written behind one that is seen:
who reads block after block cannot pass over one that commits late. Nothing is locked but the number that is written. The
tables are made by `infra.postgres_schema`.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresAggregateRecorder
from psycopg.sql import SQL, Identifier

from infra import block as layout
from infra.postgres_schema import identity_of
from infra.postgres_session import Session, address_of
from infra.postgres_tables import journal
from infra.postgres_together import Together, Waiting
from processors.ports import Block, Draft, Head, LogDamaged, LogUnusable, LostShard

TOPIC = "guanxi.block.v1"
_MORE = 16
"""Blocks read at a time."""
_HEADER_BYTES = 65_536
_LOOKED_AT = 256
"""Blocks at the end that opening looks for."""
_LOOK_SECONDS = 1.0
"""A writer that dies right behind its commit wakes nobody: who waits looks this often on its own."""

Read = TypeVar("Read")


class Recorder(PostgresAggregateRecorder):
    """The library's recorder with an insert of its own: one block as plain values, behind a known one.

    The library sends an array of a composite type, as text, and tries ten times; a block whose outcome is unknown must
    not be sent again by itself.
    """

    datastore: Session

    def __init__(self, session: Session, *, shard_number: int) -> None:
        super().__init__(session, events_table_name=journal(shard_number))
        names = {"table": Identifier(session.schema, self.events_table_name)}
        self.table = names["table"]
        self._insert = SQL(
            "INSERT INTO {table} (originator_id, originator_version, topic, state) "
            "SELECT %b::uuid, %b::bigint, %b::text, %b::bytea WHERE (SELECT sha256(substring(state FROM 1 FOR %b)) "
            "FROM {table} WHERE originator_id = %b AND originator_version = %b) IS NOT DISTINCT FROM %b::bytea "
            "RETURNING originator_version"
        ).format(**names)
        self._last = SQL(
            "SELECT COALESCE(MAX(originator_version), 0) AS last FROM {table} WHERE originator_id = %b"
        ).format(**names)
        self.channel_name = f"{session.schema}.{self.events_table_name}"

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Insert one block -> its number, or nothing where the block before it is another one.

        behind: length and digest of the header of the block before it, (0, None) before the first. Raises IntegrityError
        where that number is taken or not the next.
        """
        (event,) = stored_events
        size, digest = kwargs["behind"]
        before = event.originator_version - 1
        values = (event.originator_id, event.originator_version, event.topic, event.state)
        with self.datastore.get_connection() as connection:
            cursor = connection.execute(
                self._insert, (*values, size, event.originator_id, before, digest), prepare=True
            )
            return [row["originator_version"] for row in cursor.fetchall()]

    def wake(self) -> None:
        """Tell those who wait that there is more.

        In a transaction of its own behind the commit, and not durable: one that notifies holds a lock of the whole
        database while it commits, so that shards would wait for each other's disk.
        """
        with self.datastore.get_connection() as connection:
            connection.execute(
                "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, '')",
                (self.channel_name,),
                prepare=True,
            )

    def last(self, shard: uuid.UUID) -> int:
        """The number of the last block, 0 without one; from the index, which begins with the shard."""
        with self.datastore.get_connection() as connection:
            cursor = connection.execute(self._last, (shard,), prepare=True)
            row = cursor.fetchone()
            return int(row["last"]) if row else 0

    def start_of(self, shard: uuid.UUID, number: int, size: int) -> tuple[bytes, int] | None:
        """The first bytes of a block, so many at most, and how many it has; the rest is not read from disk."""
        with self.datastore.get_connection() as connection:
            statement = SQL(
                "SELECT substring(state FROM 1 FOR %b) AS start, length(state) AS size FROM {} "
                "WHERE originator_id = %b AND originator_version = %b"
            )
            cursor = connection.execute(statement.format(self.table), (size, shard, number), prepare=True)
            row = cursor.fetchone()
            return (bytes(row["start"]), int(row["size"])) if row else None


class PostgresEventLog:
    """See the module and ``processors.ports.EventLog``.

    url: `postgresql://user@host:port/database?schema=name`; shard_number: which of its shards, from 0; write: may append;
    session: a connection shared with other shards of this log, which whoever opened it closes, and which says whether
    it writes; together: writes the blocks of such shards in one transaction. The log was made before by its owner. For
    one thread at a time, with all that share the connection. Raises LogUnusable, LogDamaged, never psycopg's errors.

    Opening looks at the last blocks alone, however many there are; ``check_numbers`` at all.
    """

    def __init__(
        self,
        url: str,
        shard_number: int = 0,
        *,
        write: bool = False,
        session: Session | None = None,
        together: Together | None = None,
    ) -> None:
        address = address_of(url)
        self.path = f"{address.shown}, shard {shard_number}"
        self._session = Session(address, read_only=not write) if session is None else session
        self._own = self._session if session is None else None
        self._unsure = False
        self._number, self._together = shard_number, together
        self._failed: Exception | None = None
        try:
            self._name, self.incarnation, self.shards, self._originator = self._identity(shard_number)
            self._recorder = Recorder(self._session, shard_number=shard_number)
            self._check_end()
            self._head, self._behind = self._read_head()
        except BaseException:
            self.close()
            raise

    def _identity(self, shard_number: int) -> tuple[str, str, int, uuid.UUID]:
        log = identity_of(self._session, self.path)
        with self._session.get_connection() as connection:
            shard = connection.execute(
                SQL("SELECT id FROM {}.shard WHERE number = %s").format(Identifier(self._session.schema)),
                (shard_number,),
            ).fetchone()
        if shard is None:
            raise LogUnusable(f"{self.path}: this log has {log.shards} shards, counted from 0")
        return *log, shard["id"]

    def _check_end(self) -> None:
        """What opening can afford: the first block and the last ones are there, and all are this shard's."""
        with self._session.get_connection() as connection:
            row = connection.execute(
                SQL(
                    "WITH ends AS (SELECT originator_version AS number FROM {table} WHERE originator_id = %(shard)s "
                    "ORDER BY originator_version DESC LIMIT %(looked)s) "
                    "SELECT COUNT(*) AS n, COALESCE(MAX(number), 0) AS last, COALESCE(MIN(number), 1) AS first, "
                    "EXISTS (SELECT FROM {table} WHERE originator_id = %(shard)s AND originator_version = 1) AS begins, "
                    # The least and the greatest: of the index, not of all rows.
                    "EXISTS (SELECT FROM {table} WHERE originator_id < %(shard)s) "
                    "OR EXISTS (SELECT FROM {table} WHERE originator_id > %(shard)s) AS strange FROM ends"
                ).format(table=self._recorder.table),
                {"shard": self._originator, "looked": _LOOKED_AT},
            ).fetchone()
        assert row is not None
        if row["strange"]:
            raise LogDamaged(f"{self.path}: holds blocks of another shard; restore the log from a copy")
        if row["n"] and (not row["begins"] or row["last"] - row["first"] + 1 != row["n"]):
            raise self._missing(row["last"])

    def check_numbers(self) -> None:
        """Whether every number up to the end is there, as each opening cannot ask: 0.1 s for 500,000 blocks.

        Raises LogDamaged.
        """
        with self._session.get_connection() as connection:
            row = connection.execute(
                SQL("SELECT COUNT(*) AS n, COALESCE(MAX(originator_version), 0) AS last FROM {}").format(
                    self._recorder.table
                )
            ).fetchone()
        if row and row["n"] != row["last"]:
            raise self._missing(row["last"])

    def _missing(self, last: int) -> LogDamaged:
        return LogDamaged(f"{self.path}: blocks are missing before block {last}; restore the log from a copy")

    def _read_head(self) -> tuple[Head, tuple[int, bytes | None]]:
        """The end of the log, and by what a block behind it knows that it is still the end."""
        number = self._recorder.last(self._originator)
        if not number:
            return Head(0, 0, {}, {}), (0, None)
        start = self._start(number)
        return layout.head_after(self._named(layout.header_of, start, number)), _behind(start)

    @property
    def name(self) -> str:
        """The log's own name, given when it was made."""
        return self._name

    @property
    def shard(self) -> bytes:
        """16 bytes that name the shard."""
        return self._originator.bytes

    def head(self) -> Head:
        """The end of the log as this writer knows it."""
        return self._head

    @property
    def channel(self) -> str:
        """Who waits for a block listens there."""
        return self._recorder.channel_name

    def refresh(self) -> None:
        """See the port; after an append that failed nothing is appended before this."""
        if self._together is not None:
            self._together.settle()
        self._head, self._behind = self._read_head()
        self._unsure, self._failed = False, None

    def append(self, draft: Draft) -> int:
        """See the port. LogUnusable: the block may or may not be there."""
        self._raise_failed()
        if self._unsure:
            raise LostShard(
                f"{self.path}: the end of the log is not known since the last failure; run the same command again"
            )
        for source, (start, _) in draft.inputs.items():
            if start != self._head.inputs.get(source, 0):
                raise LostShard(
                    f"{self.path}: {source[0]} stands at {self._head.inputs.get(source, 0)} in the log, not at {start}; "
                    "run the same command again"
                )
        state, after = layout.pack(self.shard, self._head, draft)
        if self._together is not None:
            self._put(self._together, state, after)
            return after.block
        event = StoredEvent(self._originator, after.block, TOPIC, state)
        self._unsure = True  # until the database said that it is there
        try:
            written = self._recorder.insert_events([event], behind=self._behind)
        except IntegrityError as error:
            raise LostShard(
                f"{self.path}: block {after.block} was written by another process; let one process write, "
                "then run the same command again: nothing is taken twice"
            ) from error
        except LogUnusable as error:
            raise LogUnusable(
                f"{error}; the last batch may not be in the log: then run the same command again, nothing is taken twice"
            ) from error
        if written != [after.block]:
            raise LostShard(
                f"{self.path}: block {self._head.block} is not the one that this process knows: the database lost its end, "
                "or another process wrote; run the same command again"
            )
        self._head, self._behind, self._unsure = after, _behind(state), False
        with contextlib.suppress(LogUnusable):  # those who wait look by themselves before long
            self._recorder.wake()
        return after.block

    def _put(self, together: Together, state: bytes, after: Head) -> None:
        keys = together.keys_of(self._number)
        block = Waiting(
            self._recorder.events_table_name, self._originator, after.block, TOPIC, state, self._behind, keys
        )
        self._head, self._behind = after, _behind(state)
        together.put(self, block)
        self._raise_failed()

    def settle(self) -> None:
        """See the port. LogUnusable: the blocks may or may not be there."""
        if self._together is not None:
            self._together.settle()
            self._raise_failed()

    def settled(self, error: Exception | None) -> None:
        """See ``infra.postgres_together.Shard``."""
        if error is not None:
            self._failed, self._unsure = error, True

    def _raise_failed(self) -> None:
        if self._failed is not None:
            raise self._failed

    def wait(self, timeout_s: float, after: int | None = None) -> bool:
        """Wait for a block behind `after`, the head's unless given -> whether there is one; False: the time is up.

        Does not move the head. Raises LogUnusable.
        """
        known = self._head.block if after is None else after
        ends = time.monotonic() + timeout_s
        while True:
            with self._session.get_connection() as connection:
                # Before looking: what commits in between is either seen or told.
                connection.execute(SQL("LISTEN {}").format(Identifier(self._recorder.channel_name)))
                if self._recorder.last(self._originator) > known:
                    return True
                left = ends - time.monotonic()
                if left <= 0:
                    return False
                for _ in connection.notifies(timeout=min(left, _LOOK_SECONDS), stop_after=1):
                    pass

    def blocks(self, after: int = 0) -> Iterator[Block]:
        """See the port."""
        self.settle()
        while True:
            found = self._recorder.select_events(self._originator, gt=after, limit=_MORE)
            for event in found:
                if event.originator_version != after + 1:
                    raise LogDamaged(f"{self.path}: block {after + 1} is missing; restore the log from a copy")
                after += 1
                yield self._named(layout.unpack, event.state, after)
            if len(found) < _MORE:
                return

    def _named(self, read: Callable[[bytes, int], Read], stored: bytes, number: int) -> Read:
        """Read a block; damage is told with the log that it is in."""
        try:
            return read(stored, number)
        except LogDamaged as error:
            raise type(error)(f"{self.path}: {str(error).replace('the log file', 'the log')}") from error

    def block(self, number: int) -> Block:
        """See the port."""
        self.settle()
        found = self._recorder.select_events(self._originator, gt=number - 1, lte=number)
        if not found:
            raise KeyError(number)
        return self._named(layout.unpack, found[0].state, number)

    def customers(self, number: int) -> bytes:
        """See the port."""
        self.settle()
        column: bytes = self._named(layout.header_of, self._start(number), number).cols.get("cust", b"")
        return column

    def _start(self, number: int) -> bytes:
        """A block up to the end of its header at least. Raises KeyError."""
        size = _HEADER_BYTES
        while True:
            found = self._recorder.start_of(self._originator, number, size)
            if found is None:
                raise KeyError(number)
            start, whole = found
            wanted = _header_end(start)
            if wanted <= len(start) or len(start) == whole:
                return start
            size = wanted

    def stored_bytes(self) -> int:
        """Bytes of all blocks."""
        with self._session.get_connection() as connection:
            row = connection.execute(
                SQL("SELECT COALESCE(SUM(length(state)), 0)::bigint AS n FROM {}").format(self._recorder.table)
            ).fetchone()
            return int(row["n"]) if row else 0

    def close(self) -> None:
        """See the port."""
        if self._together is not None:
            self._together.forget(self)
            self._together.forget_keys(self._number)
        if self._own is not None:
            self._own.close()


def _header_end(stored: bytes) -> int:
    """Where the header of a block ends, with its checksum."""
    return 12 + int.from_bytes(stored[4:8], "little")


def _behind(stored: bytes) -> tuple[int, bytes]:
    """By what a block is known again: length and digest of its header."""
    header = stored[: _header_end(stored)]
    return len(header), sha256(header).digest()
