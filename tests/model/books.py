"""The books of the model bank: what it keeps, what can be asked, and what is compared with the core's statements."""

from datetime import date, timedelta
from typing import Any

from tests.model.customer import Customer, Record
from tests.model.ledger import balance_changes, balance_on, sum_of_days
from tests.model.months import (
    first_day,
    month_of,
    plus_months,
)
from tests.model.policy import Policies, Policy


class Books:
    """Everything taken so far. `policies` as in `Bank`."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        self.policies = Policies(policies)
        self.alerts: list[dict[str, Any]] = []
        self.restatements: list[tuple[str, str, int, int, dict[str, str]]] = []
        self._customers: dict[str, Customer] = {}
        self._contents: dict[tuple[str, ...], Record] = {}  # identity → content as decoded
        self._sources = self.policies.sources
        self._highest: dict[str, date] = {}  # highest closed date of each required source
        self._closed_through: date | None = None
        self._first_closed: date | None = None
        self._last_closed_month: str | None = None
        self._to_check: list[tuple[date, Record]] = []  # to compare when this day is closed
        self._booked: dict[tuple[str, str], list[int]] = {}  # (source, booked_on) → net of each counted posting
        self._position = 0

    # --- what can be asked -------------------------------------------------------------------------------------------

    @property
    def first_month(self) -> str | None:
        """F, `YYYY-MM`: the month of the first closed date; None until then."""
        return None if self._first_closed is None else month_of(self._first_closed)

    @property
    def closed_through(self) -> str | None:
        """The last closed day, `YYYY-MM-DD`; None until every required source has closed once."""
        return None if self._closed_through is None else str(self._closed_through)

    @property
    def last_closed_month(self) -> str | None:
        """L, `YYYY-MM`; None before the first month close."""
        return self._last_closed_month

    def customers(self) -> list[str]:
        """Everyone with a taken record, by bytes of the id."""
        return sorted(self._customers, key=lambda one: one.encode())

    def tier_changes(self, customer_id: str) -> list[dict[str, Any]]:
        """The tier changes of a customer, as in CONTRACT §5."""
        return list(self._customer(customer_id).changes)

    def tier_row(self, customer_id: str) -> dict[str, Any]:
        """The newest decision: state, level, watch (months in it), below_entry, grace_left, until."""
        tier = self._customer(customer_id).tier
        shown = tier.shown()
        return {
            "state": shown["state"],
            "level": shown["level"],
            "watch": len(tier.watch),
            "below_entry": tier.below_entry,
            "grace_left": tier.grace_left,
            "until": shown["until"],
        }

    def spot(self, customer_id: str) -> int:
        """Spot AUM, minor units: every balance after everything taken, value dates in the future included."""
        return sum(self.spot_by_account(customer_id).values())

    def spot_by_account(self, customer_id: str) -> dict[str, int]:
        """Spot balance of every account ever opened, minor units."""
        customer = self._customer(customer_id)
        return {one: balance_on(self._changes(customer, one), date.max) for one in customer.accounts}

    def month_sum(self, customer_id: str, month: str) -> int:
        """Sum of the end-of-day balances of the whole calendar month, as known now, minor units.

        Balances stay put after the last known value date. Raises ValueError for a month before F.
        """
        return sum(self.month_sum_by_account(customer_id, month).values())

    def month_sum_by_account(self, customer_id: str, month: str) -> dict[str, int]:
        """`month_sum` of every account ever opened; accounts without balance have 0."""
        if self.first_month is not None and month < self.first_month:
            raise ValueError(f"{month} is before the first month {self.first_month}")
        customer = self._customer(customer_id)
        if month not in customer.sums:
            sums = {}
            for account_id in customer.accounts:
                sums[account_id] = sum_of_days(self._changes(customer, account_id), month)
            customer.sums[month] = sums
        return dict(customer.sums[month])

    def end_of_day(self, customer_id: str, account_id: str, day: date) -> int:
        """End-of-day balance of an account as known now, minor units; a day before F counts as the first day of F."""
        return balance_on(self._changes(self._customer(customer_id), account_id), max(day, self._first_day()))

    def totals(self, source: str, booked_on: str) -> dict[str, int]:
        """Control totals of a source's accounting day over everything taken so far (DOMAIN §2)."""
        nets = self._booked.get((source, booked_on), [])
        return {"count": len(nets), "signed_sum": sum(nets)}

    def _customer(self, customer_id: str) -> Customer:
        return self._customers.get(customer_id) or Customer(customer_id)

    def _first_day(self) -> date:
        return date.min if self.first_month is None else first_day(self.first_month)

    def _changes(self, customer: Customer, account_id: str) -> list[tuple[date, int]]:
        if account_id not in customer.folds:
            customer.folds[account_id] = balance_changes(account_id, customer.postings, self._first_day())
        return customer.folds[account_id]

    def _open_day(self) -> date | None:
        return None if self._closed_through is None else self._closed_through + timedelta(days=1)

    def _policy_of_day(self, day: date) -> Policy:
        return self.policies.of_month(month_of(day))

    # --- integrity alerts --------------------------------------------------------------------------------------------

    def _check_on(self, day: date | None, record: Record) -> None:
        """Has a record compared with the books: now, or when `day` (None: the first day ever) is closed."""
        if self._closed_through is None or (day is not None and day > self._closed_through):
            self._to_check.append((day or date.min, record))
        else:
            self._check(record)

    def _check(self, record: Record) -> None:
        kind = record["type"]
        if kind == "business_day_closed":
            actual = self.totals(record["source"], record["date"])
            if actual != record["totals"]:
                said = {"expected": dict(record["totals"]), "actual": actual}
                self._alert("totals_differ", source=record["source"], date=record["date"], **said)
            return
        named = {"customer_id": record["customer_id"], "source": record["source"], "date": record["value_date"]}
        if kind == "customer_brought_forward":
            expected = plus_months(record["value_date"][:7], 1)
            if expected != self.first_month:
                self._alert("brought_forward_not_next_month", **named, expected=expected, actual=self.first_month)
            return
        account_id = record["account_id"]
        ours = self.end_of_day(record["customer_id"], account_id, date.fromisoformat(record["value_date"]))
        expected_minor = record["balance"] if kind == "balance_stated" else 0
        if ours != expected_minor:
            word = "balance_differs" if kind == "balance_stated" else "balance_left_at_closing"
            self._alert(word, **named, account_id=account_id, expected=expected_minor, actual=ours)

    def _alert(self, kind: str, **fields: Any) -> None:
        names = ("customer_id", "account_id", "source", "date", "expected", "actual")
        self.alerts.append({"kind": kind, **{name: fields.get(name) for name in names}})
