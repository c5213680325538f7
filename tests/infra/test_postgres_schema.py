"""The tables of a log on PostgreSQL: made once, whoever asks, and brought up to date while others write."""

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Composed, Identifier

from infra import postgres_schema
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log, migrate
from infra.postgres_tables import MIGRATIONS, Migration
from processors.ports import LogUnusable
from tests.conformance.event_log import draft
from tests.postgres_server import Server

LAST = MIGRATIONS[-1].version
NOW = [step.version for step in MIGRATIONS]


@pytest.fixture
def schema() -> str:
    return f"log_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def url(postgres: Server, schema: str) -> str:
    return postgres.url(schema=schema)


def identity(url: str, shards: int) -> list[tuple[str, str, bytes]]:
    found = []
    for number in range(shards):
        log = PostgresEventLog(url, number)
        assert log.shards == shards
        found.append((log.name, log.incarnation, log.shard))
        log.close()
    return found


def test_a_log_has_a_name_an_incarnation_and_shards_that_stay(url: str) -> None:
    create_log(url, shards=3, name="bank")
    made = identity(url, 3)
    assert {name for name, _, _ in made} == {"bank"}
    assert len({incarnation for _, incarnation, _ in made}) == 1
    assert len({shard for _, _, shard in made}) == 3
    create_log(url, shards=3)
    assert identity(url, 3) == made
    with pytest.raises(LogUnusable, match="has 3 shards and keeps them"):
        create_log(url, shards=4)
    for shards in (0, 4097):
        with pytest.raises(LogUnusable, match="1 to 4096"):
            create_log(url, shards=shards)


def test_many_make_a_log_at_once_and_one_does(url: str) -> None:
    failed: list[Exception] = []
    begin = threading.Barrier(4)

    def make() -> None:
        begin.wait()
        try:
            create_log(url, shards=2)
        except LogUnusable as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(identity(url, 2)) == 2


def test_a_schema_of_another_program_is_left_as_it_is(postgres: Server, url: str, schema: str) -> None:
    postgres.run(f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.log (what text)")
    with pytest.raises(LogUnusable, match="tables of another program"):
        create_log(url)
    with pytest.raises(LogUnusable, match="no log is here"):
        migrate(url)
    assert postgres.run(f"SELECT tablename::text FROM pg_tables WHERE schemaname = '{schema}'") == [("log",)]


# ------------------------------------------------------------------------------------------ migrations


def add_table(schema: str, _: int) -> Iterator[Composed]:
    yield SQL("CREATE TABLE {} (what text)").format(Identifier(schema, "added"))


def add_column(schema: str, shards: int) -> Iterator[Composed]:
    for number in range(shards):
        yield SQL("ALTER TABLE {} ADD COLUMN note text").format(Identifier(schema, f"journal_{number}"))


def fail(_: str, __: int) -> Iterator[Composed]:
    yield SQL("SELECT * FROM {}").format(Identifier("no_such_table"))


def known(monkeypatch: pytest.MonkeyPatch, *more: Migration) -> None:
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*MIGRATIONS, *more))


def versions(postgres: Server, schema: str) -> list[object]:
    return [version for (version,) in postgres.run(f"SELECT version FROM {schema}.migration ORDER BY version")]


def test_a_migration_runs_once_while_another_process_writes(
    postgres: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_log(url, shards=2)
    log = PostgresEventLog(url, write=True)
    log.append(draft(("C1", b"before")))
    known(
        monkeypatch, Migration(LAST + 1, "one more table", 1, add_table), Migration(LAST + 2, "a column", 1, add_column)
    )
    with pytest.raises(LogUnusable, match=rf"of version {LAST}, this program needs {LAST + 2}: .*guanxi log migrate"):
        PostgresEventLog(url)
    assert migrate(url) == ["one more table", "a column"]
    assert migrate(url) == []
    assert log.append(draft(("C1", b"after"))) == 2
    assert [block.body for block in log.blocks()] == [b"before", b"after"]
    log.close()
    assert versions(postgres, schema) == [*NOW, LAST + 1, LAST + 2]
    PostgresEventLog(url).close()
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", MIGRATIONS)
    PostgresEventLog(url).close()  # a program that does not know them: they only added


def test_a_log_that_needs_a_newer_program_is_not_touched(
    postgres: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_log(url)
    with monkeypatch.context() as newer:
        known(newer, Migration(LAST + 1, "another meaning", LAST + 1, add_table))
        migrate(url)
    with pytest.raises(
        LogUnusable, match=rf"of version {LAST + 1}, which this program \({LAST}\) does not know: install"
    ):
        PostgresEventLog(url, write=True)


def test_a_migration_that_fails_leaves_nothing_of_those_before_it(
    postgres: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_log(url)
    known(monkeypatch, Migration(LAST + 1, "one more table", 1, add_table), Migration(LAST + 2, "broken", 1, fail))
    with pytest.raises(LogUnusable, match="no_such_table"):
        migrate(url)
    assert versions(postgres, schema) == NOW
    assert postgres.run(f"SELECT to_regclass('{schema}.added')::text") == [(None,)]


def test_a_migration_does_not_keep_writers_waiting_behind_it(
    postgres: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_log(url)
    known(monkeypatch, Migration(LAST + 1, "a column", 1, add_column))
    monkeypatch.setattr(postgres_schema, "_LOCK_SECONDS", 0.1)
    with psycopg.connect(postgres.url()) as holder:
        holder.execute(f"SELECT COUNT(*) FROM {schema}.journal_0")  # type: ignore[arg-type]
        with pytest.raises(LogUnusable, match="lock timeout"):
            migrate(url)
    assert versions(postgres, schema) == NOW
    assert migrate(url) == ["a column"]
