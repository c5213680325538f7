"""What the model keeps about one customer, and what it can say of a record by looking at that customer alone."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.model.contacts import Complaint
from tests.model.ledger import MONEY, Account, Posting
from tests.model.tiers import Tier

Record = dict[str, Any]
SPECIAL = {"special_vip_granted", "special_vip_revoked"}
MASTER = {"customer_registered", "customer_updated", "manager_assigned", "consent_changed", "erasure_requested"}
TRANSACTIONS = MONEY | {
    "account_opened",
    "account_closed",
    "valuation_updated",
    "balance_stated",
    "customer_brought_forward",
    "reversal",
}
LOANS = {"loan_opened", "loan_disbursed", "loan_repaid", "loan_overdue", "loan_classified"}
INTERACTIONS = {
    "branch_visit",
    "phone_call",
    "app_session",
    "message",
    "campaign_contact",
    "campaign_response",
    "product_enquiry",
    "complaint_filed",
    "complaint_resolved",
    "satisfaction_rated",
    "identity_verified",
    "trigger_claimed",
    "manager_contact",
}
NOT_OF_ERASED = MASTER - {"erasure_requested"} | INTERACTIONS | {"special_vip_granted"}
"""What is refused of a customer who is erased (DOMAIN §7); money is still taken."""


@dataclass
class Customer:
    """Everything the model keeps about one customer."""

    customer_id: str
    records: list[Record] = field(default_factory=list)  # taken, in log order
    accounts: dict[str, Account] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    loans: set[str] = field(default_factory=set)
    start: Tier = field(default_factory=Tier)  # brought forward, or ordinary
    brought_months: dict[str, int] = field(default_factory=dict)
    specials: list[tuple[date, Record]] = field(default_factory=list)  # (open day, grant or revocation)
    undecided: list[Record] = field(default_factory=list)  # grants and revocations before the first closed day
    tier: Tier = field(default_factory=Tier)
    late: list[Record] = field(default_factory=list)  # since the last close, in closed months
    late_from: str | None = None  # month of the earliest of them
    consents: dict[str, bool] = field(default_factory=dict)  # the last word on each purpose
    complaints: list[Complaint] = field(default_factory=list)  # every one, in log order
    is_erased: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)
    folds: dict[str, list[tuple[date, int]]] = field(default_factory=dict)  # of each account, until the next record
    sums: dict[str, dict[str, int]] = field(default_factory=dict)  # month → account → sum, until the next record

    def forget(self) -> None:
        """Drops what was remembered of balances: something new is known."""
        self.folds = {}
        self.sums = {}


def decoded(record: Record) -> Record:
    """Content with the one constant default filled in and JSON nulls of optional fields left out."""
    content = {name: value for name, value in record.items() if value is not None}
    if record["type"] == "account_opened":
        content.setdefault("opening_balance", 0)
    return content


def consistent(record: Record) -> bool:
    """|units × price − value| ≤ one minor unit, unrounded; nothing to compare unless both are given (CONTRACT §1)."""
    if record.get("units") is None or record.get("price") is None:
        return True
    value_minor = Fraction(record["units"]) * Fraction(record["price"]) * 100
    return bool(abs(value_minor - record["market_value"]) <= 1)


def refuse_account(customer: Customer, record: Record, value_date: date) -> str | None:
    """The refusal word if an account named by the record is unknown, exists already or is closed (DOMAIN §3)."""
    if record["type"] == "account_opened":
        return "account_exists" if record["account_id"] in customer.accounts else None
    named = [record.get(name) for name in ("account_id", "funded_from", "paid_to", "paid_from")]
    for account_id in [one for one in named if one is not None]:
        account = customer.accounts.get(account_id)
        if account is None or value_date < account.opened_on:
            return "account_unknown"
        if account.closed_on is not None and value_date > account.closed_on:
            return "account_closed"
    return None


def refuse_loan(customer: Customer, record: Record) -> str | None:
    """The refusal word if a loan named by the record is unknown or exists already; a first payout makes it exist."""
    if record["type"] == "loan_opened":
        return "loan_exists" if record["loan_id"] in customer.loans else None
    unknown = record["loan_id"] not in customer.loans
    return "loan_unknown" if unknown and record["type"] != "loan_disbursed" else None


def named_by(customer: Customer, reversal: Record) -> Record | None:
    """The record that a reversal names: of several with that id the one taken last."""
    source = reversal["reverses"].get("source") or reversal["source"]
    wanted = (source, reversal["reverses"]["event_id"])
    found = [one for one in customer.records if (one["source"], one["event_id"]) == wanted]
    return found[-1] if found else None
