"""A customer on a day that has passed, from everything known now: sums as known now, changes effective by then (DOMAIN §4, As of).

The state must have been folded from the customer's lines without a window, so that no day and no tier is forgotten.
"""

from typing import NamedTuple

from aggregates.account import Account, balance_on, month_sum, sum_through
from aggregates.customer import Customer, Story, brought, changed, moved, rerun, story_of
from aggregates.dates import Day, Month, days_in, first_day, last_day, month_of
from aggregates.policy import Policies
from aggregates.tiers import ORDINARY, TimelineEntry, last_closed_month
from events.decisions import SpecialRecorded, Tier, TierChanged, TierMoved, TierRerun
from events.transactions import CustomerBroughtForward

TierLine = TierChanged | TierMoved | TierRerun | SpecialRecorded | CustomerBroughtForward
"""Lines of the log that make up the story of a tier."""


class Stood(NamedTuple):
    """A tier on a day: effective since (0: always so), and decided by which policy version ("": by none)."""

    tier: Tier
    since: Day
    policy_version: str


def tell(customer: Customer, line: TierLine) -> None:
    """Evolve a customer's story by one line, forgetting nothing."""
    match line:
        case TierChanged():
            changed(customer, line, 0)
        case TierMoved():
            moved(customer, line, 0)
        case TierRerun():
            rerun(customer, line, 0)
        case SpecialRecorded():
            story_of(customer).actions.append(line.action)
        case _:
            brought(customer, line)


def newest(customer: Customer) -> Stood:
    """The newest decision, even if it takes effect tomorrow."""
    story = customer.story
    return Stood(ORDINARY, 0, "") if story is None else Stood(story.tier, story.since, story.policy_version)


def tier_on(customer: Customer, day: Day, policies: Policies, first_month: Month) -> Stood:
    """The tier in effect on a day: the newest decision if it is, else what the machine says of the months before it.

    A month closed again after late records counts as it reads now. first_month: F, 0 while no day is closed.
    """
    story = customer.story
    if story is None:
        return Stood(ORDINARY, 0, "")
    effective = [_effective(entry, story) for entry in story.timeline]
    if story.since <= day and all(on <= day for on in effective):
        return newest(customer)
    found = [(on, entry) for on, entry in zip(effective, story.timeline, strict=True) if on <= day]
    if not found:
        return Stood(ORDINARY, 0, "")
    decided, tier = found[-1][1]
    since = 0
    for on, (_, other) in reversed(found):
        if (other.state, other.level) != (tier.state, tier.level):
            break
        since = on
    return Stood(tier, since, _version(decided, tier, policies, first_month))


def _effective(entry: TimelineEntry, story: Story) -> Day:
    """From which day a tier counts: the day after the close that decided it; a special from its grant on (DOMAIN §4)."""
    day, tier = entry
    if not day:
        return 0
    if tier.state != "special":
        return day + 1
    granted = [a.effective for a in story.actions if (a.open_day, a.level, a.until) == (day, tier.level, tier.until)]
    return granted[-1] if granted else day


def _version(decided: Day, tier: Tier, policies: Policies, first_month: Month) -> str:
    """The policy version that decided a tier: of the last closed month, for a grant that of the open day."""
    if not decided:
        return ""
    month = month_of(decided)
    if tier.state != "special" and first_month <= last_closed_month(decided):
        month = last_closed_month(decided)
    return policies.at(month).version


def balance_minor(account: Account, day: Day, first_month: Month) -> int:
    """End-of-day balance of a day, minor units; 0 before the account existed."""
    return balance_on(account, day, first_month) or 0


def month_sum_through(account: Account, month: Month, day: Day, first_month: Month) -> int:
    """Sum of a month's end-of-day balances by what is valued up to a day; the balance stays as it is then."""
    if day >= last_day(month):
        return month_sum(account, month)
    balance = balance_minor(account, day, first_month)
    if day < first_day(month):
        return balance * days_in(month)
    return sum_through(account, day) + balance * (last_day(month) - day)
