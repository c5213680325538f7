"""Snapshots of a shard in a SQLite file: the state at one block, whole, in one transaction. Derived: may be deleted.

Every part has a checksum, and the whole carries a stamp of the block it stands on, by which its owner sees that it belongs
to this log. A file that is damaged or of another format counts as no snapshot and is replaced by the next one.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from zlib import crc32

import zstandard

from processors.ports import SnapshotDamaged
from projections.frames import FRAMES

FORMAT = 2
_TABLES = (
    "CREATE TABLE frame (block INTEGER NOT NULL, stamp TEXT NOT NULL, chunks INTEGER NOT NULL, crc INTEGER NOT NULL, "
    "bytes BLOB NOT NULL)",
    "CREATE TABLE chunk (at INTEGER PRIMARY KEY, crc INTEGER NOT NULL, bytes BLOB NOT NULL)",
    f"PRAGMA user_version = {FORMAT}",
)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteSnapshots:
    """Keeps the latest snapshot. path: the file. A file that cannot be read counts as no snapshot."""

    def __init__(self, path: str) -> None:
        self._path = path

    def block(self) -> int:
        """The block that the snapshot stands on; 0: none."""
        return self.standing()[0]

    def standing(self) -> tuple[int, str]:
        """The block that the snapshot stands on and its stamp; (0, ""): none."""
        try:
            with closing(self._open()) as connection:
                row = connection.execute("SELECT block, stamp FROM frame").fetchone()
        except sqlite3.Error:
            row = None
        return (int(row[0]), str(row[1])) if row else (0, "")

    def load(self) -> tuple[bytes, Iterator[bytes]] | None:
        """Frame and chunks of the snapshot, None if there is none. Raises SnapshotDamaged, the chunks as they are read."""
        try:
            connection = self._open()
            row = connection.execute("SELECT crc, bytes, chunks FROM frame").fetchone()
        except sqlite3.Error:
            return None
        if row is None:
            connection.close()
            return None
        return _whole(row[0], row[1]), _chunks(connection, row[2])

    def save(self, block: int, stamp: str, frame: bytes, chunks: Iterable[bytes]) -> None:
        """Replace the snapshot. After a crash the old one or the new one is there, whole."""
        try:
            self._save(block, stamp, frame, chunks)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                raise
            self.discard()  # the old one is of no use, and the next is made when this much happened again

    def _save(self, block: int, stamp: str, frame: bytes, chunks: Iterable[bytes]) -> None:
        with closing(self._open()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM frame")
            connection.execute("DELETE FROM chunk")
            count = 0
            for chunk in map(FRAMES.compress, chunks):
                connection.execute("INSERT INTO chunk VALUES (?, ?, ?)", (count, crc32(chunk), chunk))
                count += 1
            connection.execute("INSERT INTO frame VALUES (?, ?, ?, ?, ?)", (block, stamp, count, crc32(frame), frame))

    def discard(self) -> None:
        """Forget the snapshot."""
        for suffix in ("", "-wal", "-shm"):
            Path(self._path + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                connection.execute("BEGIN IMMEDIATE")
                for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                    connection.execute(f'DROP TABLE "{table}"')
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection


def _whole(crc: int, part: bytes) -> bytes:
    if crc32(part) != crc:
        raise SnapshotDamaged
    return bytes(part)


def _chunks(connection: sqlite3.Connection, count: int) -> Iterator[bytes]:
    seen = 0
    with closing(connection):
        try:
            for crc, chunk in connection.execute("SELECT crc, bytes FROM chunk ORDER BY at"):
                yield FRAMES.decompress(_whole(crc, chunk))
                seen += 1
        except (sqlite3.Error, zstandard.ZstdError) as error:
            raise SnapshotDamaged from error
    if seen != count:
        raise SnapshotDamaged
