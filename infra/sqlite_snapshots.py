"""Snapshots of a shard in a SQLite file: the state at one block, whole, in one transaction. Derived: may be deleted."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path


class SqliteSnapshots:
    """Keeps the latest snapshot. path: the file. A file that cannot be read counts as no snapshot."""

    def __init__(self, path: str) -> None:
        self._path = path

    def block(self) -> int:
        """The block that the snapshot stands on; 0: none."""
        with suppress(sqlite3.Error), closing(self._open()) as connection:
            row = connection.execute("SELECT block FROM frame").fetchone()
            return int(row[0]) if row else 0
        return 0

    def load(self) -> tuple[bytes, Iterator[bytes]] | None:
        """Frame and chunks of the snapshot, None if there is none."""
        try:
            connection = self._open()
            row = connection.execute("SELECT frame FROM frame").fetchone()
        except sqlite3.Error:
            return None
        if row is None:
            connection.close()
            return None
        return bytes(row[0]), _chunks(connection)

    def save(self, block: int, frame: bytes, chunks: Iterable[bytes]) -> None:
        """Replace the snapshot. After a crash the old one or the new one is there, whole."""
        with closing(self._open()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM frame")
            connection.execute("DELETE FROM chunk")
            connection.execute("INSERT INTO frame VALUES (?, ?)", (block, frame))
            connection.executemany("INSERT INTO chunk VALUES (?, ?)", enumerate(chunks))

    def discard(self) -> None:
        """Forget the snapshot."""
        for suffix in ("", "-wal", "-shm"):
            Path(self._path + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS frame (block INTEGER NOT NULL, frame BLOB NOT NULL)")
        connection.execute("CREATE TABLE IF NOT EXISTS chunk (at INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        return connection


def _chunks(connection: sqlite3.Connection) -> Iterator[bytes]:
    with closing(connection):
        for (chunk,) in connection.execute("SELECT bytes FROM chunk ORDER BY at"):
            yield bytes(chunk)
