"""Money records as movements, and records by name (CONTRACT §1)."""

from msgspec import UNSET

from events.decisions import Cause
from events.fields import Record
from events.transactions import (
    CREDITS,
    DEBITS,
    LoanDisbursed,
    LoanRepaid,
    MoneyRecord,
    ProductMatured,
    ProductPurchased,
    ProductRedeemed,
)


def legs_of(record: MoneyRecord | LoanDisbursed | LoanRepaid) -> tuple[tuple[str, int], ...]:
    """The movements of accounts by a record: (account, signed amount in minor units) (CONTRACT §1). Loans are no accounts."""
    amount = record.amount
    if isinstance(record, CREDITS):
        return ((record.account_id, amount),)
    if isinstance(record, DEBITS):
        return ((record.account_id, -amount),)
    if isinstance(record, ProductPurchased):
        first = (record.account_id, amount)
        return (first,) if record.funded_from is UNSET else (first, (record.funded_from, -amount))
    if isinstance(record, ProductRedeemed | ProductMatured):
        first = (record.account_id, -(amount if record.book is UNSET else record.book))
        return (first,) if record.paid_to is UNSET else (first, (record.paid_to, amount))
    if isinstance(record, LoanDisbursed):
        return () if record.paid_to is UNSET else ((record.paid_to, amount),)
    if isinstance(record, LoanRepaid):
        return () if record.paid_from is UNSET else ((record.paid_from, -amount),)
    raise TypeError(f"{type(record).__name__} moves no money")


def cause_of(record: Record) -> Cause:
    """The record as the cause of a decision."""
    return Cause(record.source, record.event_id)


def reference_of(record: Record) -> str:
    """What tells a record from every other of its customer: source, event_id and month of occurred_at."""
    return f"{record.source} {record.event_id} {record.occurred_at[:7]}"
