"""Rows of every projection in one SQLite file beside the log: derived, and made anew when lost or outdated.

Rows, positions and what reading needs besides (``Basis``) commit together, so that whatever is read in one ``page``
stands on one block. WAL with synchronous=NORMAL: after a power cut the file may be some blocks behind, never torn.

The path is the file itself or, once views were rebuilt, a symbolic link to the newest of `path.1`, `path.2`, …: each
has its own write-ahead log, so that swapping is one atomic rename and readers of the old file go on undisturbed.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from pathlib import Path

import msgspec

from aggregates.customer import Customer
from aggregates.shard import Shard
from infra.sqlite_answers import SqliteAnswers
from infra.store import quoted
from infra.telling import untold
from processors.ports import ViewsUnusable
from processors.tail import Told
from projections.catalog import PROJECTIONS
from projections.feed import Feed, Projection, basis_of
from projections.table import Table

_BUSY_SECONDS = 30
_CUSTOMERS_A_STEP = 10_000
_OPENING_TRIES = 5
_CACHE_KIB = 65_536
_PAGE_BYTES = 16_384
_ENTRY = "CREATE TABLE IF NOT EXISTS views (name TEXT PRIMARY KEY, definition TEXT NOT NULL, block INTEGER NOT NULL)"
_BASIS = "CREATE TABLE IF NOT EXISTS basis (one INTEGER PRIMARY KEY CHECK (one = 1), facts BLOB NOT NULL)"


def _create(table: Table) -> str:
    columns = ", ".join(f'"{name}" {kind}' for name, kind in table.columns)
    return f'CREATE TABLE "{table.name}" ({columns}, PRIMARY KEY ({quoted(table.key)})) STRICT, WITHOUT ROWID'


def _put(table: Table) -> str:
    places = ", ".join("?" * len(table.columns))
    if not table.adds:
        return f'INSERT OR REPLACE INTO "{table.name}" VALUES ({places})'
    rest = [name for name in table.names if name not in table.key]
    sets = ", ".join(f'"{n}" = excluded."{n}"' + (f' + "{n}"' if n in table.adds else "") for n in rest)
    return f'INSERT INTO "{table.name}" VALUES ({places}) ON CONFLICT ({quoted(table.key)}) DO UPDATE SET {sets}'


def _definition(projection: Projection) -> str:
    return f"{projection.version} {_create(projection.table)}"


class SqliteViews(SqliteAnswers):
    """See the module. One writer at a time (the owner of the log), any number of readers; one thread an object.

    path: the file; write: create it when missing; without it nothing is changed. projections: all, but for tests.
    Raises ViewsUnusable.
    """

    def __init__(
        self, path: str | Path, *, write: bool = False, projections: Sequence[Projection] = PROJECTIONS
    ) -> None:
        self.path = Path(path)
        self._projections, self._write = projections, write
        self._replaces: Path | None = None
        self._pages, self._closed = 0, False
        try:
            self._connection = self._connect()
            if write:
                self._prepare()
            self._positions = self._read_positions()
        except sqlite3.Error as error:
            self.close()
            raise self._unusable(error) from error
        except BaseException:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        for left in range(_OPENING_TRIES, 0, -1):
            file = Path(os.path.realpath(self.path))
            if not self._write and not file.exists() and left == 1:
                raise ViewsUnusable(f"{self.path}: no views of the log yet; make them with: guanxi rebuild")
            try:
                connection = sqlite3.connect(
                    f"{file.as_uri()}?mode={'rwc' if self._write else 'ro'}",
                    uri=True,
                    isolation_level=None,
                    timeout=_BUSY_SECONDS,
                )
                connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()  # opens the file in truth
            except sqlite3.OperationalError:
                if left == 1 or self._write:
                    raise
                continue  # perhaps swapped between looking and opening
            return connection
        raise AssertionError("unreachable")

    def _prepare(self) -> None:
        """Make the tables of a new file; tables of another version are left alone until they are rebuilt."""
        execute = self._connection.execute
        execute(f"PRAGMA page_size={_PAGE_BYTES}")
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=NORMAL")
        execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        execute("BEGIN IMMEDIATE")
        execute(_ENTRY)
        execute(_BASIS)
        if not execute("SELECT COUNT(*) FROM views").fetchone()[0]:
            for projection in self._projections:
                execute(_create(projection.table))
                execute("INSERT INTO views VALUES (?, ?, 0)", (projection.name, _definition(projection)))
        execute("COMMIT")

    def _read_positions(self) -> dict[str, int]:
        rows = self._connection.execute("SELECT name, definition, block FROM views").fetchall()
        stored = {name: (definition, block) for name, definition, block in rows}
        positions = {}
        for projection in self._projections:
            definition, block = stored.get(projection.name, ("", 0))
            positions[projection.name] = block if definition == _definition(projection) else -1
        return positions

    # ------------------------------------------------------------------------------------------ positions

    @property
    def stale(self) -> tuple[str, ...]:
        """Names of the projections that another version made: rebuild before reading or feeding."""
        return tuple(name for name, block in self._positions.items() if block < 0)

    def position(self, name: str) -> int:
        """Last block in the rows of a projection, as of opening or the last ``put``; 0: none, or of another version.

        Raises KeyError for no projection of that name.
        """
        return max(self._positions[name], 0)

    def _usable(self) -> None:
        if self.stale:
            raise ViewsUnusable(f"{self.path}: made by another version ({', '.join(self.stale)}); run: guanxi rebuild")

    # ------------------------------------------------------------------------------------------ writing

    @property
    def stands(self) -> int:
        """See ``processors.keeper.Views``."""
        return max(min(self._positions.values()), 0)

    def prepare(
        self, told: Sequence[Told], customers: Iterable[Customer], shard: Shard, shard_id: str, through: int
    ) -> Callable[[], None]:
        """See ``processors.keeper.Views``; a file is written at once."""
        self.tell(told, customers, shard, shard_id, through)
        return lambda: None

    def tell(
        self, told: Sequence[Told], customers: Iterable[Customer], shard: Shard, shard_id: str, through: int
    ) -> None:
        """See ``processors.keeper.Views``."""
        self.put(Feed(told, customers, shard, shard_id), through)

    def put(self, feed: Feed, through: int) -> None:
        """Fold a feed into every projection; one transaction with the positions: committed when this returns.

        feed.told: the blocks after the position up to `through`; those up to the position are left out, so that a feed
        may be repeated. None of them: only customers are put, and `through` is the position; if lower: nothing is done.
        With the first closed day every customer of the shard is put. Raises ViewsUnusable when a block is missing, when
        the rows are stale or another shard's, or when the store fails: then nothing was written.
        """
        if self._pages:
            raise ViewsUnusable(f"{self.path}: a page is being read with the same object; finish it first")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._positions = self._read_positions()  # another writer may have told the same
            self._usable()
            known = msgspec.structs.replace(self.basis(), block=min(self._positions.values()))
            due = untold(feed, through, known, str(self.path), "run: guanxi rebuild")
            if due is not None:
                self._put_due(due, through)
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._unusable(error) from error
            raise
        if due is not None:
            self._positions = dict.fromkeys(self._positions, through)

    def _put_due(self, due: Feed, through: int) -> None:
        self._put_rows(msgspec.structs.replace(due, customers=()))
        several = iter(due.customers)
        while step := sorted(islice(several, _CUSTOMERS_A_STEP), key=_id_of):
            self._put_rows(msgspec.structs.replace(due, told=(), customers=step))
        self._connection.execute("UPDATE views SET block = ?", (through,))
        basis = msgspec.json.encode(basis_of(due.shard, due.shard_id, through))
        self._connection.execute("INSERT OR REPLACE INTO basis VALUES (1, ?)", (basis,))

    def _put_rows(self, feed: Feed) -> None:
        for projection in self._projections:
            self._connection.executemany(_put(projection.table), projection.rows(feed))

    # ------------------------------------------------------------------------------------------ rebuilding

    @classmethod
    def beside(cls, path: str | Path, *, projections: Sequence[Projection] = PROJECTIONS) -> "SqliteViews":
        """Empty views in a file beside the live ones; feed them, then ``swap`` or ``discard``.

        What a rebuild that died left behind is deleted. Only the owner of the log may call this.
        """
        live = Path(path)
        current = Path(os.path.realpath(live))
        number = int(current.suffix[1:]) if current.name != live.name and current.suffix[1:].isdigit() else 0
        file = live.with_name(f"{live.name}.{number + 1}")
        _delete(file)
        views = cls(file, write=True, projections=projections)
        views._replaces = live
        views._connection.execute("PRAGMA synchronous=OFF")  # nothing counts before the swap, which syncs the file
        return views

    def swap(self) -> None:
        """Put these views in the place of the live ones and close; durable when this returns.

        A crash leaves the old views or the new ones, whole. Whoever has the old ones open goes on reading them and
        sees the new ones when opening again; a writer of the old ones must be closed before.
        """
        live = self._replaces
        if live is None:
            raise ViewsUnusable(f"{self.path}: not made beside live views")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        _sync(self.path)
        link = live.with_name(live.name + ".link")
        link.unlink(missing_ok=True)
        link.symlink_to(self.path.name)
        link.replace(live)
        self._replaces = None
        _sync(live.parent)
        _delete(live, keep_file=True)
        for other in live.parent.iterdir():
            if other.stem == live.name and other.suffix[1:].isdigit() and other.name != self.path.name:
                _delete(other)

    def discard(self) -> None:
        """Close views made beside live ones and delete them."""
        self.close()
        if self._replaces is not None:
            _delete(self.path)

    def close(self) -> None:
        """Let go of the file; answers not read to their end have no more rows."""
        self._closed = True
        if hasattr(self, "_connection"):
            self._connection.close()

    def __enter__(self) -> "SqliteViews":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _id_of(customer: Customer) -> str:
    return customer.id


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _delete(file: Path, *, keep_file: bool = False) -> None:
    """Delete a database file with its write-ahead log."""
    for each in chain(() if keep_file else (file,), (file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        each.unlink(missing_ok=True)
