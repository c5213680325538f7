"""Files that are derived from a log: whether one is whole, and its deletion, after which it is made anew."""

import os
import sqlite3
from pathlib import Path

import msgspec

# Damaged; no database; tables missing.
_DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
UNREADABLE = (sqlite3.DatabaseError, msgspec.MsgspecError)
"""What reading a damaged one raises; ``is_damage`` tells it from one that is busy."""


def is_damage(error: BaseException | None) -> bool:
    """Whether a file is not what was written, rather than busy, full or not to be had."""
    while error is not None:
        if isinstance(error, msgspec.MsgspecError):
            return True
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        if code in _DAMAGE_CODES:
            return True
        error = error.__cause__
    return False


def is_cut(path: str) -> bool:
    """Whether a SQLite file is shorter than it says; SQLite itself may read what is missing as zeros."""
    file, ahead = Path(os.path.realpath(path)), Path(os.path.realpath(path) + "-wal")
    if not file.exists() or (ahead.exists() and ahead.stat().st_size):
        return False
    with file.open("rb") as opened:
        header = opened.read(100)
    if len(header) < 100 or header[24:28] != header[92:96]:  # the count of pages is then not to be relied on
        return bool(header) and len(header) < 100
    page_bytes = int.from_bytes(header[16:18], "big")
    return file.stat().st_size < (65_536 if page_bytes == 1 else page_bytes) * int.from_bytes(header[28:32], "big")


def delete(path: str) -> None:
    """Delete a derived file; views may be a link to the file they were rebuilt into."""
    for file in {os.path.realpath(path), path}:
        for suffix in ("", "-wal", "-shm"):
            Path(file + suffix).unlink(missing_ok=True)
