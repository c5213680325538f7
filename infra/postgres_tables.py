"""The steps by which the tables of a log on PostgreSQL come to be, in order; each is DDL alone and never changes again.

But for views: that step makes their tables as this program knows them, since they are derived, and empty at first.

What was done to a schema is in its table `migration`; `infra.postgres_schema` does what is due.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from psycopg.sql import SQL, Composed, Identifier, Literal

from infra.postgres_view_tables import view_room, view_tables
from infra.sealing import DESTROYED


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


def _journals(schema: str, shards: int) -> Iterator[Composed]:
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
        yield from _unchangeable(Identifier(schema, table), names["refuse"])


def _vault(schema: str, _: int) -> Iterator[Composed]:
    names: dict[str, Any] = {
        "keys": Identifier(schema, "vault_key"),
        "master": Identifier(schema, "vault_master"),
        "refuse": Identifier(schema, "refuse_change"),
        "destroy": Identifier(schema, "destroy_only"),
        "destroyed": Literal(DESTROYED),
    }
    # The id as bytes: it may hold what no text of the server's may.
    yield SQL(
        "CREATE TABLE {keys} (shard smallint NOT NULL, customer_id bytea NOT NULL, wrapped bytea NOT NULL, "
        "PRIMARY KEY (shard, customer_id))"
    ).format(**names)
    yield SQL("CREATE TABLE {master} (one integer PRIMARY KEY CHECK (one = 1), check_value bytea NOT NULL)").format(
        **names
    )
    yield SQL(
        "CREATE FUNCTION {destroy}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN "
        "IF NEW.shard <> OLD.shard OR NEW.customer_id <> OLD.customer_id OR NEW.wrapped <> {destroyed} THEN "
        "RAISE EXCEPTION 'a key is never replaced, only destroyed' USING ERRCODE = 'restrict_violation'; END IF; "
        "RETURN NEW; END $$"
    ).format(**names)
    yield SQL("CREATE TRIGGER destroy_only BEFORE UPDATE ON {keys} FOR EACH ROW EXECUTE FUNCTION {destroy}()").format(
        **names
    )
    yield SQL("ALTER TABLE {keys} ENABLE ALWAYS TRIGGER destroy_only").format(**names)
    for table, changes in (("keys", "DELETE OR TRUNCATE"), ("master", "UPDATE OR DELETE OR TRUNCATE")):
        yield from _unchangeable(names[table], names["refuse"], changes)


def _unchangeable(
    table: Identifier, refuse: Identifier, changes: str = "UPDATE OR DELETE OR TRUNCATE"
) -> Iterator[Composed]:
    """Refuse these changes of a table to everyone."""
    yield SQL(
        "CREATE TRIGGER no_change BEFORE {changes} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {refuse}()"
    ).format(changes=SQL(changes), table=table, refuse=refuse)
    # Also where session_replication_role says that triggers are for others.
    yield SQL("ALTER TABLE {table} ENABLE ALWAYS TRIGGER no_change").format(table=table)


def _commands(schema: str, _: int) -> Iterator[Composed]:
    names: dict[str, Any] = {
        "command": Identifier(schema, "command"),
        "put": Identifier(schema, "put_command"),
        "lock": Literal(f"guanxi:{schema}:command:"),
        "channel": Literal(command_channel(schema)),
    }
    yield SQL(
        "CREATE TABLE {command} (shard smallint NOT NULL, number bigint NOT NULL, body jsonb NOT NULL, "
        "made_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (shard, number))"
    ).format(**names)
    # Under a lock of the shard until the end of the transaction: number after number commits, so that who reads on from
    # a number passes over none. As its owner, so that who may call it may write in no other way.
    yield SQL(
        "CREATE FUNCTION {put}(to_shard smallint, what jsonb) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER "
        "SET search_path = pg_catalog AS $$ DECLARE given bigint; BEGIN "
        "PERFORM pg_advisory_xact_lock(hashtextextended({lock} || to_shard, 0)); "
        "INSERT INTO {command} (shard, number, body) "
        "SELECT to_shard, COALESCE(MAX(number), 0) + 1, what FROM {command} WHERE shard = to_shard "
        "RETURNING number INTO given; "
        "PERFORM pg_notify({channel}, to_shard::text); RETURN given; END $$"
    ).format(**names)
    yield SQL("REVOKE ALL ON FUNCTION {put}(smallint, jsonb) FROM PUBLIC").format(**names)
    yield from _unchangeable(names["command"], Identifier(schema, "refuse_change"))


def command_channel(schema: str) -> str:
    """The channel on which who waits for commands is woken; told is the shard's number."""
    return f"{schema}.command"


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "the journal, a table a shard", 1, _journals),
    Migration(3, "the keys of customers", 1, _vault),
    Migration(4, "commands to the owners of shards", 1, _commands),
    Migration(5, "views", 1, view_tables),
    Migration(6, "views anew, with steps of triggers and managers", 1, view_tables),
    Migration(7, "views anew, with complaints and loans", 1, view_tables),
    Migration(8, "views anew, with all managers and branches of the past", 1, view_tables),
    Migration(9, "room on the pages of views for rows put anew", 1, view_room),
)
