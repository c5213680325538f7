"""One customer's lines side by side: runs of pages sorted by customer, in a SQLite file. Derived: may be deleted.

A run holds the lines of blocks that follow each other, sorted by the checksum of the customer id and then as in the log,
cut into pages; run behind run they cover the log from its first block to `through`. A page is two zstd frames: where its
lines stand (checksums, numbers of the lines, templates), and their rows (``infra.history_rows``). Reading a customer takes
one page of each run, more for those with very many lines, so when eight runs of a size have gathered they are merged, up
to MERGED_LINES.

Laws: one transaction a run or merge, so that after a crash the file holds it whole or not at all, and `through` with it.
Readers of other processes see the runs of one moment. The stamp ties the file to the log: who made the one knows the
other by it. A file that is damaged or of another format counts as none and is made anew by the next pack.
"""

import fcntl
import os
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard

from infra.history_rows import RAW, Bytes, Numbers, Offsets, Rows, Template, Templates, gathered
from processors.ports import Block, FoundLine, HistoryDamaged
from projections.frames import FRAMES

FORMAT = 1
PAGE_BYTES = 32_768
"""Rows of a page before compression, a little more counted for each."""
_A_LINE_BESIDE = 16
MERGED_LINES = 2_000_000
"""A merge makes no longer runs than this, for it happens in memory."""
FAN = 8
_LEAST_LEVEL_LINES = 3_125
_GATHERED_LINES = 32_768
_TABLES = (
    "CREATE TABLE standing (through INTEGER NOT NULL, lines INTEGER NOT NULL, stamp TEXT NOT NULL) STRICT",
    "INSERT INTO standing VALUES (0, 0, '')",
    "CREATE TABLE template (number INTEGER PRIMARY KEY, line BLOB NOT NULL, varies BLOB NOT NULL) STRICT",
    # starts: first line of each block, from the run's first line; heads: the first checksum of each page.
    "CREATE TABLE run (first_block INTEGER PRIMARY KEY, last_block INTEGER NOT NULL, first_line INTEGER NOT NULL, "
    "lines INTEGER NOT NULL, starts BLOB NOT NULL, first_page INTEGER NOT NULL, heads BLOB NOT NULL) STRICT",
    "CREATE TABLE page (number INTEGER PRIMARY KEY, places BLOB NOT NULL, rows BLOB NOT NULL) STRICT",
    f"PRAGMA user_version = {FORMAT}",
)
_COUNTS = struct.Struct("<II")
_BUSY_SECONDS = 30


