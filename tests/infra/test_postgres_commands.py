"""Commands to the owners of shards: numbered without gaps, read in order, never changed."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from infra.postgres_commands import PostgresCommands
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from tests.infra.a_postgres_log import schema_of
from tests.patience import PATIENCE_S
from tests.postgres_server import Server


@pytest.fixture
def commands(url: str) -> Iterator[Callable[[], PostgresCommands]]:
    sessions: list[Session] = []

    def opened() -> PostgresCommands:
        sessions.append(Session(address_of(url)))
        return PostgresCommands(sessions[-1])

    yield opened
    for each in sessions:
        each.close()


def test_a_shard_reads_its_own_commands_in_order(commands: Callable[[], PostgresCommands]) -> None:
    one = commands()
    assert [one.put(shard, {"do": "unpark", "n": n}) for n, shard in enumerate((0, 1, 0, 0))] == [1, 1, 2, 3]
    other = commands()
    assert [(each.number, each.body["n"]) for each in other.read(0, 0)] == [(1, 0), (2, 2), (3, 3)]
    assert [each.number for each in other.read(0, 2)] == [3]
    assert [each.number for each in other.read(0, 0, limit=2)] == [1, 2]
    assert other.read(0, 3) == other.read(2, 0) == other.read_all({}) == []
    assert [(each.shard, each.number) for each in other.read_all({0: 2, 1: 0, 2: 0})] == [(0, 3), (1, 1)]
    assert other.read(1, 0)[0].made_at.tzinfo is not None


def test_many_at_once_leave_no_gap(commands: Callable[[], PostgresCommands]) -> None:
    numbers: list[int] = []

    def ask() -> None:
        mine = commands()
        numbers.extend(mine.put(0, {"n": n}) for n in range(20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 81))


def test_one_that_commits_late_is_not_passed_over(
    postgres: Server, url: str, commands: Callable[[], PostgresCommands]
) -> None:
    put = f"SELECT {schema_of(url)}.put_command(0::smallint, '{{}}')"
    with psycopg.connect(postgres.url()) as slow, psycopg.connect(postgres.url()) as fast:
        slow.execute(put)  # type: ignore[arg-type]
        fast.execute("SET lock_timeout = 100")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            fast.execute(put)  # type: ignore[arg-type]
        assert commands().read(0, 0) == []
        slow.commit()
    assert [each.number for each in commands().read(0, 0)] == [1]


def test_who_listens_is_woken(url: str, commands: Callable[[], PostgresCommands]) -> None:
    listening = commands()
    listening.listen()
    commands().put(3, {})
    with listening._session.get_connection() as connection:
        (told,) = connection.notifies(timeout=PATIENCE_S, stop_after=1)
    assert told.payload == "3"


def test_the_role_that_writes_asks_and_cannot_change_what_was_asked(postgres: Server, url: str, writer: str) -> None:
    create_log(url, writer=writer)
    theirs = postgres.url(schema=schema_of(url), user=writer)
    session = Session(address_of(theirs))
    assert PostgresCommands(session).put(0, {}) == 1
    assert len(PostgresCommands(session).read(0, 0)) == 1
    session.close()
    changes = ("UPDATE c SET body = '{}'", "DELETE FROM c", "INSERT INTO c VALUES (0, 2, '{}')", "TRUNCATE c")
    for change in changes:
        with (
            psycopg.connect(theirs.partition("?")[0]) as raw,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            raw.execute(change.replace(" c", f" {schema_of(url)}.command"))  # type: ignore[arg-type]
        if not change.startswith("INSERT"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                postgres.run(change.replace(" c", f" {schema_of(url)}.command"))
