"""Who holds how much? Each customer with spot AUM and packed state, from which month sums are read (DOMAIN §3)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from aggregates.account import Account, balance_of, month_sum
from aggregates.as_of import balance_minor, month_sum_through
from aggregates.customer import Customer, roll_accounts
from aggregates.dates import Day, Month, days_in, iso_month
from aggregates.money import average
from aggregates.packing import STATE_SHAPE, STATE_VERSION, Listed, listed_accounts, pack_balances, unpack
from projections.feed import Basis, Feed, Row
from projections.table import Table, narrow, wide

By = Literal["total", "category", "account"]
"""How finely AUM is told apart."""

Kept = tuple[str, int | str, bytes]
"""A row as kept: customer_id, spot, packed state."""

Held = TypeVar("Held", Account, Listed)
"""An account, whole or as listed."""

Worth = Callable[[Held], int]
"""What is asked about an account, minor units: its balance, or the sum of a month."""


class Aum:
    """One row a customer. spot is null for a customer without accounts: it has no AUM (DOMAIN §3)."""

    name = "aum"
    version = (100 * STATE_VERSION + 3) * 2**32 + STATE_SHAPE
    table = Table("aum", (("customer_id", "TEXT"), ("spot", "ANY"), ("state", "BLOB")), ("customer_id",))

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The touched customers."""
        for customer in feed.customers:
            accounts = customer.accounts
            # as Customer.spot_minor; written out, as this runs for every customer touched
            spot = wide(sum([account.balance for account in accounts.values()])) if accounts else None
            yield customer.id, spot, pack_balances(customer)


def restored(packed: bytes, basis: Basis) -> Customer:
    """What was packed of a customer, every account brought to the last closed month, without its days from there on."""
    customer = unpack(packed)
    if basis.last_closed:
        roll_accounts(customer, basis.last_closed, basis.first_month, basis.retained_months)
        customer = unpack(pack_balances(customer))
    return customer


def spot_rows(kept: Iterable[tuple[str, int | str]]) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi aum` as they are kept: customer_id, spot, minor units (CONTRACT §4)."""
    for customer_id, spot in kept:
        yield {"customer_id": customer_id, "spot": narrow(spot)}


def aum_rows(kept: Iterable[Kept], by: By, month: Month | None, worth: Worth[Account]) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi aum`, from the states of the accounts; see ``aum_of``."""
    for customer_id, _, packed in kept:
        yield from aum_of(customer_id, unpack(packed).accounts, by, month, worth)


def aum_rows_listed(
    kept: Iterable[Kept], by: By, month: Month | None, amounts: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi aum`, from a list of what each account known by then was worth, by its number; see ``aum_of``."""
    known = len(amounts)
    if by == "total" and month is None:
        for customer_id, _, packed in kept:
            numbers = [held.number for held in listed_accounts(packed).values() if held.number < known]
            if numbers:
                yield {"customer_id": customer_id, "spot": sum([amounts[number] for number in numbers])}
        return
    for customer_id, _, packed in kept:
        accounts = {name: held for name, held in listed_accounts(packed).items() if held.number < known}
        yield from aum_of(customer_id, accounts, by, month, lambda held: amounts[held.number])


def aum_of(
    customer_id: str, accounts: dict[str, Held], by: By, month: Month | None, worth: Worth[Held]
) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi aum` of one customer, none without accounts (CONTRACT §4).

    customer_id (category, account_id) and `spot`, or month, sum of end-of-day balances as `sum`, days, average; minor
    units. worth: the balance of an account or, with a month, its sum of that month.
    """
    if not accounts:
        return
    for parts, several in _parts(accounts, by):
        total = sum(map(worth, several))
        row: dict[str, Any] = {"customer_id": customer_id, **parts}
        if month is None:
            row["spot"] = total
        else:
            days = days_in(month)
            row |= {"month": iso_month(month), "sum": total, "days": days, "average": average(total, days)}
        yield row


def worth_of(month: Month | None, as_of: Day, first_month: Month) -> Worth[Account]:
    """What is asked about an account whose days are all kept; as_of: by what is valued up to a day, 0: everything."""
    if month is None:
        return partial(balance_minor, day=as_of, first_month=first_month) if as_of else balance_of
    if not as_of:
        return partial(month_sum, month=month)
    return partial(month_sum_through, month=month, day=as_of, first_month=first_month)


def _parts(accounts: dict[str, Held], by: By) -> Iterator[tuple[dict[str, str], list[Held]]]:
    """What AUM is told apart into, ordered by name: (columns, accounts)."""
    if by == "total":
        yield {}, list(accounts.values())
    elif by == "account":
        for account_id, account in sorted(accounts.items(), key=lambda item: item[0].encode()):
            yield {"category": account.category, "account_id": account_id}, [account]
    else:
        for category in sorted({account.category for account in accounts.values()}):
            yield {"category": category}, [a for a in accounts.values() if a.category == category]
