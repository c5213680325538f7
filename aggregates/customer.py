"""One customer: accounts, and the story of its tier where there is one (DOMAIN §3, §4).

Most customers are ordinary and have no story: they cost an object and their accounts. What decisions say is applied
here (`evolve` of customer lines); what to decide is in ``aggregates.records`` and ``aggregates.closing``.
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from aggregates.account import Account, month_sum, roll
from aggregates.dates import Day, Month, day_of, first_day, iso, month_from
from aggregates.loans import Loan
from aggregates.profile import Profile, end_management
from aggregates.relations import Relations
from aggregates.tiers import ORDINARY, TimelineEntry
from aggregates.triggers.memory import Conduct, Life
from events.codec import DAYS
from events.decisions import (
    Cause,
    MonthRestated,
    SpecialAction,
    Standing,
    Tier,
    TierChanged,
    TierMoved,
    TierRerun,
)
from events.transactions import CustomerBroughtForward


class Story(msgspec.Struct, array_like=True, gc=False):
    """What is remembered of a customer besides its accounts.

    timeline: every tier since the oldest month that can still be restated, or since the first raise of what stands, with
    the day it was decided on, and the one before; actions: grants and revocations as taken; late: late records on AUM in
    closed months since the last close, from `late_from` on; brought: sums of months before the log's first; reversed_ids:
    references of what was reversed; since: effective date of the present state and level, 0 if it was always so.
    """

    tier: Tier
    timeline: list[TimelineEntry]
    actions: list[SpecialAction]
    late: list[Cause]
    brought: dict[Month, int]
    reversed_ids: list[str]
    late_from: Month = 0
    sequence: int = 0
    since: Day = 0
    policy_version: str = ""
    is_brought: bool = False
    asked_special: bool = False


class Customer(msgspec.Struct, array_like=True, gc=False):
    """State of one customer. number: order of arrival in the shard, from 0."""

    id: str
    number: int
    accounts: dict[str, Account]
    story: Story | None = None
    conduct: Conduct | None = None
    profile: Profile | None = None
    relations: Relations | None = None
    life: Life | None = None
    loans: dict[str, Loan] | None = None

    @property
    def tier(self) -> Tier:
        """The newest decision."""
        return ORDINARY if self.story is None else self.story.tier

    @property
    def spot_minor(self) -> int:
        """Spot AUM: the balances of all accounts after everything taken so far, minor units (DOMAIN §3)."""
        total = 0
        for account in self.accounts.values():
            total += account.balance
        return total

    @property
    def has_transactions(self) -> bool:
        """Whether a record of the transactions topic was taken."""
        return bool(self.accounts or self.loans) or (self.story is not None and self.story.is_brought)


def new_story() -> Story:
    """The story of a customer nothing is remembered of."""
    return Story(ORDINARY, [], [], [], {}, [])


def story_of(customer: Customer) -> Story:
    """The customer's story, begun if there was none."""
    if customer.story is None:
        customer.story = new_story()
    return customer.story


def profile_of(customer: Customer) -> Profile:
    """The customer's profile, begun if there was none."""
    if customer.profile is None:
        customer.profile = Profile()
    return customer.profile


def aum_sum(customer: Customer, month: Month) -> int:
    """Sum of a month's end-of-day AUM, minor units: the accounts of the customer added up (DOMAIN §3)."""
    total = 0
    for account in customer.accounts.values():
        total += month_sum(account, month)
    return total


def roll_accounts(
    customer: Customer, last_closed: Month, first_month: Month, retained: int, days_from: Day = 0
) -> None:
    """Bring every account to the last closed month."""
    for account in customer.accounts.values():
        roll(account, last_closed, first_month, retained, days_from)


def standing(tier: Tier) -> Standing:
    """A tier as decisions show it."""
    return Standing(tier.state, tier.level, iso(tier.until) if tier.until else None)


def tier_before(story: Story, month: Month) -> Tier:
    """The tier as a month began: the last one decided before its first day."""
    start = first_day(month)
    return next((tier for day, tier in reversed(story.timeline) if day < start), ORDINARY)


