"""A log on PostgreSQL is append-only for everyone, and what was changed all the same is noticed."""

import re
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from infra import block as layout
from infra import postgres_log
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from processors.ports import LogDamaged, LogUnusable
from tests.conformance.event_log import FILE, draft
from tests.golden import frozen
from tests.infra.a_postgres_log import OpenUrl, as_nobody_would, bodies, schema_of
from tests.postgres_server import Server

GOLDEN_LOG = Path(frozen.__file__).with_name("log-1")


def test_it_is_the_same_log_when_opened_again(log: PostgresEventLog, url: str, opened: OpenUrl) -> None:
    log.close()
    again = opened(url, write=True)
    assert (again.name, again.shard, again.incarnation) == (log.name, log.shard, log.incarnation)
    assert again.name == schema_of(url)
    assert again.head() == log.head()
    assert again.append(draft(("C1", b"3"))) == 4
    assert bodies(url) == [b"0", b"1", b"2", b"3"]


def test_the_block_of_the_first_release_is_read_back(postgres: Server, url: str, opened: OpenUrl) -> None:
    log = opened(url, write=True)
    for at in range(6):
        log.append(draft(("C1", b"%d" % at)))
    postgres.run(
        f"INSERT INTO {schema_of(url)}.journal_0 SELECT originator_id, 7, topic, '\\x{frozen.BLOCK.hex()}' "
        f"FROM {schema_of(url)}.journal_0 LIMIT 1"
    )
    block = log.block(7)
    assert block.body == b"\n".join(frozen.BLOCK_LINES)
    assert (block.first, block.lines, block.duplicates) == (70, 2, 1)
    assert log.customers(7) == frozen.BLOCK_HEADER["cols"]["cust"]  # type: ignore[index]
    log.refresh()
    assert log.head().inputs == {FILE: 15, ("bank.transactions.v1", 2): 900}


def test_the_golden_log_is_the_same_in_a_database(postgres: Server, url: str, opened: OpenUrl) -> None:
    source = f"file:{GOLDEN_LOG}?mode=ro&immutable=1"
    with closing(sqlite3.connect(source, uri=True)) as raw:
        stored = [state for (state,) in raw.execute("SELECT state FROM journal ORDER BY originator_version")]
    log = opened(url)
    for number, state in enumerate(stored, 1):
        postgres.run(
            f"INSERT INTO {schema_of(url)}.journal_0 VALUES ('{uuid.UUID(bytes=log.shard)}', {number}, 't', '\\x{state.hex()}')"
        )
    assert list(log.blocks()) == [layout.unpack(state, number) for number, state in enumerate(stored, 1)]
    assert len(stored) > 5
    assert log.stored_bytes() == sum(map(len, stored))
    log.refresh()
    assert log.head() == layout.head_after(layout.header_of(stored[-1], len(stored)))


def test_blocks_are_stored_as_they_are_beside_their_rows(postgres: Server, url: str) -> None:
    (storage,) = postgres.run(
        "SELECT attstorage::text FROM pg_attribute WHERE attname = 'state' "
        f"AND attrelid = '{schema_of(url)}.journal_0'::regclass"
    )
    assert storage == ("e",)


CHANGES = [
    "UPDATE journal SET state = '\\x00'",
    "UPDATE journal SET originator_version = 9 WHERE originator_version = 3",
    "UPDATE journal SET topic = topic WHERE false",
    "DELETE FROM journal",
    "DELETE FROM journal WHERE originator_version = 3",
    "TRUNCATE journal",
    "INSERT INTO journal SELECT originator_id, 5, topic, state FROM journal LIMIT 1",
    "INSERT INTO journal SELECT originator_id, 0, topic, state FROM journal LIMIT 1",
    "INSERT INTO journal SELECT originator_id, 1, topic, state FROM journal LIMIT 1 "
    "ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = '\\x00'",
    "MERGE INTO journal j USING (SELECT 1) s ON j.originator_version = 2 WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("statement", [*CHANGES, *(
    f"{change} {table}{rest}" for table in ("log", "shard", "migration")
    for change, rest in (("DELETE FROM", ""), ("TRUNCATE", " CASCADE"))
)])  # fmt: skip
def test_not_even_the_owner_changes_what_was_written(
    postgres: Server, log: PostgresEventLog, url: str, statement: str, role: str
) -> None:
    changed = re.sub(r"\b(log|shard|migration)\b", rf"{schema_of(url)}.\1", statement)
    changed = changed.replace("journal", f"{schema_of(url)}.journal_0")
    with pytest.raises(psycopg.IntegrityError, match="append-only"):
        postgres.run(f"SET session_replication_role = {role}", changed)
    assert bodies(url) == [b"0", b"1", b"2"]


def test_a_block_of_another_shard_does_not_get_in(postgres: Server, log: PostgresEventLog, url: str) -> None:
    with pytest.raises(psycopg.IntegrityError):
        postgres.run(f"INSERT INTO {schema_of(url)}.journal_0 VALUES (gen_random_uuid(), 4, 't', '')")


