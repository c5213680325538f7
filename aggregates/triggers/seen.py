"""What the rules of triggers see of a customer of a shard: the real ``View``, of the day that closes or of a past one.

Everything is as known now. Of a past day what a rule may ask is still there: as long as a trigger is open, accounts keep
their days from `look_back` before its raise, and so does the conduct.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from aggregates.account import balance_back, changes, last_change, month_sum
from aggregates.conduct import ACT, CLOSING, MATURED, MATURITY, OUT, OUTS, PAYROLL, is_worth_naming
from aggregates.customer import Customer, Story, months_known
from aggregates.dates import Day, days_in, first_day, is_weekday, iso_month, last_day, month_of
from aggregates.outlook import MonthSoFar
from aggregates.policy import Policy
from aggregates.tiers import ORDINARY, last_closed_month
from aggregates.triggers.memory import More
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
)
from events.decisions import Cause, Tier
from events.fields import MonthSum

if TYPE_CHECKING:  # the shard asks rules when the next day is due
    from aggregates.shard import Shard

_NOTHING = More()


class Seen:
    """See the module. ``View`` says what each of it is."""

    def __init__(self, shard: "Shard", customer: Customer, day: Day) -> None:
        self._shard, self._customer = shard, customer
        self.day = day
        self.customer_id = customer.id
        self.first_day: Day = first_day(shard.first_month)
        self.closed_through: Day = shard.closed_through
        self.tier: Tier = ORDINARY if customer.story is None else self._tier(customer.story)
        """See View."""
        self.policy: Policy = shard.policies.at(month_of(day))
        """See View."""
        self._changed: Sequence[Day] | None = None
        """Days on which AUM changed, of those that a rule asks for, ascending."""
        self._levels: Sequence[int] = ()
        """AUM before the first of them, and from each of them on."""
        self._highs: dict[Day, tuple[int, Day]] = {}
        self._next_change = -1
        self._month: MonthSoFar | None = None
        self._outs: dict[tuple[Day, Day], Sequence[Out]] = {}
        self._maturities: dict[str, Maturity] | None = None
        self._last_activity: tuple[Activity | None] | None = None

    @property
    def _more(self) -> More:
        conduct = self._customer.conduct
        return _NOTHING if conduct is None or conduct.more is None else conduct.more

    # ------------------------------------------------------------------------------------------ policy and tier

    def _tier(self, story: Story) -> Tier:
        if self.day > self._shard.closed_through:
            return story.tier
        return next((tier for day, tier in reversed(story.timeline) if day <= self.day), ORDINARY)

    @property
    def tier_before(self) -> Tier:
        """See View. Of what was decided on the day itself only a grant comes before its month close."""
        story = self._customer.story
        if story is None:
            return ORDINARY
        return next(
            (
                tier
                for day, tier in reversed(story.timeline)
                if day < self.day or (day == self.day and tier.state == "special")
            ),
            ORDINARY,
        )

    @property
    def is_month_end(self) -> bool:
        """See View."""
        return self.day == last_day(month_of(self.day))

    # ------------------------------------------------------------------------------------------ AUM

    def _days(self) -> Sequence[Day]:
        """Days on which AUM changed; with the first question the levels are added up."""
        changed = self._changed
        if changed is None:
            accounts = self._customer.accounts.values()
            since = self.day - self._shard.look_back
            deltas: Sequence[int]
            if len(accounts) == 1:
                changed, deltas = changes(next(iter(accounts)), since)
            else:
                net: dict[Day, int] = {}
                for account in accounts:
                    for day, delta in zip(*changes(account, since), strict=True):
                        net[day] = net.get(day, 0) + delta
                changed = sorted(net)
                deltas = [net[day] for day in changed]
            self._changed = changed
            self._levels = list(accumulate(deltas, initial=self._customer.spot_minor - sum(deltas)))
        return changed

    def aum(self, day: Day) -> int:
        """See View."""
        if day < self.first_day:
            return 0
        changed = self._changed
        if changed is None:
            changed = self._days()
        return self._levels[bisect_right(changed, day)]

    def levels(self, first: Day, last: Day) -> Iterator[tuple[Day, Day, int]]:
        """See View."""
        changed = self._days()
        levels, start, top, at = self._levels, max(first, self.first_day), last, bisect_right(changed, last)
        while at and changed[at - 1] > start:
            at -= 1
            yield changed[at], top, levels[at + 1]
            top = changed[at] - 1
        if start <= top:
            yield start, top, levels[at]
        if first < self.first_day:
            yield first, min(top, self.first_day - 1), 0

    def high(self, first: Day) -> tuple[int, Day]:
        """See View."""
        found = self._highs.get(first)
        if found is None:
            found = self._highs[first] = self._high(first)
        return found

    def _high(self, first: Day) -> tuple[int, Day]:
        changed = self._days()
        start, end = bisect_right(changed, max(first, self.first_day)), bisect_right(changed, self.day)
        levels = self._levels[start : end + 1]
        best = max(levels)
        if best < 0 and first < self.first_day:
            return 0, self.first_day - 1
        at = end - levels[::-1].index(best)
        return best, self.day if at == end else changed[at] - 1

    def next_change(self) -> Day:
        """See View."""
        if self._next_change < 0:
            day, found = self.day, 0
            for account in self._customer.accounts.values():
                if last_change(account) > day:
                    changed = self._days()
                    at = bisect_right(changed, day)
                    found = changed[at] if at < len(changed) else 0
                    break
            for account in self._customer.accounts.values():
                if account.closed > day and not 0 < found <= account.closed:
                    found = account.closed
            self._next_change = found
        return self._next_change

    def month_so_far(self) -> MonthSoFar:
        """See View."""
        if self._month is None:
            month, now = month_of(self.day), self.aum(self.day)
            first, days = first_day(month), days_in(month)
            of_month = self.day - first + 1
            if self.day > self.closed_through and not self.next_change():
                whole = sum([month_sum(account, month) for account in self._customer.accounts.values()])
                total = whole - now * (days - of_month)  # which counts on AUM to stay
            else:
                total = sum([level * (end - start + 1) for start, end, level in self.levels(first, self.day)])
            self._month = MonthSoFar(total, now, of_month, days)
        return self._month

    def month_sums(self, count: int) -> tuple[MonthSum, ...]:
        """See View."""
        last, shard = last_closed_month(self.day), self._shard
        months = range(last - count + 1, last + 1)
        known = months_known(self._customer, months, max(shard.first_month, shard.kept_from))
        return tuple(MonthSum(month=iso_month(month), sum=total, days=days_in(month)) for month, total in known.items())

    # ------------------------------------------------------------------------------------------ accounts

    def balance(self, account_id: str, day: Day) -> int:
        """See View."""
        account = self._customer.accounts.get(account_id)
        return 0 if account is None or day < self.first_day else balance_back(account, day)

    def maturities(self) -> Mapping[str, Maturity]:
        """See View."""
        if self._maturities is None:
            self._maturities = self._terms() if self._more.maturities else {}
        return self._maturities

    def _terms(self) -> dict[str, Maturity]:
        found: dict[str, Maturity] = {}
        for account_id, said in self._more.maturities.items():
            named = None
            for day, on, product, source, event_id in _entries(
                said, MATURITY
            ):  # the last one counts, of each by itself
                if self._counted(day) <= self.day:
                    named = product or named
                    known = found.get(account_id)
                    if on:
                        found[account_id] = Maturity(on, named, Cause(source, event_id))
                    elif known is not None:
                        found[account_id] = known._replace(product=named)
        return found

    def matured(self, first: Day, last: Day) -> Sequence[Matured]:
        """See View."""
        return [
            Matured(day, amount, Cause(source, event_id))
            for on, amount, source, event_id in _entries(self._more.matured, MATURED)
            if first <= (day := self._counted(on)) <= last
        ]

    def open_accounts(self) -> Sequence[str]:
        """See View."""
        return sorted(
            account_id
            for account_id, account in self._customer.accounts.items()
            if account.opened <= self.day and not 0 < account.closed <= self.day
        )

    def closings(self) -> Sequence[Closing]:
        """See View."""
        found = [
            Closing(account_id, day, Cause(source, event_id))
            for on, account_id, source, event_id in _entries(self._more.closings, CLOSING)
            if (day := self._counted(on)) == self.day
        ]
        return [] if not found or self.open_accounts() else found

    # ------------------------------------------------------------------------------------------ conduct

    def _counted(self, day: Day) -> Day:
        """Value dates before F count as its first day."""
        return max(day, self.first_day)

    def outs(self, first: Day, last: Day) -> Sequence[Out]:
        """See View."""
        found = self._outs.get((first, last))
        if found is None:
            found = self._outs[first, last] = self._left(first, last)
        return found

    def _left(self, first: Day, last: Day) -> Sequence[Out]:
        conduct = self._customer.conduct
        if conduct is None:
            return ()
        outs, today, begin = conduct.outs, self.day, self.first_day
        start = conduct.told if first > self.closed_through else 0  # those of closed days come first
        if start == len(outs):
            return ()
        worth = self._shard.terms_at(today).worth
        found = []
        for at in range(start, len(outs), OUT):
            on: Day = outs[at]  # type: ignore[assignment]
            day = max(on, begin)
            if first <= day <= last:
                _, amount, what, source, event_id = outs[at : at + OUT]
                if day >= today or is_worth_naming(amount, what, worth):  # type: ignore[arg-type]
                    found.append(Out(day, amount, *OUTS[what], Cause(source, event_id)))  # type: ignore[arg-type, index]
        return found

    def payrolls(self, first: Day, last: Day) -> Sequence[Payroll]:
        """See View."""
        return [
            Payroll(day, Cause(source, event_id))
            for on, source, event_id in _entries(self._more.payrolls, PAYROLL)
            if first <= (day := -on if on < 0 else self._counted(on)) <= last
        ]

    def last_activity(self) -> Activity | None:
        """See View."""
        if self._last_activity is None:
            self._last_activity = (self._activity(),)
        return self._last_activity[0]

    def _activity(self) -> Activity | None:
        conduct = self._customer.conduct
        acts = [] if conduct is None else conduct.acts
        for at in range(len(acts) - ACT, -1, -ACT):
            day, _, source, event_id = acts[at : at + ACT]
            if day <= self.day:  # type: ignore[operator]
                return Activity(day, Cause(source, event_id) if event_id else None)  # type: ignore[arg-type]
        return None

    def next_activity(self) -> Day:
        """See View."""
        conduct = self._customer.conduct
        acts = [] if conduct is None else conduct.acts
        return next((day for day in acts[0::ACT] if day > self.day), 0)  # type: ignore[operator, return-value]

    def is_armed(self, code: str) -> bool:
        """See View."""
        life = self._customer.life
        raises = [] if life is None else life.raises.get(code, [])
        last = next((each for each in reversed(raises) if each.on < self.day), None)
        return last is None or last.had_money or self.aum(self.day) > 0

    # ------------------------------------------------------------------------------------------ relations

    def complaints(self) -> Sequence[Complaint]:
        """See View."""
        known = self._customer.relations
        if known is None:
            return ()
        return [Complaint(c.complaint_id, c.severity, c.filed_on, c.resolved_on, c.cause) for c in known.complaints]

    def credit_signs(self) -> Sequence[CreditSign]:
        """See View."""
        known, closed_through = self._customer.relations, self._shard.closed_through
        if known is None:
            return ()
        return [
            CreditSign(s.day, s.sign, s.cause) for s in known.signs if not closed_through or s.taken > closed_through
        ]

    def loan_steps(self) -> Sequence[LoanStep]:
        """See View."""
        known, closed_through = self._customer.loans, self._shard.closed_through
        if not known:
            return ()
        return [
            LoanStep(loan_id, step.kind, step.before, step.after, step.day, step.cause)
            for loan_id, loan in known.items()
            for step in loan.steps
            if not closed_through or step.taken > closed_through
        ]

    def is_working(self, day: Day) -> bool:
        """See View."""
        said = self._shard.calendar.working.get(day)
        return is_weekday(day) if said is None else said


def _entries(flat: Sequence[Any], size: int) -> Iterator[tuple[Any, ...]]:
    return (tuple(flat[at : at + size]) for at in range(0, len(flat), size))
