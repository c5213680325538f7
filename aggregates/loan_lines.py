"""How a shard evolves by lines about loans: the loan, the account that moves with it, the sign of life."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from aggregates import loans
from aggregates.conduct import conduct_of, drop_activity, note_activity
from aggregates.customer import Customer, story_of
from aggregates.dates import day_of
from aggregates.loans import Loan
from aggregates.postings import cause_of, legs_of
from events.codec import DAYS
from events.decisions import LoanReversed
from events.transactions import LoanClassified, LoanDisbursed, LoanOpened, LoanOverdue, LoanRepaid

if TYPE_CHECKING:  # the shard evolves by what stands here
    from aggregates.shard import Shard


def _of(customer: Customer) -> dict[str, Loan]:
    """The customer's loans, begun if there were none."""
    if customer.loans is None:
        customer.loans = {}
    return customer.loans


def _opened(shard: "Shard", r: LoanOpened) -> None:
    loans.opened(_of(shard.customers.ensure(r.customer_id)), r)


def _moved(shard: "Shard", r: LoanDisbursed | LoanRepaid) -> None:
    customer = shard.customers.ensure(r.customer_id)
    loans.moved(_of(customer), r)
    if isinstance(r, LoanRepaid):
        note_activity(customer, DAYS[r.occurred_at[:10]], cause_of(r))
    legs = legs_of(r)
    if legs:
        booked_on = r.value_date if r.booked_on is UNSET else r.booked_on
        _post(shard, customer, r.source, booked_on, r.value_date, legs)


def _reversed(shard: "Shard", line: LoanReversed) -> None:
    customer = shard.customers.ensure(line.customer_id)
    story_of(customer).reversed_ids.append(line.reference)
    _of(customer)[line.loan_id].outstanding += line.amount
    if line.amount > 0:  # of a repayment
        drop_activity(conduct_of(customer), day_of(line.happened_on), line.original)
    if line.legs:
        _post(shard, customer, line.cause.source, line.booked_on, line.value_date, line.legs)


def _post(
    shard: "Shard",
    customer: Customer,
    source: str,
    booked_on: str,
    value_date: str,
    legs: tuple[tuple[str, int], ...],
) -> None:
    """Move the accounts, and count that for the control totals as any other money."""
    shard.count(source, booked_on, sum(delta for _, delta in legs))
    for account_id, delta in legs:
        shard.post(customer, customer.accounts[account_id], DAYS[value_date], delta)


def _noticed(shard: "Shard", r: LoanOverdue) -> None:
    of_customer = _of(shard.customers.ensure(r.customer_id))
    loans.noticed(of_customer, r, shard.open_day or DAYS[r.value_date], shard.closed_through)


def _classified(shard: "Shard", r: LoanClassified) -> None:
    of_customer = _of(shard.customers.ensure(r.customer_id))
    loans.classified(of_customer, r, shard.open_day or DAYS[r.value_date], shard.closed_through)


EVOLVE: dict[type[Any], Callable[["Shard", Any], None]] = {
    LoanOpened: _opened,
    LoanDisbursed: _moved,
    LoanRepaid: _moved,
    LoanOverdue: _noticed,
    LoanClassified: _classified,
    LoanReversed: _reversed,
}
"""Lines about loans and what they do."""
