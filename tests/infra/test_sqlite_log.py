"""The log in a SQLite file and in memory: the law of the port, and what the file alone can promise."""

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.sqlite_log import LogUnusable, SqliteEventLog, is_locked
from processors.ports import EventLog, LogBusy, LogDamaged, LostShard
from tests.conformance.event_log import FILE, EventLogConformance, Open, draft
from tests.crash.runs import forked


class TestSqliteEventLog(EventLogConformance):
    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[SqliteEventLog]:
        found = SqliteEventLog(str(tmp_path / "bank.db"), write=True)
        yield found
        found.close()

    @pytest.fixture
    def reader(self, tmp_path: Path) -> Iterator[Open]:
        opened: list[SqliteEventLog] = []

        def open_log() -> EventLog:
            opened.append(SqliteEventLog(str(tmp_path / "bank.db")))
            return opened[-1]

        yield open_log
        for each in opened:
            each.close()


class TestSqliteEventLogInMemory(EventLogConformance):
    @pytest.fixture
    def log(self) -> Iterator[SqliteEventLog]:
        found = SqliteEventLog(":memory:", write=True)
        yield found
        found.close()

    @pytest.fixture
    def reader(self, log: SqliteEventLog) -> Open:
        return lambda: log


# ------------------------------------------------------------------------------------------ the file


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bank.db")


@pytest.fixture
def log(path: str) -> Iterator[SqliteEventLog]:
    found = SqliteEventLog(path, write=True)
    for at in range(3):
        found.append(draft(("C1", b"%d" % at)))
    yield found
    found.close()


def bodies(path: str) -> list[bytes]:
    log = SqliteEventLog(path)
    try:
        return [block.body for block in log.blocks()]
    finally:
        log.close()


def test_it_is_the_same_log_when_opened_again(log: SqliteEventLog, path: str) -> None:
    log.close()
    again = SqliteEventLog(path, write=True)
    assert (again.name, again.shard, again.incarnation) == (log.name, log.shard, log.incarnation)
    assert again.name == "bank"
    assert again.head() == log.head()
    assert again.append(draft(("C1", b"3"))) == 4
    again.close()
    assert bodies(path) == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET state = x'00'",
        "UPDATE journal SET originator_version = 9 WHERE originator_version = 3",
        "DELETE FROM journal",
        "DELETE FROM journal WHERE originator_version = 3",
        "INSERT OR REPLACE INTO journal SELECT originator_id, 2, topic, x'00' FROM journal LIMIT 1",
        "REPLACE INTO journal SELECT originator_id, 3, topic, x'00' FROM journal LIMIT 1",
        "INSERT INTO journal SELECT originator_id, 5, topic, state FROM journal LIMIT 1",
        "INSERT OR IGNORE INTO journal SELECT originator_id, 1, topic, x'00' FROM journal LIMIT 1",
    ],
)
def test_the_database_itself_is_append_only(log: SqliteEventLog, path: str, statement: str) -> None:
    with closing(sqlite3.connect(path)) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    assert bodies(path) == [b"0", b"1", b"2"]


def test_writes_are_synced(log: SqliteEventLog) -> None:
    with log._datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == 2
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"


def test_a_second_writer_is_told_by_whom_and_what_to_do(log: SqliteEventLog, path: str) -> None:
    assert is_locked(Path(path))
    with pytest.raises(LogBusy, match=rf"bank\.db: process {os.getpid()} is writing this log; wait .* --log"):
        SqliteEventLog(path, write=True)
    assert bodies(path) == [b"0", b"1", b"2"]
    log.close()
    assert not is_locked(Path(path))
    SqliteEventLog(path, write=True).close()


def test_a_writer_that_died_leaves_no_lock(path: str) -> None:
    def die() -> None:
        SqliteEventLog(path, write=True).append(draft(("C1", b"0")))
        os._exit(9)

    assert forked(die) == 9
    log = SqliteEventLog(path, write=True)
    assert log.head().block == 1
    log.close()


def test_a_writer_past_the_lock_loses_the_shard_and_writes_nothing(log: SqliteEventLog, path: str) -> None:
    Path(f"{path}-lock").unlink()
    other = SqliteEventLog(path, write=True)
    log.append(draft(("C1", b"3"), inputs={FILE: (0, 1)}))
    with pytest.raises(LostShard, match=r"another process.*run the same command again"):
        other.append(draft(("C1", b"3"), inputs={FILE: (0, 1)}))
    with pytest.raises(LostShard):
        other.append(draft(("C1", b"3"), inputs={FILE: (0, 1)}))
    assert log.append(draft(("C1", b"4"), inputs={FILE: (1, 2)})) == 5
    other.close()
    assert bodies(path) == [b"0", b"1", b"2", b"3", b"4"]


def test_reading_while_another_process_writes(path: str) -> None:
    SqliteEventLog(path, write=True).close()
    blocks = 150

    def write() -> None:
        log = SqliteEventLog(path, write=True)
        for at in range(blocks):
            log.append(draft(("C1", b"%d" % at), inputs={FILE: (at, at + 1)}))
        log.close()

    codes: list[int] = []
    writer = threading.Thread(target=lambda: codes.append(forked(write)))
    writer.start()
    seen = 0
    while seen < blocks:
        log = SqliteEventLog(path)
        head, found = log.head(), [int(block.body) for block in log.blocks()]
        log.close()
        assert found == list(range(len(found)))
        assert len(found) >= head.block >= seen
        assert head.inputs.get(FILE, 0) == head.block
        seen = head.block
    writer.join()
    assert codes == [0]


