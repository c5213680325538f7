"""One customer folded anew from its lines: no month closed, nothing forgotten, so that every day is still in it.

A state that lives with the log forgets what no record can reach any more; for a question about the past the lines are
folded again up to the point that is asked about.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aggregates.as_of import TierLine, tell
from aggregates.customer import Customer
from aggregates.dates import Day, Month, first_day
from aggregates.policy import Policies
from aggregates.profile import EVOLVE as PROFILES
from aggregates.shard import Shard
from aggregates.waiting import Calendar
from events.decisions import AccountDaysKept, Decision, LoanReversed, PostingReversed, Tier
from events.fields import Record
from events.interactions import TYPES as INTERACTIONS
from events.transactions import (
    AccountClosed,
    AccountOpened,
    LoanClassified,
    LoanMovement,
    LoanOpened,
    LoanOverdue,
    MoneyRecord,
    ValuationUpdated,
)
from processors.stored import Line

_EVOLVED: tuple[type[Record] | type[Decision], ...] = (
    AccountOpened,
    AccountClosed,
    MoneyRecord,
    ValuationUpdated,
    AccountDaysKept,
    PostingReversed,
    LoanOpened,
    LoanMovement,
    LoanOverdue,
    LoanClassified,
    LoanReversed,
    *PROFILES,
    *INTERACTIONS,
)


class Past:
    """A customer as its lines add up to. first_month: F, 0 while no day is closed."""

    def __init__(self, customer_id: str, policies: Policies, first_month: Month) -> None:
        self.customer_id = customer_id
        self._shard = Shard(policies)
        self._shard.calendar = Calendar(first_closed=first_day(first_month) if first_month else 0)
        self._shard.renew()

    @property
    def customer(self) -> Customer:
        """The customer after the lines so far."""
        return self._shard.customers.ensure(self.customer_id)

    def add(self, line: Line) -> list[int]:
        """Fold one line in, and tell what it moved: place of the account among the customer's, day, amount, flat."""
        if isinstance(line, _EVOLVED):
            self._shard.evolve(line)
        elif isinstance(line, TierLine):
            tell(self.customer, line)
        return self._shard.take_moves()


class Step(NamedTuple):
    """One line of the log and what it did to a customer.

    moved: account_id, day from which it counts, amount in minor units; touched: balances of the accounts it is about,
    before and after, None while not open; spot and tier before and after.
    """

    block: int
    log_line: int
    line: Line
    moved: list[tuple[str, Day, int]]
    touched: dict[str, tuple[int | None, int]]
    spot: tuple[int, int]
    tier: tuple[Tier, Tier]


def steps(lines: Iterable[tuple[int, int, Line]], past: Past) -> Iterator[Step]:
    """Fold a customer line by line; lines: (block, number in the log, line)."""
    for block, number, line in lines:
        customer = past.customer
        balances = {name: account.balance for name, account in customer.accounts.items()}
        tier, spot = customer.tier, sum(balances.values())
        moves = past.add(line)
        customer = past.customer
        names = list(customer.accounts)
        moved = [(names[moves[at]], moves[at + 1], moves[at + 2]) for at in range(0, len(moves), 3)]
        about = {name for name, _, _ in moved} | {getattr(line, "account_id", None)} & set(names)
        touched = {name: (balances.get(name), customer.accounts[name].balance) for name in names if name in about}
        yield Step(block, number, line, moved, touched, (spot, customer.spot_minor), (tier, customer.tier))


def folded(customer_id: str, lines: Iterable[Line], policies: Policies, first_month: Month) -> Customer:
    """The customer after all of its lines."""
    past = Past(customer_id, policies, first_month)
    for line in lines:
        past.add(line)
    return past.customer
