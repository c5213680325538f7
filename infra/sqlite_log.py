"""The log of a shard in one SQLite file, carried by the eventsourcing library's recorder.

One block is one stored event: originator_id is the shard, originator_version the block number, unique, which is the
fence. WAL with synchronous=FULL: what `append` returned from survives a power cut. The database itself refuses to
update or delete a block. A lock beside the file lets one process write; readers need none.
"""

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from eventsourcing.persistence import IntegrityError, OperationalError, PersistenceError, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteConnection, SQLiteConnectionPool, SQLiteDatastore

from infra import block as layout
from processors.ports import Block, Draft, Head, LogBusy, LogDamaged, LostShard

TOPIC = "guanxi.block.v1"
_TABLE = "journal"
_RULES = (
    f"CREATE TRIGGER IF NOT EXISTS {_TABLE}_no_update BEFORE UPDATE ON {_TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    f"CREATE TRIGGER IF NOT EXISTS {_TABLE}_no_delete BEFORE DELETE ON {_TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    "CREATE TABLE IF NOT EXISTS log (name TEXT NOT NULL, shard BLOB NOT NULL, incarnation TEXT NOT NULL)",
)
_BUSY_SECONDS = 30


class LogUnusable(Exception):
    """The log cannot be opened or written: where, why, what to do."""


class _Pool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().execute("PRAGMA synchronous=FULL")
        return connection


class _Recorder(SQLiteApplicationRecorder):
    """The library's recorder with the log's own triggers."""

    def construct_create_table_statements(self) -> list[str]:
        return [*super().construct_create_table_statements(), *_RULES]


class WriterLock:
    """One writer a log: an advisory lock that the operating system lets go of when the process dies."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise LogBusy(
                f"{path.name.removesuffix('-lock')}: process {owner} is writing this log; "
                "wait for it to end, or give another log with --log"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process write."""
        os.close(self._file)


def is_locked(path: Path) -> bool:
    """Whether a process is writing the log at this path."""
    lock = Path(f"{path}-lock")
    if not lock.exists():
        return False
    try:
        WriterLock(lock).release()
    except LogBusy:
        return True
    return False


class SqliteEventLog:
    """See the module and ``processors.ports.EventLog``.

    path: the file, or ":memory:"; write: take the writer's lock and create the log when missing. Raises LogBusy,
    LogUnusable, LogDamaged.
    """

    def __init__(self, path: str, *, write: bool = False) -> None:
        self.path = path
        memory = path == ":memory:"
        self._lock = WriterLock(Path(path + "-lock")) if write and not memory else None
        database = f"file:guanxi-{uuid.uuid4().hex}?mode=memory&cache=shared" if memory else path
        if not write and not memory and not Path(path).exists():
            raise LogUnusable(f"{path}: no such log; take records in first (guanxi ingest FILE), or give --log")
        try:
            self._datastore = SQLiteDatastore(database, lock_timeout=_BUSY_SECONDS)
            self._datastore.pool.close()
            self._datastore.pool = _Pool(db_name=database, lock_timeout=_BUSY_SECONDS, pool_size=2)
            self._recorder = _Recorder(self._datastore, events_table_name=_TABLE)
            if write or memory:
                self._recorder.create_table()
            self._name, self._shard, self.incarnation = self._identity()
            self._originator = uuid.UUID(bytes=self._shard)
            self._head = self._read_head()
        except (PersistenceError, sqlite3.Error) as error:
            self.close()
            raise LogUnusable(f"{path}: {error}; check that it is a log of this program and may be written") from error
        except BaseException:
            self.close()
            raise

    def _identity(self) -> tuple[str, bytes, str]:
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT name, shard, incarnation FROM log")
            row = cursor.fetchone()
        if row is None:
            name = "guanxi" if self.path == ":memory:" else Path(self.path).stem
            shard = uuid.uuid4()
            with self._datastore.transaction(commit=True) as cursor:
                cursor.execute("INSERT INTO log VALUES (?, ?, ?)", (name, shard.bytes, uuid.uuid4().hex))
            return self._identity()
        return str(row["name"]), bytes(row["shard"]), str(row["incarnation"])

    def _read_head(self) -> Head:
        last = self._recorder.select_events(self._originator, desc=True, limit=1)
        if not last:
            return Head(0, 0, {}, {})
        number = last[0].originator_version
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute(f"SELECT COUNT(*) AS n FROM {_TABLE} WHERE originator_id=?", (self._shard.hex(),))
            if cursor.fetchone()["n"] != number:
                raise LogDamaged(f"{self.path}: blocks are missing before block {number}; restore the log file from a copy")
        return layout.head_after(layout.header_of(last[0].state, number))

    @property
    def name(self) -> str:
        """The log's own name, given when it was made."""
        return self._name

    @property
    def shard(self) -> bytes:
        """16 bytes that name the shard."""
        return self._shard

    def head(self) -> Head:
        """The end of the log as this writer knows it."""
        return self._head

    def append(self, draft: Draft) -> int:
        """See the port."""
        for source, (start, _) in draft.inputs.items():
            if start != self._head.inputs.get(source, 0):
                raise LostShard(f"{source}: the log stands at {self._head.inputs.get(source, 0)}, not at {start}")
        state, after = layout.pack(self._shard, self._head, draft)
        event = StoredEvent(self._originator, after.block, TOPIC, state)
        try:
            self._recorder.insert_events([event])
        except IntegrityError as error:
            raise LostShard(f"{self.path}: block {after.block} was written by another process") from error
        except (OperationalError, PersistenceError, sqlite3.Error) as error:
            raise LogUnusable(
                f"{self.path}: {error}; the last batch may not be in the log: "
                "check disk space and permissions, then run the same command again"
            ) from error
        self._head = after
        return after.block

    def blocks(self, after: int = 0) -> Iterator[Block]:
        """See the port."""
        while True:
            found = self._recorder.select_events(self._originator, gt=after, limit=16)
            for event in found:
                if event.originator_version != after + 1:
                    raise LogDamaged(f"{self.path}: block {after + 1} is missing; restore the log file from a copy")
                after += 1
                yield layout.unpack(event.state, after)
            if len(found) < 16:
                return

    def block(self, number: int) -> Block:
        """See the port."""
        found = self._recorder.select_events(self._originator, gt=number - 1, lte=number)
        if not found:
            raise KeyError(number)
        return layout.unpack(found[0].state, number)

    def blocks_of(self, customer: int) -> Iterator[Block]:
        """See the port."""
        wanted = customer.to_bytes(4, "little")
        for number in range(1, self._head.block + 1):
            header = self._header(number)
            column = header.cols.get("cust", b"")
            at = column.find(wanted)
            while at >= 0 and at % 4:
                at = column.find(wanted, at + 1)
            if at >= 0:
                yield self.block(number)

    def _header(self, number: int) -> layout.Header:
        size = 65_536
        while True:
            with self._datastore.transaction(commit=False) as cursor:
                cursor.execute(
                    f"SELECT substr(state, 1, {size}) AS start, length(state) AS size FROM {_TABLE} "
                    "WHERE originator_id=? AND originator_version=?",
                    (self._shard.hex(), number),
                )
                row = cursor.fetchone()
            start = bytes(row["start"])
            wanted = 12 + int.from_bytes(start[4:8], "little")
            if wanted <= len(start) or len(start) == row["size"]:
                return layout.header_of(start, number)
            size = wanted

    def stored_bytes(self) -> int:
        """Bytes of all blocks."""
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute(f"SELECT COALESCE(SUM(LENGTH(state)), 0) AS n FROM {_TABLE}")
            return int(cursor.fetchone()["n"])

    def close(self) -> None:
        """See the port."""
        if hasattr(self, "_datastore"):
            self._datastore.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
