"""Reasons to refuse that many records share: accounts, dates, currency (DOMAIN §3, §4)."""

from aggregates.customer import Customer
from aggregates.dates import Day, Month, iso, iso_month, month_of
from aggregates.shard import Shard
from events.codec import DAYS
from events.fields import Record
from events.refusals import Refusal


def refused_account(customer: Customer | None, account_id: str, day: Day, field: str) -> Refusal | None:
    """Accounts are looked up within the customer; value dates lie between opening and closing (DOMAIN §3)."""
    found = None if customer is None else customer.accounts.get(account_id)
    if found is None:
        return Refusal("account_unknown", f"the customer has no account {account_id!r}", field)
    if day < found.opened:
        return Refusal(
            "account_unknown", f"{account_id!r} was opened on {iso(found.opened)}, after the value date", field
        )
    if found.closed and day > found.closed:
        return Refusal(
            "account_closed", f"{account_id!r} was closed on {iso(found.closed)}, before the value date", field
        )
    return None


def refused_loan(customer: Customer | None, loan_id: str) -> Refusal | None:
    """Loans are looked up within the customer, like accounts."""
    if customer is None or customer.loans is None or loan_id not in customer.loans:
        return Refusal("loan_unknown", f"the customer has no loan {loan_id!r}", "loan_id")
    return None


def refused_date(record: Record, day: Day, field: str = "value_date") -> Refusal | None:
    """A value date is at most the day after the date of occurred_at (DOMAIN §3)."""
    latest = DAYS[record.occurred_at[:10]] + 1
    if day > latest:
        return Refusal(
            "value_date_in_future", f"{iso(day)} is later than {iso(latest)}, the day after occurred_at", field
        )
    return None


def refused_currency(shard: Shard, currency: str) -> Refusal | None:
    """Today: the policy's one currency (CONTRACT §1)."""
    if currency == shard.currency:
        return None
    return Refusal("currency_unsupported", f"{currency}; the policy's currency is {shard.currency}", "currency")


def refused_age(shard: Shard, day: Day, field: str = "value_date") -> Refusal | None:
    """Months further back than the policy's window cannot be restated any more (DOMAIN §4)."""
    if day > shard.last_closed_end:
        return None
    month = counted_month(shard, day)
    if month >= shard.oldest:
        return None
    oldest = iso_month(shard.oldest)
    return Refusal(
        "value_date_too_old", f"counts in {iso_month(month)}; the oldest month still restated is {oldest}", field
    )


def counted_month(shard: Shard, day: Day) -> Month:
    """The month in which a value date counts: F for everything before it."""
    return max(month_of(day), shard.first_month)
