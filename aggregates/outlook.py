"""What the rest of a month may still bring: averages, top-ups, months left (DOMAIN §3, §4). Nothing is decided here."""

from collections.abc import Iterable

import msgspec

from aggregates.account import Account, balance_on, month_sum, sum_through
from aggregates.dates import Day, days_in, first_day, last_day, month_of
from aggregates.money import average, ceil_div
from aggregates.policy import Policy
from aggregates.tiers import Average, Move, close_month
from events.decisions import Tier


class MonthSoFar(msgspec.Struct, frozen=True, gc=False):
    """A month up to its day `day`, minor units.

    sum_minor: Σ of end-of-day balances of days 1..day; balance_minor: the balance at the end of `day`, without effect
    once the month is over; days: N, calendar days of the month.
    """

    sum_minor: int
    balance_minor: int
    day: int
    days: int

    @property
    def days_left(self) -> int:
        """Days of the month after `day`: N − d."""
        return self.days - self.day

    @property
    def projected_sum_minor(self) -> int:
        """Σ of the whole month if the balance stays as it is: Σ₁..d + balance × (N−d)."""
        return self.sum_minor + self.balance_minor * (self.days - self.day)

    @property
    def to_date_minor(self) -> int:
        """Month to date: Σ₁..d ÷ d, rounded for display."""
        return average(self.sum_minor, self.day)

    @property
    def projected_minor(self) -> int:
        """Projected month average, rounded for display."""
        return average(self.projected_sum_minor, self.days)


def month_so_far(accounts: Iterable[Account], day: Day) -> MonthSoFar:
    """AUM of these accounts in the month of `day`, which is the last closed day."""
    month = month_of(day)
    of_month, days = day - first_day(month) + 1, days_in(month)
    if day == last_day(month):
        return MonthSoFar(sum(month_sum(account, month) for account in accounts), 0, of_month, days)
    total = balance = 0
    for account in accounts:
        total += sum_through(account, day)
        balance += balance_on(account, day) or 0
    return MonthSoFar(total, balance, of_month, days)


def top_up_minor(so_far: MonthSoFar, threshold_minor: int, *, above: bool = False) -> int | None:
    """The extra amount to hold from tomorrow to month end so that the average meets a threshold, minor units.

    above: it must be exceeded, as for the entry level from outside. None when no day is left. Source: DOMAIN §3.
    """
    left = so_far.days_left
    if not left:
        return None
    missing = threshold_minor * so_far.days - so_far.projected_sum_minor
    return max(0, missing // left + 1 if above else ceil_div(missing, left))


def month_end(tier: Tier, so_far: MonthSoFar, policy: Policy) -> tuple[Move, ...]:
    """What the close of the month does to a customer if every balance stays as it is (DOMAIN §4)."""
    return tuple(close_month(tier, Average(so_far.projected_sum_minor, so_far.days), policy))


class MonthsLeft(msgspec.Struct, frozen=True, gc=False):
    """In how many months a VIP falls who misses every month from here on.

    to_downgrade: to a lower level, of months below the own one, None on the lowest; to_exit: off the ladder, of months
    below the entry threshold.
    """

    to_downgrade: int | None
    to_exit: int

    @property
    def least(self) -> int:
        """Whichever comes first."""
        return self.to_exit if self.to_downgrade is None else min(self.to_downgrade, self.to_exit)


def months_left(tier: Tier, policy: Policy) -> MonthsLeft:
    """What watch and months below entry leave to a VIP; at least the next close (DOMAIN §4)."""
    watched = policy.rank(tier.level or "") > 0
    return MonthsLeft(
        max(1, policy.watch_months - len(tier.watch)) if watched else None,
        max(1, policy.exit_months - tier.below_entry),
    )


class TopUp(msgspec.Struct, frozen=True, gc=False):
    """What it takes to stand on a level when the month closes; amount_minor as ``top_up_minor`` says."""

    level: str
    amount_minor: int | None


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """A customer's month: so far, what holds the present level (VIPs only), what reaches the next one above it."""

    so_far: MonthSoFar
    hold: TopUp | None
    reach: TopUp | None


def outlook(tier: Tier, so_far: MonthSoFar, policy: Policy) -> Outlook:
    """What the month still asks of a customer in this tier.

    Whoever is no VIP enters from outside: with more than the entry threshold, a special with no less than the special
    level (DOMAIN §4).
    """
    ladder = policy.ladder
    hold = None
    if tier.state == "vip":
        own = policy.rank(tier.level or "")
        hold = TopUp(ladder[own].code, top_up_minor(so_far, ladder[own].threshold_minor))
        following = own + 1
    else:
        following = policy.rank(tier.level or "") if tier.state == "special" else 0
    if following == len(ladder):
        return Outlook(so_far, hold, None)
    level = ladder[following]
    reach = top_up_minor(so_far, level.threshold_minor, above=following == 0)  # a VIP's next level is never the lowest
    return Outlook(so_far, hold, TopUp(level.code, reach))
