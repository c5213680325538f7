"""Rows of every projection of a log on PostgreSQL, all shards in the same tables: derived, each shard with a position.

A tell is one transaction: it locks the shard's row in `view`, compares, puts the rows and moves the position on. So two
writers that tell the same, or one that lost its shard and does not know, change nothing; whoever reads sees a shard as it
is behind one block. The commit does not wait for the disk: the log did, before anything of it was told, and after a crash of
the server the rows may be some blocks behind, never torn. The tables: `infra.postgres_view_tables`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from eventsourcing.persistence import PersistenceError
from psycopg import Connection, Pipeline
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from aggregates.customer import Customer
from aggregates.shard import Shard
from infra.postgres_arrays import blobs, numbers, texts
from infra.postgres_session import Session
from infra.postgres_view_tables import POSITIONS, SHARD, definition, is_put_once, kept_text, table_name
from infra.telling import untold
from processors.ports import LogDamaged, LogUnusable, ViewsUnusable
from processors.tail import Told
from projections.catalog import PROJECTIONS
from projections.feed import Basis, Feed, Projection, Row, basis_of
from projections.table import Table

_CUSTOMERS_A_STEP = 10_000
_CUSTOMERS_IN_CACHE = 500
_DO = "open the log anew: what is missing is told from it; or run: guanxi rebuild"
_ARRAYS = {"TEXT": "text[]", "INTEGER": "bigint[]", "BLOB": "bytea[]", "ANY": "text[]"}
_ARRAY_OF: dict[str, Callable[[list[Any]], bytes]] = {"TEXT": texts, "INTEGER": numbers, "BLOB": blobs, "ANY": texts}

decode_basis = msgspec.json.Decoder(Basis).decode


class Working(NamedTuple):
    """A transaction that is under way."""

    connection: Connection[DictRow]
    pipeline: Pipeline


class _Put(NamedTuple):
    """Statements that put rows of a table. first: where no row can be there before; again: else."""

    first: str
    again: str


class _Rows(NamedTuple):
    """Rows as columns, and the statement that puts them."""

    statement: str
    table: Table
    columns: list[list[Any]]


class Position(NamedTuple):
    """A shard's row of `view`. odd_text: whether any text in its rows is not kept as it is (``kept_text``)."""

    block: int
    definitions: dict[str, str]
    odd_text: bool
    basis: Basis


def position_from(row: dict[str, Any]) -> Position:
    """A row of `view` as read."""
    basis = Basis() if row["basis"] is None else decode_basis(row["basis"])
    definitions: dict[str, str] = msgspec.json.decode(row["definitions"]) if row["definitions"] else {}
    return Position(row["block"], definitions, row["odd_text"], basis)


def stale_among(definitions: Mapping[str, str], position: Position) -> tuple[str, ...]:
    """Names of the projections, by what makes their rows, whose rows another version made."""
    if not position.block:
        return ()
    return tuple(name for name, ours in definitions.items() if position.definitions.get(name) != ours)


def definitions_of(projections: Sequence[Projection]) -> dict[str, str]:
    """What makes the rows of each projection."""
    return {projection.name: definition(projection) for projection in projections}


