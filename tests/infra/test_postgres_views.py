"""The views on PostgreSQL: the law of every store of rows, and what a database that many use can promise and do wrong."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aggregates.dates import iso
from guanxi.simulator import stream
from infra.answers import Answers
from infra.postgres_answers import PostgresAnswers
from infra.postgres_schema import create_log
from infra.postgres_view_tables import view_tables
from processors.keeper import rebuild
from processors.partition import partition_of
from processors.ports import ViewsUnusable
from projections.catalog import PROJECTIONS
from projections.counts import Counts
from projections.feed import Feed, Row
from projections.moment import NothingKnown
from tests.conformance.views import OpenViews, ViewsConformance
from tests.conformance.worth import WorthConformance
from tests.infra.a_postgres_bank import PostgresBank, alive
from tests.patience import PATIENCE_S
from tests.postgres_server import Server
from tests.projections.world import World, close, money, opened, record, rows


def shard_of_id(customer_id: str) -> int:
    return partition_of(customer_id, 2)


def shard_of(line: bytes) -> int | None:
    """The shard that a record goes to, None: all."""
    try:
        customer_id = json.loads(line).get("customer_id")
    except ValueError:
        return 0
    return None if customer_id is None else shard_of_id(customer_id)


def wrongly_stated(customer_id: str, day: str) -> list[dict[str, Any]]:
    """Records of a day behind which an alert is in the log."""
    stated = record("balance_stated", customer_id, on=day, account_id="A1", balance=7, currency="CNY")
    return [opened(customer_id, "A1", day), stated | {"value_date": day}, close(day)]


def found_in_logs(alerts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what is counted over all shards."""
    return [alert for alert in alerts if alert["kind"] != "totals_differ"]


def iter_clock() -> Callable[[], str]:
    """A second later each time it is asked."""
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def now() -> str:
        nonlocal at
        at += timedelta(seconds=1)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    return now


class TestPostgresViews(ViewsConformance, WorthConformance):
    @pytest.fixture
    def open_views(self, bank: PostgresBank) -> OpenViews:
        return bank.open

    @pytest.fixture
    def answers(self, bank: PostgresBank) -> Answers:
        return bank.answers()


# ------------------------------------------------------------------------------------------ what dies and what waits


def test_what_was_prepared_is_written_later_as_it_was_then(bank: PostgresBank, tmp_path: Path) -> None:
    world = World(tmp_path, views=bank.open())
    world.tell(opened("C1", "A1", "2026-01-01", 5), close("2026-01-01"))
    world.take(money("deposit", "C1", "A1", 7, "2026-01-02"), b"bad")
    feed = world.feed()
    write = bank.open().prepare(feed.told, feed.customers, feed.shard, feed.shard_id, 2)
    answers = bank.answers()
    assert answers.freshness.block == 1
    world.take(money("deposit", "C1", "A1", 100, "2026-01-02"), b"bad")
    write()
    assert answers.freshness.block == 2
    assert rows(answers.aum(), "spot") == [(12,)]
    assert answers.counts()["refused"] == {"not_json": 1}
    world.put()
    assert rows(answers.aum(), "spot") == [(112,)]
    nothing = bank.open().prepare(feed.told, feed.customers, feed.shard, feed.shard_id, 2)
    nothing()  # older than the rows
    assert answers.freshness.block == 3


def test_what_was_prepared_is_not_written_where_another_told_meanwhile(bank: PostgresBank, tmp_path: Path) -> None:
    world = World(tmp_path, views=bank.open())
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    world.take(money("deposit", "C1", "A1", 7, "2026-01-02"), b"bad")
    feed = world.feed()
    write = bank.open().prepare(feed.told, feed.customers, feed.shard, feed.shard_id, 2)
    world.put()
    with pytest.raises(ViewsUnusable, match="another process told them meanwhile"):
        write()
    answers = bank.answers()
    assert answers.counts()["refused"] == {"not_json": 1}
    assert rows(answers.aum(), "spot") == [(12,)]


class _Dies(Counts):
    """Loses its connection in the middle of a tell, as behind a server that ends it."""

    def __init__(self, bank: PostgresBank) -> None:
        self._bank = bank
        self.at_customers = False

    def rows(self, feed: Feed) -> Iterator[Row]:
        if bool(feed.told) is not self.at_customers:
            ended = self._bank.run(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks "
                "WHERE relation = '{}.view'::regclass AND mode = 'RowShareLock'"
            )
            assert ended == [(True,)]
        return super().rows(feed)


