"""IdIndex against a dictionary, against crashes, and its bounds."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infra import id_pages, ids
from infra.id_pages import Words
from infra.ids import NOTHING, IdIndex, IdIndexError
from tests.patience import PATIENCE_S

MONTH = 2026 * 12
ROOT = Path(__file__).parents[2]


def u64(*numbers: int) -> Words:
    return np.array(numbers, dtype=np.uint64)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, chunks and levels so small that a few thousand entries go through every path."""
    monkeypatch.setattr(id_pages, "PAGE_IDS", 16)
    monkeypatch.setattr(id_pages, "CHUNK_IDS", 100)
    monkeypatch.setattr(id_pages, "PAGE_CACHE", 8)
    monkeypatch.setattr(ids, "_SMALLEST_LEVEL_IDS", 64)
    monkeypatch.setattr(ids, "_MERGE_AT_LEAST_IDS", 64)
    monkeypatch.setattr(ids, "_SHARED_WIDTH_IDS", 300)


class Model:
    """What an index must hold, as plain dictionaries; remembers what the last flush made durable."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, int]] = []
        self.durable: list[tuple[int, int, int]] = []
        self.through = NOTHING

    def add(self, month: int, keys: Words, positions: Words) -> None:
        self.entries += [(month, k, p) for k, p in zip(keys.tolist(), positions.tolist(), strict=True)]

    def flush(self, through: int) -> None:
        self.durable, self.through = list(self.entries), through

    def lose(self) -> None:
        self.entries = list(self.durable)

    def lookup(self, month: int, keys: Words) -> list[tuple[int, int]]:
        by_key = defaultdict(list)
        for at, key in enumerate(keys.tolist()):
            by_key[key].append(at)
        return sorted((at, p) for m, k, p in self.entries if m == month for at in by_key.get(k, ()))

    def find(self, key: int) -> list[int]:
        return sorted(p for _, k, p in self.entries if k == key)

    def shared(self) -> list[tuple[int, list[int]]]:
        by_key = defaultdict(set)
        for _, key, position in self.entries:
            by_key[key].add(position)
        return sorted((key, sorted(places)) for key, places in by_key.items() if len(places) > 1)


def assert_equal(index: IdIndex, model: Model, probes: Words) -> None:
    assert len(index) == len(model.entries)
    assert index.through == model.through
    for month in range(MONTH - 1, MONTH + 5):
        assert index.lookup(month, probes) == model.lookup(month, probes)
        for few in (probes[:6], probes[6:9], probes[-1:]):
            assert index.lookup(month, few) == model.lookup(month, few)
    for key in probes[:20].tolist():
        assert index.find(key) == model.find(key)
    assert list(index.shared_keys()) == model.shared()


@pytest.mark.parametrize("seed", range(6))
def test_behaves_like_a_dictionary(small: None, tmp_path: Path, seed: int) -> None:
    draw = np.random.Generator(np.random.PCG64(seed))
    path = str(tmp_path / "ids.sqlite") if seed else None
    index, model = IdIndex(path, recent_ids=200), Model()
    edges = [0, 1, (1 << 64) - 1, 1 << 63, (1 << 20) - 1, 1 << 32]
    pool = np.concatenate((u64(*edges), draw.integers(0, 1 << 64, 400, dtype=np.uint64)))
    held_merges = 0
    for block in range(150):
        month = MONTH + min(3, block // 40) - int(draw.random() < 0.1)
        size = int(draw.integers(0, 60))
        fresh = draw.integers(0, 1 << 64, size, dtype=np.uint64)
        keys = np.where(draw.random(size) < 0.2, draw.choice(pool, size), fresh)
        positions = (np.uint64(block) << np.uint64(24)) | np.arange(size, dtype=np.uint64)
        assert index.lookup(month, keys) == model.lookup(month, keys)
        index.add(month, keys, positions)
        model.add(month, keys, positions)
        if index.needs_flush or draw.random() < 0.1:
            index.flush(block)
            model.flush(block)
        held_merges += len(index._merges)
        if path and draw.random() < 0.05:
            index.close()
            index = IdIndex(path, recent_ids=200)
            model.lose()
        if block % 25 == 24:
            assert_equal(index, model, np.concatenate((pool, fresh)))
    assert held_merges, "no merge ever took more than one flush: the test has lost its subject"
    index.close()


def test_recents_and_pages_answer_together() -> None:
    index = IdIndex(None)
    index.add(MONTH, u64(7, 8), u64(100, 101))
    index.flush(0)
    index.add(MONTH, u64(7), u64(1 << 24))
    index.add(MONTH + 1, u64(7), u64(2 << 24))
    assert index.lookup(MONTH, u64(8, 7)) == [(0, 101), (1, 100), (1, 1 << 24)]
    assert index.lookup(MONTH + 1, u64(8, 7)) == [(1, 2 << 24)]
    assert index.lookup(MONTH + 2, u64(8, 7)) == []
    assert index.find(7) == [100, 1 << 24, 2 << 24]
    assert list(index.shared_keys()) == [(7, [100, 1 << 24, 2 << 24])]


def test_an_index_of_nothing_answers_nothing() -> None:
    index = IdIndex(None)
    index.flush(0)
    assert index.lookup(MONTH, u64(1)) == []
    assert index.lookup(MONTH, u64()) == []
    assert index.find(1) == []
    assert list(index.shared_keys()) == []
    assert len(index) == 0


def test_one_key_at_thousands_of_positions_is_returned_whole(small: None) -> None:
    index = IdIndex(None)
    same, positions = np.full(3_000, 5, dtype=np.uint64), np.arange(3_000, dtype=np.uint64)
    index.add(MONTH, same, positions)
    assert index.lookup(MONTH, u64(5)) == [(0, p) for p in range(3_000)]
    index.add(MONTH, u64(4, 6), u64(9_000, 9_001))
    index.flush(0)
    assert index.lookup(MONTH, u64(6, 5, 4)) == [(0, 9_001), *((1, p) for p in range(3_000)), (2, 9_000)]
    assert index.find(5) == list(range(3_000))


def test_a_filter_that_says_perhaps_is_not_an_answer() -> None:
    index = IdIndex(None)
    held = np.arange(1, 5_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    index.add(MONTH, held, held)
    index.flush(0)
    twins = held ^ np.uint64(1 << 31)  # the same filter words and the same bits in them
    run = index._buckets[MONTH][0]
    assert len(index._pages.candidates(run, twins, id_pages.filter_bits(twins))) == len(twins)
    assert index.lookup(MONTH, twins) == []
    assert index.find(int(twins[0])) == []


def test_unknown_keys_seldom_cost_a_page() -> None:
    draw = np.random.Generator(np.random.PCG64(1))
    index = IdIndex(None)
    index.add(MONTH, draw.integers(0, 1 << 64, 100_000, dtype=np.uint64), np.arange(100_000, dtype=np.uint64))
    index.flush(0)
    unknown = draw.integers(0, 1 << 64, 100_000, dtype=np.uint64)
    perhaps = index._pages.candidates(index._buckets[MONTH][0], unknown, id_pages.filter_bits(unknown))
    assert len(perhaps) < 100


def test_what_was_not_flushed_is_lost_and_through_says_so(tmp_path: Path) -> None:
    path = str(tmp_path / "ids.sqlite")
    index = IdIndex(path)
    assert index.through == NOTHING
    index.add(MONTH, u64(1), u64(3 << 24))
    index.flush(3)
    index.add(MONTH, u64(2), u64(4 << 24))
    index.close()
    index = IdIndex(path)
    assert index.through == 3
    assert index.lookup(MONTH, u64(1, 2)) == [(0, 3 << 24)]


def test_through_never_goes_back() -> None:
    index = IdIndex(None)
    index.flush(5)
    with pytest.raises(ValueError, match="through block 4"):
        index.flush(4)
    assert index.through == 5


def test_keys_without_positions_are_refused() -> None:
    index = IdIndex(None)
    with pytest.raises(ValueError, match="2 keys but 1 positions"):
        index.add(MONTH, u64(1, 2), u64(1))


def test_asks_for_a_flush_when_recents_are_full() -> None:
    index = IdIndex(None, recent_ids=3)
    index.add(MONTH, u64(1, 2), u64(1, 2))
    asked = [index.needs_flush]
    index.add(MONTH, u64(3, 4, 5, 6, 7, 8), u64(3, 4, 5, 6, 7, 8))
    asked.append(index.needs_flush)
    assert index.lookup(MONTH, u64(2, 8)) == [(0, 2), (1, 8)]
    index.flush(1)
    assert [*asked, index.needs_flush] == [False, True, False]


def fill(index: IdIndex, month: int, size: int, block: int) -> None:
    keys = np.random.Generator(np.random.PCG64(block)).integers(0, 1 << 64, size, dtype=np.uint64)
    index.add(month, keys, (np.uint64(block) << np.uint64(24)) | np.arange(size, dtype=np.uint64))


def test_runs_stay_few_and_a_month_at_rest_ends_as_one(small: None) -> None:
    index = IdIndex(None)
    for block in range(200):
        fill(index, MONTH, 50, block)
        index.flush(block)
        assert len(index._buckets[MONTH]) <= 3 * 8
    for block in range(200, 300):
        fill(index, MONTH + 1, 50, block)
        index.flush(block)
    assert [run.ids for run in index._buckets[MONTH]] == [200 * 50]


def test_late_ids_do_not_rewrite_a_large_month(small: None) -> None:
    index = IdIndex(None)
    fill(index, MONTH, 5_000, 0)
    index.flush(0)
    for block in range(1, 60):
        fill(index, MONTH, 1 if block in (5, 20) else 0, block)
        fill(index, MONTH + 1, 20, block)
        index.flush(block)
    assert sorted(run.ids for run in index._buckets[MONTH]) == [2, 5_000]


def test_merging_in_a_flush_is_bounded_by_what_it_flushes(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    index, read, most = IdIndex(None), list[int](), 0
    span = index._pages.span

    def counted(run: id_pages.Run, low: int, high: int) -> tuple[Words, Words]:
        part = span(run, low, high)
        read.append(len(part[0]))
        return part

    monkeypatch.setattr(index._pages, "span", counted)
    for block in range(300):
        fill(index, MONTH, 40, block)
        read.clear()
        index.flush(block)
        most = max(most, sum(read))
    # Four times what is flushed, and at most a page of each of eight sources over.
    assert 100 < most <= 4 * 40 + 2 * 8 * 16


def test_the_file_holds_the_pages_of_its_runs_and_no_others(small: None, tmp_path: Path) -> None:
    path = str(tmp_path / "ids.sqlite")
    index = IdIndex(path)
    block = 0
    while block < 60 or not any(merge.slots for merge in index._merges):
        fill(index, MONTH, 50, block)
        index.flush(block)
        block += 1
    index.close()
    IdIndex(path).close()
    db = sqlite3.connect(path)
    (left,) = db.execute("SELECT count(*) FROM extents WHERE run NOT IN (SELECT run FROM runs)").fetchone()
    (pages,) = db.execute("SELECT count(*) FROM pages").fetchone()
    (named,) = db.execute("SELECT sum(pages) FROM extents").fetchone()
    (held,) = db.execute("SELECT sum(ids) FROM runs").fetchone()
    assert (left, pages, held) == (0, named, 50 * block)


def test_a_flush_that_fails_changes_nothing(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    index, model = IdIndex(None), Model()
    for block in range(20):
        keys = np.arange(block * 30, block * 30 + 30, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        index.add(MONTH, keys, keys)
        model.add(MONTH, keys, keys)
        if block < 19:
            index.flush(block)
            model.flush(block)

    def full_disk(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(index, "_merge", full_disk)
        with pytest.raises(sqlite3.OperationalError):
            index.flush(19)
    assert_equal(index, model, keys)
    index.flush(19)
    model.flush(19)
    assert_equal(index, model, keys)


def test_a_second_writer_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "ids.sqlite")
    first, second = IdIndex(path), IdIndex(path)
    second.add(MONTH, u64(1), u64(1))
    second.flush(1)
    first.add(MONTH, u64(2), u64(2))
    for _ in range(2):
        with pytest.raises(IdIndexError, match="another writer"):
            first.flush(2)
    assert IdIndex(path).through == 1


def test_a_file_that_is_no_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ids.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(IdIndexError, match=r"ids\.sqlite cannot be read"):
        IdIndex(str(path))
    path.unlink()
    index = IdIndex(str(path))
    index._pages.set_meta("format", 99)
    index.close()
    with pytest.raises(IdIndexError, match="format 99"):
        IdIndex(str(path))


CHILD = textwrap.dedent("""
    import os, signal, sys
    import numpy as np
    from infra import id_pages, ids
    id_pages.PAGE_IDS, id_pages.CHUNK_IDS = 16, 100
    ids._SMALLEST_LEVEL_IDS = ids._MERGE_AT_LEAST_IDS = 64
    path, statement = sys.argv[1], int(sys.argv[2])
    index = ids.IdIndex(path)
    seen = 0
    def count(sql):
        global seen
        seen += 1
        if seen == statement:
            os.kill(os.getpid(), signal.SIGKILL)
    if statement:
        index._pages.db.set_trace_callback(count)
    block = index.through
    while True:
        block += 1
        keys = np.random.Generator(np.random.PCG64(block)).integers(0, 1 << 64, 50, dtype=np.uint64)
        index.add(24312 + block // 30, keys, (np.uint64(block) << np.uint64(24)) | np.arange(50, dtype=np.uint64))
        index.flush(block)
        print("flushed", flush=True)
""")


def assert_whole(path: str) -> int:
    """The index holds exactly the blocks that it says it holds; returns the last."""
    index = IdIndex(path)
    assert len(index) == 50 * (index.through + 1)
    for block in range(index.through + 1):
        keys = np.random.Generator(np.random.PCG64(block)).integers(0, 1 << 64, 50, dtype=np.uint64)
        assert index.lookup(MONTH + block // 30, keys) == [(at, block << 24 | at) for at in range(50)]
    assert list(index.shared_keys()) == []
    through = index.through
    index.close()
    return through


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()


def start(children: list[subprocess.Popen[bytes]], path: str, statement: int) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, path, str(statement)], cwd=ROOT, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    children.append(child)
    return child


def test_killed_at_any_statement_of_a_flush_leaves_it_whole(
    tmp_path: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    path, through = str(tmp_path / "ids.sqlite"), NOTHING
    for statement in (1, 5, 10, 11, 13, 150, 333, 601, 1009, 1503):
        child = start(children, path, statement)
        assert child.wait(timeout=PATIENCE_S) == -signal.SIGKILL
        reached = assert_whole(path)
        assert reached >= through
        through = reached
    (largest,) = sqlite3.connect(path).execute("SELECT max(ids) FROM runs").fetchone()
    assert largest > 400, "the kills came too early to meet a merge of several flushes"


def test_killed_at_any_moment_leaves_it_whole(tmp_path: Path, children: list[subprocess.Popen[bytes]]) -> None:
    path, through = str(tmp_path / "ids.sqlite"), NOTHING
    for delay_s in (0.05, 0.13, 0.21):
        child = start(children, path, 0)
        assert child.stdout is not None
        assert child.stdout.readline() == b"flushed\n"
        time.sleep(delay_s)
        child.kill()
        child.wait(timeout=PATIENCE_S)
        reached = assert_whole(path)
        assert reached > through, "the child never flushed"
        through = reached
