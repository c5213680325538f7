"""The rows of one shard on PostgreSQL made anew beside the live ones, which they then take the place of.

They are made in temporary tables, which no one else sees and which go with the connection: a rebuild that dies leaves
nothing behind. Meanwhile others read and tell the live ones.
"""

from collections.abc import Callable

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from infra.postgres_view_tables import POSITIONS, table_name
from infra.postgres_views import PostgresViews
from processors.ports import ViewsUnusable


class RebuiltViews(PostgresViews):
    """Empty views of one shard; feed them (``processors.keeper.rebuild``), then ``swap``. See the module.

    session: of their own, closed by who made it. Raises ViewsUnusable.
    """

    def _begin(self, connection: Connection[DictRow]) -> None:
        for table in (POSITIONS, *(projection.table.name for projection in self._projections)):
            connection.execute(SQL("DROP TABLE IF EXISTS {}").format(self._place(table)))
            connection.execute(
                SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING ALL)").format(
                    Identifier(table_name(table)), super()._place(table)
                )
            )
        connection.execute(
            SQL("INSERT INTO {} VALUES ({}, 0, '', false, NULL)").format(self._place(POSITIONS), Literal(self._number))
        )

    def _place(self, table: str) -> Composable:
        return Identifier("pg_temp", table_name(table))

    def _live_block(self, connection: Connection[DictRow], lock: str = "") -> int:
        found = connection.execute(
            SQL("SELECT block FROM {} WHERE shard_number = %b {}").format(
                super()._place(POSITIONS),
                SQL(lock),
            ),
            (self._number,),
        ).fetchone()
        if found is None:
            raise ViewsUnusable(f"{self.path}: no such shard in this log")
        return int(found["block"])

    def swap(self, catch_up: Callable[[int], object]) -> None:
        """Put these rows in the place of the live ones of the shard; seen by every reader at once, or not at all.

        catch_up: tells these views the blocks up to a number, to which others told the live ones meanwhile; it may be
        called more than once. Who tells waits for the end of the last time alone. Of no use afterwards.
        """
        with self._transaction() as (connection, _):
            live = self._live_block(connection)
        if live > self._position.block:
            catch_up(live)  # all that a long rebuild missed, while nobody waits
        with self._transaction() as (connection, _):
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            live = self._live_block(connection, "FOR UPDATE")
            if live > self._position.block:
                catch_up(live)
            if live > self._position.block:
                raise ViewsUnusable(
                    f"{self.path}: rebuilt up to block {self._position.block}, the live rows stand on {live}"
                )
            for projection in self._projections:
                table, made = super()._place(projection.table.name), self._place(projection.table.name)
                connection.execute(SQL("DELETE FROM {} WHERE shard_number = %b").format(table), (self._number,))
                key = SQL(", ").join(map(Identifier, projection.table.key))
                connection.execute(SQL("INSERT INTO {} SELECT * FROM {} ORDER BY {}").format(table, made, key))
            connection.execute(
                SQL(
                    "UPDATE {} AS live SET block = made.block, definitions = made.definitions, odd_text = made.odd_text, "
                    "basis = made.basis FROM {} AS made WHERE live.shard_number = made.shard_number"
                ).format(super()._place(POSITIONS), self._place(POSITIONS))
            )
