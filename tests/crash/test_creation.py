"""A process killed at each statement by which it makes a log: nothing is there then, or what the next start finishes."""

import os
import signal
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from guanxi.bootstrap import open_bank
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log, shards_of
from infra.sqlite_log import SqliteEventLog
from processors.ports import LogUnusable
from tests.conformance.event_log import draft
from tests.crash.runs import KILLED, forked, settings

SHARDS = 2
LINE = (
    b'{"type":"account_opened","event_id":"1","source":"core","schema_version":1,"occurred_at":"2026-01-01T09:00:00+08:00",'
    b'"customer_id":"C1","account_id":"A1","category":"deposit","currency":"CNY","value_date":"2026-01-01"}'
)


def dying(at: int) -> Callable[..., None]:
    """To be called at each statement: kills the process at the one of that number, from 0."""
    left = iter(range(at, -1, -1))

    def tick(*_: object) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return tick


def test_killed_at_each_statement_of_a_new_file(folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    for number in count():
        file, dies = next(folders) / "bank.db", dying(number)

        def watched(*args: Any, tick: Callable[..., None] = dies, **more: Any) -> sqlite3.Connection:
            made = connect(*args, **more)
            made.set_trace_callback(tick)
            return made

        with monkeypatch.context() as patched:
            patched.setattr(sqlite3, "connect", watched)
            how = forked(lambda file=file: SqliteEventLog(str(file), write=True).close())
        if not is_there(file):
            assert how == KILLED
        with open_bank(settings(file), write=True) as bank:
            bank.ingest_lines("lines", [LINE])
            assert bank.counts.taken == 1
        if how == 0:
            break
    assert number > 10


def is_there(file: Path) -> bool:
    """Whether a reader finds a log; one that finds none says so as of a file on which nothing went wrong."""
    try:
        SqliteEventLog(str(file)).close()
    except LogUnusable as error:
        return "no such log" not in str(error) and "nothing is in this log yet" not in str(error)
    return True


def test_killed_at_statements_of_a_new_schema(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some hundred, for each takes a schema: the first, some between, and before and behind the commit."""
    everything = list[object]()
    with schema(postgres_url) as url:
        made_by(monkeypatch, everything.append, lambda: create_log(url, shards=SHARDS))
    last = len(everything) - 1
    for number in (0, 2, last // 3, 2 * last // 3, last - 1, last):
        with schema(postgres_url) as url:
            how = made_by(
                monkeypatch, dying(number), lambda url=url: forked(lambda url=url: create_log(url, shards=SHARDS))
            )
            assert how == KILLED
            assert shards_of(url) == (SHARDS if number == last else None)
            create_log(url, shards=SHARDS)
            for shard in range(SHARDS):
                log = PostgresEventLog(url, shard, write=True)
                log.append(draft(("C1", b"line")))
                log.settle()
                log.close()


@contextmanager
def schema(postgres_url: str) -> Iterator[str]:
    """The address of a log that is not there yet, and is not when this ends."""
    name = f"log_{uuid.uuid4().hex[:12]}"
    yield f"{postgres_url}?schema={name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))


def made_by(monkeypatch: pytest.MonkeyPatch, tick: Callable[[object], None], job: Callable[[], Any]) -> Any:
    """What a job returns; tick: called before each statement, and before and behind each commit."""
    execute, commit = psycopg.Connection.execute, psycopg.Connection.commit

    def counted(*args: Any, **more: Any) -> Any:
        tick(args)
        return execute(*args, **more)

    def committed(connection: Any) -> None:
        tick("before")
        commit(connection)
        tick("behind")

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", counted)
        patched.setattr(psycopg.Connection, "commit", committed)
        return job()
