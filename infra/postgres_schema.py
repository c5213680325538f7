"""The tables of a log on PostgreSQL: made once by their owner, brought up to date by migrations, guarded by the database.

A log is a schema: `log` (one row: name, incarnation), `shard` (one row each: its number and its 16 bytes), `migration`
(what was done to the schema), and `journal_0`, `journal_1`, … one table a shard, so that nothing of one shard (index,
vacuum, a lock on the table) is in another's way. Number of shards and identities are fixed when the log is made. Beside
the journals: the keys of customers (`infra.postgres_vault`) and what is asked of the shards' owners
(`infra.postgres_commands`).

Triggers refuse to update, delete or truncate for everyone, the owner and replication included, and let in the next block
alone. Whoever writes blocks needs no more than SELECT and INSERT; DDL is the owner's, run once, never by a worker.
"""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Final, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from infra.postgres_session import Address, Session, address_of, failure
from infra.postgres_tables import MIGRATIONS, journal
from infra.postgres_view_tables import view_grants
from processors.ports import LogAway, LogDamaged, LogUnusable

MOST_SHARDS: Final = 4096
NO_LOG: Final = "no log is here; let its owner make it first, with guanxi log create"
_LOCK_SECONDS = 3.0
"""A migration gives up instead of keeping those who write waiting behind it."""


def create_log(url: str, *, shards: int = 1, name: str | None = None, writer: str | None = None) -> None:
    """Make a log in the schema of the URL, as its owner. What is there already and the same is left as it is.

    name: its own name, the schema's unless given; shards: 1 to 4096, fixed for ever; writer: an existing role that is to
    read and append. Several processes may do this at once: one makes it. Raises LogUnusable.
    """
    if not 0 < shards <= MOST_SHARDS:
        raise LogUnusable(f"{shards} shards: a log has 1 to {MOST_SHARDS}")
    address = address_of(url)
    with _owning(address) as connection:
        if connection.execute("SELECT to_regnamespace(%s)::text", (address.schema,)).fetchone() == (None,):
            connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(address.schema)))
        tables = {
            table
            for (table,) in connection.execute(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = %s", (address.schema,)
            )
        }
        if not tables:
            connection.execute(
                SQL(
                    "CREATE TABLE {}.migration (version integer PRIMARY KEY, what text NOT NULL, needs integer NOT NULL, "
                    "at timestamptz NOT NULL DEFAULT now())"
                ).format(Identifier(address.schema))
            )
            _migrate(connection, address.schema, shards)
            connection.execute(
                SQL("INSERT INTO {}.log VALUES (%s, %s, %s)").format(Identifier(address.schema)),
                (name or address.schema, uuid.uuid4().hex, shards),
            )
        elif not tables >= {"log", "migration"}:
            raise LogUnusable(
                f"{address.shown}: tables of another program are in this schema; name another with ?schema="
            )
        elif (there := _shards(connection, address.schema)) != shards:
            raise LogUnusable(
                f"{address.shown}: this log has {there} shards and keeps them; for {shards} make another, with ?schema="
            )
        if writer is not None:
            if against := usable(*_version(connection, address.schema)):
                raise LogUnusable(f"{address.shown}: {against}")
            _grant(connection, address.schema, shards, writer)


def migrate(url: str) -> list[str]:
    """Bring the schema up to what this program knows, as the log's owner, while others write -> what was done.

    Several processes may do this at once: one does. All that is due is done or nothing. Raises LogUnusable.
    """
    address = address_of(url)
    with _owning(address) as connection:
        if connection.execute("SELECT to_regclass(%s)::text", (f"{address.schema}.migration",)).fetchone() == (None,):
            raise LogUnusable(f"{address.shown}: {NO_LOG}")
        shards = _shards(connection, address.schema)
        done = _migrate(connection, address.schema, shards)
        for role in _writers(connection, address.schema) if done else ():
            _grant(connection, address.schema, shards, role)  # on what is new
        return done


class Identity(NamedTuple):
    """What a log is: given when it was made, for ever."""

    name: str
    incarnation: str
    shards: int