class PostgresViews:
    """The rows of one shard, for who tells them: ``processors.keeper.Views``.

    session: may be shared by the views of many shards, for one thread at a time. projections: all, but for tests.
    Raises ViewsUnusable, also where the tables are not there or the shard is none of this log.
    """

    def __init__(self, session: Session, shard_number: int, *, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self._session, self._number, self._projections = session, shard_number, projections
        self.path = f"{session.address.shown}, views of shard {shard_number}"
        self._puts = [(p, _puts(p.table, self._place(p.table.name), shard_number)) for p in projections]
        self._look, self._lock, self._move = _positions(self._place(POSITIONS))
        self._definitions = definitions_of(projections)
        self._working: Working | None = None
        with self._transaction() as (connection, _):
            self._begin(connection)
            self._position = self._looked(connection)

    def _begin(self, connection: Connection[DictRow]) -> None:
        """Make what is not there yet: nothing, the owner of the log did."""

    def _place(self, table: str) -> Composable:
        """Where a table is, by the name that it has in the catalog; `view` for the positions."""
        return Identifier(self._session.schema, table_name(table))

    # ------------------------------------------------------------------------------------------ position

    @property
    def stands(self) -> int:
        """See ``processors.keeper.Views``; as of opening or the last ``tell``. 0 where another version made the rows."""
        return 0 if self.stale else self._position.block

    @property
    def stale(self) -> tuple[str, ...]:
        """Names of the projections that another version made: ``forget`` or rebuild before telling."""
        return stale_among(self._definitions, self._position)

    def basis(self) -> Basis:
        """Calendar and policies that the rows stood on then."""
        return self._position.basis

    def _looked(self, connection: Connection[DictRow], *, lock: bool = False) -> Position:
        row = connection.execute(self._lock if lock else self._look, (self._number,), prepare=True).fetchone()
        if row is None:
            raise ViewsUnusable(f"{self.path}: no such shard in this log")
        return position_from(row)

    # ------------------------------------------------------------------------------------------ telling

    def tell(
        self, told: Sequence[Told], customers: Iterable[Customer], shard: Shard, shard_id: str, through: int
    ) -> None:
        """See ``processors.keeper.Views``."""
        self.put(Feed(told, customers, shard, shard_id), through)

    def prepare(
        self, told: Sequence[Told], customers: Iterable[Customer], shard: Shard, shard_id: str, through: int
    ) -> Callable[[], None]:
        """See ``processors.keeper.Views``. Memory for the rows of all customers at once."""
        self._usable()
        feed, known = Feed(told, customers, shard, shard_id), self._position
        due = untold(feed, through, known.basis, self.path, _DO)
        if due is None:
            return _nothing
        if due.customers is shard.customers:  # too many to hold all their rows
            self.put(feed, through)
            return _nothing
        feed = msgspec.structs.replace(due, customers=sorted(due.customers, key=_id_of))
        rows, odd = self._rows_of(feed)
        after = Position(through, self._definitions, odd or known.odd_text, basis_of(shard, shard_id, through))

        def write() -> None:
            with self._transaction() as (connection, _):
                if self._looked(connection, lock=True) != known:
                    raise ViewsUnusable(f"{self.path}: another process told them meanwhile; {_DO}")
                _write(connection, rows)
                self._stand(connection, after)
            self._position = after

        return write

    def put(self, feed: Feed, through: int) -> None:
        """Fold a feed into every projection; one transaction with the position: committed when this returns.

        The law is that of ``infra.telling.untold``. After ViewsUnusable the outcome is known to be nothing, unless the
        connection was lost: then look again (`stands` of views opened anew).
        """
        with self._transaction() as (connection, pipeline):
            self._position = known = self._looked(connection, lock=True)
            self._usable()
            due = untold(feed, through, known.basis, self.path, _DO)
            if due is None:
                return
            odd = self._put_rows(connection, msgspec.structs.replace(due, customers=())) or known.odd_text
            several = iter(due.customers)
            while step := sorted(islice(several, _CUSTOMERS_A_STEP), key=_id_of):
                odd |= self._put_rows(connection, msgspec.structs.replace(due, told=(), customers=step))
                if len(step) == _CUSTOMERS_A_STEP:
                    pipeline.sync()  # what is under way takes memory
            basis = basis_of(feed.shard, feed.shard_id, through)
            after = Position(through, self._definitions, odd, basis)
            self._stand(connection, after)
        self._position = after

    def _put_rows(self, connection: Connection[DictRow], feed: Feed) -> bool:
        """Put the rows of every projection -> whether any text had to be kept otherwise."""
        rows, odd = self._rows_of(feed)
        _write(connection, rows)
        return odd

    def _rows_of(self, feed: Feed) -> tuple[list[_Rows], bool]:
        """Of every projection that has rows; whether any text had to be kept otherwise."""
        several: list[list[Row]] = [[] for _ in self._puts]
        for part in _in_steps(feed):
            for (projection, _), rows in zip(self._puts, several, strict=True):
                rows += projection.rows(part)
        found, odd = [], False
        for (projection, put), rows in zip(self._puts, several, strict=True):
            if rows:
                columns, changed = _columns_of(projection.table, rows)
                odd |= changed
                statement = put.again if self._position.block else put.first
                found.append(_Rows(statement, projection.table, columns))
        return found, odd

    def _stand(self, connection: Connection[DictRow], position: Position) -> None:
        connection.execute(
            self._move,
            (
                position.block,
                msgspec.json.encode(position.definitions).decode(),
                position.odd_text,
                msgspec.json.encode(position.basis).decode(),
                self._number,
            ),
            prepare=True,
        )

    @contextmanager
    def _transaction(self) -> Iterator[Working]:
        """A transaction that is whole or nothing; inside of another one it is part of that. Raises ViewsUnusable."""
        if self._working is not None:
            yield self._working
            return
        try:
            with self._session.get_connection() as connection:
                try:
                    with connection.pipeline() as pipeline:  # what is sent together is one way to the server and back
                        connection.execute("BEGIN")
                        connection.execute("SET LOCAL synchronous_commit = off")
                        self._working = Working(connection, pipeline)
                        yield self._working
                        connection.execute("COMMIT")
                except BaseException:
                    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                        connection.execute("ROLLBACK")
                    raise
                finally:
                    self._working = None
        except (LogUnusable, LogDamaged, PersistenceError) as error:
            raise ViewsUnusable(self._said(str(error))) from error

    def _usable(self) -> None:
        if self.stale:
            raise ViewsUnusable(f"{self.path}: made by another version ({', '.join(self.stale)}); run: guanxi rebuild")

    def _said(self, error: str) -> str:
        return f"{self.path}: {error.removeprefix(self._session.address.shown).removeprefix(': ')}"

    def forget(self) -> None:
        """Delete the rows of this shard; it stands on block 0, to be told anew from the log."""
        with self._transaction() as (connection, _):
            connection.execute("SET LOCAL statement_timeout = 0")
            self._looked(connection, lock=True)
            for projection in self._projections:
                connection.execute(
                    SQL("DELETE FROM {} WHERE shard_number = %b").format(self._place(projection.table.name)),
                    (self._number,),
                )
            after = Position(0, {}, False, Basis())
            self._stand(connection, after)
        self._position = after


def _in_steps(feed: Feed) -> Iterator[Feed]:
    """A feed in parts: its blocks, then a few customers at a time, whom every projection sees while the cache holds them."""
    if feed.told:
        yield msgspec.structs.replace(feed, customers=())
    customers = iter(feed.customers)
    while step := list(islice(customers, _CUSTOMERS_IN_CACHE)):
        yield msgspec.structs.replace(feed, told=(), customers=step)


def _write(connection: Connection[DictRow], several: Iterable[_Rows]) -> None:
    for statement, table, columns in several:
        arrays = [_ARRAY_OF[kind](values) for (_, kind), values in zip(table.columns, columns, strict=True)]
        connection.execute(statement, arrays, prepare=True)


def _columns_of(table: Table, rows: list[Row]) -> tuple[list[list[Any]], bool]:
    """Rows as columns, the last of each key alone, in its order; whether a text had to be kept otherwise."""
    given = list(map(list, zip(*rows, strict=True)))
    if not table.adds and len(set(zip(*given[: len(table.key)], strict=True))) < len(rows):
        given = list(map(list, zip(*{row[: len(table.key)]: row for row in rows}.values(), strict=True)))
    odd = False
    columns: list[list[Any]] = []
    for (_, kind), values in zip(table.columns, given, strict=True):
        if kind == "ANY":
            values = [None if value is None else str(value) for value in values]
        elif kind == "TEXT":
            together = "".join(filter(None, values))
            if "\x00" in together or "\x01" in together:
                values, odd = [value and kept_text(value) for value in values], True
        columns.append(values)
    return columns, odd


def _positions(where: Composable) -> tuple[str, str, str]:
    """Statements that look at a shard's position, lock it, and move it on."""
    look = SQL("SELECT block, definitions, odd_text, basis FROM {} WHERE shard_number = %b").format(where).as_string()
    move = SQL("UPDATE {} SET block = %b, definitions = %b, odd_text = %b, basis = %b WHERE shard_number = %b")
    return look, f"{look} FOR UPDATE", move.format(where).as_string()


def _puts(table: Table, where: Composable, shard_number: int) -> _Put:
    """Statements that put rows given as columns."""
    names = SQL(", ").join(map(Identifier, table.names))
    arrays = SQL(", ").join(SQL(f"%b::{_ARRAYS[kind]}") for _, kind in table.columns)
    given = SQL(", ").join(
        SQL("{}::numeric" if kind == "ANY" else "{}").format(Identifier("u", name)) for name, kind in table.columns
    )
    key = SQL(", ").join(map(Identifier, (SHARD, *table.key)))
    sets = [
        SQL("{name} = excluded.{name}" + (" + kept.{name}" if name in table.adds else "")).format(name=Identifier(name))
        for name in table.names
        if name not in table.key
    ]
    first = SQL("INSERT INTO {} AS kept ({}, {}) SELECT {}, {} FROM unnest({}) AS u ({})").format(
        where, Identifier(SHARD), names, Literal(shard_number), given, arrays, names
    )
    again = SQL("{} ON CONFLICT ({}) DO UPDATE SET {}").format(first, key, SQL(", ").join(sets))
    return _Put(first.as_string(), (first if is_put_once(table) else again).as_string())


def _nothing() -> None:
    """There is nothing to write."""


def _id_of(customer: Customer) -> str:
    return customer.id
