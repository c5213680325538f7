"""Blocks of several shards in one transaction: all are there, and what cannot be written of one shard loses no other's."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from infra import postgres_together as together
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_together import Together
from infra.postgres_vault import PostgresVault
from processors.ports import Draft, EventLog, LogUnusable, LostShard
from tests.conformance.event_log import FILE, EventLogConformance, Open, draft
from tests.conformance.vault import CONTEXT, MASTER
from tests.infra.a_postgres_log import OpenUrl, schema_of
from tests.patience import PATIENCE_S
from tests.postgres_server import Server


class Shards:
    """Three shards of one log, opened as a process would, as often as it is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.made: list[Session] = []

    def __call__(self) -> list[PostgresEventLog]:
        self.made.append(session := Session(address_of(self.url)))
        together = Together(session)
        return [PostgresEventLog(self.url, n, write=True, session=session, together=together) for n in range(3)]

    def bodies(self) -> list[list[bytes]]:
        found = []
        for number in range(3):
            log = PostgresEventLog(self.url, number)
            found.append([block.body for block in log.blocks()])
            log.close()
        return found


class _AtOnce(PostgresEventLog):
    """Settled behind each block, so that it is an ordinary log."""

    def append(self, draft: Draft) -> int:
        number = super().append(draft)
        self.settle()
        return number


class TestTogether(EventLogConformance):
    @pytest.fixture
    def log(self, url: str, sessions: Callable[[], Session]) -> EventLog:
        session = sessions()
        return _AtOnce(url, session=session, together=Together(session))

    @pytest.fixture
    def reader(self, url: str, opened: OpenUrl) -> Open:
        return partial(opened, url)


@pytest.fixture
def sessions(url: str) -> Iterator[Callable[[], Session]]:
    made: list[Session] = []

    def session() -> Session:
        made.append(Session(address_of(url)))
        return made[-1]

    yield session
    for each in made:
        each.close()


@pytest.fixture
def shards(postgres: Server) -> Iterator[Shards]:
    found = Shards(postgres.url(schema=f"together_{uuid.uuid4().hex[:12]}"))
    create_log(found.url, shards=3)
    yield found
    for each in found.made:
        each.close()


def test_nothing_is_there_before_it_is_settled_and_then_all_is(shards: Shards) -> None:
    logs = shards()
    for at, log in enumerate(logs):
        log.append(draft(("C1", b"%d" % at), inputs={FILE: (0, 1)}))
    logs[1].append(draft(("C1", b"more"), inputs={FILE: (1, 2)}))
    assert logs[1].head().block == 2
    assert shards.bodies() == [[], [], []]
    logs[2].settle()
    assert shards.bodies() == [[b"0"], [b"1", b"more"], [b"2"]]
    assert logs[0].append(draft(("C1", b"3"), inputs={FILE: (1, 2)})) == 2


def test_who_reads_a_log_finds_what_was_appended(shards: Shards) -> None:
    log, *_ = shards()
    log.append(draft(("C1", b"0")))
    assert log.block(1).body == b"0"
    log.append(draft(("C1", b"1")))
    assert [block.body for block in log.blocks()] == [b"0", b"1"]
    log.append(draft(("C1", b"2")))
    assert log.customers(3)
    log.append(draft(("C1", b"3")))
    log.refresh()
    assert log.head().block == 4


def test_a_lost_shard_loses_no_other_one_s_blocks(shards: Shards) -> None:
    ours, theirs = shards(), shards()
    theirs[1].append(draft(("C1", b"theirs")))
    theirs[1].settle()
    for log in ours:
        log.append(draft(("C1", b"ours")))
        log.append(draft(("C1", b"behind")))
    ours[0].settle()
    ours[2].settle()
    with pytest.raises(LostShard, match="shard 1: block 1 was written by another process"):
        ours[1].settle()
    with pytest.raises(LostShard):
        ours[1].append(draft(("C1", b"x")))
    assert shards.bodies() == [[b"ours", b"behind"], [b"theirs"], [b"ours", b"behind"]]
    ours[1].refresh()
    assert ours[1].append(draft(("C1", b"then"))) == 2
    ours[1].settle()
    assert shards.bodies()[1] == [b"theirs", b"then"]


