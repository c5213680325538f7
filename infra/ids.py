"""IdIndex: which identities the log holds, and where.

Derived data: it may be deleted at any time and rebuilt from the log (LOG §2 "Ids"). It never decides anything: it names
positions whose lines may carry an identity, and the caller compares with the log.

An entry is (month, key, position):
- month     year * 12 + month - 1 of `occurred_at` in its own offset (DOMAIN §2 "Identity"): the bucket
- key       64-bit hash of source and event_id, made by the caller
- position  block << 24 | line of the log

Laws
- Entries are never replaced: the same key may stand at several positions (the same id of another customer, a
  collision of the hash), and all of them are returned.
- Only equal keys of the same month are returned: filters save reading pages, they never answer.
- `add` is visible to `lookup`, `find` and `shared_keys` at once; it is durable with the next `flush`.
- Pages and `through` change in one transaction. After a crash the index is as the last flush left it, whole; the caller
  adds the blocks after `through` again.
- The cost of an entry does not grow with the log: recents are a hash table of fixed size with chains, flushed entries
  lie in sorted runs which are merged by eights, each flush doing at most a fixed multiple of its own size of merging.
- A month at rest ends as one run, or as two while what came late is less than a sixteenth of it.
- One writer; used by one thread at a time. A second writer is noticed at flush and told, not merged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np
import numpy.typing as npt

from infra.id_pages import IdIndexError, IdPages, Indices, Merge, Run, Words, filter_bits

__all__ = ["IdIndex", "IdIndexError"]

FORMAT = 1
RECENT_IDS = 500_000
NOTHING = -1
"""`through` of an index that holds no block yet."""

_SLOTS = 1 << 20
_SLOT_MASK = np.int64(_SLOTS - 1)
_FAN_IN = 8
_SMALLEST_LEVEL_IDS = 1 << 16
_MERGE_SHARE = 4
"""Merging a flush may do, in multiples of what it flushes: each entry is rewritten about three times in its life."""
_MERGE_AT_LEAST_IDS = 1 << 16
_REST_GENERATIONS = 8
_SEAL_SHARE = 16
_SHARED_WIDTH_IDS = 1 << 20
_CONFLICT_ROUNDS = 8
_FEW = 16
_VERY_FEW = 8
"""So many entries are added, and keys looked up, one by one: arrays cost more before they save anything."""


class _Recents:
    """Entries not yet on pages: append-only columns, and chains by the key's low 20 bits, newest first."""

    def __init__(self, room: int) -> None:
        self.count = 0
        self.held_months: set[int] = set()
        self._newest = np.zeros(_SLOTS, dtype=np.int32)  # entry + 1; 0: none
        self._before = np.empty(room, dtype=np.int32)
        self._keys = np.empty(room, dtype=np.uint64)
        self._positions = np.empty(room, dtype=np.uint64)
        self._months = np.empty(room, dtype=np.int32)

    @property
    def keys(self) -> Words:
        return self._keys[: self.count]

    @property
    def positions(self) -> Words:
        return self._positions[: self.count]

    @property
    def months(self) -> npt.NDArray[np.int32]:
        return self._months[: self.count]

    def clear(self) -> None:
        self.count = 0
        self.held_months.clear()
        self._newest.fill(0)

    def add(self, month: int, keys: Words, positions: Words) -> None:
        if not len(keys):
            return
        first, end = self.count, self.count + len(keys)
        self.held_months.add(month)
        if end > len(self._keys):
            self._grow(end)
        self._keys[first:end] = keys
        self._positions[first:end] = positions
        self._months[first:end] = month
        if len(keys) <= _FEW:
            for entry, key in enumerate(keys.tolist(), first):
                slot = key & (_SLOTS - 1)
                self._before[entry] = self._newest[slot]
                self._newest[slot] = entry + 1
            self.count = end
            return
        slots = keys.view(np.int64) & _SLOT_MASK
        entries = np.arange(first + 1, end + 1, dtype=np.int32)
        for _ in range(_CONFLICT_ROUNDS):
            self._before[entries - 1] = self._newest[slots]
            self._newest[slots] = entries
            # Of entries with one slot the last written stands; the others go in front of it in the next round.
            lost = np.flatnonzero(self._newest[slots] != entries)
            if not len(lost):
                break
            slots, entries = slots[lost], entries[lost]
        else:
            for slot, entry in zip(slots.tolist(), entries.tolist(), strict=True):
                self._before[entry - 1] = self._newest[slot]
                self._newest[slot] = entry
        self.count = end

    def lookup(self, month: int, keys: Words) -> tuple[Indices, Words]:
        """(indices into keys, positions) of every entry of the month with an equal key."""
        found_at: list[Indices] = []
        found: list[Words] = []
        if self.count:
            entry = self._newest[keys.view(np.int64) & _SLOT_MASK]
            asked = np.flatnonzero(entry)
            entry = entry[asked] - 1
            while len(asked):
                equal = np.flatnonzero(self._keys[entry] == keys[asked])
                if len(equal):
                    equal = equal[self._months[entry[equal]] == month]
                    found_at.append(asked[equal])
                    found.append(self._positions[entry[equal]])
                entry = self._before[entry]
                more = np.flatnonzero(entry)
                asked, entry = asked[more], entry[more] - 1
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.uint64)
        return np.concatenate(found_at), np.concatenate(found)

    def find(self, key: int, month: int | None = None) -> list[int]:
        """Positions of the key, in one month or in any."""
        found = []
        entry = int(self._newest[key & (_SLOTS - 1)])
        while entry:
            if int(self._keys[entry - 1]) == key and (month is None or int(self._months[entry - 1]) == month):
                found.append(int(self._positions[entry - 1]))
            entry = int(self._before[entry - 1])
        return found

    def _grow(self, room: int) -> None:
        room = max(room, 2 * len(self._keys))
        for name in ("_before", "_keys", "_positions", "_months"):
            old = getattr(self, name)
            new = np.empty(room, dtype=old.dtype)
            new[: self.count] = old[: self.count]
            setattr(self, name, new)


