"""Records in short: ``deposit("C1", "A1", "100.00", on="2026-01-05")``.

`on` is the value date; `at` the date of occurred_at, the value date if left out; `id` the event_id, given by the bank
if left out. Amounts are texts in whole currency.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from aggregates.dates import days_in, month_from
from aggregates.money import scaled
from events.calendar import BusinessDayClosed
from events.catalog import RECORDS
from events.fields import MonthSum, Record, Totals

UNNAMED = "?"
"""event_id of a record that the bank is to name."""


def minor(amount: str) -> int:
    return scaled(amount, 2)


def record(kind: str, customer_id: str, *, at: str, id: str = UNNAMED, source: str = "core", **fields: Any) -> Record:  # noqa: A002
    """Any record about a customer, checked as if it had come over the wire; fields that are None are left out."""
    content = {
        "type": kind,
        "event_id": id,
        "source": source,
        "schema_version": 1,
        "occurred_at": at if "T" in at else f"{at}T10:00:00+08:00",
        "customer_id": customer_id,
        **{name: value for name, value in fields.items() if value is not None},
    }
    return msgspec.convert(content, RECORDS[kind])


def opened(customer_id: str, account_id: str, *, on: str, category: str = "deposit", balance: str | None = None,
           currency: str = "CNY", at: str | None = None, **more: Any) -> Record:  # fmt: skip
    return record(
        "account_opened", customer_id, at=at or on, account_id=account_id, category=category, currency=currency,
        value_date=on, opening_balance=None if balance is None else minor(balance), **more,
    )  # fmt: skip


def closed(customer_id: str, account_id: str, *, on: str, at: str | None = None, **more: Any) -> Record:
    return record("account_closed", customer_id, at=at or on, account_id=account_id, value_date=on, **more)


def money(kind: str, customer_id: str, account_id: str, amount: str, *, on: str, at: str | None = None,
          currency: str = "CNY", **more: Any) -> Record:  # fmt: skip
    return record(
        kind,
        customer_id,
        at=at or on,
        account_id=account_id,
        amount=minor(amount),
        currency=currency,
        value_date=on,
        **more,
    )


def deposit(customer_id: str, account_id: str, amount: str, *, on: str, **more: Any) -> Record:
    return money("deposit", customer_id, account_id, amount, on=on, **more)


def withdrawal(customer_id: str, account_id: str, amount: str, *, on: str, **more: Any) -> Record:
    return money("withdrawal", customer_id, account_id, amount, on=on, **more)


def purchase(customer_id: str, account_id: str, amount: str, *, on: str, **more: Any) -> Record:
    return money("product_purchased", customer_id, account_id, amount, on=on, **more)


def redeemed(
    customer_id: str, account_id: str, amount: str, *, on: str, book: str | None = None, **more: Any
) -> Record:
    kept = None if book is None else minor(book)
    return money("product_redeemed", customer_id, account_id, amount, on=on, book=kept, **more)


def matured(customer_id: str, account_id: str, amount: str, *, on: str, book: str | None = None, **more: Any) -> Record:
    kept = None if book is None else minor(book)
    return money("product_matured", customer_id, account_id, amount, on=on, book=kept, **more)


def valued(customer_id: str, account_id: str, value: str, *, on: str, at: str | None = None, **more: Any) -> Record:
    more = {"currency": "CNY", **more}
    return record(
        "valuation_updated",
        customer_id,
        at=at or on,
        account_id=account_id,
        market_value=minor(value),
        value_date=on,
        **more,
    )


def stated(customer_id: str, account_id: str, balance: str, *, on: str, at: str | None = None, **more: Any) -> Record:
    more = {"currency": "CNY", **more}
    return record(
        "balance_stated", customer_id, at=at or on, account_id=account_id, balance=minor(balance), value_date=on, **more
    )


def reversal(customer_id: str, of: str, *, at: str, of_source: str | None = None, **more: Any) -> Record:
    reverses = {"event_id": of} if of_source is None else {"event_id": of, "source": of_source}
    return record("reversal", customer_id, at=at, reverses=reverses, **more)


def granted(customer_id: str, level: str, *, on: str, at: str | None = None, **more: Any) -> Record:
    return record(
        "special_vip_granted", customer_id, at=at or on, level=level, value_date=on, source=more.pop("source", "crm"),
        reason="owner of the town's largest employer", granted_by="M7", **more,
    )  # fmt: skip


def revoked(customer_id: str, *, on: str, at: str | None = None, **more: Any) -> Record:
    return record(
        "special_vip_revoked", customer_id, at=at or on, value_date=on, source=more.pop("source", "crm"),
        reason="moved away", **more,
    )  # fmt: skip


def registered(customer_id: str, *, at: str, name: str = "张小明", number: str = "X1", **more: Any) -> Record:
    document = {"kind": "id_card", "number": number}
    more = {"source": "crm", **more}
    return record("customer_registered", customer_id, at=at, name=name, document=document, **more)


def updated(customer_id: str, *, at: str, **more: Any) -> Record:
    return record("customer_updated", customer_id, at=at, **{"source": "crm", **more})


def assigned(customer_id: str, manager_id: str, *, at: str, **more: Any) -> Record:
    return record("manager_assigned", customer_id, at=at, manager_id=manager_id, **{"source": "crm", **more})


def consent(customer_id: str, *, at: str, granted: bool = True, purpose: str = "marketing", **more: Any) -> Record:
    fields = {"purpose": purpose, "granted": granted, "source": "crm", **more}
    return record("consent_changed", customer_id, at=at, **fields)


def erasure(customer_id: str, *, at: str, **more: Any) -> Record:
    return record("erasure_requested", customer_id, at=at, **{"source": "crm", **more})


def met(kind: str, customer_id: str = "C1", *, at: str, **fields: Any) -> Record:
    """An interaction, published by the system of the branches and managers."""
    return record(kind, customer_id, at=at, source=fields.pop("source", "crm"), **fields)


def loan(kind: str, customer_id: str = "C1", *, on: str, loan_id: str = "L1", at: str | None = None,
         amount: str | None = None, outstanding: str | None = None, currency: str | None = "CNY",
         **more: Any) -> Record:  # fmt: skip
    """A record about a loan; the class of credit risk as ``**{"class": "loss"}``."""
    amounts = {"amount": amount, "outstanding": outstanding}
    return record(
        kind, customer_id, at=at or on, loan_id=loan_id, currency=currency, value_date=on,
        **{name: None if text is None else minor(text) for name, text in amounts.items()}, **more,
    )  # fmt: skip


def overdue(customer_id: str = "C1", *, on: str, days: int, amount: str = "100.00", **more: Any) -> Record:
    return loan("loan_overdue", customer_id, on=on, days_overdue=days, amount=amount, currency=None, **more)


def classified(customer_id: str = "C1", *, on: str, to: str, **more: Any) -> Record:
    return loan("loan_classified", customer_id, on=on, currency=None, **{"class": to}, **more)


def month(text: str, average: str, *, extra_minor: int = 0) -> MonthSum:
    """A month of which every day ended with this balance, plus so many minor units in its sum."""
    days = days_in(month_from(text))
    return MonthSum(month=text, sum=minor(average) * days + extra_minor, days=days)


def brought(customer_id: str, state: str, *, on: str, months: Sequence[MonthSum] = (), at: str | None = None,
            **more: Any) -> Record:  # fmt: skip
    return record(
        "customer_brought_forward", customer_id, at=at or on, value_date=on, state=state,
        months=msgspec.to_builtins(list(months)), **more,
    )  # fmt: skip


def close(date: str, *, source: str = "core", totals: tuple[int, str] | None = None, **more: Any) -> Record:
    """The close of a day by a source; totals: how many postings and their sum."""
    return BusinessDayClosed(
        event_id=more.pop("id", f"close-{source}-{date}"),
        source=source,
        schema_version=1,
        occurred_at=f"{date}T23:00:00+08:00",
        date=date,
        totals=UNSET if totals is None else Totals(count=totals[0], signed_sum=minor(totals[1])),
        **more,
    )


class Through(msgspec.Struct, frozen=True):
    """Stands for the closes of every day up to a date; the first one closes that date alone."""

    date: str
    source: str = "core"


def closed_through(date: str, source: str = "core") -> Through:
    return Through(date, source)
