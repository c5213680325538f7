"""Sorted pages of identity hashes on disk, and the runs, filters and merges built of them.

A *run* is a sorted sequence of (key, position) pairs of one month: key = 64-bit hash, position = where its line is in
the log. It lies in pages of 1,020 pairs (16,320 bytes: with its row it fills one 16 KB page of the SQLite file, so
that a look reads one page). In memory a run is its page heads and a filter; both are loaded when first needed.

Laws
- Every page belongs to an extent, every extent to a run. A run counts only when it stands in `runs`; extents of any
  other run are what an unfinished merge left, and are removed when the file is opened.
- Slots (page numbers) are never used twice, so a stale reader misses a page but never reads another one's.
- Filters may say "perhaps" for a key that is not there, never "no" for one that is. Pages decide.
- A merge keeps its sources until its result is whole, and advances in steps of bounded size: no pause grows with the
  log.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]

PAGE_IDS = 1_020
"""Pairs a page: 1,020 × 16 bytes and the row's overhead fit one SQLite page of 16,384 bytes without overflow."""
BITS_PER_ID = 20
"""Filter bits for each id, half in each of two words: 0.084% false positives, measured; a page read costs 15–30 µs."""
PAGE_CACHE = 256
CHUNK_IDS = 1 << 18
"""Pairs a merge holds in memory at once."""

