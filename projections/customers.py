"""Who holds how much? Each customer with spot AUM and packed state, from which month sums are read (DOMAIN §3)."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from aggregates.account import Account, month_sum
from aggregates.customer import Customer, roll_accounts
from aggregates.dates import Month, days_in, iso_month
from aggregates.money import average
from aggregates.packing import STATE_VERSION, pack, unpack
from projections.feed import Basis, Feed, Row
from projections.table import Table, narrow, wide

By = Literal["total", "category", "account"]
"""How finely AUM is told apart."""

Kept = tuple[str, int | str, bytes]
"""A row as kept: customer_id, spot, packed state."""


class MonthNotKept(ValueError):
    """A month so old that its sums are no longer kept. The message names the oldest that is."""


class Aum:
    """One row a customer. spot is null for a customer without accounts: it has no AUM (DOMAIN §3)."""

    name = "aum"
    version = 100 * STATE_VERSION + 1
    table = Table("aum", (("customer_id", "TEXT"), ("spot", "ANY"), ("state", "BLOB")), ("customer_id",))

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The touched customers."""
        for customer in feed.customers:
            accounts = customer.accounts
            # as Customer.spot_minor; written out, as this runs for every customer touched
            spot = wide(sum([account.balance for account in accounts.values()])) if accounts else None
            yield customer.id, spot, pack(customer)


def restored(packed: bytes, basis: Basis) -> Customer:
    """A customer from its packed state, every account brought to the last closed month."""
    customer = unpack(packed)
    if basis.last_closed:
        roll_accounts(customer, basis.last_closed, basis.first_month, basis.retained_months)
    return customer


def spot_rows(kept: Iterable[Kept], by: By) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi aum`: customer_id (category, account_id) and spot, minor units (CONTRACT §4)."""
    for customer_id, spot, packed in kept:
        if by == "total":
            yield {"customer_id": customer_id, "spot": narrow(spot)}
            continue
        for parts, accounts in _parts(unpack(packed), by):
            yield {"customer_id": customer_id, **parts, "spot": sum(account.balance for account in accounts)}


def month_rows(kept: Iterable[Kept], by: By, month: Month, basis: Basis) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi aum --month`: … month, sum of end-of-day balances, days, average; minor units (CONTRACT §4).

    The sum is that of the whole month with everything taken so far; in a month that is not over the balance is taken to
    stay. No rows for a month before the first one. Raises MonthNotKept at once.
    """
    if not basis.first_month or month < basis.first_month:
        return iter(())
    if month < basis.oldest_month:
        raise MonthNotKept(
            f"{iso_month(month)}: its sums are no longer kept; the oldest that are: {iso_month(basis.oldest_month)}"
        )
    return _month_rows(kept, by, month)


def _month_rows(kept: Iterable[Kept], by: By, month: Month) -> Iterator[dict[str, Any]]:
    text, days = iso_month(month), days_in(month)
    for customer_id, _, packed in kept:
        for parts, accounts in _parts(unpack(packed), by):
            total = sum(month_sum(account, month) for account in accounts)
            yield {
                "customer_id": customer_id,
                **parts,
                "month": text,
                "sum": total,
                "days": days,
                "average": average(total, days),
            }


def _parts(customer: Customer, by: By) -> Iterator[tuple[dict[str, str], list[Account]]]:
    """What a customer's AUM is told apart into, ordered by name: (columns, accounts)."""
    if by == "total":
        yield {}, list(customer.accounts.values())
    elif by == "account":
        for account_id, account in sorted(customer.accounts.items(), key=lambda item: item[0].encode()):
            yield {"category": account.category, "account_id": account_id}, [account]
    else:
        for category in sorted({account.category for account in customer.accounts.values()}):
            yield {"category": category}, [a for a in customer.accounts.values() if a.category == category]
