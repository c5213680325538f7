"""The tables of a log on PostgreSQL: made once by their owner, brought up to date by migrations, guarded by the database.

A log is a schema: `log` (one row: name, incarnation), `shard` (one row each: its number and its 16 bytes), `migration`
(what was done to the schema), and `journal_0`, `journal_1`, … one table a shard, so that nothing of one shard (index,
vacuum, a lock on the table) is in another's way. Number of shards and identities are fixed when the log is made.

Triggers refuse to update, delete or truncate for everyone, the owner and replication included, and let in the next block
alone. Whoever writes blocks needs no more than SELECT and INSERT; DDL is the owner's, run once, never by a worker.
"""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier, Literal

from infra.postgres_session import Address, address_of, failure
from processors.ports import LogUnusable

MOST_SHARDS: Final = 4096
_LOCK_SECONDS = 3.0
"""A migration gives up instead of keeping those who write waiting behind it."""


class Migration(NamedTuple):
    """A step from one version of the schema to the next, in one transaction with all others that are due.

    needs: the lowest version that a program must know to use the log after it. A step that only adds leaves it as it
    was, so that programs that run go on: the log first, the programs after it.
    """

    version: int
    what: str
    needs: int
    statements: Callable[[str, int], Iterator[Composed]]


def journal(shard_number: int) -> str:
    """The table of a shard's blocks."""
    return f"journal_{shard_number}"


def _tables(schema: str, shards: int) -> Iterator[Composed]:
    names: dict[str, Any] = {"schema": Identifier(schema), "refuse": Identifier(schema, "refuse_change")}
    yield SQL(
        "CREATE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN "
        "RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'restrict_violation'; END $$"
    ).format(**names)
    yield SQL(
        "CREATE TABLE {schema}.log (name text NOT NULL, incarnation text NOT NULL, shards integer NOT NULL)"
    ).format(**names)
    yield SQL("CREATE TABLE {schema}.shard (number integer PRIMARY KEY, id uuid NOT NULL UNIQUE)").format(**names)
    for number in range(shards):
        shard = uuid.uuid4()
        names |= {"journal": Identifier(schema, journal(number)), "shard": Literal(str(shard))}
        names |= {"in_order": Identifier(schema, f"{journal(number)}_in_order")}
        yield SQL("INSERT INTO {schema}.shard VALUES ({number}, {shard})").format(number=Literal(number), **names)
        # The columns of the library's own table; a block is compressed already: stored beside the row, as it is.
        yield SQL(
            "CREATE TABLE {journal} (originator_id uuid NOT NULL CHECK (originator_id = {shard}), "
            "originator_version bigint NOT NULL, topic text NOT NULL, state bytea NOT NULL, "
            "PRIMARY KEY (originator_id, originator_version))"
        ).format(**names)
        yield SQL("ALTER TABLE {journal} ALTER COLUMN state SET STORAGE EXTERNAL").format(**names)
        yield SQL(
            "CREATE FUNCTION {in_order}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN "
            "IF NEW.originator_version <> (SELECT COALESCE(MAX(originator_version), 0) + 1 FROM {journal} "
            "WHERE originator_id = {shard}) THEN "
            "RAISE EXCEPTION 'the log is append-only: only the next block can be written' "
            "USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
        ).format(**names)
        yield SQL(
            "CREATE TRIGGER in_order BEFORE INSERT ON {journal} FOR EACH ROW EXECUTE FUNCTION {in_order}()"
        ).format(**names)
        yield SQL("ALTER TABLE {journal} ENABLE ALWAYS TRIGGER in_order").format(**names)
    for table in ("log", "shard", "migration", *map(journal, range(shards))):
        names["table"] = Identifier(schema, table)
        yield SQL(
            "CREATE TRIGGER no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION {refuse}()"
        ).format(**names)
        # Also where session_replication_role says that triggers are for others.
        yield SQL("ALTER TABLE {table} ENABLE ALWAYS TRIGGER no_change").format(**names)


MIGRATIONS: tuple[Migration, ...] = (Migration(1, "the journal, a table a shard", 1, _tables),)


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
            _grant(connection, address.schema, shards, writer)


def migrate(url: str) -> list[str]:
    """Bring the schema up to what this program knows, as the log's owner, while others write -> what was done.

    Several processes may do this at once: one does. All that is due is done or nothing. Raises LogUnusable.
    """
    address = address_of(url)
    with _owning(address) as connection:
        if connection.execute("SELECT to_regclass(%s)::text", (f"{address.schema}.migration",)).fetchone() == (None,):
            raise LogUnusable(f"{address.shown}: no log is here; let its owner make it first")
        return _migrate(connection, address.schema, _shards(connection, address.schema))


def usable(version: int | None, needs: int | None) -> str | None:
    """What stands against using a log whose schema is of this version; None: nothing. needs: the most of its steps."""
    known = MIGRATIONS[-1].version
    if version is None or version < known:
        return (
            f"its tables are of version {version or 0}, this program needs {known}: let the owner of the log migrate it"
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


def _shards(connection: Connection[TupleRow], schema: str) -> int:
    found = connection.execute(SQL("SELECT shards FROM {}.log").format(Identifier(schema))).fetchone()
    return int(found[0]) if found else 0


def _grant(connection: Connection[TupleRow], schema: str, shards: int, role: str) -> None:
    to = Identifier(role)
    connection.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), to))
    for table in ("log", "shard", "migration"):
        connection.execute(SQL("GRANT SELECT ON {} TO {}").format(Identifier(schema, table), to))
    for number in range(shards):
        connection.execute(SQL("GRANT SELECT, INSERT ON {} TO {}").format(Identifier(schema, journal(number)), to))