_PROBES = 4
_PATTERNS = 1 << 15
_HALF = np.uint64(32)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, month INTEGER NOT NULL, ids INTEGER NOT NULL, born INTEGER NOT NULL,
    heads BLOB NOT NULL, filter BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS extents (first_slot INTEGER PRIMARY KEY, pages INTEGER NOT NULL, run INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS extents_of_run ON extents (run);
CREATE TABLE IF NOT EXISTS pages (slot INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""


class IdIndexError(Exception):
    """The index file is damaged, of another format, or changed by another writer; the log can always rebuild it."""


def _patterns() -> Words:
    """Up to `_PROBES` bits of a word for each value of 15 bits: a look in a table for fifteen array operations."""
    mixed = np.arange(1, _PATTERNS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    bits = np.zeros(_PATTERNS, dtype=np.uint64)
    for probe in range(_PROBES):
        bits |= np.uint64(1) << ((mixed >> np.uint64(6 * probe)) & np.uint64(63))
    return bits


_BITS = _patterns()


def filter_bits(keys: Words, half: int = 0) -> Words:
    """The bits a key sets in its filter word of a half: by its low 15 bits, or the next 15. Part of the format."""
    bits: Words = _BITS[(keys.view(np.int64) >> (15 * half)) & (_PATTERNS - 1)]
    return bits


def filter_word(keys: Words, words: int) -> Indices:
    """The filter word of each key: its high 32 bits scaled to the number of words, so it ascends with the key."""
    return (((keys >> _HALF) * np.uint64(words)) >> _HALF).view(np.int64)


def empty_filter(ids: int) -> Words:
    """A filter with room for that many ids: the words of one half, then those of the other."""
    return np.zeros(2 * max(1, (ids * BITS_PER_ID // 2 + 63) // 64), dtype=np.uint64)


def fill_filter(words: Words, sorted_keys: Words) -> None:
    """Enter ascending keys into a filter."""
    if not len(sorted_keys):
        return
    size = len(words) // 2
    at = filter_word(sorted_keys, size)
    starts = np.concatenate(([0], np.flatnonzero(at[1:] != at[:-1]) + 1))
    for half in (0, 1):
        words[at[starts] + half * size] |= np.bitwise_or.reduceat(filter_bits(sorted_keys, half), starts)


@dataclass(slots=True, eq=False)
class Run:
    """A finished run: pages sorted by key. `heads`, `filter` and `slots` are empty until `IdPages.load`."""

    number: int
    month: int
    ids: int
    born: int
    """The generation that last brought new ids: a bucket whose runs are all old has come to rest."""
    heads: Words | None = None
    filter: Words | None = None
    slots: Indices | None = None


@dataclass(slots=True, eq=False)
class Merge:
    """A merge under way: everything below `reached` lies in the result's pages already."""

    sources: Sequence[Run]
    number: int
    filter: Words
    reached: int = 0
    """The next key not yet merged; 2**64 when done."""
    heads: list[Words] = field(default_factory=list)
    slots: list[Indices] = field(default_factory=list)

    @property
    def ids(self) -> int:
        """Pairs the result will have."""
        return sum(run.ids for run in self.sources)


class IdPages:
    """The SQLite file of an identity index. Does not begin or commit: the caller's transaction decides."""

    def __init__(self, path: str, format_version: int) -> None:
        """Open or create; raises IdIndexError if the file is damaged or of another format."""
        self._cache: OrderedDict[int, tuple[Words, Words]] = OrderedDict()
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self.db.execute("PRAGMA page_size = 16384")
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.execute("PRAGMA busy_timeout = 5000")
            self.db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
            found = self.meta("format", format_version)
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise IdIndexError(f"the identity index {path} cannot be read ({error}): delete and rebuild it") from error
        if found != format_version:
            self.db.close()
            raise IdIndexError(f"the identity index {path} has format {found}, not {format_version}: delete it")
        self.set_meta("format", format_version)

    def meta(self, name: str, default: int) -> int:
        """A number kept beside the runs."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else int(row[0])

    def set_meta(self, name: str, value: int) -> None:
        """Keep a number beside the runs."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def runs(self) -> list[Run]:
        """All finished runs, without their heads and filters."""
        rows = self.db.execute("SELECT run, month, ids, born FROM runs ORDER BY run")
        return [Run(number, month, ids, born) for number, month, ids, born in rows]

    def drop_unfinished(self) -> int:
        """Remove the pages of merges that never finished; returns how many extents there were."""
        extents = self.db.execute(
            "SELECT first_slot, pages FROM extents WHERE run NOT IN (SELECT run FROM runs)"
        ).fetchall()
        for first, pages in extents:
            self._drop_extent(first, pages)
        return len(extents)

    def load(self, run: Run) -> tuple[Words, Words, Indices]:
        """Heads, filter and page slots of a run, read on first use."""
        if run.heads is None or run.filter is None or run.slots is None:
            row = self.db.execute("SELECT heads, filter FROM runs WHERE run = ?", (run.number,)).fetchone()
            if row is None:
                raise IdIndexError(f"run {run.number} is gone: another writer has this index; open it again")
            extents = self.db.execute(
                "SELECT first_slot, pages FROM extents WHERE run = ? ORDER BY first_slot", (run.number,)
            ).fetchall()
            run.heads = np.frombuffer(row[0], dtype="<u8")
            run.filter = np.frombuffer(row[1], dtype="<u8")
            run.slots = np.concatenate([np.arange(first, first + pages, dtype=np.int64) for first, pages in extents])
        return run.heads, run.filter, run.slots

    def write_run(self, month: int, keys: Words, positions: Words, born: int) -> Run:
        """Write ascending keys as a finished run."""
        number = self._next_run()
        heads, slots = self._write_pages(number, keys, positions)
        words = empty_filter(len(keys))
        fill_filter(words, keys)
        return self._finish(Run(number, month, len(keys), born, heads, words, slots))

    def candidates(self, run: Run, keys: Words, bits: Words) -> Indices:
        """Indices into `keys` of those that may be in the run. bits: `filter_bits(keys)`."""
        words = self.load(run)[1]
        size = len(words) // 2
        at = filter_word(keys, size)
        perhaps: Indices = ((words[at] & bits) == bits).nonzero()[0]
        # The first half lets one or two in a hundred pass: only these look at the second.
        bits = filter_bits(keys[perhaps], 1)
        passed: Indices = perhaps[((words[at[perhaps] + size] & bits) == bits).nonzero()[0]]
        return passed

    def perhaps(self, run: Run, key: int) -> bool:
        """`candidates` for one key, without arrays."""
        words = self.load(run)[1]
        size = len(words) // 2
        at = ((key >> 32) * size) >> 32
        bits = int(_BITS[key & (_PATTERNS - 1)])
        if int(words[at]) & bits != bits:
            return False
        bits = int(_BITS[(key >> 15) & (_PATTERNS - 1)])
        return int(words[at + size]) & bits == bits

    def exact(self, run: Run, keys: Words) -> tuple[Indices, Words]:
        """Every pair of the run whose key equals one asked for: (indices into `keys`, positions)."""
        heads, _, slots = self.load(run)
        order = np.argsort(keys)
        wanted = keys[order]
        # Equal keys may begin on the page before the one whose head they equal.
        first = np.maximum(heads.searchsorted(wanted, "left") - 1, 0)
        last = heads.searchsorted(wanted, "right") - 1
        found_at: list[Indices] = []
        found: list[Words] = []
        page, low, count = -1, 0, len(wanted)
        firsts, lasts = first.tolist(), last.tolist()
        while low < count:
            page = max(page + 1, firsts[low])
            high = low
            while high < count and firsts[high] <= page:
                high += 1
            if high > low and page <= lasts[high - 1]:
                page_keys, page_positions = self._page(int(slots[page]))
                left = page_keys.searchsorted(wanted[low:high], "left")
                hits = page_keys.searchsorted(wanted[low:high], "right") - left
                if hits.any():
                    which = np.repeat(np.arange(high - low), hits)
                    offset = np.arange(len(which)) - np.repeat(np.cumsum(hits) - hits, hits)
                    found_at.append(order[low:high][which])
                    found.append(page_positions[left[which] + offset])
            while low < count and lasts[low] <= page:
                low += 1
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.uint64)
        return np.concatenate(found_at), np.concatenate(found)

    def span(self, run: Run, low: int, high: int) -> tuple[Words, Words]:
        """The run's pairs with low ≤ key < high (high may be 2**64), ascending by key."""
        heads, _, slots = self.load(run)
        first = max(int(np.searchsorted(heads, np.uint64(low), "left")) - 1, 0)
        end = len(heads) if high >= 1 << 64 else int(np.searchsorted(heads, np.uint64(high), "left"))
        wanted = slots[first:end]
        if not len(wanted):
            return np.empty(0, np.uint64), np.empty(0, np.uint64)
        keys, positions = [], []
        for piece in np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1):
            rows = self.db.execute(
                "SELECT data FROM pages WHERE slot BETWEEN ? AND ? ORDER BY slot", (int(piece[0]), int(piece[-1]))
            ).fetchall()
            if len(rows) != len(piece):
                raise IdIndexError(f"run {run.number} misses pages: another writer, or damage; open it again")
            for (data,) in rows:
                pairs = np.frombuffer(data, dtype="<u8")
                keys.append(pairs[: len(pairs) // 2])
                positions.append(pairs[len(pairs) // 2 :])
        all_keys, all_positions = np.concatenate(keys), np.concatenate(positions)
        begin = int(np.searchsorted(all_keys, np.uint64(low), "left"))
        stop = len(all_keys) if high >= 1 << 64 else int(np.searchsorted(all_keys, np.uint64(high), "left"))
        return all_keys[begin:stop], all_positions[begin:stop]

    def start_merge(self, sources: Sequence[Run]) -> Merge:
        """Begin merging runs of one month."""
        return Merge(tuple(sources), self._next_run(), empty_filter(sum(run.ids for run in sources)))

    def advance(self, merge: Merge, budget_ids: int) -> tuple[int, Run | None]:
        """Merge about budget_ids more pairs; returns how many, and the finished run when it is whole.

        The sources' pages are removed with the finish; the result takes the place of its sources in `runs`.
        """
        done = 0
        while done < budget_ids and merge.reached < 1 << 64:
            low, high = merge.reached, self._chunk_end(merge, min(CHUNK_IDS, budget_ids - done))
            parts = [self.span(run, low, high) for run in merge.sources]
            keys = np.concatenate([part[0] for part in parts])
            positions = np.concatenate([part[1] for part in parts])
            order = np.argsort(keys, kind="stable")
            keys, positions = keys[order], positions[order]
            if len(keys):
                heads, slots = self._write_pages(merge.number, keys, positions)
                merge.heads.append(heads)
                merge.slots.append(slots)
                fill_filter(merge.filter, keys)
            merge.reached = high
            done += len(keys)
        if merge.reached < 1 << 64:
            return done, None
        born, month = max(run.born for run in merge.sources), merge.sources[0].month
        heads, slots = np.concatenate(merge.heads), np.concatenate(merge.slots)
        for run in merge.sources:
            self._drop_run(run)
        return done, self._finish(Run(merge.number, month, merge.ids, born, heads, merge.filter, slots))

    def spans(self, runs: Sequence[Run], width_ids: int, extra: tuple[Words, Words]) -> Iterator[tuple[Words, Words]]:
        """All pairs of the runs and of `extra` (unsorted), in consecutive ranges of keys, unsorted within a range."""
        total = sum(run.ids for run in runs) + len(extra[0])
        ranges = max(1, -(-total // width_ids))
        for number in range(ranges):
            low, high = (number << 64) // ranges, ((number + 1) << 64) // ranges
            inside = (extra[0] >= np.uint64(low)) & (extra[0] <= np.uint64(high - 1))
            parts = [self.span(run, low, high) for run in runs] + [(extra[0][inside], extra[1][inside])]
            yield np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _chunk_end(self, merge: Merge, chunk_ids: int) -> int:
        """The key up to which the next chunk goes: about chunk_ids pairs, ending where some page begins."""
        low = np.uint64(merge.reached)
        heads = np.sort(np.concatenate([heads[heads > low] for heads in (self.load(run)[0] for run in merge.sources)]))
        pages = max(1, chunk_ids // PAGE_IDS)
        return int(heads[pages]) if pages < len(heads) else 1 << 64

    def _page(self, slot: int) -> tuple[Words, Words]:
        page = self._cache.get(slot)
        if page is not None:
            self._cache.move_to_end(slot)
            return page
        row = self.db.execute("SELECT data FROM pages WHERE slot = ?", (slot,)).fetchone()
        if row is None:
            raise IdIndexError(f"page {slot} is gone: another writer has this index; open it again")
        pairs = np.frombuffer(row[0], dtype="<u8")
        page = pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]
        self._cache[slot] = page
        if len(self._cache) > PAGE_CACHE:
            self._cache.popitem(last=False)
        return page

    def _write_pages(self, run: int, keys: Words, positions: Words) -> tuple[Words, Indices]:
        first = self.meta("next_slot", 1)
        pages = -(-len(keys) // PAGE_IDS)
        full = len(keys) // PAGE_IDS
        both = np.empty((full, 2, PAGE_IDS), dtype="<u8")
        both[:, 0, :] = keys[: full * PAGE_IDS].reshape(full, PAGE_IDS)
        both[:, 1, :] = positions[: full * PAGE_IDS].reshape(full, PAGE_IDS)
        rows = [(first + page, both[page].data) for page in range(full)]
        if full < pages:
            rest = np.concatenate((keys[full * PAGE_IDS :], positions[full * PAGE_IDS :])).astype("<u8", copy=False)
            rows.append((first + full, rest.data))
        self.db.executemany("INSERT INTO pages VALUES (?, ?)", rows)
        self.db.execute("INSERT INTO extents VALUES (?, ?, ?)", (first, pages, run))
        self.set_meta("next_slot", first + pages)
        return keys[::PAGE_IDS].copy(), np.arange(first, first + pages, dtype=np.int64)

    def _next_run(self) -> int:
        number = self.meta("next_run", 1)
        self.set_meta("next_run", number + 1)
        return number

    def _finish(self, run: Run) -> Run:
        heads, words, _ = self.load(run)
        self.db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)",
            (run.number, run.month, run.ids, run.born, heads.astype("<u8").data, words.astype("<u8", copy=False).data),
        )
        return run

    def _drop_run(self, run: Run) -> None:
        extents = self.db.execute("SELECT first_slot, pages FROM extents WHERE run = ?", (run.number,)).fetchall()
        for first, pages in extents:
            self._drop_extent(first, pages)
        self.db.execute("DELETE FROM runs WHERE run = ?", (run.number,))

    def _drop_extent(self, first: int, pages: int) -> None:
        self.db.execute("DELETE FROM pages WHERE slot BETWEEN ? AND ?", (first, first + pages - 1))
        self.db.execute("DELETE FROM extents WHERE first_slot = ?", (first,))
