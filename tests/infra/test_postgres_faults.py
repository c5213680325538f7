"""What a server, a network and a URL can do wrong becomes the log's own errors, and the outcome of an append is never guessed."""

from urllib.parse import urlsplit

import psycopg
import pytest

from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from processors.ports import LogDamaged, LogUnusable, LostShard
from tests.conformance.event_log import draft
from tests.infra.a_postgres_log import OpenUrl, schema_of
from tests.postgres_server import Server


def terminate(postgres: Server, log: PostgresEventLog) -> None:
    with log._session.get_connection() as connection:
        pid = connection.info.backend_pid
    postgres.run(f"SELECT pg_terminate_backend({pid}, 5000)")


def test_a_lost_connection_while_appending_leaves_the_outcome_open(
    postgres: Server, log: PostgresEventLog, url: str
) -> None:
    terminate(postgres, log)
    with pytest.raises(LogUnusable, match=r"may not be in the log.*run the same command again"):
        log.append(draft(("C1", b"3")))
    with pytest.raises(LostShard, match="not known"):
        log.append(draft(("C1", b"3")))
    log.refresh()
    assert log.head().block == 3
    assert log.append(draft(("C1", b"3"))) == 4


def test_a_lost_connection_while_reading_is_told_and_the_next_read_goes_on(
    postgres: Server, log: PostgresEventLog
) -> None:
    terminate(postgres, log)
    with pytest.raises(LogUnusable):
        log.block(1)
    assert log.block(1).body == b"0"


def test_an_interrupted_append_leaves_the_outcome_open(
    log: PostgresEventLog, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(log._recorder, "insert_events", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.append(draft(("C1", b"3")))
    with pytest.raises(LostShard):
        log.append(draft(("C1", b"3")))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("disk_full", "make room on the server's disk"),
        ("query_canceled", "statement_timeout"),
        ("data_corrupted", "restore the log from a copy"),
        ("serialization_failure", "run the same command again"),
        ("too_many_connections", "max_connections"),
    ],
)
def test_what_the_server_says_becomes_the_log_s_own_words(
    postgres: Server, log: PostgresEventLog, url: str, code: str, said: str
) -> None:
    schema = schema_of(url)
    postgres.run(
        f"CREATE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{code}'; END $$",
        f"CREATE TRIGGER a_failure BEFORE INSERT ON {schema}.journal_0 FOR EACH ROW EXECUTE FUNCTION {schema}.fail()",
    )
    with pytest.raises((LogUnusable, LogDamaged), match=f"it failed.*{said}") as told:
        log.append(draft(("C1", b"3")))
    assert isinstance(told.value, LogDamaged) == (code == "data_corrupted")
    postgres.run(f"DROP TRIGGER a_failure ON {schema}.journal_0")
    log.refresh()
    assert log.append(draft(("C1", b"3"))) == 4


def test_a_statement_that_takes_too_long_is_ended(postgres: Server, url: str, opened: OpenUrl) -> None:
    log = opened(postgres.url(schema=schema_of(url), options="-c%20statement_timeout%3D100"), write=True)
    with psycopg.connect(postgres.url()) as holder:
        holder.execute(f"LOCK TABLE {schema_of(url)}.journal_0 IN EXCLUSIVE MODE")  # type: ignore[arg-type]
        with pytest.raises(LogUnusable, match=r"statement timeout.*longer than statement_timeout"):
            log.append(draft(("C1", b"0")))
    log.refresh()
    assert log.append(draft(("C1", b"0"))) == 1


def test_settings_that_endanger_a_writer_are_not_left(url: str, opened: OpenUrl) -> None:
    log = opened(f"{url}&options=-c%20synchronous_commit%3Doff%20-c%20lock_timeout%3D7s", write=True)
    log.append(draft(("C1", b"0")))  # what wakes is not durable, and that is over with it
    with log._session.get_connection() as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in  # type: ignore[arg-type]
                 ("synchronous_commit", "statement_timeout", "lock_timeout")]  # fmt: skip
    assert [next(iter(row.values())) for row in shown if row] == ["on", "30s", "7s"]


def test_a_server_that_lets_no_more_in(postgres: Server, url: str, writer: str, opened: OpenUrl) -> None:
    create_log(url, writer=writer)
    postgres.run(f"ALTER ROLE {writer} CONNECTION LIMIT 1")
    theirs = postgres.url(schema=schema_of(url), user=writer)
    opened(theirs)
    with pytest.raises(LogUnusable, match=r"too many connections.*fewer processes"):
        PostgresEventLog(theirs)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/bank", "check that the server runs and can be reached"),
        ("postgresql://nobody:secret@127.0.0.1:no/bank", "invalid integer value"),
        ("postgresql://nobody:secret@127.0.0.1/bank?schema=Bad-Name", "no name of a schema"),
        ("postgresql://nobody:secret@127.0.0.1/bank?nonsense=1", "write it like"),
        ("mysql://nobody:secret@127.0.0.1/bank", "write it like"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, said: str) -> None:
    for use in (PostgresEventLog, create_log):
        with pytest.raises(LogUnusable, match=said) as told:
            use(url)
        assert "secret" not in str(told.value)


def test_a_database_and_a_shard_that_are_not_there(postgres: Server, url: str) -> None:
    missing = urlsplit(url)._replace(path="/no_such_database").geturl()
    with pytest.raises(LogUnusable, match="create the database"):
        PostgresEventLog(missing)
    with pytest.raises(LogUnusable, match="has 1 shards, counted from 0"):
        PostgresEventLog(url, 1)
    with pytest.raises(LogUnusable, match="no log is here"):
        PostgresEventLog(postgres.url(schema="no_such_log"))
