"""History pages in a SQLite file: the law of the port, and what the file alone can promise."""

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest

from infra import history_pages
from infra.history_pages import SqliteHistoryPages
from processors.ports import Block, HistoryDamaged, HistoryPages
from tests.conformance.history_pages import (
    HistoryPagesConformance,
    Open,
    blocks_of,
    random_blocks,
    scanned,
    stamp,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bank.db-history")


@pytest.fixture
def pages(path: str) -> Iterator[SqliteHistoryPages]:
    found = SqliteHistoryPages(path)
    yield found
    found.close()


class TestSqliteHistoryPages(HistoryPagesConformance):
    @pytest.fixture
    def pages(self, path: str) -> Iterator[SqliteHistoryPages]:
        found = SqliteHistoryPages(path)
        yield found
        found.close()

    @pytest.fixture
    def reader(self, path: str) -> Iterator[Open]:
        opened: list[SqliteHistoryPages] = []

        def open_pages() -> HistoryPages:
            opened.append(SqliteHistoryPages(path))
            return opened[-1]

        yield open_pages
        for each in opened:
            each.close()


class TestSmallPages(TestSqliteHistoryPages):
    """Several pages a customer, several parts a run, merges after merges."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(history_pages, "PAGE_BYTES", 200)
        monkeypatch.setattr(history_pages, "FAN", 2)
        monkeypatch.setattr(history_pages, "_GATHERED_LINES", 130)
        monkeypatch.setattr(history_pages, "_LEAST_LEVEL_LINES", 10)


def runs(path: str) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT first_block, last_block FROM run ORDER BY first_block").fetchall()


def test_a_reader_makes_no_file(path: str) -> None:
    reader = SqliteHistoryPages(path)
    assert reader.standing() == (0, 0, "")
    assert reader.lines_of(1, 1) == (0, [])
    assert not Path(path).exists()


def test_runs_are_few_and_follow_each_other(pages: SqliteHistoryPages, path: str) -> None:
    blocks = blocks_of(*([("C1", b"%d" % at)] * 100 for at in range(200)))
    most = 0
    for block in blocks:
        pages.pack([block], stamp)
        found = runs(path)
        most = max(most, len(found))
        assert found[0][0] == 1
        assert found[-1][1] == block.number
        assert all(before[1] + 1 == after[0] for before, after in pairwise(found))
    assert most <= 3 * history_pages.FAN
    assert pages.lines_of(crc32(b"C1"), 200)[1] == scanned(blocks, "C1", 200)
    with closing(sqlite3.connect(path)) as db:
        kept, named = db.execute(
            "SELECT (SELECT COUNT(*) FROM page), (SELECT SUM(LENGTH(heads)) / 4 FROM run)"
        ).fetchone()
    assert kept == named


def test_a_merge_makes_no_run_longer_than_said(
    pages: SqliteHistoryPages, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_pages, "MERGED_LINES", 1_000)
    blocks = blocks_of(*([("C1", b"%d" % at)] * 100 for at in range(50)))
    for block in blocks:
        pages.pack([block], stamp)
    assert max(last - first + 1 for first, last in runs(path)) in range(8, 11)
    assert pages.lines_of(crc32(b"C1"), 50)[1] == scanned(blocks, "C1", 50)


def test_lines_alike_take_little(pages: SqliteHistoryPages, path: str) -> None:
    rng = random.Random(1)
    lines = [
        (f"C{at % 500}", b'{"event_id":"t-%08d","type":"deposit","amount":%d,"currency":"CNY"}' % (at, rng.randrange(9000)))
        for at in range(20_000)
    ]  # fmt: skip
    pages.pack(blocks_of(lines), stamp)
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("SELECT SUM(LENGTH(places) + LENGTH(rows)) FROM page").fetchone()
    assert size / len(lines) < 10


def test_templates_that_are_full_keep_lines_as_they_are(
    pages: SqliteHistoryPages, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.history_rows.MOST_TEMPLATES", 2)
    blocks = blocks_of(*([("C1", b"%0*d" % (size, at)) for at in range(9)] for size in range(1, 9)))
    pages.pack(blocks, stamp)
    assert pages.lines_of(crc32(b"C1"), 9)[1] == scanned(blocks, "C1", 9)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT COUNT(*) FROM template").fetchone() == (2,)


def test_readers_see_one_moment_while_it_is_packed(path: str) -> None:
    blocks = random_blocks(random.Random(5), 60, customers=3)
    failures: list[object] = []
    done = threading.Event()

    def read() -> None:
        reader = SqliteHistoryPages(path)
        while not done.is_set():
            for name in ("C0", "C1", "C2"):
                through, found = reader.lines_of(crc32(name.encode()), len(blocks))
                if found != scanned(blocks, name, through):
                    failures.append((name, through))
        reader.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    packer = SqliteHistoryPages(path)
    for block in blocks:
        packer.pack([block], stamp)
    done.set()
    for each in readers:
        each.join()
    packer.close()
    assert not failures


# ------------------------------------------------------------------------------------------ damage


def _change(path: str, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


def _text(path: str) -> None:
    Path(path).write_text("not a database\n" * 99)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: _change(path, "UPDATE page SET rows = substr(rows, 1, 9)"),
        lambda path: _change(path, "UPDATE page SET rows = zeroblob(100)"),
        lambda path: _change(path, "UPDATE page SET places = zeroblob(0)"),
        lambda path: _change(path, "DELETE FROM page"),
        lambda path: _change(path, "DELETE FROM template"),
        lambda path: _change(path, "DROP TABLE run"),
        lambda path: _change(path, "UPDATE run SET starts = zeroblob(3)"),
        _text,
    ],
)
def test_damage_is_told_and_never_wrong_lines(path: str, damage: Callable[[str], None]) -> None:
    blocks = blocks_of([("C1", b'{"at":"%02d"}' % at) for at in range(90)])
    packer = SqliteHistoryPages(path)
    packer.pack(blocks, stamp)
    packer.close()
    damage(path)
    reader = SqliteHistoryPages(path)
    with pytest.raises(HistoryDamaged):
        reader.lines_of(crc32(b"C1"), 1)
    reader.close()


@pytest.mark.parametrize("statement", ["DROP TABLE standing", "DELETE FROM standing", "PRAGMA user_version = 99", None])
def test_a_file_of_no_use_counts_as_none_and_is_made_anew(path: str, statement: str | None) -> None:
    blocks = blocks_of([("C1", b'{"at":"%02d"}' % at) for at in range(90)])
    packer = SqliteHistoryPages(path)
    packer.pack(blocks, stamp)
    packer.close()
    if statement is None:
        _text(path)
    else:
        _change(path, statement)
    reader = SqliteHistoryPages(path)
    assert reader.standing() == (0, 0, "")
    reader.close()
    packer = SqliteHistoryPages(path)
    assert packer.standing() == (0, 0, "")
    for _ in range(2):  # the first one may find the damage, and then leaves nothing behind
        if not packer.standing()[0]:
            packer.pack(blocks, stamp)
    assert packer.lines_of(crc32(b"C1"), 1) == (1, scanned(blocks, "C1", 1))
    packer.close()


def test_a_line_that_is_cut_in_two_by_blocks_is_no_matter(pages: SqliteHistoryPages) -> None:
    """The last line of a body ends without a newline, an empty body has one empty line or none."""
    blocks = [
        Block(1, 0, 0, 0, 0, "", 1, b"", b""),
        Block(2, 0, 1, 1, 0, "", 1, crc32(b"C1").to_bytes(4, "little"), b""),
        Block(3, 1, 1, 1, 0, "", 1, crc32(b"C1").to_bytes(4, "little"), b"x"),
    ]
    pages.pack(blocks, stamp)
    assert pages.lines_of(crc32(b"C1"), 3) == (3, [(2, 0, b""), (3, 1, b"x")])
