"""One customer's lines: exactly those that a look at every line of the log finds, however they are read."""

import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from infra.history_pages import SqliteHistoryPages
from processors import history as module
from processors.history import History
from processors.stored import Line, decode_lines
from tests.model.histories import history
from tests.proof.world import World

Found = list[tuple[int, int, Line]]


def twins() -> tuple[str, str]:
    """Two customer ids with one checksum."""
    seen: dict[int, str] = {}
    at = 0
    while True:
        name = sha256(b"%d" % at).hexdigest()[:12]
        other = seen.setdefault(crc32(name.encode()), name)
        if other != name:
            return other, name
        at += 1


TWINS = twins()
NOBODYS = "CW0RABCOO"
"""An id whose checksum is 0, as that of the empty id."""


def scanned(world: World, until: int | None = None) -> dict[str, Found]:
    """Every customer's lines, by decoding the whole log."""
    found: dict[str, Found] = defaultdict(list)
    for block in world.log.blocks():
        if until is None or block.number <= until:
            for at, line in enumerate(decode_lines(block.body)):
                customer_id = getattr(line, "customer_id", None)
                if customer_id is not None:
                    found[customer_id].append((block.number, block.first + at, line))
    return found


def world_of(seed: int, ids: tuple[str, ...] = TWINS) -> World:
    rng = random.Random(seed)
    policies, records = history(rng, size=150)
    known = sorted({record["customer_id"] for record in records if "customer_id" in record})
    named = dict(zip(known, ids, strict=False))
    for record in records:
        if record.get("customer_id") in named:
            record["customer_id"] = named[record["customer_id"]]
    world = World(policies)
    world.feed(records, rng)
    return world


read_only = cache(world_of)
"""For tests that write nothing to the log."""


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[SqliteHistoryPages]:
    found = SqliteHistoryPages(str(tmp_path / "history"))
    yield found
    found.close()


def equal(asked: History, world: World, customers: Iterable[str] = ()) -> None:
    """Whether the history tells what a look at every line finds."""
    head = world.log.head().block
    for until in (None, 0, head // 2, head, head + 5):
        expected = scanned(world, until)
        for customer_id in customers or [*scanned(world), "nobody"]:
            assert list(asked.lines_of(customer_id, until)) == expected.get(customer_id, [])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_the_lines_of_a_customer_are_all_and_only_its_own(
    seed: int, kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    world = read_only(seed)
    equal(History(world.log), world)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("packed_lines", [1, 90])
def test_pages_and_tail_tell_the_same(
    seed: int, packed_lines: int, pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", packed_lines)
    monkeypatch.setattr(module, "RUN_LINES", 60)
    world = read_only(seed)
    asked = History(world.log, pages)
    equal(asked, world)  # each question packs a run
    through, lines, _ = pages.standing()
    assert through
    assert world.log.head().lines - lines < packed_lines
    equal(asked, world)
    equal(History(world.log, SqliteHistoryPages(pages.path)), world)


def test_two_customers_with_one_checksum_are_kept_apart(
    pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", 1)
    first, second = TWINS
    assert crc32(first.encode()) == crc32(second.encode())
    world = world_of(2)
    packed = History(world.log, pages)
    packed.pack()
    for asked in (History(world.log), packed):
        found = {customer_id: list(asked.lines_of(customer_id)) for customer_id in TWINS}
        assert found == {customer_id: scanned(world)[customer_id] for customer_id in TWINS}
        assert all(found.values())


def test_one_run_is_packed_a_question_and_none_while_another_packs(
    pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", 1)
    monkeypatch.setattr(module, "RUN_LINES", 60)
    world = world_of(8)
    asked = History(world.log, SqliteHistoryPages(pages.path))
    with pages.alone() as alone:
        assert alone
        assert not list(asked.lines_of("nobody"))
        assert pages.standing()[0] == 0
    reached = [0]
    while reached[-1] < world.log.head().block:
        assert not list(asked.lines_of("nobody"))
        through, *_ = pages.standing()
        assert through > reached[-1]
        reached.append(through)
    assert len(reached) > 3


def test_few_lines_are_not_packed(pages: SqliteHistoryPages) -> None:
    world = world_of(9)
    equal(History(world.log, pages), world)
    assert not Path(pages.path).exists()


def test_pages_of_another_log_are_not_read_and_are_packed_anew(
    pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", 1)
    other, world = world_of(3), world_of(4)
    History(other.log, pages).pack()
    asked = History(world.log, pages)
    assert not asked.fits()
    equal(asked, world)
    asked.pack()
    assert asked.fits()
    assert pages.standing()[0] == world.log.head().block
    equal(asked, world)


def test_pages_beyond_the_end_that_a_reader_knows_are_read_up_to_it(
    pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", 1)
    world = world_of(5)
    History(world.log, pages).pack()
    head = world.log.head()
    earlier = msgspec.structs.replace(head, block=head.block - 3)
    monkeypatch.setattr(world.log, "head", lambda: earlier)
    asked = History(world.log, pages)
    assert asked.fits()
    expected = scanned(world, earlier.block)
    for customer_id in expected:
        assert list(asked.lines_of(customer_id)) == expected[customer_id]


def test_damaged_pages_are_done_without_and_packed_anew(
    pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", 1)
    world = world_of(6)
    asked = History(world.log, pages)
    asked.pack()
    with closing(sqlite3.connect(pages.path)) as db, db:
        db.execute("UPDATE page SET rows = zeroblob(9)")
    equal(asked, world)
    asked.pack()
    with closing(sqlite3.connect(pages.path)) as db:
        assert db.execute("SELECT COUNT(*) FROM page WHERE rows = zeroblob(9)").fetchone() == (0,)
    equal(asked, world)


def test_a_customer_whose_checksum_is_that_of_nobody(
    pages: SqliteHistoryPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACKED_LINES", 1)
    world = world_of(7, ids=(NOBODYS,))
    asked = History(world.log, pages)
    asked.pack()
    assert crc32(NOBODYS.encode()) == 0
    equal(asked, world, [NOBODYS])
    assert list(asked.lines_of(NOBODYS))