def set_tier(customer: Customer, day: Day, tier: Tier, version: str, window: Day) -> None:
    """A decision changed the tier on the close of a day (or on it as open day). window: first day still restatable."""
    story = story_of(customer)
    story.tier = tier
    story.policy_version = version
    story.timeline.append((day, tier))
    _forget(customer, story, window)


def _forget(customer: Customer, story: Story, window: Day) -> None:
    """Drop timeline and actions that no restatement can reach: all before the window but the last tier.

    Of the timeline also what came before an open trigger stays: it is tested again with the tier of the day of its raise.
    """
    life, asked_from = customer.life, window
    if life is not None and life.open:
        asked_from = min(window, *(of.on for of in life.open))
    kept = next((at for at in range(len(story.timeline) - 1, -1, -1) if story.timeline[at][0] < asked_from), 0)
    del story.timeline[:kept]
    if story.actions and story.actions[0].open_day < window:
        story.actions = [action for action in story.actions if action.open_day >= window]


def changed(customer: Customer, line: TierChanged, window: Day) -> None:
    """Evolve: a tier change."""
    story = story_of(customer)
    story.sequence = line.sequence
    if (line.before.state, line.before.level) != (line.after.state, line.after.level):
        story.since = day_of(line.effective_date)
    if line.kind != "restated":
        was = story.tier
        set_tier(customer, day_of(line.decided_at), line.tier, line.policy_version, window)
        _leave(customer, story, was, day_of(line.decided_at))


def moved(customer: Customer, line: TierMoved, window: Day) -> None:
    """Evolve: a counter moved."""
    set_tier(customer, day_of(line.decided_at), line.tier, line.policy_version, window)


def rerun(customer: Customer, line: TierRerun, window: Day) -> None:
    """Evolve: the machine was run again; its timeline replaces the old one from the first restated month on."""
    story = story_of(customer)
    was, start = story.tier, first_day(month_from(line.from_month))
    story.timeline = [entry for entry in story.timeline if entry[0] < start]
    story.timeline.extend(line.timeline)
    story.tier = line.tier
    story.policy_version = line.policy_version
    story.late.clear()
    story.late_from = 0
    _forget(customer, story, window)
    _leave(customer, story, was, day_of(line.decided_at))


def _leave(customer: Customer, story: Story, was: Tier, decided: Day) -> None:
    """The relation with the manager ends where the machine came to the end of grace, now or as it was run again."""
    came = [tier.state for _, tier in story.timeline[-2:]]
    if was.state != "ordinary" and came == ["lapsed", "ordinary"]:
        end_management(customer.profile, decided + 1)


def brought(customer: Customer, r: CustomerBroughtForward) -> None:
    """Evolve: the tier and the month sums that a customer brings along."""
    story = story_of(customer)
    story.is_brought = True
    story.tier = tier_brought(r)
    story.timeline.append((0, story.tier))
    story.brought = {month_from(m.month): m.sum for m in r.months}


def tier_brought(r: CustomerBroughtForward) -> Tier:
    """The tier that a customer brings along."""
    return Tier(
        r.state,
        None if r.level is UNSET else r.level,
        () if r.watch is UNSET else tuple(r.watch),
        0 if r.below_entry is UNSET else r.below_entry,
        0 if r.grace_left is UNSET else r.grace_left,
        0 if r.until is UNSET else DAYS[r.until],
    )


def restated(customer: Customer, line: MonthRestated) -> None:
    """Evolve: a late record changed closed months; the machine is due to be run again."""
    story = story_of(customer)
    month = month_from(line.from_month)
    story.late.append(line.cause)
    story.late_from = min(story.late_from, month) if story.late_from else month


def months_known(customer: Customer, months: Iterable[Month], first_month: Month) -> dict[Month, int]:
    """Sums of those of the months that are known: from the log's first month on, or brought forward."""
    brought = customer.story.brought if customer.story else {}
    return {
        month: aum_sum(customer, month) if month >= first_month else brought[month]
        for month in months
        if month >= first_month or month in brought
    }