@pytest.mark.parametrize("at_customers", [False, True])
def test_a_tell_that_loses_its_connection_leaves_nothing(
    bank: PostgresBank, tmp_path: Path, at_customers: bool
) -> None:
    world = World(tmp_path, views=bank.open())
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    world.take(money("deposit", "C1", "A1", 7, "2026-01-02"), b"bad")
    dies = _Dies(bank)
    dies.at_customers = at_customers
    views = bank.open(projections=(*(p for p in PROJECTIONS if p.name != "counts"), dies))
    with pytest.raises(ViewsUnusable, match="terminat"):
        views.put(world.feed(), 2)
    answers = bank.answers()
    assert rows(answers.aum(), "spot") == [(5,)]
    assert answers.counts()["refused"] == {}
    assert answers.freshness.block == 1
    world.put()
    assert rows(answers.aum(), "spot") == [(12,)]
    assert answers.counts()["refused"] == {"not_json": 1}


def test_a_second_writer_waits_for_the_first_and_then_has_nothing_to_do(bank: PostgresBank, tmp_path: Path) -> None:
    world = World(tmp_path, views=bank.open())
    other = bank.open()
    world.take(opened("C1", "A1", "2026-01-01", 5), b"bad")
    feed, looked = world.feed(), threading.Event()

    def second() -> None:
        looked.set()
        other.put(feed, 1)

    thread = threading.Thread(target=second)

    class Slow(Counts):
        def rows(self, feed: Feed) -> Iterator[Row]:
            if feed.told:
                thread.start()
                looked.wait(PATIENCE_S)
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{}%'"
                for _ in range(1_000):
                    if bank.run(waiting) != [(0,)]:
                        break
            return super().rows(feed)

    bank.open(projections=(*(p for p in PROJECTIONS if p.name != "counts"), Slow())).put(feed, 1)
    thread.join(PATIENCE_S)
    assert other.stands == 1
    assert bank.answers().counts() == {
        "taken": {"account_opened": 1}, "duplicate": {}, "refused": {"not_json": 1}
    }  # fmt: skip


def test_who_holds_a_shard_too_long_is_told_of(bank: PostgresBank, tmp_path: Path) -> None:
    world = World(tmp_path, views=bank.open())
    world.take(opened("C1", "A1", "2026-01-01", 5))
    bank.url = bank.postgres.url(schema=bank.schema, options="-c%20lock_timeout%3D200")
    impatient = bank.open()
    with psycopg.connect(bank.postgres.url()) as holder:
        holder.execute(f"SELECT * FROM {bank.schema}.view FOR UPDATE")
        with pytest.raises(ViewsUnusable, match=r"shard 0: .*another process holds this shard"):
            impatient.put(world.feed(), 1)
    impatient.put(world.feed(), 1)
    assert impatient.stands == 1


def test_answers_go_on_behind_a_lost_connection(bank: PostgresBank, tmp_path: Path) -> None:
    world = World(tmp_path, views=bank.open())
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    answers = bank.answers()
    kill = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND query LIKE '%{}%'"
    )
    some = answers.aum()
    with answers.page():
        bank.run(kill)
        with pytest.raises(ViewsUnusable, match="terminat"):
            list(some)
    assert rows(answers.aum(), "spot") == [(5,)]


# ------------------------------------------------------------------------------------------ several shards


