"""The smallest bank that can say whether a stream of records is valid: balances, totals, and who exists."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any

CREDITS = ("deposit", "transfer_in", "interest_credited", "payroll_credited")
DEBITS = ("withdrawal", "transfer_out", "fee_charged")
REQUIRED = ("core", "funds")


@dataclass
class Place:
    """An account or holding."""

    customer_id: str
    category: str
    opened_on: str
    balance: int
    closed_on: str | None = None


@dataclass
class Fold:
    """What a stream says; every `take` asserts that the record is valid."""

    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    postings: dict[tuple[str, str], list[tuple[tuple[str, str], int]]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    totals: dict[str, list[int]] = field(default_factory=lambda: {source: [0, 0] for source in REQUIRED})
    closed: dict[str, date] = field(default_factory=dict)
    types: Counter[str] = field(default_factory=Counter)
    lowest_deposit: int = 0
    specials: set[str] = field(default_factory=set)
    late: int = 0
    stated: list[tuple[Place, int]] = field(default_factory=list)
    sums: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    averages: dict[str, dict[str, Fraction]] = field(default_factory=dict)

    def take_all(self, lines: Iterable[bytes]) -> "Fold":
        """Take every line."""
        for line in lines:
            self.take(json.loads(line))
        return self

    def take(self, record: dict[str, Any]) -> None:
        """Take one record."""
        identity = (record["source"], record["event_id"])
        assert identity not in self.seen, record
        self.seen.add(identity)
        occurred_at = datetime.fromisoformat(record["occurred_at"])
        assert occurred_at.utcoffset() is not None
        kind, today = record["type"], occurred_at.date()
        self.types[kind] += 1
        assert all(today > closed for source, closed in self.closed.items() if source == record["source"]), record
        if kind == "business_day_closed":
            self._close(record)
            return
        if kind == "customer_brought_forward":
            assert record["customer_id"] not in self.customers, "must be the customer's first record"
        self.customers.add(record["customer_id"])
        if "value_date" in record and kind != "customer_brought_forward":
            assert date.fromisoformat(record["value_date"]) <= today, record
            assert date.fromisoformat(record.get("booked_on", record["value_date"])) == today, record
            self.late += record["value_date"] != today.isoformat()
        getattr(self, f"_{kind}", self._money)(record)

    def _place(self, record: dict[str, Any], name: str = "account_id") -> Place:
        place = self.places[record["customer_id"], record[name]]
        assert place.opened_on <= record["value_date"], record
        assert place.closed_on is None or record["value_date"] <= place.closed_on, record
        assert record.get("currency", "CNY") == "CNY"
        return place

    def _move(self, record: dict[str, Any], *moves: tuple[str, int]) -> None:
        done = []
        for name, effect in moves:
            place = self._place(record, name)
            self._change(place, effect)
            done.append(((record["customer_id"], record[name]), effect))
        self.postings[record["source"], record["event_id"]] = done
        self._count(record["source"], sum(effect for _, effect in moves))

    def _change(self, place: Place, effect: int) -> None:
        place.balance += effect
        if place.category == "deposit":
            self.lowest_deposit = min(self.lowest_deposit, place.balance)

    def _count(self, source: str, effect: int) -> None:
        self.totals[source][0] += 1
        self.totals[source][1] += effect

    def _money(self, record: dict[str, Any]) -> None:
        assert record["type"] in CREDITS + DEBITS, record
        assert isinstance(record["amount"], int), record
        assert record["amount"] > 0, record
        self._move(record, ("account_id", record["amount"] if record["type"] in CREDITS else -record["amount"]))

    def _account_opened(self, record: dict[str, Any]) -> None:
        key = record["customer_id"], record["account_id"]
        assert key not in self.places, record
        balance = record.get("opening_balance", 0)
        self.places[key] = Place(record["customer_id"], record["category"], record["value_date"], balance)
        if balance:
            self._count(record["source"], balance)

    def _account_closed(self, record: dict[str, Any]) -> None:
        place = self._place(record)
        assert place.balance == 0, record
        place.closed_on = record["value_date"]

    def _product_purchased(self, record: dict[str, Any]) -> None:
        amount = record["amount"]
        if "funded_from" in record:
            self._move(record, ("account_id", amount), ("funded_from", -amount))
        else:
            self._move(record, ("account_id", amount))

    def _product_redeemed(self, record: dict[str, Any]) -> None:
        self._move(record, ("account_id", -record["book"]), ("paid_to", record["amount"]))
        assert self._place(record).balance == 0, record

    _product_matured = _product_redeemed

    def _valuation_updated(self, record: dict[str, Any]) -> None:
        value = Fraction(record["units"]) * Fraction(record["price"]) * 100
        assert abs(value - record["market_value"]) <= 1, record
        place = self._place(record)
        assert place.balance > 0, record
        place.balance = record["market_value"]

    def _balance_stated(self, record: dict[str, Any]) -> None:
        self.stated.append((self._place(record), record["balance"]))

    def _reversal(self, record: dict[str, Any]) -> None:
        original = self.postings.pop((record["source"], record["reverses"]["event_id"]))
        for key, effect in original:
            assert key[0] == record["customer_id"], record
            self._change(self.places[key], -effect)
        self._count(record["source"], -sum(effect for _, effect in original))

    def _customer_brought_forward(self, record: dict[str, Any]) -> None:
        assert not self.closed, record
        assert [month["month"] for month in record["months"]] == sorted(month["month"] for month in record["months"])
        if record["state"] == "special":
            self.specials.add(record["customer_id"])

    def _special_vip_granted(self, record: dict[str, Any]) -> None:
        assert record["customer_id"] not in self.specials, record
        self.specials.add(record["customer_id"])

    def _special_vip_revoked(self, record: dict[str, Any]) -> None:
        assert record["customer_id"] in self.specials, record

    def _close(self, record: dict[str, Any]) -> None:
        source, on = record["source"], date.fromisoformat(record["date"])
        assert source not in self.closed or (on - self.closed[source]).days == 1, record
        self.closed[source] = on
        count, signed_sum = self.totals[source]
        assert record["totals"] == {"count": count, "signed_sum": signed_sum}, record
        self.totals[source] = [0, 0]
        if source == REQUIRED[-1]:
            self._end_of_day(on)

    def _end_of_day(self, on: date) -> None:
        """Check what was stated; month averages, late records as known when they came: near enough to see VIPs."""
        for place, balance in self.stated:
            assert place.balance == balance, (on, place)
        self.stated.clear()
        for place in self.places.values():
            self.sums[place.customer_id] += place.balance
        if date.fromordinal(on.toordinal() + 1).day == 1:
            self.averages[f"{on:%Y-%m}"] = {who: Fraction(total, on.day) for who, total in self.sums.items()}
            self.sums.clear()