class _Run(NamedTuple):
    first_block: int
    last_block: int
    first_line: int
    lines: int
    starts: Numbers
    first_page: int
    heads: Numbers

    @property
    def level(self) -> int:
        """How often runs of the least size were merged to reach this one's."""
        return max(0, ((self.lines // _LEAST_LEVEL_LINES) or 1).bit_length() - 1) // 3


class _Places(NamedTuple):
    customers: Numbers
    lines: Numbers
    templates: Numbers
    lengths: Numbers


class SqliteHistoryPages:
    """See the module and ``processors.ports.HistoryPages``. path: the file, made by the first pack."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._templates: dict[int, Template] = {}
        self._packer: Templates | None = None
        self._packed: tuple[int, int, str] = (0, 0, "")
        self._runs: list[_Run] = []
        self._seen: tuple[int, int, str] = (0, 0, "")

    # ------------------------------------------------------------------------------------------ looking

    def standing(self) -> tuple[int, int, str]:
        """See the port."""
        try:
            return self._standing()
        except (sqlite3.Error, zstandard.ZstdError) as error:
            if _is_busy(error):
                raise
            return 0, 0, ""

    def _standing(self) -> tuple[int, int, str]:
        db = self._open()
        if db is None or db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            return 0, 0, ""
        row = db.execute("SELECT through, lines, stamp FROM standing").fetchone()
        return (int(row[0]), int(row[1]), str(row[2])) if row else (0, 0, "")

    def lines_of(self, checksum: int, until_block: int) -> tuple[int, list[FoundLine]]:
        """See the port."""
        try:
            db = self._open()
            if db is None or db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                return 0, []
            db.execute("BEGIN")
            try:
                through = self._refresh(db)
                found = [
                    line for run in self._runs if run.first_block <= until_block
                    for line in self._of_run(db, run, checksum, until_block)
                ]  # fmt: skip
            finally:
                db.execute("ROLLBACK")
        except (sqlite3.DatabaseError, zstandard.ZstdError, LookupError, ValueError, struct.error, TypeError) as error:
            if _is_busy(error):
                raise
            raise HistoryDamaged(f"{self.path}: {error}") from error
        return through, found

    def _refresh(self, db: sqlite3.Connection) -> int:
        """Know the runs of this moment -> the last block in them."""
        seen = self._standing()
        if seen != self._seen or not self._runs:
            rows = db.execute("SELECT * FROM run ORDER BY first_block")
            self._runs = [
                _Run(
                    first,
                    last,
                    line,
                    lines,
                    np.frombuffer(FRAMES.decompress(starts), "<u4"),
                    page,
                    np.frombuffer(heads, "<u4"),
                )
                for first, last, line, lines, starts, page, heads in rows
            ]
            self._seen, self._templates = seen, {}
        return seen[0]

    def _of_run(self, db: sqlite3.Connection, run: _Run, checksum: int, until_block: int) -> Iterator[FoundLine]:
        page = max(int(run.heads.searchsorted(checksum, "left")) - 1, 0)
        last = int(run.heads.searchsorted(checksum, "right"))
        for number in range(run.first_page + page, run.first_page + last):
            packed, rows = db.execute("SELECT places, rows FROM page WHERE number = ?", (number,)).fetchone()
            places = _places(FRAMES.decompress(packed))
            start = int(places.customers.searchsorted(checksum, "left"))
            end = int(places.customers.searchsorted(checksum, "right"))
            if start == end:
                continue
            flat = FRAMES.decompress(rows)
            ends = np.cumsum(places.lengths, dtype=np.int64)
            for at in range(start, end):
                line, stop = int(places.lines[at]), int(ends[at])
                block = run.first_block + int(run.starts.searchsorted(line, "right")) - 1
                if block > until_block:
                    return
                row = flat[stop - int(places.lengths[at]) : stop]
                yield block, run.first_line + line, self._restored(db, int(places.templates[at]), row)

    def _restored(self, db: sqlite3.Connection, number: int, row: bytes) -> bytes:
        if number == RAW:
            return row
        template = self._templates.get(number)
        if template is None:
            found = db.execute("SELECT number, line, varies FROM template WHERE number = ?", (number,)).fetchone()
            template = self._templates[number] = _template(*found)
        return template.restored(row)

    # ------------------------------------------------------------------------------------------ packing

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """See the port."""
        try:
            lock = os.open(self.path + "-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:  # a folder that may only be read
            yield False
            return
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def pack(self, blocks: Iterable[Block], stamp: Callable[[Block], str]) -> None:
        """See the port."""
        try:
            self._pack(blocks, stamp)
        except BaseException as error:
            self._forget()
            if _is_damage(error):
                self.discard()
            elif not isinstance(error, sqlite3.OperationalError):  # of the machine: no disk space, no permission
                raise

    def _pack(self, blocks: Iterable[Block], stamp: Callable[[Block], str]) -> None:
        db = self._open(make=True)
        assert db is not None  # as it was made
        standing = through, lines, _ = self._standing()
        if self._packer is None or self._packed != standing:
            self._packer = Templates(_template(*row) for row in db.execute("SELECT * FROM template ORDER BY number"))
        parts: list[Rows] = []
        starts: list[int] = []
        first, base, end = through + 1, 0, lines
        for block in blocks:
            assert block.number == through + 1
            through, end = block.number, block.first + block.lines
            starts.append(block.first - lines)
            rows = self._packer.rows_of(block.body, block.customers)
            parts.append(rows._replace(lines=rows.lines + np.uint32(block.first - lines), offsets=rows.offsets + base))
            base += len(rows.flat)
            last = block
        if not parts:
            return
        run = _Run(first, through, lines, end - lines, np.array(starts, dtype="<u4"), 0, np.empty(0, "<u4"))
        db.execute("BEGIN IMMEDIATE")
        try:
            self._put_templates(db)
            self._put_run(db, run, _joined(parts))
            self._merge(db)
            self._packed = through, end, stamp(last)
            db.execute("UPDATE standing SET through = ?, lines = ?, stamp = ?", self._packed)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _put_templates(self, db: sqlite3.Connection) -> None:
        assert self._packer is not None
        made, self._packer.made = self._packer.made, []
        db.executemany(
            "INSERT INTO template VALUES (?, ?, ?)",
            [(each.number, each.line.tobytes(), np.packbits(each.varies).tobytes()) for each in made],
        )

    def _put_run(self, db: sqlite3.Connection, run: _Run, rows: Rows) -> None:
        order = np.argsort(rows.customers, kind="stable")
        first = int(db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM page").fetchone()[0])
        heads: list[int] = []
        for start in range(0, len(order), _GATHERED_LINES):
            part = order[start : start + _GATHERED_LINES]
            customers, lengths = rows.customers[part], rows.lengths[part]
            flat = gathered(rows.flat, rows.offsets[part], lengths)
            ends = np.cumsum(lengths, dtype=np.int64)
            weights = ends + _A_LINE_BESIDE * np.arange(1, len(part) + 1)
            cuts = np.unique(
                np.append(weights.searchsorted(np.arange(PAGE_BYTES, weights[-1], PAGE_BYTES)) + 1, len(part))
            )
            low = 0
            for high in cuts.tolist():
                one = part[low:high]
                places = _Places(
                    customers[low:high], rows.lines[one], rows.templates[one].astype(np.uint32), lengths[low:high]
                )
                begin, end = int(ends[low] - lengths[low]), int(ends[high - 1])
                db.execute(
                    "INSERT INTO page VALUES (?, ?, ?)",
                    (first + len(heads), FRAMES.compress(_packed(places)), FRAMES.compress(flat[begin:end].tobytes())),
                )
                heads.append(int(customers[low]))
                low = high
        db.execute(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run.first_block, run.last_block, run.first_line, run.lines, FRAMES.compress(run.starts.tobytes()), first,
             np.array(heads, dtype="<u4").tobytes()),
        )  # fmt: skip

    def _merge(self, db: sqlite3.Connection) -> None:
        """Merge the latest runs while eight or more of a size have gathered."""
        while True:
            self._seen, self._runs = (0, 0, ""), []
            self._refresh(db)
            sources = _gathered_runs(self._runs)
            if not sources:
                return
            parts, base, first = [], 0, sources[0]
            for run in sources:
                rows = self._rows_of(db, run)
                lines = rows.lines + np.uint32(run.first_line - first.first_line)
                parts.append(rows._replace(lines=lines, offsets=rows.offsets + base))
                base += len(rows.flat)
                db.execute(
                    "DELETE FROM page WHERE number BETWEEN ? AND ?",
                    (run.first_page, run.first_page + len(run.heads) - 1),
                )
                db.execute("DELETE FROM run WHERE first_block = ?", (run.first_block,))
            starts = np.concatenate([run.starts + np.uint32(run.first_line - first.first_line) for run in sources])
            lines_in_all = sum(run.lines for run in sources)
            merged = first._replace(last_block=sources[-1].last_block, lines=lines_in_all, starts=starts)
            self._put_run(db, merged, _joined(parts))

    def _rows_of(self, db: sqlite3.Connection, run: _Run) -> Rows:
        """All rows of a run, in the order of its pages."""
        pages = db.execute(
            "SELECT places, rows FROM page WHERE number BETWEEN ? AND ? ORDER BY number",
            (run.first_page, run.first_page + len(run.heads) - 1),
        )
        found, flats = [], [np.empty(0, np.uint8)]
        for packed, rows in pages:
            found.append(_places(FRAMES.decompress(packed)))
            flats.append(np.frombuffer(FRAMES.decompress(rows), dtype=np.uint8))
        empty = _Places(*(np.empty(0, np.uint32) for _ in range(4)))
        customers, lines, templates, lengths = (np.concatenate(each) for each in zip(empty, *found, strict=True))
        offsets: Offsets = np.cumsum(lengths, dtype=np.int64) - lengths
        flat: Bytes = np.concatenate(flats)
        return Rows(customers, lines, templates.astype(np.uint16), lengths, offsets, flat)

    def discard(self) -> None:
        """See the port."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(self.path + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """See the port."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._forget()

    def _forget(self) -> None:
        """Forget what is known of the file."""
        self._packer, self._templates, self._runs, self._seen = None, {}, [], (0, 0, "")

    # ------------------------------------------------------------------------------------------ the file

    def _open(self, *, make: bool = False) -> sqlite3.Connection | None:
        if self._db is None and (make or Path(self.path).exists()):
            self._db = self._connected()
        if make and self._db is not None:
            self._make(self._db)
        return self._db

    def _connected(self) -> sqlite3.Connection | None:
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA user_version")  # reads the file
        except BaseException:
            db.close()
            raise
        return db

    @staticmethod
    def _make(db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
            return
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        try:
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{table}"')
            for statement in _TABLES:
                db.execute(statement)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_damage(error: BaseException) -> bool:
    """Whether the file is not what was written, rather than busy, full or not to be had."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR  # a table is missing
    return isinstance(error, sqlite3.DatabaseError | zstandard.ZstdError)


def _template(number: int, line: bytes, varies: bytes) -> Template:
    known = np.frombuffer(line, dtype=np.uint8)
    return Template(number, known, np.unpackbits(np.frombuffer(varies, dtype=np.uint8), count=len(known)).astype(bool))


def _joined(parts: list[Rows]) -> Rows:
    return Rows(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _gathered_runs(runs: list[_Run]) -> list[_Run]:
    """The latest runs that are to be merged now, none if there are not enough of a size."""
    for level in sorted({run.level for run in runs}):
        latest = len(runs)
        while latest and runs[latest - 1].level <= level:
            latest -= 1
        sources = runs[latest:]
        if len(sources) >= FAN and sum(run.lines for run in sources) <= MERGED_LINES:
            return sources
    return []


def _planes(numbers: Numbers) -> bytes:
    """The low bytes of all numbers, then the next ones: alike bytes side by side."""
    return np.ascontiguousarray(numbers.astype("<u4").view(np.uint8).reshape(-1, 4).T).tobytes()


def _packed(places: _Places) -> bytes:
    """Checksums as steps with how often each is there, then line numbers, templates and lengths."""
    customers, counts = np.unique(places.customers, return_counts=True)
    steps = np.diff(customers.astype(np.int64), prepend=0).astype(np.uint32)
    head = _COUNTS.pack(len(places.customers), len(customers))
    columns = (steps, counts.astype(np.uint32), places.lines, places.templates, places.lengths)
    return head + b"".join(map(_planes, columns))


def _places(packed: bytes) -> _Places:
    lines, customers = _COUNTS.unpack_from(packed)
    at, columns = _COUNTS.size, []
    for count in (customers, customers, lines, lines, lines):
        planes = np.frombuffer(packed, dtype=np.uint8, count=4 * count, offset=at).reshape(4, count)
        columns.append(np.ascontiguousarray(planes.T).view("<u4").ravel())
        at += 4 * count
    steps, counts, numbers, templates, lengths = columns
    known = np.repeat(np.cumsum(steps, dtype=np.uint32), counts)
    return _Places(known, numbers, templates, lengths)