def test_shards_answer_together(both: PostgresBank, tmp_path: Path) -> None:
    worlds = [World(tmp_path, views=both.open(number), shard_id=f"s{number}") for number in (0, 1)]
    files = [World(tmp_path / str(number)) for number in (0, 1) if (tmp_path / str(number)).mkdir() is None]
    lines = list(stream.records(customers=30, days=80, seed=3, malformed=True))
    ends: dict[int, list[dict[str, Any]]] = {}
    for pair in (worlds, files):
        for world in pair:
            world.begin()
            world.intake._now = iter_clock()
        for at in range(0, len(lines), 200):
            for number, world in enumerate(pair):
                world.take(*(line for line in lines[at : at + 200] if shard_of(line) in (None, number)))
                world.put()
        for number, world in enumerate(pair):
            world.tell(*ends.setdefault(number, wrongly_stated(f"X{number}", iso(world.shard.closed_through + 1))))
    answers = both.answers()
    one, two = (world.views for world in files)
    blocks = tuple(view.freshness.block for view in (one, two))
    assert answers.freshness.blocks == blocks
    assert answers.freshness.block == sum(blocks)
    assert answers.freshness.closed_through == one.freshness.closed_through == two.freshness.closed_through
    customers = sorted((row["customer_id"] for view in (one, two) for row in view.tiers()), key=str.encode)
    assert {shard_of_id(customer) for customer in customers} == {0, 1}
    half = datetime.fromisoformat(one.recorded_at(blocks[0])[blocks[0] // 2])
    closed = one.basis().closed_through
    for when in ((0, None), (closed - 40, None), (0, half), (closed - 60, half)):
        at, ats = answers.moment(*when), [view.moment(*when) for view in (one, two)]
        for ask in (
            lambda views, at: views.tiers(at=at),
            lambda views, at: views.aum("account", at=at),
            lambda views, at: views.aum("total", "2026-02", at=at),
            lambda views, at: views.tier_changes(at=at),
        ):
            expected = [row for view, part in zip((one, two), ats, strict=True) for row in ask(view, part)]
            expected.sort(key=lambda row: row["customer_id"].encode())
            assert list(ask(answers, at)) == expected
            assert expected
        own = [alert for view, part in zip((one, two), ats, strict=True) for alert in view.alerts(at=part)]
        assert found_in_logs(answers.alerts(at=at)) == found_in_logs(own)
        assert len(found_in_logs(own)) == (0 if when[0] or when[1] else 2)
        for customer in customers[:3]:
            view, part = (one, two)[shard_of_id(customer)], ats[shard_of_id(customer)]
            assert list(answers.tiers(customer, at)) == list(view.tiers(customer, part))
            assert list(answers.aum(customer=customer, at=at)) == list(view.aum(customer=customer, at=part))
            assert list(answers.alerts(customer, at)) == list(view.alerts(customer, part))
            assert answers.knows(customer, at) == view.knows(customer, part)
            own = answers.of(customer)
            assert list(own.tiers(customer, own.moment(when[0], when[1]))) == list(view.tiers(customer, part))
            assert own.recorded_at(blocks[0]) == view.recorded_at(blocks[0])
    assert list(answers.rejected()) == [row for view in (one, two) for row in view.rejected()]
    assert sum(number for _, _, number in answers.levels()) == len(customers)
    counts = answers.counts()
    assert counts["refused"].keys() == one.counts()["refused"].keys() | two.counts()["refused"].keys()
    assert sum(counts["taken"].values()) == sum(sum(view.counts()["taken"].values()) for view in (one, two))
    assert not answers.knows("nobody")
    for view in (one, two):
        view.close()


def test_every_question_has_an_answer_of_all_shards() -> None:
    by_each = {"page", "rows_of", "differences"}  # made of other answers, or of one shard alone
    asked = {name for name in vars(Answers) if not name.startswith("_")} - by_each
    assert {"tiers", "aum", "moment"} < asked
    assert asked <= vars(PostgresAnswers).keys()


def test_what_was_decided_last_is_so_by_the_clock(both: PostgresBank, tmp_path: Path) -> None:
    late, early = (World(tmp_path, views=both.open(number), shard_id=f"s{number}") for number in (0, 1))
    late.intake._now = lambda: "2026-03-01T00:00:00.000Z"
    for customer, world in (("C1", late), ("C2", early)):
        world.tell(opened(customer, "A1", "2026-01-01", 60_000_000), close("2026-01-31"))
    late.tell(close("2026-02-28"))  # another block, in which nothing is decided
    answers = both.answers()
    assert rows(answers.latest_tier_changes(9), "id") == [("C1:1",), ("C2:1",)]
    assert rows(answers.latest_tier_changes(1), "id") == [("C1:1",)]
    early.intake._now = lambda: "2026-04-01T00:00:00.000Z"
    early.tell(money("withdrawal", "C2", "A1", 35_000_000, "2026-02-01"), close("2026-02-28"))
    assert rows(answers.latest_tier_changes(2), "id") == [("C2:2",), ("C1:1",)]


def test_who_is_parked_in_any_shard_is_listed_by_id(both: PostgresBank) -> None:
    both.run(
        "INSERT INTO {}.view_parked VALUES (0, 1, 'C2', 1, 1, 'E', 'p', 't'), (0, 2, 'C3', 1, 1, 'E', 'p', 't'), "
        "(0, 3, 'C3', 2, NULL, NULL, NULL, 't'), (1, 1, 'C1', 1, 1, 'E', 'p', 't')"
    )
    assert rows(both.answers().parked(), "customer_id", "records") == [("C1", 1), ("C2", 1)]


def test_a_block_is_no_time_where_each_shard_has_its_own(both: PostgresBank) -> None:
    answers = both.answers()
    with pytest.raises(NothingKnown, match="each of the 2 shards of this log counts its own blocks; name a time"):
        answers.moment(known_at=1)


def test_days_are_closed_when_all_shards_closed_them_and_totals_compared_when_all_counted(
    both: PostgresBank, tmp_path: Path
) -> None:
    worlds = [World(tmp_path, views=both.open(number), shard_id=f"s{number}") for number in (0, 1)]
    answers = both.answers()
    day = close("2026-01-31", totals={"count": 2, "signed_sum": 9})
    for number, world in enumerate(worlds):
        world.tell(opened(f"C{number}", "A1", "2026-01-01"), close("2026-01-30"))
    assert answers.freshness.closed_through == "2026-01-30"
    worlds[0].tell(money("deposit", "C0", "A1", 5, "2026-01-31"), day)
    assert answers.freshness.closed_through == "2026-01-30"
    assert list(answers.alerts()) == []
    late = worlds[1].tell(money("deposit", "C1", "A1", 3, "2026-01-31"), day)
    assert late.stands == 2
    assert answers.freshness.closed_through == "2026-01-31"
    [alert] = answers.alerts()
    assert (alert["kind"], alert["expected"], alert["actual"]) == (
        "totals_differ", {"count": 2, "signed_sum": 9}, {"count": 2, "signed_sum": 8}
    )  # fmt: skip


def test_a_time_before_one_shard_begins_shows_the_other_alone(both: PostgresBank, tmp_path: Path) -> None:
    early, late = (World(tmp_path, views=both.open(number), shard_id=f"s{number}") for number in (0, 1))
    late.intake._now = lambda: "2026-03-01T00:00:00.000Z"
    early.tell(opened("C1", "A1", "2026-01-01", 3), close("2026-01-31"))
    late.tell(opened("C2", "A1", "2026-01-01", 4), close("2026-01-31"))
    answers = both.answers()
    at = answers.moment(known_at=datetime.fromisoformat("2026-02-01T00:00:00+00:00"))
    assert rows(answers.tiers(at=at), "customer_id") == [("C1",)]
    assert rows(answers.aum(at=at), "customer_id", "spot") == [("C1", 3)]
    assert [answers.knows(customer, at) for customer in ("C1", "C2")] == [True, False]
    assert list(answers.tier_changes(at=at)) == list(answers.alerts(at=at)) == []
    with pytest.raises(NothingKnown, match="begins with 2026-01-01T00:00:00Z"):
        answers.moment(known_at=datetime.fromisoformat("2025-02-01T00:00:00+00:00"))


# ------------------------------------------------------------------------------------------ the tables


def test_a_role_that_owns_nothing_tells_reads_and_rebuilds(
    postgres: Server, bank: PostgresBank, writer: str, tmp_path: Path
) -> None:
    create_log(bank.url, writer=writer)
    bank.url = postgres.url(schema=bank.schema, user=writer)
    world = alive(bank, tmp_path)
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    beside = bank.beside()
    rebuild(world.log, beside)
    beside.swap(lambda _: None)
    assert rows(bank.answers().aum(), "spot") == [(5,)]


def test_tables_of_another_shape_are_a_step_of_the_schema_and_made_anew(
    bank: PostgresBank, postgres: Server, tmp_path: Path
) -> None:
    """If this fails: add a `Migration` that makes the views anew (``view_tables``) or alters them, then put the digest here."""
    made = "".join(statement.as_string() for statement in view_tables("s", 1))
    assert sha256(made.encode()).hexdigest()[:16] == "6d2bcf990c553712"
    world = alive(bank, tmp_path)
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    with psycopg.connect(postgres.url()) as owner:
        for statement in view_tables(bank.schema, 1):
            owner.execute(statement)
    views = bank.open()
    assert views.stands == 0
    rebuild(world.log, views)
    assert rows(bank.answers().aum(), "spot") == [(5,)]


def test_rows_that_are_put_anew_stay_on_their_pages(bank: PostgresBank, tmp_path: Path) -> None:
    pages = "SELECT customer_id, (ctid::text::point)[0]::int FROM {}.view_aum ORDER BY customer_id"
    world = alive(bank, tmp_path)
    world.tell(*(opened(f"C{n}", f"A{n}", "2026-01-01", n) for n in range(500)))
    first = bank.run(pages)
    assert len({page for _, page in first}) > 2
    world.tell(*(money("deposit", f"C{n}", f"A{n}", 1, "2026-01-01") for n in range(500)))
    assert bank.run(pages) == first
    assert rows(bank.answers().aum(), "spot")[-1] == (100,)  # C99, in the order of bytes


def test_a_shard_or_tables_that_are_not_there_are_said(bank: PostgresBank, postgres: Server) -> None:
    with pytest.raises(ViewsUnusable, match="views of shard 1: no such shard in this log"):
        bank.open(1)
    bank.run("DROP TABLE {}.view")
    for look in (bank.open, bank.answers):
        with pytest.raises(ViewsUnusable, match=r"let the owner of the log migrate it"):
            look()