def test_what_the_server_refuses_of_one_shard_is_told_of_that_alone(postgres: Server, shards: Shards) -> None:
    schema = schema_of(shards.url)
    logs = shards()
    postgres.run(
        f"CREATE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = 'disk_full'; END $$",
        f"CREATE TRIGGER a_failure BEFORE INSERT ON {schema}.journal_0 FOR EACH ROW EXECUTE FUNCTION {schema}.fail()",
    )
    for log in logs:
        log.append(draft(("C1", b"1")))
    logs[1].settle()
    logs[2].settle()
    with pytest.raises(LogUnusable, match=r"shard 0: it failed; make room"):
        logs[0].settle()
    assert shards.bodies() == [[], [b"1"], [b"1"]]
    for log in logs[1:]:
        log.append(draft(("C1", b"2")))
    logs[1].settle()
    assert shards.bodies() == [[], [b"1", b"2"], [b"1", b"2"]]


def test_a_lost_connection_leaves_the_outcome_open_for_all(postgres: Server, shards: Shards) -> None:
    logs = shards()
    with logs[0]._session.get_connection() as connection:
        pid = connection.info.backend_pid
    for log in logs[:2]:
        log.append(draft(("C1", b"1")))
    postgres.run(f"SELECT pg_terminate_backend({pid})")
    for log in logs[:2]:
        with pytest.raises(LogUnusable, match="may not be in the log"):
            log.settle()
    logs[2].append(draft(("C1", b"1")))
    logs[2].settle()
    logs[0].refresh()
    assert logs[0].head().block == 0
    assert shards.bodies() == [[], [], [b"1"]]


def test_what_a_log_let_go_of_is_not_written(shards: Shards) -> None:
    logs = shards()
    for log in logs:
        log.append(draft(("C1", b"1")))
    logs[1].close()
    logs[0].settle()
    assert shards.bodies() == [[b"1"], [], [b"1"]]


def test_keys_are_there_with_the_block(shards: Shards) -> None:
    log, *_ = shards()
    vault = PostgresVault(log._session, log.path, 0, MASTER, together=log._together)
    sealed = vault.seal("C1", b"a name", CONTEXT)
    vault.commit()
    assert PostgresVault(log._session, log.path, 0, MASTER)._stored("C1") is None
    log.append(draft(("C1", b"1")))
    log.settle()
    assert PostgresVault(log._session, log.path, 0, MASTER).open("C1", sealed, CONTEXT) == b"a name"
    vault.seal("C1", b"again", CONTEXT)
    assert vault.open("C1", sealed, CONTEXT) == b"a name"


def test_all_blocks_that_wait_are_written_in_one_transaction_but_new_keys_begin_another(shards: Shards) -> None:
    first, second, _ = shards()
    vault = PostgresVault(first._session, first.path, 0, MASTER, together=first._together)
    for body in (b"0", b"1", b"2"):
        first.append(draft(("C1", body)))
    second.append(draft(("C2", b"0")))
    vault.seal("C1", b"a name", CONTEXT)
    vault.commit()
    for body in (b"keyed", b"behind"):
        first.append(draft(("C1", body)))
    first.settle()
    assert shards.bodies() == [[b"0", b"1", b"2", b"keyed", b"behind"], [b"0"], []]
    assert [block.number for block in first.blocks()] == [1, 2, 3, 4, 5]
    written = {number: transactions(shards, number) for number in (0, 1)}
    (one,), (other,) = set(written[0][:3]), set(written[0][3:])
    assert one != other
    assert written[1] == [one]


def transactions(shards: Shards, number: int) -> list[str]:
    """The transaction of each block of a shard."""
    with shards.made[0].get_connection() as connection:
        rows = connection.execute(
            SQL("SELECT xmin::text AS id FROM {} ORDER BY originator_version").format(
                Identifier(shards.made[0].schema, f"journal_{number}")
            )
        ).fetchall()
    return [row["id"] for row in rows]