def identity_of(session: Session, shown: str) -> Identity:
    """Of the log in the session's schema. shown: where that is, for people. Raises LogUnusable, LogDamaged."""
    where = Identifier(session.schema)
    with session.get_connection() as connection:
        found = connection.execute(
            "SELECT to_regclass(%s) IS NULL AS missing", (f"{session.schema}.migration",)
        ).fetchone()
        if found is None or found["missing"]:
            raise LogAway(f"{shown}: {NO_LOG}")
        step = connection.execute(
            SQL("SELECT MAX(version) AS version, MAX(needs) AS needs FROM {}.migration").format(where)
        ).fetchone()
        if step and (against := usable(step["version"], step["needs"])):
            raise LogUnusable(f"{shown}: {against}")
        log = connection.execute(SQL("SELECT name, incarnation, shards FROM {}.log").format(where)).fetchone()
    if log is None:
        raise LogDamaged(f"{shown}: the log forgot its name; restore the log from a copy")
    return Identity(log["name"], log["incarnation"], log["shards"])


def shards_of(url: str) -> int | None:
    """How many shards the log in the schema of the URL has, of whatever version; None: no log is there. Raises LogUnusable."""
    address = address_of(url)
    try:
        with psycopg.connect(address.conninfo) as connection:
            there = connection.execute("SELECT to_regclass(%s)::text", (f"{address.schema}.migration",)).fetchone()
            return None if there == (None,) else _shards(connection, address.schema)
    except psycopg.Error as error:
        raise failure(address.shown, error) from error


def usable(version: int | None, needs: int | None) -> str | None:
    """What stands against using a log whose schema is of this version; None: nothing. needs: the most of its steps."""
    known = MIGRATIONS[-1].version
    if version is None or version < known:
        return (
            f"its tables are of version {version or 0}, this program needs {known}: "
            "let the owner of the log migrate it, with guanxi log migrate"
        )
    if needs is not None and needs > known:
        return f"its tables are of version {version}, which this program ({known}) does not know: install a newer one"
    return None


@contextlib.contextmanager
def _owning(address: Address) -> Iterator[Connection[TupleRow]]:
    """A transaction of the only process that changes this schema. Raises LogUnusable."""
    try:
        with psycopg.connect(address.conninfo) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('guanxi:' || %s, 0))", (address.schema,))
            connection.execute(SQL("SET LOCAL lock_timeout = {}").format(Literal(f"{_LOCK_SECONDS * 1000:.0f}ms")))
            yield connection
    except psycopg.Error as error:
        raise failure(address.shown, error) from error


def _migrate(connection: Connection[TupleRow], schema: str, shards: int) -> list[str]:
    table = Identifier(schema, "migration")
    (done,) = connection.execute(SQL("SELECT COALESCE(MAX(version), 0) FROM {}").format(table)).fetchone() or (0,)
    due = [step for step in MIGRATIONS if step.version > done]
    for step in due:
        for statement in step.statements(schema, shards):
            connection.execute(statement)
        connection.execute(
            SQL("INSERT INTO {} (version, what, needs) VALUES (%s, %s, %s)").format(table),
            (step.version, step.what, step.needs),
        )
    return [step.what for step in due]


def _version(connection: Connection[TupleRow], schema: str) -> tuple[int | None, int | None]:
    found = connection.execute(
        SQL("SELECT MAX(version), MAX(needs) FROM {}.migration").format(Identifier(schema))
    ).fetchone()
    return found or (None, None)


def _shards(connection: Connection[TupleRow], schema: str) -> int:
    found = connection.execute(SQL("SELECT shards FROM {}.log").format(Identifier(schema))).fetchone()
    return int(found[0]) if found else 0


def _writers(connection: Connection[TupleRow], schema: str) -> list[str]:
    """The roles that were let in as writers before."""
    found = connection.execute(
        "SELECT grantee::regrole::text FROM pg_class, aclexplode(relacl) "
        "WHERE oid = to_regclass(%s) AND privilege_type = 'INSERT' AND grantee NOT IN (relowner, 0)",
        (f"{schema}.{journal(0)}",),
    )
    return [role for (role,) in found]


def _grant(connection: Connection[TupleRow], schema: str, shards: int, role: str) -> None:
    """Let a role read the log, append to it and tell its views, and nothing more."""
    to = Identifier(role)
    connection.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), to))
    for table in ("log", "shard", "migration", "command"):
        connection.execute(SQL("GRANT SELECT ON {} TO {}").format(Identifier(schema, table), to))
    for table in ("vault_key", "vault_master", *map(journal, range(shards))):
        connection.execute(SQL("GRANT SELECT, INSERT ON {} TO {}").format(Identifier(schema, table), to))
    connection.execute(SQL("GRANT UPDATE (wrapped) ON {} TO {}").format(Identifier(schema, "vault_key"), to))
    connection.execute(
        SQL("GRANT EXECUTE ON FUNCTION {}(smallint, jsonb) TO {}").format(Identifier(schema, "put_command"), to)
    )
    for statement in view_grants(schema, role):
        connection.execute(statement)
