"""Loans: what is outstanding, in which class of credit risk, how long overdue (CONTRACT §1; DOMAIN §5, credit_warning).

Loans are tracked and never part of AUM. Of classes and days overdue what was said last in the log stands, whatever its
value date: they are judgements of the bank, not balances.
"""

import msgspec
from msgspec import UNSET

from aggregates.dates import Day
from aggregates.postings import cause_of
from aggregates.relations import is_past
from events.codec import DAYS
from events.decisions import Cause
from events.transactions import LoanClassified, LoanDisbursed, LoanOpened, LoanOverdue, LoanRepaid

NORMAL = "normal"
"""The class of a loan of which none was said."""


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A loan came into another class, or was overdue for longer than ever before.

    before, after: classes, or the most days overdue until then (0: none) and now; day: value date; taken: the open day it
    was taken on.
    """

    before: str | int
    after: str | int
    day: Day
    cause: Cause
    taken: Day

    @property
    def kind(self) -> str:
        """`class` or `overdue`."""
        return "class" if isinstance(self.after, str) else "overdue"


class Loan(msgspec.Struct, array_like=True, gc=False):
    """State of one loan, amounts in minor units.

    since: value date of its first record; days_overdue, overdue_minor, overdue_on: of the last notice, its value date;
    longest: the most days overdue ever said; steps: for the worse or the better, in log order, of a short while.
    """

    outstanding: int
    since: Day
    loan_class: str = NORMAL
    classified_on: Day = 0
    days_overdue: int = 0
    overdue_minor: int = 0
    overdue_on: Day = 0
    longest: int = 0
    steps: list[Step] = []

    @property
    def is_overdue(self) -> bool:
        """Whether a payment is overdue, as said last, and something is outstanding."""
        return self.days_overdue > 0 and self.outstanding > 0


Loans = dict[str, Loan]
"""By loan_id, in the order they became known."""


def opened(loans: Loans, r: LoanOpened) -> None:
    """Evolve: a loan was brought forward; its class is where it begins, and no step."""
    day = DAYS[r.value_date]
    loan = loans[r.loan_id] = Loan(r.outstanding, day)
    if r.loan_class is not UNSET:
        loan.loan_class, loan.classified_on = r.loan_class, day


def moved(loans: Loans, r: LoanDisbursed | LoanRepaid) -> None:
    """Evolve: money was lent or paid back; the first that is lent begins the loan."""
    loans.setdefault(r.loan_id, Loan(0, DAYS[r.value_date])).outstanding += gain_of(r)


def gain_of(r: LoanDisbursed | LoanRepaid) -> int:
    """What a loan gains, minor units."""
    return r.amount if isinstance(r, LoanDisbursed) else -r.amount


def noticed(loans: Loans, r: LoanOverdue, taken: Day, closed_through: Day) -> None:
    """Evolve: a payment is overdue. taken: the open day."""
    day = DAYS[r.value_date]
    loan = loans.setdefault(r.loan_id, Loan(0, day))
    if r.days_overdue > loan.longest:
        _step(loan, Step(loan.longest, r.days_overdue, day, cause_of(r), taken), closed_through)
        loan.longest = r.days_overdue
    loan.days_overdue, loan.overdue_minor, loan.overdue_on = r.days_overdue, r.amount, day


def classified(loans: Loans, r: LoanClassified, taken: Day, closed_through: Day) -> None:
    """Evolve: a loan was put into a class. taken: the open day."""
    day = DAYS[r.value_date]
    loan = loans.setdefault(r.loan_id, Loan(0, day))
    if r.loan_class != loan.loan_class:
        _step(loan, Step(loan.loan_class, r.loan_class, day, cause_of(r), taken), closed_through)
    loan.loan_class, loan.classified_on = r.loan_class, day


def _step(loan: Loan, step: Step, closed_through: Day) -> None:
    """Keep a step, and drop those that no trigger rests on any more."""
    loan.steps = [*(each for each in loan.steps if not is_past(each.taken, closed_through)), step]
