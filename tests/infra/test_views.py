"""The views file: positions and rows commit together, pages stand on one block, a rebuilt file takes over whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from guanxi.simulator import stream
from infra.sqlite_views import SqliteViews
from processors.ports import ViewsUnusable
from projections.catalog import PROJECTIONS
from projections.counts import Counts
from projections.feed import Feed, Freshness, Row
from projections.table import Table
from tests.conformance.views import OpenViews, ViewsConformance
from tests.conformance.worth import WorthConformance
from tests.projections.world import World, close, money, opened, rows


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.views.close()
    found.log.close()


class TestSqliteViews(ViewsConformance, WorthConformance):
    @pytest.fixture
    def open_views(self, tmp_path: Path) -> Iterator[OpenViews]:
        with ExitStack() as stack:
            yield lambda **how: stack.enter_context(SqliteViews(tmp_path / "views", write=True, **how))

    @pytest.fixture
    def answers(self, tmp_path: Path, open_views: OpenViews) -> Iterator[SqliteViews]:
        open_views()  # makes the file
        with SqliteViews(tmp_path / "views") as found:
            yield found


def feed_of(world: World) -> Feed:
    return Feed(list(world.told), list(world.shard.customers), world.shard, "s1")


# ---------------------------------------------------------------------------------------------- putting


def test_positions_and_freshness_follow_what_was_put(world: World, tmp_path: Path) -> None:
    views = world.views
    assert {views.position(p.name) for p in PROJECTIONS} == {0}
    assert views.freshness == Freshness("", 0, None)
    world.tell(opened("C1", "A1", "2026-01-01"))
    world.tell(close("2026-01-01"), money("deposit", "C1", "A1", 1, "2026-01-02"))
    assert views.freshness == Freshness("s1", 2, "2026-01-01")
    views.close()
    with SqliteViews(tmp_path / "views") as again:
        assert {again.position(p.name) for p in PROJECTIONS} == {2}
        assert again.freshness == Freshness("s1", 2, "2026-01-01")
        assert again.stale == ()
        with pytest.raises(KeyError):
            again.position("nothing")


class _Failing:
    name, version = "failing", 1
    table = Table("failing", (("one", "INTEGER"),), ("one",))

    def rows(self, feed: Feed) -> Iterator[Row]:
        yield (1,)
        if feed.customers:
            raise ZeroDivisionError


def test_a_fold_that_fails_writes_nothing_at_all(world: World, tmp_path: Path) -> None:
    world.take(opened("C1", "A1", "2026-01-01"))
    with SqliteViews(tmp_path / "failing", write=True, projections=(*PROJECTIONS, _Failing())) as views:
        with pytest.raises(ZeroDivisionError):
            views.put(feed_of(world), 1)
        assert views.counts()["taken"] == {}
        assert list(views.tiers()) == []
        assert views.freshness.block == 0
        assert views.position("aum") == 0
        feed = feed_of(world)
        feed.customers = ()
        views.put(feed, 1)
        assert views.counts()["taken"] == {"account_opened": 1}


# ---------------------------------------------------------------------------------------------- reading


def test_an_answer_left_in_the_middle_lets_go_of_its_block(world: World, tmp_path: Path) -> None:
    world.tell(opened("C1", "A1", "2026-01-01", 1), opened("C2", "A1", "2026-01-01", 1))
    with SqliteViews(tmp_path / "views") as reader:
        assert len(list(islice(reader.aum(), 1))) == 1
        world.tell(money("deposit", "C1", "A1", 5, "2026-01-02"))
        assert rows(reader.aum(), "spot") == [(6,), (1,)]


def test_the_writer_does_not_write_into_its_own_page(world: World) -> None:
    world.tell(opened("C1", "A1", "2026-01-01", 1))
    world.take(opened("C2", "A1", "2026-01-01", 1))
    with world.views.page():
        with pytest.raises(ViewsUnusable, match="page is being read"):
            world.put()
        assert rows(world.views.aum(), "customer_id") == [("C1",)]
    world.put()
    assert rows(world.views.aum(), "customer_id") == [("C1",), ("C2",)]


def test_a_reader_changes_nothing(world: World, tmp_path: Path) -> None:
    world.tell(opened("C1", "A1", "2026-01-01"))
    world.take(opened("C2", "A1", "2026-01-01"))
    with SqliteViews(tmp_path / "views") as reader, pytest.raises(ViewsUnusable, match="readonly"):
        reader.put(feed_of(world), 2)


def test_views_that_are_not_there_or_are_no_views_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ViewsUnusable, match="guanxi rebuild"):
        SqliteViews(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "odd").write_bytes(b"something else, long enough to be looked at" * 100)
    for write in (False, True):
        with pytest.raises(ViewsUnusable, match="not a database"):
            SqliteViews(tmp_path / "odd", write=write)


class _Newer(Counts):
    version = Counts.version + 1


class _Wider(Counts):
    table = Table("counts", (*Counts.table.columns, ("more", "TEXT")), Counts.table.key, Counts.table.adds)


@pytest.mark.parametrize("changed", [_Newer(), _Wider()])
def test_another_version_or_another_table_means_rebuild(world: World, tmp_path: Path, changed: Any) -> None:
    world.tell(opened("C1", "A1", "2026-01-01"))
    world.views.close()
    projections = (*(p for p in PROJECTIONS if p.name != "counts"), changed)
    with SqliteViews(tmp_path / "views", write=True, projections=projections) as views:
        assert views.stale == ("counts",)
        assert (views.position("counts"), views.position("aum")) == (0, 1)
        with pytest.raises(ViewsUnusable, match=r"counts.*guanxi rebuild"):
            views.counts()
        with pytest.raises(ViewsUnusable, match=r"counts.*guanxi rebuild"):
            views.put(feed_of(world), 1)


# ---------------------------------------------------------------------------------------------- rebuilding


def test_a_swap_takes_effect_on_opening_and_old_readers_go_on(world: World, tmp_path: Path) -> None:
    path = tmp_path / "views"
    world.tell(opened("C1", "A1", "2026-01-01", 1), opened("C2", "A1", "2026-01-01", 1))
    world.views.close()
    for round_ in range(1, 4):
        with SqliteViews(path) as old:
            some = old.aum()
            assert next(some)["spot"] == round_
            world.take(money("deposit", "C1", "A1", 1, "2026-01-02"))
            world.rebuilt(path).swap()
            assert next(some)["customer_id"] == "C2"
            assert rows(old.aum(), "spot") == [(round_,), (1,)]
        with SqliteViews(path) as new:
            assert rows(new.aum(), "spot") == [(round_ + 1,), (1,)]
            assert new.freshness.block == round_ + 1
    assert {p.name for p in tmp_path.iterdir()} <= {"views", "views.3", "views.3-wal", "views.3-shm"}
    with SqliteViews(path, write=True) as writer:
        world.take(money("deposit", "C1", "A1", 1, "2026-01-03"))
        writer.put(feed_of(world), 5)
        with SqliteViews(path) as reader:
            assert rows(reader.aum(), "spot") == [(5,), (1,)]


@pytest.mark.parametrize("way", ["relative", "through a link", "nothing there"])
def test_a_swap_follows_every_way_to_the_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    world.tell(opened("C1", "A1", "2026-01-01", 1))
    world.views.close()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    path = {"relative": Path("views"), "through a link": tmp_path / "link" / "views", "nothing there": Path("new")}[way]
    (tmp_path / f"{path.name}.77").write_text("left behind when a link was deleted")
    (tmp_path / f"{path.name}.kept").write_text("not ours")
    for _ in range(2):
        world.rebuilt(path).swap()
        with SqliteViews(path) as reader:
            assert rows(reader.aum(), "spot") == [(1,)]
    assert path.is_symlink()
    others = {p.name for p in tmp_path.iterdir() if p.name.startswith(f"{path.name}.")}
    assert {name for name in others if not name.endswith(("-wal", "-shm"))} == {f"{path.name}.2", f"{path.name}.kept"}


def test_a_rebuild_that_died_leaves_the_live_views_and_is_cleared_away(world: World, tmp_path: Path) -> None:
    path = tmp_path / "views"
    world.tell(opened("C1", "A1", "2026-01-01", 1))
    died = world.rebuilt(path)
    died._connection.close()
    assert (tmp_path / "views.1").exists()
    with SqliteViews(path) as reader:
        assert rows(reader.aum(), "spot") == [(1,)]
    again = world.rebuilt(path)
    again.swap()
    again.discard()  # after a swap there is nothing to throw away
    with SqliteViews(path) as reader:
        assert rows(reader.aum(), "spot") == [(1,)]
    world.rebuilt(path).discard()
    assert not (tmp_path / "views.2").exists()


def test_only_views_made_beside_others_are_swapped(world: World) -> None:
    with pytest.raises(ViewsUnusable, match="not made beside"):
        world.views.swap()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_views_fed_block_by_block_are_those_made_anew(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path)
    lines = list(stream.records(customers=25, days=100, seed=seed, malformed=True))
    for at in range(0, len(lines), 97 * seed):
        world.take(*lines[at : at + 97 * seed])
        if at % (3 + seed):
            world.put()
    world.put()
    rebuilt = world.rebuilt(tmp_path / "views")
    try:
        assert [str(d) for d in world.views.differences(rebuilt)] == []
        assert sum(1 for _ in world.views.tiers()) == len(world.shard.customers) > 20
        assert sum(world.views.counts()["refused"].values()) > 10
    finally:
        rebuilt.discard()
        world.views.close()


def _state(path: Path, customer_id: str) -> bytes:
    with sqlite3.connect(path) as connection:
        found: bytes = connection.execute("SELECT state FROM aum WHERE customer_id = ?", (customer_id,)).fetchone()[0]
    connection.close()
    return found


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE aum SET spot = 4 WHERE customer_id = 'C1'", "aum C1 spot: 4, rebuilt 60000001"),
        ("DELETE FROM aum WHERE customer_id = 'C2'", "aum C2: missing, rebuilt "),
        ("INSERT INTO aum SELECT 'C0', spot, state FROM aum LIMIT 1", ", rebuilt missing"),
        ("UPDATE aum SET state = (SELECT state FROM aum WHERE customer_id = 'C2') WHERE customer_id = 'C1'",
         'aum C1 state.id: "C2", rebuilt "C1"'),
        ("UPDATE tiers SET watch = 1", "tiers C1 watch: 1, rebuilt 0"),
        ("UPDATE tier_story SET content = x'00'", 'tier_story C1 66 content: "AA==", rebuilt "'),
        ("UPDATE moves SET columns = x'00' WHERE block = 1", 'moves 1 columns: "AA==", rebuilt "'),
        ("UPDATE blocks SET accounts = 7 WHERE block = 1", "blocks 1 accounts: 7, rebuilt 2"),
        ("UPDATE rejected SET reason = 'x'", 'rejected 4 reason: "x", rebuilt "not_json"'),
        ("UPDATE counts SET count = 7 WHERE name = 'not_json'", "counts refused not_json count: 7, rebuilt 1"),
        ("UPDATE totals SET count = 7", "totals core 2026-01-31 s1 count: 7, rebuilt 1"),
        ("UPDATE basis SET facts = replace(CAST(facts AS TEXT), '\"block\":2', '\"block\":1')",
         "basis block: 1, rebuilt 2"),
    ],
)  # fmt: skip
def test_every_difference_is_told(world: World, tmp_path: Path, damage: str, told: str) -> None:
    world.tell(
        opened("C1", "A1", "2026-01-01", 60_000_000), opened("C2", "A2", "2026-01-01"), close("2026-01-01"), b"x"
    )
    world.tell(money("deposit", "C1", "A1", 1, "2026-01-31"), close("2026-01-31", totals={"count": 1, "signed_sum": 1}))
    rebuilt = world.rebuilt(tmp_path / "views")
    assert list(world.views.differences(rebuilt)) == []
    world.views._connection.execute(damage)
    found = [str(difference) for difference in world.views.differences(rebuilt)]
    assert len([each for each in found if told in each]) == 1, found
    rebuilt.discard()


def test_a_customer_packed_before_a_month_closed_is_no_difference(world: World, tmp_path: Path) -> None:
    world.tell(opened("C1", "A1", "2026-01-01", 60), opened("C2", "A1", "2026-01-01", 60), close("2026-01-01"))
    world.take(money("deposit", "C1", "A1", 1, "2026-01-02"), close("2026-01-31"))
    world.put()
    rebuilt = world.rebuilt(tmp_path / "views")
    world.shard.roll(customer := world.shard.customers.ensure("C2"))
    rebuilt.put(Feed([], [customer], world.shard, "s1"), 2)
    states = [_state(path, "C2") for path in (world.views.path, rebuilt.path)]
    assert states[0] != states[1]
    assert list(world.views.differences(rebuilt)) == []
    rebuilt.discard()