def test_nothing_is_written_behind_a_number_that_another_process_takes_at_this_moment(
    postgres: Server, shards: Shards
) -> None:
    (ours, another, _), (theirs, *_) = shards(), shards()
    for log in (ours, another):
        for body in (b"1", b"2", b"3"):
            log.append(draft(("C1", body)))
    table = Identifier(shards.made[0].schema, "journal_0")
    with psycopg.connect(postgres.url()) as taking, ThreadPoolExecutor(1) as aside:
        insert = SQL("INSERT INTO {} VALUES (%s, 1, 't', 'x')").format(table)
        taking.execute(insert, (uuid.UUID(bytes=ours.shard),))
        settling = aside.submit(ours.settle)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        for _ in range(1_000):
            if postgres.run(waiting) != [(0,)]:
                break
        taking.commit()
        with pytest.raises(LostShard):
            settling.result(PATIENCE_S)
    another.settle()
    assert theirs._recorder.last(theirs._originator) == 1
    assert [block.body for block in another.blocks()] == [b"1", b"2", b"3"]


def test_a_block_sealed_under_a_key_that_another_process_replaced_is_not_written(shards: Shards) -> None:
    ours, theirs = shards(), shards()
    vaults = [
        PostgresVault(each[0]._session, each[0].path, 0, MASTER, together=each[0]._together) for each in (ours, theirs)
    ]
    for vault in vaults:
        vault.seal("C1", b"a name", CONTEXT)
        vault.commit()
    theirs[0].append(draft(("C1", b"theirs")))
    theirs[0].settle()
    ours[0]._head, ours[0]._behind = ours[0]._read_head()  # it knows the block, and not the key
    ours[0].append(draft(("C1", b"ours")))
    ours[1].append(draft(("C1", b"another shard's")))
    with pytest.raises(LostShard, match="made keys"):
        ours[0].settle()
    ours[1].settle()
    assert shards.bodies() == [[b"theirs"], [b"another shard's"], []]


def test_blocks_are_there_though_nobody_could_be_told(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.postgres_together._WAKE", "SELECT 1 / (cardinality(%b::text[]) * 0)")
    logs = shards()
    for at, log in enumerate(logs):
        log.append(draft(("C1", b"%d" % at)))
    logs[0].settle()
    assert shards.bodies() == [[b"0"], [b"1"], [b"2"]]
    logs[1].append(draft(("C1", b"more")))
    logs[1].settle()
    assert shards.bodies()[1] == [b"1", b"more"]


def test_who_listens_is_told_of_a_block(shards: Shards) -> None:
    logs = shards()
    reader = PostgresEventLog(shards.url, 1)
    assert not reader.wait(0)
    logs[1].append(draft(("C1", b"1")))
    logs[1].settle()
    assert reader.wait(PATIENCE_S)
    reader.close()


def test_what_stands_behind_a_block_is_looked_for_in_the_index_however_long_the_log_is(shards: Shards) -> None:
    """The server plans a statement for any block; it expects to find one behind, where the first row it reads would do."""
    log, *_ = shards()
    with shards.made[0].get_connection() as connection:
        table = SQL("{}.journal_0").format(Identifier(shards.made[0].schema))
        connection.execute(
            SQL("INSERT INTO {} SELECT %s, number, 't', 'x' FROM generate_series(1, 2000) AS number").format(table),
            (uuid.UUID(bytes=log.shard),),
        )
        connection.execute(SQL("ANALYZE {}").format(table))
        connection.execute("SET plan_cache_mode = force_generic_plan")
        statement = together._insertions(shards.made[0].schema, (("journal_0", None, False),))
        for number in range(statement.count("%b")):
            statement = statement.replace("%b", f"${number + 1}", 1)
        connection.execute(f"PREPARE insertions AS {statement}")
        plan = connection.execute("EXPLAIN EXECUTE insertions (null, 1, '', '', 1, null, 1, '', null, 1)").fetchall()
    steps = [row["QUERY PLAN"] for row in plan]
    assert any("Index" in step for step in steps)
    assert [step for step in steps if "Seq Scan" in step] == []