def test_a_first_block_written_while_the_end_is_looked_for_is_found(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SqliteEventLog(path, write=True)
    log.append(draft(("C1", b"0")))
    look = log._recorder.select_events
    answers = iter([[]])
    monkeypatch.setattr(log._recorder, "select_events", lambda *a, **k: next(answers, None) or look(*a, **k))
    log.refresh()
    assert log.head().block == 1
    monkeypatch.setattr(log._recorder, "select_events", lambda *_, **__: [])
    with pytest.raises(LogDamaged, match="holds blocks, but none of this log"):
        log.refresh()
    log.close()


def test_a_reader_makes_no_log(path: str) -> None:
    with pytest.raises(LogUnusable, match="no such log"):
        SqliteEventLog(path)
    assert not Path(path).exists()


def test_a_reader_gives_no_identity_to_a_log_that_has_none(path: str) -> None:
    SqliteEventLog(path, write=True).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM log")
        raw.commit()
        with pytest.raises(LogUnusable, match="nothing is in this log yet"):
            SqliteEventLog(path)
        assert raw.execute("SELECT COUNT(*) FROM log").fetchone()[0] == 0


def _as_nobody_would(path: str, statement: str) -> None:
    """Change stored blocks in a way that the database refuses as long as its rules are there."""
    with closing(sqlite3.connect(path)) as raw:
        for (rule,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {rule}")
        raw.execute(statement)
        raw.commit()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("DELETE FROM journal WHERE originator_version = 2", "block 2 is missing"),
        ("DELETE FROM journal WHERE originator_version = 1", "block 1 is missing"),
        ("UPDATE journal SET state = x'00' WHERE originator_version = 2", "block 2"),
        ("UPDATE journal SET state = 'GXB1 and more' WHERE originator_version = 2", "block 2 is no block"),
        ("UPDATE journal SET state = 7 WHERE originator_version = 2", "block 2 is no block"),
        ("UPDATE journal SET state = substr(state, 1, length(state) - 1) WHERE originator_version = 2", "block 2"),
        ("UPDATE journal SET state = (SELECT state FROM journal WHERE originator_version = 1) WHERE originator_version = 2",
         "block 2: says it is block 1"),
    ],
)  # fmt: skip
def test_a_changed_log_is_noticed(log: SqliteEventLog, path: str, statement: str, where: str) -> None:
    log.close()
    _as_nobody_would(path, statement)
    with pytest.raises(LogDamaged, match=r"restore the log file from a copy") as told:
        bodies(path)
    assert where in str(told.value) or "blocks are missing" in str(told.value)


@pytest.mark.parametrize("shard", ["randomblob(16)", "randomblob(3)", "'text'", "7"])
@pytest.mark.parametrize("write", [False, True])
def test_blocks_of_a_log_that_forgot_its_name_are_not_passed_over(
    log: SqliteEventLog, path: str, shard: str, write: bool
) -> None:
    """Else it would be believed to be empty, and begun anew."""
    log.close()
    _as_nobody_would(path, f"UPDATE log SET shard = {shard}")
    with pytest.raises(LogDamaged, match=r"restore the log file from a copy"):
        SqliteEventLog(path, write=write)


def test_a_damaged_name_of_the_shard_in_a_row_is_told(log: SqliteEventLog, path: str) -> None:
    """Or it is in no way: not every copy of it in the file counts."""
    for at in range(30):
        log.append(draft(("C1", b"%d" % at)))
    name, right, told = log.shard.hex().encode(), bodies(path), 0
    log.close()
    content = Path(path).read_bytes()
    for place in re.finditer(name, content):
        Path(path).write_bytes(content[: place.end() - 3] + b"\x00" + content[place.end() - 2 :])
        try:
            assert bodies(path) == right
        except LogDamaged:
            told += 1
    assert told


def test_a_last_block_hidden_by_damage_is_missed(log: SqliteEventLog, path: str) -> None:
    """One entry less in the page of the index: else the log would be believed to end a block earlier."""
    log.close()
    content = bytearray(Path(path).read_bytes())
    index_leaf, entries = 0x0A, 3
    found = [at for at in range(4096, len(content), 4096) if content[at] == index_leaf and content[at + 4] == entries]
    for at in found:
        content[at + 4] = entries - 1
    Path(path).write_bytes(content)
    with pytest.raises(LogDamaged, match=r"restore the log file from a copy"):
        bodies(path)
    assert found


def test_a_damaged_schema_is_told(log: SqliteEventLog, path: str) -> None:
    log.close()
    content = Path(path).read_bytes()
    Path(path).write_bytes(content.replace(b"CREATE TRIGGER", b"CREATE TR\xff\x88GER"))
    with pytest.raises((LogDamaged, LogUnusable)):
        SqliteEventLog(path, write=True)
