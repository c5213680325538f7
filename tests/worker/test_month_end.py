"""The end of a month of many customers of one shard: in several blocks, going on where a killed worker left it.

GUANXI_MONTH_END=120000 makes so many customers and steps as they are; the end of their month then takes longer than the
group waits for a word.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from events.decisions import DayClosed, DayClosing
from guanxi.bootstrap import open_bank
from guanxi.settings import Settings
from infra.postgres_log import PostgresEventLog
from infra.sqlite_log import SqliteEventLog
from processors.stored import decode_lines
from tests.patience import until
from tests.worker.conftest import Worlds
from tests.worker.processes import Worker
from tests.worker.test_worker import same
from tests.worker.world import Held, World, hold

ASKED = int(os.environ.get("GUANXI_MONTH_END", "0"))
CUSTOMERS = ASKED or 8_000
STEP = {} if ASKED else {"customers_a_step": 2_000}
LOCK = 20_260_131


def records() -> list[bytes]:
    """Customers who all enter a tier with the end of their first month, and its first day closed."""
    opened = (
        b'{"type":"account_opened","event_id":"A%d","source":"core","schema_version":1,"customer_id":"C%d",'
        b'"occurred_at":"2026-01-01T10:00:00+08:00","account_id":"A%d","category":"deposit","currency":"CNY",'
        b'"value_date":"2026-01-01","opening_balance":%d}'
    )
    return [*(opened % (n, n, n, 30_000_000 + n) for n in range(CUSTOMERS)), *closes("2026-01-01")]


def closes(date: str) -> list[bytes]:
    form = (
        b'{"type":"business_day_closed","event_id":"%s-%s","source":"%s","schema_version":1,'
        b'"occurred_at":"%sT23:50:00+08:00","date":"%s"}'
    )
    return [form % (source, day, source, day, day) for day in [date.encode()] for source in (b"core", b"funds")]


@pytest.fixture
def embedded(tmp_path: Path) -> Held:
    with open_bank(Settings(log=f"sqlite:///{tmp_path}/bank.db"), write=True) as bank:
        bank.ingest_lines("bank", [*records(), *closes("2026-01-31")])
    log = SqliteEventLog(f"{tmp_path}/bank.db")
    found = Held({}, {}, {}, set(), [])
    hold(found, (block.body for block in log.blocks()))
    log.close()
    assert len(found.changes) == CUSTOMERS
    return found


def last_lines(world: World) -> tuple[int, list[object]]:
    """The last block of the shard, its lines that tell how far closes are."""
    log = PostgresEventLog(world.url, 0)
    try:
        number = log.head().block
        lines = decode_lines(log.block(number).body)
    finally:
        log.close()
    return number, [line for line in lines if isinstance(line, DayClosing | DayClosed)]


@contextmanager
def held_from(world: World, block: int) -> Iterator[None]:
    """While this lasts the database lets no block of that number or a later one in: who writes it waits."""
    table, function = Identifier(world.name, "journal_0"), Identifier(world.name, "waits")
    with psycopg.connect(world.url.partition("?")[0], autocommit=True) as owner:
        owner.execute(SQL("SELECT pg_advisory_lock({})").format(Literal(LOCK)))
        body = f"BEGIN IF NEW.originator_version >= {block} THEN PERFORM pg_advisory_xact_lock_shared({LOCK}); END IF; "
        owner.execute(
            SQL("CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}").format(
                function, Literal(body + "RETURN NEW; END")
            )
        )
        owner.execute(
            SQL("CREATE TRIGGER waits BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}()").format(table, function)
        )
        yield


def waits(world: World) -> bool:
    """Whether somebody waits to be let in."""
    with psycopg.connect(world.url.partition("?")[0], autocommit=True) as owner:
        asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        row = owner.execute(asked, (LOCK,)).fetchone()
    return bool(row and row[0])


def tell(*workers: Worker) -> None:
    """Say what the long version is run for."""
    if ASKED:
        print(CUSTOMERS, "customers; most memory of each worker, MB:", [each.most_mb for each in workers])


def test_a_month_end_goes_on_where_a_killed_worker_left_it(worlds: Worlds, embedded: Held) -> None:
    world = worlds(partitions=1)
    worker = world.worker(**STEP)
    world.publish(records())
    world.until()
    before, _ = last_lines(world)
    with held_from(world, before + 3):
        world.publish(closes("2026-01-31"))
        until(lambda: waits(world), lambda: worker.said)
        assert worker.most_mb > 0
        worker.kill()
        number, told = last_lines(world)
        assert before < number < before + 3
        assert isinstance(told[-1], DayClosing)  # customers up to there are done, and stay so
    again = world.worker(**STEP)
    world.until()
    tell(worker, again)
    for each in (worker, again):
        assert each.said.count("shards: 0") == 1  # the group never missed it
        assert "trying again" not in each.said
    assert again.stop() == 0
    same(world.held(), embedded)
