"""A ``View`` written by hand, for the rules of triggers: ``Seen(day=…, worth={day: AUM from that day on}, paid_out=[…])``.

Everything is plain data; what is dated later than ``day`` is known too, as it is when a record with a later value date
was taken. ``at`` is the same customer at the close of another day, without any further record.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

from aggregates.dates import Day, day_of, days_in, last_day, month_of
from aggregates.dates import first_day as first_of
from aggregates.outlook import MonthSoFar
from aggregates.policy import Policy
from aggregates.tiers import ORDINARY
from aggregates.triggers.view import (
    Activity,
    Closing,
    Complaint,
    CreditSign,
    LoanStep,
    Matured,
    Maturity,
    Out,
    Payroll,
    View,
)
from events.decisions import Cause, Tier
from events.fields import MonthSum

FIRST = day_of("2026-01-01")

Steps = Mapping[Day, int]
"""Day -> balance at the end of this day and of those after it, up to the next one named; minor units."""


def cause(name: object = 1, source: str = "core") -> Cause:
    """The record of this name."""
    return Cause(source, f"e{name}")


def out(on: Day, amount: int, kind: str = "other_bank", *, transfer: bool = True, name: object = 1) -> Out:
    """Money out, by default a transfer to another bank."""
    return Out(on, amount, kind, transfer, cause(name))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """See the module. worth, accounts: AUM is the sum of both; an account is named where a rule asks for accounts.

    closed_before: whether days before this one are closed; else it is the first close that the log sees.
    """

    day: Day
    closed_before: bool = True
    first_day: Day = FIRST
    customer_id: str = "C1"
    policy: Policy = field(default_factory=Policy)
    tier: Tier = ORDINARY
    tier_before: Tier = ORDINARY
    worth: Steps = field(default_factory=dict)
    accounts: Mapping[str, Steps] = field(default_factory=dict)
    closed: Sequence[Closing] = ()
    sums: Sequence[MonthSum] = ()
    paid_out: Sequence[Out] = ()
    paid_in: Sequence[Payroll] = ()
    terms: Mapping[str, Maturity] = field(default_factory=dict)
    came_to_term: Sequence[Matured] = ()
    raised: Mapping[str, Sequence[Day]] = field(default_factory=dict)
    activities: Sequence[Activity] = ()
    complained: Sequence[Complaint] = ()
    signs: Sequence[CreditSign] = ()
    loans: Sequence[LoanStep] = ()
    working: Mapping[Day, bool] = field(default_factory=dict)

    @property
    def closed_through(self) -> Day:
        return self.day - 1 if self.closed_before else 0

    def at(self, day: Day) -> Self:
        """The same at the close of another day."""
        return replace(self, day=day)

    @property
    def is_month_end(self) -> bool:
        return self.day == last_day(month_of(self.day))

    def aum(self, day: Day) -> int:
        return sum(self._level(steps, day) for steps in self._steps())

    def high(self, first: Day) -> tuple[int, Day]:
        return max((self.aum(day), day) for day in range(first, self.day + 1))

    def levels(self, first: Day, last: Day) -> Iterable[tuple[Day, Day, int]]:
        return [(day, day, self.aum(day)) for day in range(last, first - 1, -1)]

    def next_change(self) -> Day:
        moves = [day for steps in self._steps() for day in steps]
        return min((day for day in [*moves, *(each.day for each in self.closed)] if day > self.day), default=0)

    def month_so_far(self) -> MonthSoFar:
        month = month_of(self.day)
        of_month = self.day - first_of(month) + 1
        total = sum(self.aum(day) for day in range(first_of(month), self.day + 1))
        return MonthSoFar(total, 0 if self.is_month_end else self.aum(self.day), of_month, days_in(month))

    def month_sums(self, count: int) -> tuple[MonthSum, ...]:
        return tuple(self.sums[-count:]) if count else ()

    def outs(self, first: Day, last: Day) -> Sequence[Out]:
        return [each for each in self.paid_out if first <= each.day <= last]

    def payrolls(self, first: Day, last: Day) -> Sequence[Payroll]:
        return [each for each in self.paid_in if first <= each.day <= last]

    def maturities(self) -> Mapping[str, Maturity]:
        return self.terms

    def balance(self, account_id: str, day: Day) -> int:
        return self._level(self.accounts[account_id], day)

    def matured(self, first: Day, last: Day) -> Sequence[Matured]:
        return [each for each in self.came_to_term if first <= each.day <= last]

    def closings(self) -> Sequence[Closing]:
        return [] if self.open_accounts() else [each for each in self.closed if each.day == self.day]

    def open_accounts(self) -> Sequence[str]:
        gone = {each.account_id for each in self.closed if each.day <= self.day}
        return sorted(name for name, steps in self.accounts.items() if name not in gone and min(steps) <= self.day)

    def is_armed(self, code: str) -> bool:
        last = max((day for day in self.raised.get(code, ()) if day < self.day), default=0)
        return not last or self.high(last + 1)[0] > 0

    def last_activity(self) -> Activity | None:
        past = [each for each in self.activities if each.day <= self.day]
        return max(past, key=lambda each: each.day) if past else None

    def next_activity(self) -> Day:
        return min((each.day for each in self.activities if each.day > self.day), default=0)

    def complaints(self) -> Sequence[Complaint]:
        return self.complained

    def credit_signs(self) -> Sequence[CreditSign]:
        return self.signs

    def loan_steps(self) -> Sequence[LoanStep]:
        return self.loans

    def is_working(self, day: Day) -> bool:
        return self.working.get(day, date.fromordinal(day).weekday() < 5)

    def _steps(self) -> Sequence[Steps]:
        return [self.worth, *self.accounts.values()]

    def _level(self, steps: Steps, day: Day) -> int:
        if day < self.first_day:
            return 0
        known = sorted(steps)
        at = bisect_right(known, day)
        return steps[known[at - 1]] if at else 0


def _view(seen: Seen) -> View:
    """For a type checker: whatever the protocol asks is here."""
    return seen
