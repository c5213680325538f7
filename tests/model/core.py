"""A core system that sends records to a model bank, with as little said as possible."""

from datetime import date
from typing import Any

from tests.model.bank import Bank
from tests.model.months import days_in, first_day, last_day


class Core:
    """One source, `core` unless said otherwise, and one customer, C1."""

    def __init__(self, *policies: dict[str, Any]) -> None:
        self.bank = Bank(list(policies))
        self.sent = 0

    def send(self, kind: str, on: str, source: str = "core", **fields: Any) -> str | None:
        """One record that happened on a day at noon; `event_id` and `customer_id` unless given."""
        self.sent += 1
        record = {"event_id": f"e{self.sent}", "source": source, "type": kind, "schema_version": 1, "customer_id": "C1"}
        return self.bank.take(record | {"occurred_at": f"{on}T12:00:00+08:00"} | fields)

    def money(self, kind: str, on: str, amount: int, **fields: Any) -> str | None:
        """A posting on account A1, valued the day it happened unless said otherwise."""
        content: dict[str, Any] = {"account_id": "A1", "amount": amount, "currency": "CNY", "value_date": on}
        return self.send(kind, on, **(content | fields))

    def valued(self, on: str, value: int, **fields: Any) -> str | None:
        """A valuation of account A1, valued the day it happened unless said otherwise."""
        content: dict[str, Any] = {"account_id": "A1", "market_value": value, "currency": "CNY", "value_date": on}
        return self.send("valuation_updated", on, **(content | fields))

    def opened(self, on: str, balance: int = 0, **fields: Any) -> str | None:
        """Account A1, or another one."""
        content: dict[str, Any] = {"account_id": "A1", "category": "deposit", "currency": "CNY", "value_date": on}
        return self.send("account_opened", on, **(content | {"opening_balance": balance} | fields))

    def close(self, day: str | date, source: str = "core", **fields: Any) -> str | None:
        """Closes a day."""
        self.sent += 1
        record = {"event_id": f"e{self.sent}", "source": source, "type": "business_day_closed", "schema_version": 1}
        return self.bank.take(record | {"occurred_at": f"{day}T23:00:00+08:00", "date": str(day)} | fields)

    def average(self, month: str, wanted_minor: int, closing: bool = True) -> None:
        """Brings the month average of A1 to exactly this from the 1st on, and closes the month."""
        missing = wanted_minor - self.bank.month_sum("C1", month) // days_in(month)
        if missing:
            self.money("deposit" if missing > 0 else "withdrawal", str(first_day(month)), abs(missing))
        if closing:
            self.close(last_day(month))

    def closed(self) -> tuple[str | None, str | None, str | None]:
        """The last closed day, the first month, the last closed month."""
        return self.bank.closed_through, self.bank.first_month, self.bank.last_closed_month

    def kinds(self) -> list[str]:
        """Kinds of the tier changes of C1."""
        return [one["kind"] for one in self.bank.tier_changes("C1")]

    def last(self) -> dict[str, Any]:
        """The last tier change of C1."""
        return self.bank.tier_changes("C1")[-1]

    def alerts(self) -> list[str]:
        """Kinds of all alerts."""
        return [one["kind"] for one in self.bank.alerts]


def started(*policies: dict[str, Any], on: str = "2025-01-01") -> Core:
    """A1 of C1 opened and the first day closed."""
    core = Core(*policies)
    core.opened(on)
    core.close(on)
    return core
