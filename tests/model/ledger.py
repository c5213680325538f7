"""Accounts and postings of the model: what a record moves, and end-of-day balances by folding them all (DOMAIN §3)."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.model.months import first_day, last_day

CREDITS = {"deposit", "transfer_in", "interest_credited", "payroll_credited"}
DEBITS = {"withdrawal", "transfer_out", "fee_charged"}
MONEY = CREDITS | DEBITS | {"product_purchased", "product_redeemed", "product_matured"}
LOAN_MONEY = {"loan_disbursed", "loan_repaid"}


@dataclass
class Account:
    """One account of a customer; `closed_on` is the value date of its latest closing."""

    account_id: str
    opened_on: date
    closed_on: date | None = None


@dataclass
class Posting:
    """A taken record that changes an AUM balance or a loan. Legs are (account_id, minor units), signed."""

    position: int
    record: dict[str, Any]
    value_date: date
    legs: list[tuple[str, int]] = field(default_factory=list)
    valuation: tuple[str, int] | None = None
    reversed_by: str | None = None

    @property
    def moves_aum(self) -> bool:
        """Whether an AUM balance changes; not so where a loan moves without an account."""
        return bool(self.legs) or self.valuation is not None

    @property
    def net_minor(self) -> int:
        """All legs together."""
        return sum(amount for _, amount in self.legs)


def legs_of(record: dict[str, Any]) -> list[tuple[str, int]]:
    """What a record moves, by account (CONTRACT §1): the named account first."""
    kind = record["type"]
    account_id = record.get("account_id", "")
    if kind in CREDITS:
        return [(account_id, record["amount"])]
    if kind in DEBITS:
        return [(account_id, -record["amount"])]
    if kind == "product_purchased":
        legs = [(account_id, record["amount"])]
        if record.get("funded_from") is not None:
            legs.append((record["funded_from"], -record["amount"]))
        return legs
    if kind in ("product_redeemed", "product_matured"):
        book = record.get("book")
        legs = [(account_id, -(record["amount"] if book is None else book))]
        if record.get("paid_to") is not None:
            legs.append((record["paid_to"], record["amount"]))
        return legs
    if kind == "account_opened" and record.get("opening_balance"):
        return [(account_id, record["opening_balance"])]
    if kind == "loan_disbursed" and record.get("paid_to") is not None:
        return [(record["paid_to"], record["amount"])]
    if kind == "loan_repaid" and record.get("paid_from") is not None:
        return [(record["paid_from"], -record["amount"])]
    return []


def balance_changes(account_id: str, postings: list[Posting], no_earlier_than: date | None) -> list[tuple[date, int]]:
    """(value date, end-of-day balance) of the days on which something is said about an account, ascending.

    Within a date first all money, then the valuation that stands last in the log. Value dates before
    `no_earlier_than`, the first day of the first month, count as that day (DOMAIN §3).
    """
    days: dict[date, list[Posting]] = {}
    for posting in postings:
        named = [leg for leg, _ in posting.legs] + ([posting.valuation[0]] if posting.valuation else [])
        if posting.reversed_by is None and account_id in named:
            days.setdefault(max(posting.value_date, no_earlier_than or date.min), []).append(posting)
    changes = []
    balance = 0
    for day in sorted(days):
        for posting in days[day]:
            balance += sum(amount for leg, amount in posting.legs if leg == account_id)
        for posting in sorted(days[day], key=lambda one: one.position):
            if posting.valuation is not None:
                balance = posting.valuation[1]
        changes.append((day, balance))
    return changes


def balance_on(changes: list[tuple[date, int]], day: date) -> int:
    """The end-of-day balance of a day; 0 before anything was said."""
    balance = 0
    for changed_on, after in changes:
        if changed_on > day:
            break
        balance = after
    return balance


def sum_of_days(changes: list[tuple[date, int]], month: str) -> int:
    """Sum of the end-of-day balances of all days of a month; the last balance said stays put."""
    first, last = first_day(month), last_day(month)
    total = before = 0
    for changed_on, after in changes:
        if changed_on > last:
            break
        total += (after - before) * ((last - max(changed_on, first)).days + 1)  # from that day to the month's last
        before = after
    return total