class IdIndex:
    """The identities of one shard's log. Laws: the module's docstring."""

    def __init__(self, path: str | None, *, recent_ids: int = RECENT_IDS) -> None:
        """Open or create the index file; None or ":memory:" keeps it in memory.

        recent_ids: entries after which `needs_flush` says so; about 28 bytes of memory each.
        Raises IdIndexError if the file cannot be read or has another format: delete it and rebuild.
        """
        self.recent_ids = recent_ids
        self._pages = IdPages(path or ":memory:", FORMAT)
        self._recents = _Recents(recent_ids + (recent_ids >> 4) + 1)
        self._buckets: dict[int, list[Run]] = {}
        self._merges: list[Merge] = []
        self._through, self._generation = NOTHING, 0
        self._load()

    @property
    def through(self) -> int:
        """Every entry of blocks ≤ through is durably on pages; -1: none. After a crash later blocks are added again."""
        return self._through

    @property
    def needs_flush(self) -> bool:
        """True when the recents have reached their size. Without a flush they go on growing, and lookups slow down."""
        return self._recents.count >= self.recent_ids

    def __len__(self) -> int:
        """Entries held, on pages and recent."""
        return self._recents.count + sum(run.ids for run in self._all_runs())

    def lookup(self, month: int, keys: Words) -> list[tuple[int, int]]:
        """Every entry of the month with one of the keys: (index into keys, position), ascending.

        keys: uint64. Sees what was added before the call: duplicates within one batch are the caller's to notice.
        """
        keys = np.ascontiguousarray(keys, dtype=np.uint64)
        runs = self._buckets.get(month, ())
        if len(keys) <= _VERY_FEW:
            return self._lookup_one_by_one(month, keys, runs)
        found = [self._recents.lookup(month, keys)]
        if runs:
            bits = filter_bits(keys)
            for run in runs:
                perhaps = self._pages.candidates(run, keys, bits)
                if len(perhaps):
                    at, positions = self._pages.exact(run, keys[perhaps])
                    if len(at):
                        found.append((perhaps[at], positions))
        return sorted(pair for at, positions in found for pair in zip(at.tolist(), positions.tolist(), strict=True))

    def _lookup_one_by_one(self, month: int, keys: Words, runs: Iterable[Run]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for at, key in enumerate(keys.tolist()):
            found += ((at, position) for position in self._recents.find(key, month))
            for run in runs:
                if self._pages.perhaps(run, key):
                    found += ((at, position) for position in self._pages.exact(run, keys[at : at + 1])[1].tolist())
        return sorted(found)

    def add(self, month: int, keys: Words, positions: Words) -> None:
        """Take entries in, visible at once, durable with the next flush. keys, positions: uint64 of equal length."""
        if len(keys) != len(positions):
            raise ValueError(f"{len(keys)} keys but {len(positions)} positions")
        keys = np.ascontiguousarray(keys, dtype=np.uint64)
        self._recents.add(month, keys, np.ascontiguousarray(positions, dtype=np.uint64))

    def find(self, key: int) -> list[int]:
        """Positions of a key over all months, ascending: a reversal names an id without its month."""
        found = self._recents.find(key)
        for run in self._all_runs():
            if self._pages.perhaps(run, key):
                found.extend(self._pages.exact(run, np.array([key], dtype=np.uint64))[1].tolist())
        return sorted(found)

    def flush(self, through: int) -> None:
        """Write the recents to pages and set `through`, in one transaction; then merging due, a bounded step of it.

        through: the highest block whose entries, and those of all blocks before it, have been added. Never less than
        before (ValueError). A flush that fails leaves file and recents as they were. Raises IdIndexError if another
        writer has opened or flushed this file since: what this one holds is then of no use.
        """
        if through < self._through:
            raise ValueError(f"flush through block {through}, but the index is through block {self._through} already")
        db = self._pages.db
        db.execute("BEGIN IMMEDIATE")
        if self._pages.meta("generation", 0) != self._generation:
            db.execute("ROLLBACK")
            raise IdIndexError("another writer has this identity index; open it again")
        try:
            generation = self._generation + 1
            self._write_recents(generation)
            self._merge(max(_MERGE_AT_LEAST_IDS, _MERGE_SHARE * self._recents.count), generation)
            self._pages.set_meta("through", through)
            self._pages.set_meta("generation", generation)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._load()
            raise
        self._through, self._generation = through, generation
        self._recents.clear()

    def shared_keys(self) -> Iterator[tuple[int, list[int]]]:
        """Keys that stand at more than one position, in whatever months, ascending: (key, positions ascending).

        Reads every page once. Finish or drop the iterator before the next flush.
        """
        recent = self._recents.keys.copy(), self._recents.positions.copy()
        for keys, positions in self._pages.spans(list(self._all_runs()), _SHARED_WIDTH_IDS, recent):
            if not len(keys):
                continue
            order = np.argsort(keys)
            ordered = keys[order]
            same = ordered[1:] == ordered[:-1]
            shared = np.concatenate((same, [False])) | np.concatenate(([False], same))
            pairs = zip(ordered[shared].tolist(), positions[order[shared]].tolist(), strict=True)
            for key, group in groupby(sorted(set(pairs)), lambda pair: pair[0]):
                places = [position for _, position in group]
                if len(places) > 1:
                    yield key, places

    def close(self) -> None:
        """Close the file. Recents not flushed are lost, as after a crash: `through` says what is held."""
        self._pages.db.close()

    def _load(self) -> None:
        """Take the state from the file; what unfinished merges left is removed."""
        db = self._pages.db
        db.execute("BEGIN IMMEDIATE")
        try:
            dropped = self._pages.drop_unfinished()
            self._generation = self._pages.meta("generation", 0) + (1 if dropped else 0)
            self._pages.set_meta("generation", self._generation)
            self._through = self._pages.meta("through", NOTHING)
            self._set_runs(self._pages.runs())
            db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise IdIndexError(f"the identity index cannot be read ({error}): delete it, it is rebuilt") from error
        self._merges = []

    def _set_runs(self, runs: Iterable[Run]) -> None:
        self._buckets = {}
        for run in runs:
            self._buckets.setdefault(run.month, []).append(run)

    def _all_runs(self) -> Iterator[Run]:
        for runs in self._buckets.values():
            yield from runs

    def _write_recents(self, generation: int) -> None:
        """A new run for every month among the recents."""
        keys, positions, months = self._recents.keys, self._recents.positions, self._recents.months
        order = np.argsort(keys)
        touched = sorted(self._recents.held_months)
        for month in touched:
            of_month = order if len(touched) == 1 else order[months[order] == month]
            run = self._pages.write_run(month, keys[of_month], positions[of_month], generation)
            self._buckets.setdefault(month, []).append(run)

    def _merge(self, budget_ids: int, generation: int) -> None:
        """Start the merges that are due and advance them, the smallest first, within the budget."""
        busy = {run.number for merge in self._merges for run in merge.sources}
        for runs in self._buckets.values():
            idle = [run for run in runs if run.number not in busy]
            due = _due(idle, generation, rests=len(idle) == len(runs))
            if due:
                self._merges.append(self._pages.start_merge(due))
        for merge in sorted(self._merges, key=lambda each: each.ids):
            if budget_ids <= 0:
                break
            done, result = self._pages.advance(merge, budget_ids)
            budget_ids -= done
            if result is not None:
                self._merges.remove(merge)
                gone = {run.number for run in merge.sources}
                kept = [run for run in self._buckets[result.month] if run.number not in gone]
                self._buckets[result.month] = [*kept, result]


def _due(runs: list[Run], generation: int, rests: bool) -> list[Run]:
    """The runs of a bucket to merge now, or none: eight of one level, or what a month at rest still has apart.

    rests: no merge of the bucket is under way.
    """
    levels: dict[int, list[Run]] = {}
    for run in runs:
        levels.setdefault(_level(run.ids), []).append(run)
    for _, same in sorted(levels.items()):
        if len(same) >= _FAN_IN:
            return same
    if not rests or len(runs) < 2 or any(run.born > generation - _REST_GENERATIONS for run in runs):
        return []
    *small, large = sorted(runs, key=lambda run: run.ids)
    if sum(run.ids for run in small) * _SEAL_SHARE >= large.ids:
        return runs
    return small if len(small) > 1 else []


def _level(ids: int) -> int:
    level = 0
    while ids >= _SMALLEST_LEVEL_IDS:
        ids //= _FAN_IN
        level += 1
    return level
