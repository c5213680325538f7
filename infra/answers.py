"""What the views of one shard answer: rows of every command, of now or of any moment, all that one ``page`` reads on one block.

The same SQL on every store; a store says how it runs a query, where a table is, and what begins and ends a page.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from typing import Any

from msgspec.structs import replace

from aggregates.account import balance_of, month_sum
from aggregates.dates import Day, Month, first_day, iso, iso_month, month_from, month_of
from aggregates.packing import number_of
from infra.trigger_answers import TriggerAnswers
from projections.alerts import Alerts, alert_rows
from projections.blocks import Blocks, Known, known_from
from projections.catalog import PROJECTIONS
from projections.complaints import Complaints, complaint_rows
from projections.counts import Counts
from projections.customers import Aum, By, aum_rows, aum_rows_listed, spot_rows
from projections.differences import Difference, differences
from projections.feed import Freshness, Projection, Row
from projections.forecast import forecast_rows, foretold_on
from projections.loans import Loans, loan_rows
from projections.moment import KnownAt, Moment, NothingKnown
from projections.moves import balances, month_sums
from projections.parked import Parked, parked_rows
from projections.portfolio import customer_rows, manager_rows
from projections.rejected import SHOWN, Rejected
from projections.table import Table
from projections.tier_story import change_rows, stories
from projections.tiers import UNDECIDED, tier_rows, tier_rows_at
from projections.totals import Totals, totals_alerts

_UNDECIDED = ", ".join(f't."{n}"' if v is None else f'COALESCE(t."{n}", {v!r}) AS "{n}"' for n, v in UNDECIDED.items())


CatchUp = Callable[[int], object]
"""Tells rebuilt views the blocks up to a number."""


class Answers(TriggerAnswers):
    """Reads the views of one shard. at: the moment asked about (``moment``); None: now, as the rows stand."""

    @property
    def _tiers(self) -> str:
        everyone, told = self._from("aum"), self._from("tiers")
        return f"SELECT customer_id, {_UNDECIDED} FROM {everyone} AS everyone LEFT JOIN {told} AS t USING (customer_id)"

    # ------------------------------------------------------------------------------------------ a page

    @contextmanager
    def page(self) -> Iterator[Freshness]:
        """Everything read inside stands on one block, whatever is written meanwhile. Raises ViewsUnusable."""
        with self._standing():
            yield self.basis().freshness

    @property
    def freshness(self) -> Freshness:
        """How fresh the rows are; inside a ``page`` those of the page."""
        return self.basis().freshness

    def of(self, customer_id: str) -> "Answers":  # noqa: ARG002
        """The answers of the shard that a customer is in: the only one."""
        return self

    def rows_of(self, table: Table) -> Iterator[Row]:
        """All rows of a projection in the order of its key, as the projection gave them."""
        return self._rows(self._select(table))

    def differences(
        self, rebuilt: "Answers", projections: Sequence[Projection] = PROJECTIONS, catch_up: CatchUp | None = None
    ) -> Iterator[Difference]:
        """Where these rows differ from rebuilt ones that stand on the same block, its basis first.

        catch_up: tells the rebuilt ones up to a block, where others may have told these in the meantime.
        """
        with self.page() as fresh:
            if catch_up is not None and rebuilt.basis().block < fresh.block:
                catch_up(fresh.block)
            with rebuilt.page():
                yield from differences(projections, self.rows_of, rebuilt.rows_of, self.basis(), rebuilt.basis())

    # ------------------------------------------------------------------------------------------ moments

    def moment(self, as_of: Day = 0, known_at: KnownAt | None = None) -> Moment:
        """The moment to ask about. as_of: a business date, 0: the newest state; known_at: None: all that is known now.

        Raises NothingKnown for a time before the first block, or a date before the first month of the log.
        """
        with self._standing():
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
        later = self._one(
            f"SELECT block, at FROM {self._from('blocks')} AS b WHERE at > ? ORDER BY block LIMIT 1", [at]
        )
        if later is None:
            return last
        if later[0] == 1:
            raise NothingKnown(f"{at}: this log begins with {later[1]}")
        return int(later[0]) - 1

    def _known(self, block: int) -> Known:
        basis = self.basis()
        row = self._one(self._select(Blocks.table, where="WHERE block = ?"), [block])
        if row is None:  # nothing was put yet
            return Known(0, 0, 0, basis)
        (policies,) = self._one(
            f"SELECT policies FROM {self._from('blocks')} AS b "
            "WHERE block <= ? AND policies IS NOT NULL ORDER BY block DESC LIMIT 1",
            [block],
        ) or (None,)
        known = known_from(row, policies, basis.shard_id)
        return known if block != basis.block else replace(known, basis=basis)

    def recorded_at(self, until: int) -> dict[int, str]:
        """The commit clock of each block up to one, ISO, UTC."""
        return dict(self._rows(f"SELECT block, at FROM {self._from('blocks')} AS b WHERE block <= ?", [until]))

    # ------------------------------------------------------------------------------------------ answers

    def tiers(self, customer: str | None = None, at: Moment | None = None) -> Iterator[dict[str, Any]]:
        """Rows of `guanxi tiers`, ordered by customer_id bytes: of everyone, or of one customer."""
        with self._standing():
            few = customer is not None
            where, values = ("WHERE customer_id = ?", [customer]) if few else ("", [])
            if at is None or at.is_now:
                sql = f"{self._tiers} {where} ORDER BY customer_id"
                yield from tier_rows(self._rows(sql, values, few=few), self.basis())
                return
            kept: Any = self._rows(self._select(Aum.table, ("customer_id", "state"), where), values, few=few)
            yield from tier_rows_at(kept, stories(self._tier_lines(at, customer)), at)

    def forecast(self, at: Moment | None = None) -> Iterator[dict[str, Any]]:
        """Rows of `guanxi tiers --forecast`, ordered by customer_id bytes (``projections.forecast``)."""
        with self._standing():
            at = at or self.moment()
            day = foretold_on(at)
            sums = self._amounts(month_of(day), replace(at, as_of=day)) if day else []
            kept: Any = self._rows(self._select(Aum.table, ("customer_id", "state")))
            yield from forecast_rows(kept, stories(self._tier_lines(at)), at, sums)

    def _tier_lines(self, at: Moment, customer: str | None = None) -> Any:
        """(customer_id, packed line) of the lines about tiers known by then, of everyone or one customer, in order."""
        where, values = ("", []) if customer is None else ("AND customer_id = ?", [customer])
        return self._rows(
            f"SELECT customer_id, content FROM {self._from('tier_story')} AS s "
            f"WHERE block <= ? {where} ORDER BY customer_id, log_line",
            [at.known.basis.block, *values],
            few=customer is not None,
        )

    def aum(
        self, by: By = "total", month: str | None = None, customer: str | None = None, at: Moment | None = None
    ) -> Iterator[dict[str, Any]]:
        """Rows of `guanxi aum`, ordered by customer_id bytes, then category or account_id.

        month: YYYY-MM; the sum of the whole month, the balance taken to stay as it is: none before the first month of the
        log. Raises ValueError for another form of month.
        """
        with self._standing():
            at = at or self.moment()
            basis, asked = at.known.basis, None if month is None else month_from(month)
            if asked is not None and (not basis.first_month or asked < basis.first_month):
                return
            if not at.is_now or (asked is not None and asked < basis.oldest_month):
                yield from aum_rows_listed(self._kept(customer), by, asked, self._amounts(asked, at))
            elif asked is not None:
                yield from aum_rows(self._kept(customer), by, asked, partial(month_sum, month=asked))
            elif by == "total":
                yield from spot_rows(self._kept(customer, Aum.table.names[:2]))
            else:
                yield from aum_rows(self._kept(customer), by, None, balance_of)

    def _kept(self, customer: str | None, columns: Sequence[str] = ()) -> Any:
        """Rows of `aum`, of everyone who has accounts or of one customer."""
        where, values = "WHERE spot IS NOT NULL", []
        if customer is not None:
            where, values = where + " AND customer_id = ?", [customer]
        return self._rows(self._select(Aum.table, columns, where), values, few=customer is not None)

    def _amounts(self, month: Month | None, at: Moment) -> list[int]:
        """Of each account known at a moment, by its number, the balance or the sum of a month: from all moves."""
        basis, accounts = at.known.basis, at.known.accounts
        rows: Any = self._rows(
            f"SELECT columns FROM {self._from('moves')} AS m WHERE block <= ? ORDER BY block", [basis.block]
        )
        first = first_day(basis.first_month) if basis.first_month else 0
        if month is None:
            return balances(rows, accounts, at.as_of or None, first)
        return month_sums(rows, accounts, month, at.as_of or None, first)

    def knows(self, customer_id: str, at: Moment | None = None) -> bool:
        """Whether a record of this customer was taken by then."""
        with self._standing():
            found = self._one(self._select(Aum.table, ("state",), "WHERE customer_id = ?"), [customer_id])
        return found is not None and (at is None or number_of(found[0]) < at.known.customers)

    def tier_changes(
        self, customer: str | None = None, after: int = 0, at: Moment | None = None
    ) -> Iterator[dict[str, Any]]:
        """Tier changes as published (CONTRACT §5) with a sequence above `after`, by customer_id bytes, sequence.

        at: those decided by then and effective by its business date.
        """
        with self._standing():
            at = at or self.moment()
            few = customer is not None
            where, values = ("AND customer_id = ?", [customer]) if few else ("", [])
            sql = (
                f"SELECT content FROM {self._from('tier_story')} AS s WHERE sequence > ? AND block <= ? {where} "
                "ORDER BY customer_id, sequence"
            )
            contents: Any = self._rows(sql, [after, at.known.basis.block, *values], few=few)
            yield from change_rows(contents, iso(at.as_of) if at.as_of else None)

    def latest_tier_changes(self, count: int) -> list[dict[str, Any]]:
        """The tier changes decided last, the newest first."""
        sql = (
            f"SELECT content FROM {self._from('tier_story')} AS s WHERE sequence > 0 "
            "ORDER BY block DESC, customer_id, sequence DESC LIMIT ?"
        )
        contents: Any = self._rows(sql, [count], few=True)
        return list(change_rows(contents))

    def portfolio(self, manager: str) -> Iterator[dict[str, Any]]:
        """The customers of a manager (``projections.portfolio.CUSTOMERS_SHOWN``), by customer_id bytes."""
        beside = "".join(
            f" LEFT JOIN {self._from(table)} AS {name} ON {name}.customer_id = m.customer_id"
            for table, name in (("aum", "a"), ("tiers", "t"))
        )
        sql = (
            f"SELECT m.customer_id, COALESCE(t.state, {UNDECIDED['state']!r}), t.level, a.spot, m.since, m.branch "
            f"FROM {self._from('managers')} AS m{beside} WHERE m.manager_id = ? ORDER BY m.customer_id"
        )
        yield from customer_rows(self._rows(sql, [manager]))

    def managers(self) -> Iterator[dict[str, Any]]:
        """Managers who look after somebody (``projections.portfolio.MANAGERS_SHOWN``), by manager_id bytes."""
        sql = (
            f"SELECT m.manager_id, a.spot FROM {self._from('managers')} AS m LEFT JOIN {self._from('aum')} AS a "
            "ON a.customer_id = m.customer_id WHERE m.manager_id IS NOT NULL ORDER BY m.manager_id"
        )
        yield from manager_rows(self._rows(sql))

    def complaints(self) -> Iterator[dict[str, Any]]:
        """Open complaints (``projections.complaints.SHOWN``) by customer_id bytes, then in log order."""
        with self._standing():
            yield from complaint_rows(self._rows(self._select(Complaints.table)), self.basis())

    def loans(self, customer: str | None = None, *, overdue: bool = False) -> Iterator[dict[str, Any]]:
        """Loans (``projections.loans.SHOWN``) by customer_id and loan_id bytes. overdue: only those that are."""
        where, values = ("WHERE customer_id = ?", [customer]) if customer is not None else ("", [])
        yield from loan_rows(self._rows(self._select(Loans.table, where=where), values), overdue=overdue)

    def rejected(self) -> Iterator[dict[str, Any]]:
        """Refusals in log order, fields of CONTRACT §2 (``projections.rejected.SHOWN``), the original left out."""
        for row in self._rows(self._select(Rejected.table, SHOWN)):
            yield dict(zip(SHOWN, row, strict=True))

    def parked(self) -> Iterator[dict[str, Any]]:
        """Customers that are parked (``projections.parked.SHOWN``), by customer_id bytes."""
        yield from parked_rows(self._rows(self._select(Parked.table)))

    def alerts(self, customer: str | None = None, at: Moment | None = None) -> Iterator[dict[str, Any]]:
        """Integrity alerts (``projections.alerts.SHOWN``) in log order, then differing control totals.

        customer: only those about one customer; at: those raised by then about days up to its business date.
        """
        with self._standing():
            at = at or self.moment()
            where, values = ("AND customer_id = ?", [customer]) if customer is not None else ("", [])
            sql = self._select(Alerts.table, where=f"WHERE log_line < ? {where}")
            yield from alert_rows(self._rows(sql, [at.known.lines, *values]), iso(at.as_of) if at.as_of else None)
            if customer is None:
                yield from totals_alerts(self._rows(self._select(Totals.table)))

    def counts(self) -> dict[str, dict[str, int]]:
        """{"taken": {type: n}, "duplicate": {"": n}, "refused": {reason: n}}, names ascending."""
        counts: dict[str, dict[str, int]] = {"taken": {}, "duplicate": {}, "refused": {}}
        for kind, name, number in self._rows(self._select(Counts.table), few=True):
            counts[kind][name] = number
        return counts

    def levels(self) -> list[tuple[str, str | None, int]]:
        """(state, level, how many customers), by state and level."""
        sql = f"SELECT state, level, COUNT(*) FROM ({self._tiers}) AS everyone GROUP BY state, level"
        return sorted(self._rows(sql, few=True), key=lambda row: (row[0], row[1] or ""))
