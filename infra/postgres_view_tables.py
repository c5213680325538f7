"""The tables of the views of a log on PostgreSQL: those of the projections, each row with the number of its shard.

`view` has one row a shard: the block that its rows stand on, what made them, and what reading needs besides (``Basis``).
`view_aum`, `view_tiers`, …: one table a projection. Made by the owner of the log as a step of its schema, all of it
derived: a step that changes a table makes all of them anew and empty, and they are told again from the log.

Text is in the order of its bytes (COLLATE "C"), an integer has 64 bits, what may be larger is numeric, as an integer.
PostgreSQL keeps no NUL in a text and ids may hold one: NUL is kept as the characters 1 1 and character 1 as 1 2, which keeps
the order (``kept_text``, ``shown_text``).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from psycopg.sql import SQL, Composed, Identifier, Literal

from projections.catalog import PROJECTIONS
from projections.feed import Projection
from projections.table import Table

POSITIONS: Final = "view"
SHARD: Final = "shard_number"
TYPES: Final = {"TEXT": 'text COLLATE "C"', "INTEGER": "bigint", "BLOB": "bytea", "ANY": "numeric"}
"""What PostgreSQL calls the types of the projections' columns."""
_PLACES: Final = frozenset(("block", "log_line"))


def table_name(table: str) -> str:
    """What the table of a projection, or that of the positions, is called here."""
    return table if table == POSITIONS else f"view_{table}"


def definition(projection: Projection) -> str:
    """What rows are made by: another one means that they are made anew."""
    return f"{projection.version} {_columns(projection.table)} ({', '.join(projection.table.key)})"


def view_tables(schema: str, shards: int, projections: Sequence[Projection] = PROJECTIONS) -> Iterator[Composed]:
    """Statements by which the owner of a log makes the tables, empty, in the place of any older ones; a `Migration`'s."""
    for projection in projections:
        yield from _made(projection.table, Identifier(schema, table_name(projection.table.name)))
    yield from view_room(schema, shards, projections)
    yield SQL("DROP TABLE IF EXISTS {}").format(Identifier(schema, POSITIONS))
    # fillfactor: a row is written anew by every tell, on its own page as long as there is room.
    yield SQL(
        "CREATE TABLE {} (shard_number smallint PRIMARY KEY, block bigint NOT NULL, definitions text NOT NULL, "
        "odd_text boolean NOT NULL, basis text) WITH (fillfactor = 50)"
    ).format(Identifier(schema, POSITIONS))
    yield SQL("INSERT INTO {} SELECT number, 0, '', false, NULL FROM generate_series(0, {}) AS number").format(
        Identifier(schema, POSITIONS), Literal(shards - 1)
    )


def view_room(schema: str, _shards: int, projections: Sequence[Projection] = PROJECTIONS) -> Iterator[Composed]:
    """Statements that leave room on the pages of the tables for rows to be put anew; a `Migration`'s.

    While records come fast one tell writes nearly all rows of customers anew. On pages half empty that takes half the time,
    makes no new entry of an index, and in the end takes less room. Rows that are of one place in the log are put once.
    """
    for projection in projections:
        table = projection.table
        yield SQL("ALTER TABLE {} SET (fillfactor = {})").format(
            Identifier(schema, table_name(table.name)), Literal(100 if is_put_once(table) else 50)
        )


def is_put_once(table: Table) -> bool:
    """Whether its rows are of one place in the log each: none is put again."""
    return bool(_PLACES.intersection(table.key))


def view_grants(schema: str, role: str, projections: Sequence[Projection] = PROJECTIONS) -> Iterator[Composed]:
    """Statements that let a role tell and read the views. Who only reads them needs no more than SELECT."""
    for table in (POSITIONS, *(p.table.name for p in projections)):
        yield SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(
            Identifier(schema, table_name(table)), Identifier(role)
        )


def _made(table: Table, where: Identifier) -> Iterator[Composed]:
    key = SQL(", ").join(map(Identifier, (SHARD, *table.key)))
    yield SQL("DROP TABLE IF EXISTS {}").format(where)
    yield SQL("CREATE TABLE {} (shard_number smallint NOT NULL, {}, PRIMARY KEY ({}))").format(
        where, SQL(_columns(table)), key
    )


def _columns(table: Table) -> str:
    return ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in table.columns)


def kept_text(text: str) -> str:
    """A text as a table keeps it."""
    return text.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")


def shown_text(kept: str) -> str:
    """The text that is kept so."""
    return kept.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
