"""The log on PostgreSQL: the law of the port, and what a database alone can promise and do wrong."""

import threading
import time
import uuid
from functools import partial

import psycopg
import pytest

from infra import block as layout
from infra import postgres_log
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from processors.ports import Draft, EventLog, LogUnusable, LostShard
from tests.conformance.event_log import FILE, EventLogConformance, Open, draft
from tests.infra.a_postgres_log import OpenUrl, as_nobody_would, bodies, schema_of
from tests.patience import PATIENCE_S
from tests.postgres_server import Server


class TestPostgresEventLog(EventLogConformance):
    @pytest.fixture
    def log(self, url: str, opened: OpenUrl) -> EventLog:
        return opened(url, write=True)

    @pytest.fixture
    def reader(self, url: str, opened: OpenUrl) -> Open:
        return partial(opened, url)


# ------------------------------------------------------------------------------------------ one writer a shard


def test_who_lost_the_shard_writes_nothing_before_it_looks_again(
    log: PostgresEventLog, url: str, opened: OpenUrl
) -> None:
    other = opened(url, write=True)
    log.append(draft(("C1", b"3"), inputs={FILE: (0, 1)}))
    with pytest.raises(LostShard, match=r"another process.*run the same command again"):
        other.append(draft(("C1", b"x"), inputs={FILE: (0, 1)}))
    for _ in range(2):
        with pytest.raises(LostShard, match="not known"):
            other.append(draft(("C1", b"x"), inputs={FILE: (0, 1)}))
    other.refresh()
    assert other.append(draft(("C1", b"4"), inputs={FILE: (1, 2)})) == 5
    assert bodies(url) == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("again", [draft(("C1", b"2"), inputs={FILE: (0, 7)}), draft(("C9", b"another"))])
def test_a_database_that_lost_its_end_and_went_on_is_not_written_by_who_knew_the_old_end(
    postgres: Server, log: PostgresEventLog, url: str, opened: OpenUrl, again: Draft
) -> None:
    """As after a takeover by a standby that was behind: the next number is free, but follows another block."""
    as_nobody_would(postgres, url, "DELETE FROM journal WHERE originator_version = 3")
    other = opened(url, write=True)
    other.append(again)
    with pytest.raises(LostShard, match="block 3 is not the one"):
        log.append(draft(("C1", b"3")))
    assert len(bodies(url)) == 3
    log.refresh()
    assert log.head() == other.head()
    assert log.append(draft(("C1", b"3"))) == 4


def test_a_database_that_lost_its_end_is_not_written_by_who_knew_more(
    postgres: Server, log: PostgresEventLog, url: str
) -> None:
    as_nobody_would(postgres, url, "DELETE FROM journal")
    with pytest.raises(LostShard):
        log.append(draft(("C1", b"3")))
    assert bodies(url) == []


def test_shards_do_not_wait_for_one_another(postgres: Server, opened: OpenUrl) -> None:
    url = postgres.url(schema=f"log_{uuid.uuid4().hex[:12]}", options="-c%20lock_timeout%3D200")
    create_log(url, shards=4)
    logs = [opened(url, number, write=True) for number in range(4)]
    assert len({log.shard for log in logs}) == 4
    held = f"{schema_of(url)}.journal_0"
    with psycopg.connect(postgres.url()) as holder:
        holder.execute(f"LOCK TABLE {held} IN EXCLUSIVE MODE")  # type: ignore[arg-type]
        holder.execute(f"INSERT INTO {held} VALUES (%s, 1, 't', '')", (uuid.UUID(bytes=logs[0].shard),))  # type: ignore[arg-type]
        for log in logs[1:]:
            for number in (1, 2, 3):
                assert log.append(draft(("C1", b"%d" % number))) == number
        with pytest.raises(LogUnusable, match=r"lock timeout.*another process holds this shard"):
            logs[0].append(draft(("C1", b"1")))  # the transaction does hold
        holder.rollback()
    logs[0].refresh()
    assert logs[0].append(draft(("C1", b"1"))) == 1


def test_all_shards_of_a_process_share_one_connection(postgres: Server) -> None:
    url = postgres.url(schema=f"log_{uuid.uuid4().hex[:12]}", application_name="shared")
    create_log(url, shards=8)
    session = Session(address_of(url))
    logs = [PostgresEventLog(url, number, write=True, session=session) for number in range(8)]
    for log in logs:
        log.append(draft(("C1", b"1")))
    asked = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'shared'"
    assert postgres.run(asked) == [(1,)]
    logs[0].close()  # the others go on
    assert logs[1].append(draft(("C1", b"2"))) == 2
    assert logs[2].wait(0, after=0)
    session.close()
    assert PostgresEventLog(url, 3, session=session).head().block == 1
    session.close()


# ------------------------------------------------------------------------------------------ who tails


def test_what_commits_late_is_not_passed_over(postgres: Server, log: PostgresEventLog, url: str) -> None:
    table = f"{schema_of(url)}.journal_0"
    seen = [block.number for block in log.blocks()]
    late = layout.pack(log.shard, log.head(), draft(("C1", b"late")))[0]
    insert = f"INSERT INTO {table} VALUES (%s, %s, 't', %s)"
    with psycopg.connect(postgres.url()) as slow, psycopg.connect(postgres.url()) as fast:
        slow.execute(insert, (uuid.UUID(bytes=log.shard), 4, late))  # type: ignore[arg-type]
        with pytest.raises(psycopg.IntegrityError, match="only the next block"):
            fast.execute(insert, (uuid.UUID(bytes=log.shard), 5, late))  # type: ignore[arg-type]
        assert [block.number for block in log.blocks(seen[-1])] == []
        slow.commit()
    assert [block.body for block in log.blocks(seen[-1])] == [b"late"]


def test_who_waits_is_woken_by_a_commit(
    log: PostgresEventLog, url: str, opened: OpenUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_log, "_LOOK_SECONDS", 600.0)
    reader = opened(url)
    assert not reader.wait(0)
    assert reader.wait(0, after=2)
    looked, last = threading.Event(), reader._recorder.last
    monkeypatch.setattr(reader._recorder, "last", lambda shard: (last(shard), looked.set())[0])

    def write() -> None:
        looked.wait(PATIENCE_S)
        log.append(draft(("C1", b"3")))

    thread = threading.Thread(target=write)
    began = time.monotonic()
    thread.start()
    assert reader.wait(60)
    assert time.monotonic() - began < 60
    thread.join()
    assert reader.head().block == 3
    assert [block.body for block in reader.blocks(3)] == [b"3"]


def test_who_waits_looks_by_itself_where_nobody_wakes_it(
    log: PostgresEventLog, url: str, opened: OpenUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a writer that dies between its commit and the waking."""

    def dead() -> None:
        raise LogUnusable("dead")

    monkeypatch.setattr(postgres_log, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(log._recorder, "wake", dead)
    reader = opened(url)
    thread = threading.Timer(0.05, lambda: log.append(draft(("C1", b"3"))))
    thread.start()
    assert reader.wait(PATIENCE_S)
    thread.join()
