"""The log of a shard in one SQLite file, carried by the eventsourcing library's recorder.

One block is one stored event: originator_id is the shard, originator_version the block number, unique, which is the
fence. WAL with synchronous=FULL: what `append` returned from survives a power cut. The database itself refuses to
update or delete a block. A lock beside the file lets one process write; readers need none.
"""

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from eventsourcing.persistence import IntegrityError, PersistenceError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from infra import block as layout
from processors.ports import Block, Draft, Head, LogBusy, LogDamaged, LogUnusable, LostShard

TOPIC = "guanxi.block.v1"
_TABLE = "journal"
_RULES = (
    f"CREATE TRIGGER IF NOT EXISTS {_TABLE}_no_update BEFORE UPDATE ON {_TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    f"CREATE TRIGGER IF NOT EXISTS {_TABLE}_no_delete BEFORE DELETE ON {_TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    # Also keeps INSERT OR REPLACE, which fires no trigger for the row it deletes, from writing over a block.
    f"CREATE TRIGGER IF NOT EXISTS {_TABLE}_in_order BEFORE INSERT ON {_TABLE} "
    f"WHEN NEW.originator_version IS NOT (SELECT COALESCE(MAX(originator_version), 0) + 1 FROM {_TABLE} "
    "WHERE originator_id = NEW.originator_id) "
    "BEGIN SELECT RAISE(ABORT, 'the log is append-only: only the next block can be written'); END",
    "CREATE TABLE IF NOT EXISTS log (name TEXT NOT NULL, shard BLOB NOT NULL, incarnation TEXT NOT NULL)",
)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY_SECONDS = 30

Read = TypeVar("Read")


def _failure(path: str, error: Exception, do: str) -> LogUnusable | LogDamaged:
    """What to raise for an error of the database or the library around it; do: what to do unless the file is damaged."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            return LogDamaged(
                f"{path}: {error}; no log of this program, or damaged: give another --log, or restore the log file from a copy"
            )
        cause = cause.__cause__
    return LogUnusable(f"{path}: {error}; {do}")


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
        except BlockingIOError:
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
    try:
        lock = os.open(f"{path}-lock", os.O_RDONLY | os.O_CLOEXEC)  # who may only read may ask as well
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
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
            if not memory and Path(path).exists():
                self._refuse_foreign(make=write)
            self._datastore = SQLiteDatastore(database, lock_timeout=_BUSY_SECONDS)
            self._datastore.pool.close()
            self._datastore.pool = _Pool(db_name=database, lock_timeout=_BUSY_SECONDS, pool_size=2)
            self._recorder = _Recorder(self._datastore, events_table_name=_TABLE)
            if write or memory:
                self._recorder.create_table()
            self._name, self._shard, self.incarnation = self._identity(make=write or memory)
            self._originator = uuid.UUID(bytes=self._shard)
            self._head = self._read_head()
        except (PersistenceError, sqlite3.Error) as error:
            self.close()
            raise _failure(path, error, "check that it may be read and written and that there is space") from error
        except (TypeError, ValueError) as error:  # names and texts of a damaged file
            self.close()
            raise LogDamaged(
                f"{path}: {error}; no log of this program, or damaged: restore the log file from a copy"
            ) from error
        except BaseException:
            self.close()
            raise

    def _refuse_foreign(self, *, make: bool) -> None:
        """Leave a database of another program as it is. make: an empty one may become a log."""
        with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS)) as plain:
            tables = {name for (name,) in plain.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if tables and not tables & {_TABLE, "log"}:
            raise LogUnusable(f"{self.path}: a database of another program; give another --log")
        if not make and not tables >= {_TABLE, "log"}:
            raise LogUnusable(f"{self.path}: nothing is in this log yet; take records in first (guanxi ingest FILE)")

    def _identity(self, *, make: bool) -> tuple[str, bytes, str]:
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT name, shard, incarnation FROM log")
            row = cursor.fetchone()
        if row is None and not make:
            raise LogUnusable(f"{self.path}: nothing is in this log yet; take records in first (guanxi ingest FILE)")
        if row is None:
            name = "guanxi" if self.path == ":memory:" else Path(self.path).stem
            shard = uuid.uuid4()
            with self._datastore.transaction(commit=True) as cursor:
                cursor.execute("INSERT INTO log VALUES (?, ?, ?)", (name, shard.bytes, uuid.uuid4().hex))
            return self._identity(make=False)
        return str(row["name"]), bytes(row["shard"]), str(row["incarnation"])

    def _read_head(self, *, again: bool = True) -> Head:
        last = self._recorder.select_events(self._originator, desc=True, limit=1)
        if not last:
            if self._is_empty(may_begin=again):
                return Head(0, 0, {}, {})
            return self._read_head(again=False)
        number = last[0].originator_version
        with self._datastore.transaction(commit=False) as cursor:
            # Up to that block: a writer may have gone on since.
            cursor.execute(
                f"SELECT COUNT(*) AS n FROM {_TABLE} WHERE originator_id=? AND originator_version<=?",
                (self._shard.hex(), number),
            )
            if cursor.fetchone()["n"] != number:
                raise LogDamaged(
                    f"{self.path}: blocks are missing before block {number}; restore the log file from a copy"
                )
            self._check_end(cursor)
        return layout.head_after(self._named(layout.header_of, self._stored(last[0].state, number), number))

    def _check_end(self, cursor: SQLiteCursor) -> None:
        """The table and its index end with the same block: damage of one of them may hide the last blocks."""
        cursor.execute(f"SELECT MAX(originator_version) AS n FROM {_TABLE} WHERE originator_id=?", (self._shard.hex(),))
        indexed = cursor.fetchone()["n"]
        cursor.execute(f"SELECT originator_version AS n FROM {_TABLE} ORDER BY rowid DESC LIMIT 1")
        row = cursor.fetchone()
        if row is None or row["n"] != indexed:
            raise LogDamaged(f"{self.path}: its last blocks are not to be found; restore the log file from a copy")

    def _is_empty(self, *, may_begin: bool) -> bool:
        """Whether there is no block. may_begin: there may be one of this log, written since. Raises LogDamaged."""
        with self._datastore.transaction(commit=False) as cursor:
            cursor.execute(
                f"SELECT COUNT(*) AS n, COALESCE(SUM(originator_id=?), 0) AS ours FROM {_TABLE}", (self._shard.hex(),)
            )
            found = cursor.fetchone()
        if found["n"] and not (found["ours"] and may_begin):
            raise LogDamaged(f"{self.path}: holds blocks, but none of this log; restore the log file from a copy")
        return not found["n"]

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

    def refresh(self) -> None:
        """See the port."""
        self._head = self._read_head()

    def append(self, draft: Draft) -> int:
        """See the port."""
        for source, (start, _) in draft.inputs.items():
            if start != self._head.inputs.get(source, 0):
                raise LostShard(
                    f"{self.path}: {source[0]} stands at {self._head.inputs.get(source, 0)} in the log, not at {start}; "
                    "run the same command again"
                )
        state, after = layout.pack(self._shard, self._head, draft)
        event = StoredEvent(self._originator, after.block, TOPIC, state)
        try:
            self._recorder.insert_events([event])
        except IntegrityError as error:
            raise LostShard(
                f"{self.path}: block {after.block} was written by another process; let one process write, "
                "then run the same command again: nothing is taken twice"
            ) from error
        except (PersistenceError, sqlite3.Error) as error:
            do = "the last batch may not be in the log: check disk space and permissions, then run the same command again"
            raise _failure(self.path, error, do) from error
        self._head = after
        return after.block

    def settle(self) -> None:
        """See the port: each block is durable already."""

    def blocks(self, after: int = 0) -> Iterator[Block]:
        """See the port."""
        while True:
            found = self._select(gt=after, limit=16)
            for event in found:
                if event.originator_version != after + 1:
                    raise LogDamaged(f"{self.path}: block {after + 1} is missing; restore the log file from a copy")
                after += 1
                yield self._named(layout.unpack, event.state, after)
            if len(found) < 16:
                return

    def _named(self, read: Callable[[bytes, int], Read], stored: bytes, number: int) -> Read:
        """Read a block; damage is told with the file that it is in."""
        try:
            return read(stored, number)
        except LogDamaged as error:
            raise type(error)(f"{self.path}: {error}") from error

    def _select(self, *, gt: int, lte: int | None = None, limit: int | None = None) -> Sequence[StoredEvent]:
        try:
            found = self._recorder.select_events(self._originator, gt=gt, lte=lte, limit=limit)
        except (PersistenceError, sqlite3.Error) as error:
            raise _failure(self.path, error, "check that it may be read") from error
        except (TypeError, ValueError) as error:  # what names the shard in the row of a block
            raise LogDamaged(f"{self.path}: {error} at block {gt + 1}; restore the log file from a copy") from error
        for event in found:
            self._stored(event.state, event.originator_version)
        return found

    def _stored(self, stored: object, number: int) -> bytes:
        """A damaged row may hold anything where the bytes of a block should be."""
        if not isinstance(stored, bytes):
            raise LogDamaged(f"{self.path}: block {number} is no block; restore the log file from a copy")
        return stored

    def block(self, number: int) -> Block:
        """See the port."""
        found = self._select(gt=number - 1, lte=number)
        if not found:
            raise KeyError(number)
        return self._named(layout.unpack, found[0].state, number)

    def customers(self, number: int) -> bytes:
        """See the port."""
        column: bytes = self._header(number).cols.get("cust", b"")
        return column

    def _header(self, number: int) -> layout.Header:
        size = 65_536
        while True:
            try:
                with self._datastore.transaction(commit=False) as cursor:
                    cursor.execute(
                        f"SELECT substr(state, 1, {size}) AS start, length(state) AS size FROM {_TABLE} "
                        "WHERE originator_id=? AND originator_version=?",
                        (self._shard.hex(), number),
                    )
                    row = cursor.fetchone()
            except (PersistenceError, sqlite3.Error) as error:
                raise _failure(self.path, error, "check that it may be read") from error
            if row is None:
                raise KeyError(number)
            start = self._stored(row["start"], number)
            wanted = 12 + int.from_bytes(start[4:8], "little")
            if wanted <= len(start) or len(start) == row["size"]:
                return self._named(layout.header_of, start, number)
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
