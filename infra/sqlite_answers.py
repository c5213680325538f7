"""What the views answer: rows of every command, of now or of any moment, all that one ``page`` reads on one block."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from aggregates.account import balance_of, month_sum
from aggregates.dates import Day, Month, first_day, iso, iso_month, month_from
from aggregates.packing import number_of
from processors.ports import ViewsUnusable
from projections.alerts import Alerts, alert_rows
from projections.blocks import Blocks, Known, known_from
from projections.customers import Aum, By, aum_rows, aum_rows_listed, spot_rows
from projections.feed import Basis, Freshness, Row
from projections.moment import KnownAt, Moment, NothingKnown
from projections.moves import balances, month_sums
from projections.rejected import SHOWN, Rejected
from projections.table import Table
from projections.tier_story import change_rows, stories
from projections.tiers import UNDECIDED, tier_rows, tier_rows_at
from projections.totals import Totals, totals_alerts

_UNDECIDED = ", ".join(f't."{n}"' if v is None else f'COALESCE(t."{n}", {v!r}) AS "{n}"' for n, v in UNDECIDED.items())
_TIERS = f"SELECT customer_id, {_UNDECIDED} FROM aum LEFT JOIN tiers AS t USING (customer_id)"
_decode_basis = msgspec.json.Decoder(Basis).decode


class SqliteAnswers:
    """Reads the views. at: the moment asked about (``moment``); None: now, as the rows stand."""

    path: Path
    _connection: sqlite3.Connection
    _pages: int
    _closed: bool

    def _usable(self) -> None:
        raise NotImplementedError

    def _unusable(self, error: Exception) -> ViewsUnusable:
        return ViewsUnusable(f"{self.path}: {error}; if it is not busy, delete it and run: guanxi rebuild")

    # ------------------------------------------------------------------------------------------ a page

    @contextmanager
    def page(self) -> Iterator[Freshness]:
        """Everything read inside stands on one block, whatever is written meanwhile. Raises ViewsUnusable."""
        self._usable()
        if not self._pages and not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        self._pages += 1
        try:
            yield self.basis().freshness
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            self._pages -= 1
            if not self._pages and not self._closed and self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def basis(self) -> Basis:
        """Calendar and policies that the rows stand on; all empty before the first ``put``."""
        row = self._connection.execute("SELECT facts FROM basis").fetchone()
        return Basis() if row is None else _decode_basis(row[0])

    @property
    def freshness(self) -> Freshness:
        """How fresh the rows are; inside a ``page`` those of the page."""
        return self.basis().freshness

    def _rows(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        with self.page():
            for row in self._connection.execute(sql, values):  # noqa: UP028 - would close a cursor of a closed connection
                yield row

    # ------------------------------------------------------------------------------------------ moments

    def moment(self, as_of: Day = 0, known_at: KnownAt | None = None) -> Moment:
        """The moment to ask about. as_of: a business date, 0: the newest state; known_at: None: all that is known now.

        Raises NothingKnown for a time before the first block, or a date before the first month of the log.
        """
        with self.page():
            basis = self.basis()
            known = self._known(self._block_at(known_at, basis.block) if known_at is not None else basis.block)
        first = known.basis.first_month
        if as_of and first and as_of < first_day(first):
            raise NothingKnown(f"{iso(as_of)}: the first month that this log knows is {iso_month(first)}")
        return Moment(as_of, known, known.basis.block == basis.block)

    def _block_at(self, known_at: KnownAt, last: int) -> int:
        """The last block that was there at a time. The clock may have been set back: none counts before an earlier one."""
        if isinstance(known_at, int):
            if not 1 <= known_at <= last:
                raise NothingKnown(f"block {known_at}: the blocks of this log are 1 to {last}")
            return known_at
        at = known_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        later = self._connection.execute(
            "SELECT block, at FROM blocks WHERE at > ? ORDER BY block LIMIT 1", (at,)
        ).fetchone()
        if later is None:
            return last
        if later[0] == 1:
            raise NothingKnown(f"{at}: this log begins with {later[1]}")
        return int(later[0]) - 1

    def _known(self, block: int) -> Known:
        basis = self.basis()
        row = self._connection.execute(select(Blocks.table, where="WHERE block = ?"), (block,)).fetchone()
        if row is None:  # nothing was put yet
            return Known(0, 0, 0, basis)
        (policies,) = self._connection.execute(
            "SELECT policies FROM blocks WHERE block <= ? AND policies IS NOT NULL ORDER BY block DESC LIMIT 1",
            (block,),
        ).fetchone() or (None,)
        return known_from(row, policies, basis.shard_id)

    def recorded_at(self, until: int) -> dict[int, str]:
        """The commit clock of each block up to one, ISO, UTC."""
        return dict(self._rows("SELECT block, at FROM blocks WHERE block <= ?", [until]))

    # ------------------------------------------------------------------------------------------ answers

    def tiers(self, customer: str | None = None, at: Moment | None = None) -> Iterator[dict[str, Any]]:
        """Rows of `guanxi tiers`, ordered by customer_id bytes: of everyone, or of one customer."""
        with self.page():
            where, values = ("WHERE customer_id = ?", [customer]) if customer is not None else ("", [])
            if at is None or at.is_now:
                yield from tier_rows(self._rows(f"{_TIERS} {where} ORDER BY customer_id", values), self.basis())
                return
            kept: Any = self._rows(select(Aum.table, ("customer_id", "state"), where), values)
            where = f"WHERE block <= ? {where.replace('WHERE', 'AND')}"
            lines: Any = self._rows(
                f"SELECT customer_id, content FROM tier_story {where} ORDER BY customer_id, log_line",
                [at.known.basis.block, *values],
            )
            yield from tier_rows_at(kept, stories(lines), at)

    def aum(
        self, by: By = "total", month: str | None = None, customer: str | None = None, at: Moment | None = None
    ) -> Iterator[dict[str, Any]]:
        """Rows of `guanxi aum`, ordered by customer_id bytes, then category or account_id.

        month: YYYY-MM; the sum of the whole month, the balance taken to stay as it is: none before the first month of the
        log. Raises ValueError for another form of month.
        """
        with self.page():
            where, values = "WHERE spot IS NOT NULL", []
            if customer is not None:
                where, values = where + " AND customer_id = ?", [customer]
            kept: Any = self._rows(select(Aum.table, where=where), values)
            at = at or self.moment()
            basis, asked = at.known.basis, None if month is None else month_from(month)
            if asked is not None and (not basis.first_month or asked < basis.first_month):
                return
            if not at.is_now or (asked is not None and asked < basis.oldest_month):
                yield from aum_rows_listed(kept, by, asked, self._amounts(asked, at))
            elif asked is not None:
                yield from aum_rows(kept, by, asked, partial(month_sum, month=asked))
            elif by == "total":
                yield from spot_rows(kept)
            else:
                yield from aum_rows(kept, by, None, balance_of)

    def _amounts(self, month: Month | None, at: Moment) -> list[int]:
        """Of each account known at a moment, by its number, the balance or the sum of a month: from all moves."""
        basis, accounts = at.known.basis, at.known.accounts
        rows: Any = self._rows("SELECT columns FROM moves WHERE block <= ? ORDER BY block", (basis.block,))
        first = first_day(basis.first_month) if basis.first_month else 0
        if month is None:
            return balances(rows, accounts, at.as_of or None, first)
        return month_sums(rows, accounts, month, at.as_of or None, first)

    def knows(self, customer_id: str, at: Moment | None = None) -> bool:
        """Whether a record of this customer was taken by then."""
        with self.page():
            found = self._connection.execute("SELECT state FROM aum WHERE customer_id = ?", (customer_id,)).fetchone()
        return found is not None and (at is None or number_of(found[0]) < at.known.customers)

    def tier_changes(
        self, customer: str | None = None, after: int = 0, at: Moment | None = None
    ) -> Iterator[dict[str, Any]]:
        """Tier changes as published (CONTRACT §5) with a sequence above `after`, by customer_id bytes, sequence.

        at: those decided by then and effective by its business date.
        """
        with self.page():
            at = at or self.moment()
            where, values = ("AND customer_id = ?", [customer]) if customer is not None else ("", [])
            sql = f"SELECT content FROM tier_story WHERE sequence > ? AND block <= ? {where} ORDER BY customer_id, sequence"
            contents: Any = self._rows(sql, [after, at.known.basis.block, *values])
            yield from change_rows(contents, iso(at.as_of) if at.as_of else None)

    def latest_tier_changes(self, count: int) -> list[dict[str, Any]]:
        """The tier changes decided last, the newest first."""
        sql = (
            "SELECT content FROM tier_story WHERE sequence > 0 ORDER BY block DESC, customer_id, sequence DESC LIMIT ?"
        )
        contents: Any = self._rows(sql, [count])
        return list(change_rows(contents))

    def rejected(self) -> Iterator[dict[str, Any]]:
        """Refusals in log order, fields of CONTRACT §2 (``projections.rejected.SHOWN``), the original left out."""
        for row in self._rows(select(Rejected.table, SHOWN)):
            yield dict(zip(SHOWN, row, strict=True))

    def alerts(self, customer: str | None = None, at: Moment | None = None) -> Iterator[dict[str, Any]]:
        """Integrity alerts (``projections.alerts.SHOWN``) in log order, then differing control totals.

        customer: only those about one customer; at: those raised by then about days up to its business date.
        """
        with self.page():
            at = at or self.moment()
            where, values = ("AND customer_id = ?", [customer]) if customer is not None else ("", [])
            where = f"WHERE log_line < ? {where}"
            for alert in alert_rows(self._rows(select(Alerts.table, where=where), [at.known.lines, *values])):
                if not at.as_of or alert["date"] is None or alert["date"] <= iso(at.as_of):
                    yield alert
            if customer is None:
                yield from totals_alerts(self._rows(select(Totals.table)))

    def counts(self) -> dict[str, dict[str, int]]:
        """{"taken": {type: n}, "duplicate": {"": n}, "refused": {reason: n}}, names ascending."""
        counts: dict[str, dict[str, int]] = {"taken": {}, "duplicate": {}, "refused": {}}
        for kind, name, number in self._rows("SELECT kind, name, count FROM counts ORDER BY kind, name"):
            counts[kind][name] = number
        return counts

    def levels(self) -> list[tuple[str, str | None, int]]:
        """(state, level, how many customers), by state and level."""
        return list(
            self._rows(f"SELECT state, level, COUNT(*) FROM ({_TIERS}) GROUP BY state, level ORDER BY state, level")
        )


def quoted(names: Iterable[str]) -> str:
    """Names as SQL."""
    return ", ".join(f'"{name}"' for name in names)


def select(table: Table, columns: Sequence[str] = (), where: str = "") -> str:
    """All rows of a table, or those of a condition, in the order of its key."""
    return f'SELECT {quoted(columns or table.names)} FROM "{table.name}" {where} ORDER BY {quoted(table.key)}'
