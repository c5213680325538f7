"""The answers of views on PostgreSQL: those of every shard, put together, all that one ``page`` reads as of one moment.

Numbers of accounts, customers and blocks are each shard's own, and days may be closed in one shard and not yet in another;
so each shard answers by itself what depends on them, and rows of many customers are merged by id as they stream.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from heapq import merge
from typing import Any

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, tuple_row
from psycopg.sql import SQL, Identifier

from aggregates.dates import Day, iso
from infra.answers import Answers
from infra.postgres_session import Session, failure
from infra.postgres_view_tables import POSITIONS, kept_text, shown_text, table_name
from infra.postgres_views import Position, definitions_of, position_from, stale_among
from infra.store import quoted
from processors.partition import partition_of
from processors.ports import LogDamaged, LogUnusable, ViewsUnusable
from projections.alerts import Alerts, alert_rows
from projections.blocks import Blocks, Known
from projections.catalog import PROJECTIONS
from projections.customers import Aum, By
from projections.feed import Basis, Freshness, Projection, Row, basis_over
from projections.moment import KnownAt, Moment, NothingKnown
from projections.portfolio import managers_over
from projections.rejected import SHOWN, Rejected
from projections.table import Table, wide
from projections.tier_story import change_rows
from projections.totals import Totals, totals_alerts
from projections.worth import Told

_ROWS_AT_A_TIME = 16_000
"""So many rows are in memory, of all shards together, while an answer streams."""
# A page may wait for a person who reads it, and a row for much to be sorted; set on purpose, they stay.
_PATIENCE = ("idle_in_transaction_session_timeout", "statement_timeout")
_PATIENT = "SELECT set_config(name, '1h', true) FROM unnest(%s::text[]) AS name WHERE current_setting(name) = '30s'"

Change = dict[str, Any]


class PostgresAnswers(Answers):
    """See the module. Reads only; one thread an object.

    session: of its own, as a page lasts as long as someone reads it. projections: all, but for tests. The rows of what was
    decided (refusals, alerts) come by shard, then in the order of its log. Raises ViewsUnusable.
    """

    def __init__(self, session: Session, *, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self._session, self._definitions = session, definitions_of(projections)
        self.path = f"{session.address.shown}, views"
        self._pages = self._cursors = 0
        self._stack = ExitStack()
        self._connection: Connection[DictRow]
        self._looks = SQL(
            "SELECT v.block, definitions, odd_text, basis, COALESCE(lines, 0) AS lines, "
            "COALESCE(customers, 0) AS customers, COALESCE(accounts, 0) AS accounts FROM {} AS v LEFT JOIN {} AS b "
            "ON b.shard_number = v.shard_number AND b.block = v.block ORDER BY v.shard_number"
        ).format(*(Identifier(session.schema, table_name(table)) for table in (POSITIONS, Blocks.table.name)))
        self._positions: list[Position] = []
        self._now: list[Known] = []
        self._shards: list[ShardAnswers] = []
        with self._standing():
            self._shards = [ShardAnswers(self, number) for number in range(len(self._positions))]

    # ------------------------------------------------------------------------------------------ a page

    @contextmanager
    def _standing(self) -> Iterator[None]:
        try:
            if not self._pages:
                self._begin()
            self._pages += 1
            try:
                yield
            finally:
                self._pages -= 1
                if not self._pages:
                    self._end()
        except psycopg.Error as error:
            raise ViewsUnusable(str(failure(self.path, error))) from error
        except (PersistenceError, LogUnusable, LogDamaged) as error:
            raise ViewsUnusable(f"{self.path}: {error}") from error

    def _begin(self) -> None:
        with ExitStack() as stack:
            self._connection = stack.enter_context(self._session.get_connection())
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._connection.execute(_PATIENT, (list(_PATIENCE),))
            rows = self._connection.execute(self._looks).fetchall()
            self._positions = [position_from(row) for row in rows]
            self._now = [
                Known(row["lines"], row["customers"], row["accounts"], position.basis)
                for row, position in zip(rows, self._positions, strict=True)
            ]
            stale = sorted({name for each in self._positions for name in stale_among(self._definitions, each)})
            if stale:
                raise ViewsUnusable(f"{self.path}: made by another version ({', '.join(stale)}); run: guanxi rebuild")
            self._stack = stack.pop_all()

    def _end(self) -> None:
        try:
            if self._connection.info.transaction_status is TransactionStatus.INTRANS:
                self._connection.execute("COMMIT")
        finally:
            self._stack.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def basis(self) -> Basis:
        """Calendar and policies that the rows stand on: of the only shard, or what all shards have in common."""
        with self._standing():
            return basis_over([position.basis for position in self._positions])

    @property
    def freshness(self) -> Freshness:
        """How fresh the rows are: days that are closed in all shards, and the block of each."""
        return self.basis().freshness

    # ------------------------------------------------------------------------------------------ queries

    def _query(self, sql: str, values: Sequence[object], *, few: bool, odd: bool) -> Iterator[Row]:
        sql = sql.replace("?", "%b")
        values = [kept_text(value) if isinstance(value, str) else value for value in values]
        with self._standing(), ExitStack() as stack:
            if few:
                rows: Any = self._connection.cursor(row_factory=tuple_row).execute(sql, values)
            else:
                self._cursors += 1
                name = f"answer_{self._cursors}"
                rows = stack.enter_context(self._connection.cursor(name, row_factory=tuple_row))
                rows.itersize = max(100, _ROWS_AT_A_TIME // len(self._positions))
                rows.execute(sql, values, binary=True)
            if odd:
                rows = (tuple(shown_text(v) if isinstance(v, str) else v for v in row) for row in rows)
            yield from rows

    def _all(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        return self._query(sql, values, few=False, odd=any(each.odd_text for each in self._positions))

    def _table(self, table: Table) -> str:
        return f'"{self._session.schema}"."{table_name(table.name)}"'

    def _with(self, customer_id: str) -> "list[ShardAnswers]":
        """The shards that know a customer: one, unless its records were sent to the wrong partition once."""
        sql = (
            f"SELECT shard_number FROM {self._table(Aum.table)} WHERE shard_number = ANY(?) AND customer_id = ? "
            "ORDER BY shard_number"
        )
        with self._standing():
            found = self._query(sql, [list(range(len(self._shards))), customer_id], few=True, odd=False)
            return [self._shards[number] for (number,) in found]

    def of(self, customer_id: str) -> "ShardAnswers":
        """The answers of the shard that a customer is in, or would be."""
        known = self._with(customer_id)
        return known[0] if known else self._shards[partition_of(customer_id, len(self._shards))]

    def shard(self, number: int) -> "ShardAnswers":
        """The answers of one shard alone."""
        return self._shards[number]

    # ------------------------------------------------------------------------------------------ moments

    def moment(self, as_of: Day = 0, known_at: KnownAt | None = None) -> Moment:
        """See ``Answers.moment``; a shard that knew nothing then adds nothing, unless none knew anything.

        Blocks are numbered in each shard: with several, a block is a NothingKnown that says so.
        """
        if len(self._shards) == 1:
            return self._shards[0].moment(as_of, known_at)
        if isinstance(known_at, int):
            raise NothingKnown(_no_block(known_at, len(self._shards)))
        parts: list[Moment] = []
        refused: list[NothingKnown] = []
        with self._standing():
            for shard in self._shards:
                try:
                    parts.append(shard.moment(as_of, known_at))
                except NothingKnown as error:
                    parts.append(Moment(as_of, Known(0, 0, 0, Basis(shard.basis().shard_id)), False))
                    refused.append(error)
        if len(refused) == len(parts):
            raise min(refused, key=str)  # of the shard that begins first
        known = [part.known for part in parts]
        together = Known(
            sum(each.lines for each in known),
            sum(each.customers for each in known),
            sum(each.accounts for each in known),
            basis_over([each.basis for each in known]),
        )
        return Moment(as_of, together, all(part.is_all_known for part in parts), tuple(parts))

    def _each(self, at: Moment | None) -> "list[tuple[ShardAnswers, Moment | None]]":
        """The shards, each with its part of a moment."""
        if at is None:
            return [(shard, None) for shard in self._shards]
        if len(self._shards) == 1 and not at.shards:
            return [(self._shards[0], at)]
        return list(zip(self._shards, at.shards, strict=True))

    def recorded_at(self, until: int) -> dict[int, str]:
        """See ``Answers.recorded_at``: only where there is one shard; else ask that ``of`` a customer."""
        if len(self._shards) > 1:
            raise NothingKnown(_no_block(until, len(self._shards)))
        return self._shards[0].recorded_at(until)

    # ------------------------------------------------------------------------------------------ answers

    def _merged(
        self, customer: str | None, at: Moment | None, ask: "Callable[[ShardAnswers, Moment | None], Iterator[Change]]"
    ) -> Iterator[Change]:
        """Rows of each shard that may have any, by customer_id bytes."""
        with self._standing():
            among = self._shards if customer is None else self._with(customer)
            several = [ask(shard, part) for shard, part in self._each(at) if shard in among]
            if len(several) == 1:
                yield from several[0]
            else:
                yield from merge(*several, key=lambda row: row["customer_id"].encode())

    def tiers(self, customer: str | None = None, at: Moment | None = None) -> Iterator[Change]:
        """See ``Answers.tiers``."""
        return self._merged(customer, at, lambda shard, part: shard.tiers(customer, part))

    def forecast(self, at: Moment | None = None) -> Iterator[Change]:
        """See ``Answers.forecast``; each row by the days that its shard has closed."""
        return self._merged(None, at, lambda shard, part: shard.forecast(part))

    def aum(
        self, by: By = "total", month: str | None = None, customer: str | None = None, at: Moment | None = None
    ) -> Iterator[Change]:
        """See ``Answers.aum``."""
        return self._merged(customer, at, lambda shard, part: shard.aum(by, month, customer, part))

    def tier_changes(self, customer: str | None = None, after: int = 0, at: Moment | None = None) -> Iterator[Change]:
        """See ``Answers.tier_changes``."""
        return self._merged(customer, at, lambda shard, part: shard.tier_changes(customer, after, part))

    def triggers(
        self, customer: str | None = None, code: str | None = None, at: Moment | None = None, *, standing: bool = False
    ) -> Iterator[Change]:
        """See ``Answers.triggers``."""
        return self._merged(customer, at, lambda shard, part: shard.triggers(customer, code, part, standing=standing))

    def worklist(
        self, manager: str | None = None, branch: str | None = None, *, unassigned: bool = False
    ) -> Iterator[Change]:
        """See ``Answers.worklist``."""
        return self._merged(None, None, lambda shard, _: shard.worklist(manager, branch, unassigned=unassigned))

    def told_triggers(self, code: str | None = None) -> list[Told]:
        """See ``Answers.told_triggers``; what is over is said by each shard."""
        with self._standing():
            return [each for shard in self._shards for each in shard.told_triggers(code)]

    def portfolio(self, manager: str) -> Iterator[Change]:
        """See ``Answers.portfolio``."""
        return self._merged(None, None, lambda shard, _: shard.portfolio(manager))

    def managers(self) -> Iterator[Change]:
        """See ``Answers.managers``."""
        with self._standing():
            yield from managers_over(shard.managers() for shard in self._shards)

    def knows(self, customer_id: str, at: Moment | None = None) -> bool:
        """See ``Answers.knows``."""
        with self._standing():
            among = self._with(customer_id)
            return any(shard.knows(customer_id, part) for shard, part in self._each(at) if shard in among)

    def latest_tier_changes(self, count: int) -> list[Change]:
        """The tier changes decided last, the newest first: by the clock of their blocks, in a shard by its log."""
        with self._standing():
            newest = merge(*(shard.latest(count) for shard in self._shards), key=lambda row: row[1], reverse=True)
            return list(change_rows((content,) for (content, _), _ in zip(newest, range(count), strict=False)))

    def complaints(self) -> Iterator[Change]:
        """See ``Answers.complaints``."""
        return self._merged(None, None, lambda shard, _: shard.complaints())

    def loans(self, customer: str | None = None, *, overdue: bool = False) -> Iterator[Change]:
        """See ``Answers.loans``."""
        return self._merged(customer, None, lambda shard, _: shard.loans(customer, overdue=overdue))

    def rejected(self) -> Iterator[Change]:
        """Refusals by shard, in the order of its log; see ``Answers.rejected``."""
        with self._standing():
            sql = f"SELECT {quoted(SHOWN)} FROM {self._table(Rejected.table)} ORDER BY shard_number, log_line"
            for row in self._all(sql):
                yield dict(zip(SHOWN, row, strict=True))

    def parked(self) -> Iterator[Change]:
        """See ``Answers.parked``."""
        return self._merged(None, None, lambda shard, _: shard.parked())

    def alerts(self, customer: str | None = None, at: Moment | None = None) -> Iterator[Change]:
        """Integrity alerts by shard, in the order of its log, then control totals that differ over all shards.

        See ``Answers.alerts``; totals of a day are compared once all shards have counted it (DOMAIN §2).
        """
        with self._standing():
            at = at or self.moment()
            lines = [part.known.lines for part in at.shards or (at,)]
            which, values = ("AND customer_id = ?", [customer]) if customer is not None else ("", [])
            kept = self._all(
                f"SELECT {_named(Alerts.table, 'a')} FROM {self._table(Alerts.table)} AS a "
                "JOIN unnest(?::bigint[]) WITH ORDINALITY AS s (lines, number) "
                f"ON shard_number = number - 1 AND log_line < lines {which} ORDER BY shard_number, log_line",
                [lines, *values],
            )
            yield from alert_rows(kept, iso(at.as_of) if at.as_of else None)
            if customer is None:
                sql = f"SELECT {_named(Totals.table, 't')} FROM {self._table(Totals.table)} AS t"
                kept = self._all(f"{sql} ORDER BY source, date, shard_number")
                yield from totals_alerts(kept, len(self._shards))

    def counts(self) -> dict[str, dict[str, int]]:
        """See ``Answers.counts``."""
        together: dict[str, dict[str, int]] = {"taken": {}, "duplicate": {}, "refused": {}}
        with self._standing():
            for shard in self._shards:
                for kind, numbers in shard.counts().items():
                    for name, number in numbers.items():
                        together[kind][name] = together[kind].get(name, 0) + number
        return {kind: dict(sorted(numbers.items())) for kind, numbers in together.items()}

    def levels(self) -> list[tuple[str, str | None, int]]:
        """See ``Answers.levels``."""
        together: dict[tuple[str, str | None], int] = {}
        with self._standing():
            for shard in self._shards:
                for state, level, number in shard.levels():
                    together[state, level] = together.get((state, level), 0) + number
        return [(*key, together[key]) for key in sorted(together, key=lambda key: (key[0], key[1] or ""))]


class ShardAnswers(Answers):
    """The answers of one shard; the page is that of all of them."""

    def __init__(self, reader: PostgresAnswers, number: int) -> None:
        self.number, self._reader = number, reader

    def _standing(self) -> Any:
        return self._reader._standing()

    def _from(self, table: str) -> str:
        where = f'"{self._reader._session.schema}"."{table_name(table)}"'
        return f"(SELECT * FROM {where} WHERE shard_number = {self.number})"

    def _rows(self, sql: str, values: Sequence[object] = (), *, few: bool = False) -> Iterator[Row]:
        with self._standing():
            yield from self._reader._query(sql, values, few=few, odd=self._reader._positions[self.number].odd_text)

    def _one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        return next(iter(list(self._rows(sql, values, few=True))), None)

    def basis(self) -> Basis:
        """Calendar and policies that the rows stand on; all empty before the first ``put``."""
        with self._standing():
            return self._reader._positions[self.number].basis

    def _known(self, block: int) -> Known:
        now = self._reader._now[self.number]
        return now if block == now.basis.block else super()._known(block)

    def latest(self, count: int) -> Iterator[Row]:
        """(packed tier change, commit clock) of those decided last, the newest first."""
        return self._rows(
            f"SELECT content, at FROM {self._from('tier_story')} AS s JOIN {self._from('blocks')} AS b USING (block) "
            "WHERE sequence > 0 ORDER BY block DESC, customer_id, sequence DESC LIMIT ?",
            [count],
            few=True,
        )

    def rows_of(self, table: Table) -> Iterator[Row]:
        """See ``Answers.rows_of``."""
        for row in super().rows_of(table):
            yield tuple(wide(int(value)) if isinstance(value, Decimal) else value for value in row)


def _named(table: Table, of: str) -> str:
    return ", ".join(f'{of}."{name}"' for name in table.names)


def _no_block(block: int, shards: int) -> str:
    return (
        f"block {block}: each of the {shards} shards of this log counts its own blocks; name a time with offset instead"
    )