def test_the_role_that_writes_appends_and_cannot_do_more(
    postgres: Server, url: str, writer: str, opened: OpenUrl
) -> None:
    create_log(url, writer=writer)
    theirs = postgres.url(schema=schema_of(url), user=writer)
    log = opened(theirs, write=True)
    for at in range(3):
        log.append(draft(("C1", b"%d" % at)))
    table = f"{schema_of(url)}.journal_0"
    others = [
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        f"DROP TABLE {table}",
        f"DROP TRIGGER no_change ON {table}",
        f"CREATE OR REPLACE FUNCTION {schema_of(url)}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        f"CREATE TABLE {schema_of(url)}.mine ()",
        f"INSERT INTO {schema_of(url)}.shard VALUES (9, gen_random_uuid())",
    ]
    with psycopg.connect(postgres.url(user=writer), autocommit=True) as raw:
        for statement in (*CHANGES, *others):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)):
                raw.execute(re.sub(r"\bjournal\b", table, statement))  # type: ignore[arg-type]
    for right, has in {"SELECT": True, "INSERT": True, "UPDATE": False, "DELETE": False, "TRUNCATE": False}.items():
        assert postgres.run(f"SELECT has_table_privilege('{writer}', '{table}', '{right}')") == [(has,)]
    assert bodies(theirs) == [b"0", b"1", b"2"]


def test_a_role_without_grants_is_told_so(postgres: Server, url: str, writer: str) -> None:
    with pytest.raises(LogUnusable, match=r"permission denied.*owner of the log grant"):
        PostgresEventLog(postgres.url(schema=schema_of(url), user=writer))


def test_who_reads_does_not_write(log: PostgresEventLog, url: str, opened: OpenUrl) -> None:
    with pytest.raises(LogUnusable, match="read-only"):
        opened(url).append(draft(("C1", b"3")))
    assert len(bodies(url)) == 3


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("DELETE FROM journal WHERE originator_version = 2", "blocks are missing before block 3"),
        ("DELETE FROM journal WHERE originator_version = 1", "blocks are missing before block 3"),
        ("UPDATE journal SET state = '\\x00' WHERE originator_version = 2", "block 2: not a block"),
        ("UPDATE journal SET state = '' WHERE originator_version = 3", "block 3: not a block"),
        ("UPDATE journal SET state = substring(state for length(state) - 1) WHERE originator_version = 2", "block 2"),
        ("UPDATE journal SET state = set_byte(state, 20, get_byte(state, 20) # 1) WHERE originator_version = 2",
         "block 2: its header was changed"),
        ("UPDATE journal SET state = set_byte(state, length(state) - 1, get_byte(state, length(state) - 1) # 1) "
         "WHERE originator_version = 2", "block 2"),
        ("UPDATE journal SET state = (SELECT state FROM journal WHERE originator_version = 1) "
         "WHERE originator_version = 2", "block 2: says it is block 1"),
    ],
)  # fmt: skip
def test_a_changed_log_is_noticed(
    postgres: Server, log: PostgresEventLog, url: str, statement: str, where: str
) -> None:
    as_nobody_would(postgres, url, statement)
    with pytest.raises(LogDamaged, match=rf"{schema_of(url)}, shard 0: .*{where}.*restore the log from a copy"):
        bodies(url)


def test_a_block_that_goes_missing_is_noticed_by_who_reads_on(
    postgres: Server, log: PostgresEventLog, url: str
) -> None:
    as_nobody_would(postgres, url, "DELETE FROM journal WHERE originator_version = 2")
    with pytest.raises(LogDamaged, match="block 2 is missing"):
        list(log.blocks(1))


@pytest.mark.parametrize("missing", [1, 2])
def test_opening_looks_at_the_ends_and_a_check_at_all(
    postgres: Server, url: str, opened: OpenUrl, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    monkeypatch.setattr(postgres_log, "_LOOKED_AT", 2)
    log = opened(url, write=True)
    for at in range(5):
        log.append(draft(("C1", b"%d" % at)))
    log.check_numbers()
    as_nobody_would(postgres, url, f"DELETE FROM journal WHERE originator_version = {missing}")
    if missing == 1:
        with pytest.raises(LogDamaged, match="blocks are missing before block 5"):
            opened(url)
    else:
        again = opened(url, write=True)
        assert again.append(draft(("C1", b"5"))) == 6
        with pytest.raises(LogDamaged, match="blocks are missing before block 6"):
            again.check_numbers()


def test_blocks_of_a_log_that_forgot_its_shard_are_not_passed_over(
    postgres: Server, log: PostgresEventLog, url: str
) -> None:
    """Else it would be believed to be empty, and begun anew."""
    as_nobody_would(postgres, url, f"UPDATE {schema_of(url)}.shard SET id = gen_random_uuid()")
    with pytest.raises(LogDamaged, match="holds blocks of another shard"):
        PostgresEventLog(url, write=True)
