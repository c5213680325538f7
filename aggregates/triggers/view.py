"""What the rules of triggers see of a customer: the close of a day, as known now (DOMAIN §5, When).

A protocol, so that a rule can be specified beside a view written by hand. The real one is ``aggregates.triggers.seen``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from aggregates.dates import Day
from aggregates.outlook import MonthSoFar
from aggregates.policy import Policy
from events.decisions import Cause, Tier
from events.fields import MonthSum

LAST: Day = date.max.toordinal()
"""The last day there is: whatever is known of days ahead lies before it."""


STAYS = frozenset({"own", "same_bank"})
"""Counterparties with whom money does not leave the bank (DOMAIN §5, large_outflow)."""
OUTSIDE = frozenset({"other_bank", "payment_platform"})
"""Counterparties to whom money drifts (DOMAIN §5, outside_platform_drift)."""


class Out(NamedTuple):
    """Money that left the customer's own sight: a payment out, or what was redeemed or matured without `paid_to`.

    kind: of the counterparty; absent: a withdrawal is `cash`, anything else `unknown` (DOMAIN §5, large_outflow).
    is_transfer: whether a transfer_out said it.
    """

    day: Day
    amount: int
    kind: str
    is_transfer: bool
    cause: Cause


class Payroll(NamedTuple):
    """A salary or pension, by its value date."""

    day: Day
    cause: Cause


class Maturity(NamedTuple):
    """The last `matures_on` that was said of an account."""

    on: Day
    product: str | None
    cause: Cause


class Matured(NamedTuple):
    """A product that came to its term. day: value date; amount: paid."""

    day: Day
    amount: int
    cause: Cause


class Activity(NamedTuple):
    """The day of a sign of life (DOMAIN §5, dormant) and a record of that day; None: brought forward without one."""

    day: Day
    cause: Cause | None


class Complaint(NamedTuple):
    """A complaint. filed_on: date of occurred_at; resolved_on: 0 while it is not."""

    complaint_id: str
    severity: int
    filed_on: Day
    resolved_on: Day
    cause: Cause


class CreditSign(NamedTuple):
    """A sign of credit trouble that a manager reported: a word of manager_contact."""

    day: Day
    sign: str
    cause: Cause


class LoanStep(NamedTuple):
    """A loan said to be of another class, or so many days overdue.

    kind: `class` or `overdue`; before: the class said before, or the most days_overdue ever said before, 0 for none; after:
    what is said now; day: value date.
    """

    loan_id: str
    kind: str
    before: str | int
    after: str | int
    day: Day
    cause: Cause


class Closing(NamedTuple):
    """An AUM account that was closed, and by which record."""

    account_id: str
    day: Day
    cause: Cause


class View(Protocol):
    """One customer at the close of `day`, as known now.

    Days after `day` may be asked for too: with what is known of them, since value dates may lie ahead of the close.
    """

    @property
    def day(self) -> Day:
        """d: the day that closes; of a rule that looks at each record, the open day."""

    @property
    def closed_through(self) -> Day:
        """The last day that is closed before `day` closes; 0: none yet."""

    @property
    def first_day(self) -> Day:
        """The first day of the first month F."""

    @property
    def customer_id(self) -> str:
        """The customer."""

    @property
    def policy(self) -> Policy:
        """The version that is valid for the day."""

    @property
    def tier(self) -> Tier:
        """The newest decision after the month close and the specials' ends of this day."""

    @property
    def tier_before(self) -> Tier:
        """The newest decision before this day's month close."""

    @property
    def is_month_end(self) -> bool:
        """Whether a month closes with this day."""

    def aum(self, day: Day) -> int:
        """End-of-day AUM of a day, minor units; value dates before F count as F's first day: 0 before it."""

    def high(self, first: Day) -> tuple[int, Day]:
        """The highest end-of-day AUM from `first` to `day`, and the latest day of it."""

    def levels(self, first: Day, last: Day) -> Iterable[tuple[Day, Day, int]]:
        """AUM from `last` back to `first`, by stretches: (first day, last day, end-of-day AUM of each of these days)."""

    def next_change(self) -> Day:
        """The first day after `day` on which a value date already taken moves or closes an AUM account; 0: none."""

    def month_so_far(self) -> MonthSoFar:
        """AUM of the month up to the day (DOMAIN §3)."""

    def month_sums(self, count: int) -> tuple[MonthSum, ...]:
        """The last so many closed months, ascending, those that are known (DOMAIN §3)."""

    def outs(self, first: Day, last: Day) -> Sequence[Out]:
        """Money out by value date, in log order.

        All of it of the day and the one before; of earlier days what is worth naming: transfers to other_bank and
        payment_platform, and large amounts.
        """

    def payrolls(self, first: Day, last: Day) -> Sequence[Payroll]:
        """Payrolls by value date, not reversed, in log order, of the last months; those brought forward first."""

    def maturities(self) -> Mapping[str, Maturity]:
        """What is said of the maturity of accounts, by account_id."""

    def balance(self, account_id: str, day: Day) -> int:
        """End-of-day balance of an AUM account, minor units."""

    def matured(self, first: Day, last: Day) -> Sequence[Matured]:
        """Products that matured, by value date, not reversed."""

    def closings(self) -> Sequence[Closing]:
        """AUM accounts closed with value date `day`, in log order, if no AUM account is open after it; else none."""

    def open_accounts(self) -> Sequence[str]:
        """AUM accounts that are open at the end of the day, by account_id."""

    def is_armed(self, code: str) -> bool:
        """Whether no raise of a code before `day` stands, or AUM was above 0 at a close since the last, that of `day` included.

        As it was known at those closes: nothing is kept by which it could be judged anew any time later.
        """

    def last_activity(self) -> Activity | None:
        """The last sign of life on or before the day (DOMAIN §5, dormant)."""

    def next_activity(self) -> Day:
        """The first day after `day` with a sign of life that is already taken; 0: none."""

    def complaints(self) -> Sequence[Complaint]:
        """Complaints in log order that are open, or were until a short while ago."""

    def credit_signs(self) -> Sequence[CreditSign]:
        """Signs that managers reported since the last close, in log order."""

    def loan_steps(self) -> Sequence[LoanStep]:
        """What loans were said to be since the last close, in log order."""

    def is_working(self, day: Day) -> bool:
        """Whether a closed day is a working day: Monday to Friday unless its close says otherwise."""
