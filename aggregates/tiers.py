"""The tier machine: a customer's level from month to month (DOMAIN §4).

Pure functions from a tier, what happened and the policy to the moves that follow. A move names the tier after it, so
that replaying moves needs no rule. Nothing here knows about accounts, logs or sequences.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from aggregates.dates import Day, Month, days_in, last_day, month_of, years_after
from aggregates.policy import Policies, Policy
from events.decisions import Cause, Kind, SpecialAction, Tier


def stands_as(tier: Tier, other: Tier) -> bool:
    """Whether a restatement from one to the other is no tier change: counters may differ (DOMAIN §4)."""
    return (tier.state, tier.level, tier.until, bool(tier.watch)) == (
        other.state,
        other.level,
        other.until,
        bool(other.watch),
    )


ORDINARY = Tier()


def vip(level: str, watch: tuple[str | None, ...] = (), below_entry: int = 0) -> Tier:
    """A VIP on a level."""
    return Tier("vip", level, watch, below_entry)


def lapsed(grace_left: int) -> Tier:
    """Exited, kept in sight for `grace_left` more months."""
    return Tier("lapsed", grace_left=grace_left)


def special(level: str, until: Day, shortened_by: tuple[Cause, ...] = ()) -> Tier:
    """VIP treatment by decision until and including a day."""
    return Tier("special", level, until=until, shortened_by=shortened_by)


class Move(msgspec.Struct, frozen=True, gc=False):
    """One step of the machine. kind None: a counter moved, no tier change; months: how many months back it rests on."""

    kind: Kind | None
    after: Tier
    months: int = 1


class Average(msgspec.Struct, frozen=True, gc=False):
    """A month average, kept as its parts so that comparisons stay exact."""

    sum_minor: int
    days: int

    def above_entry(self, policy: Policy) -> bool:
        """a > E, strictly: what entering from outside needs."""
        return self.sum_minor > policy.entry_minor * self.days

    def reached(self, policy: Policy) -> str | None:
        """Highest level reached, or None."""
        return policy.reached(self.sum_minor, self.days)


def close_month(tier: Tier, average: Average, policy: Policy) -> Iterator[Move]:
    """What the close of a month with this average does to a customer (DOMAIN §4). No move: nothing changes."""
    match tier.state:
        case "vip":
            yield from _close_vip(tier, average, policy)
        case "lapsed":
            yield from _close_lapsed(tier, average, policy)
        case "special":
            yield from _close_special(tier, average, policy)
        case _:
            if average.above_entry(policy):
                yield Move("entered", vip(_level(average, policy)))


def _level(average: Average, policy: Policy) -> str:
    return average.reached(policy) or policy.ladder[0].code


def _close_vip(tier: Tier, average: Average, policy: Policy) -> Iterator[Move]:
    own = policy.rank(tier.level or "")
    level = policy.ladder[own].code
    reached = average.reached(policy)
    at = -1 if reached is None else policy.rank(reached)
    if at >= own:
        if tier.watch:
            yield Move("watch_cleared", vip(level))
        if at > own:
            yield Move("upgraded", vip(_level(average, policy)))
        elif not tier.watch and tier != vip(level):
            yield Move(None, vip(level))
        return
    below = 0 if reached is not None else tier.below_entry + 1
    if below >= policy.exit_months:
        yield Move("lapsed", lapsed(policy.grace_months), below)
        return
    if own == 0:
        yield Move(None, vip(level, (), below))
        return
    watch = (*tier.watch, reached)
    if len(watch) >= policy.watch_months:
        best = max((policy.rank(code) for code in watch if code is not None), default=0)
        yield Move("downgraded", vip(policy.ladder[best].code, (), below), len(watch))
    else:
        yield Move(None if tier.watch else "watch_started", vip(level, watch, below))


def _close_lapsed(tier: Tier, average: Average, policy: Policy) -> Iterator[Move]:
    if average.above_entry(policy):
        yield Move("reentered", vip(_level(average, policy)))
    elif tier.grace_left <= 1:
        yield Move("exited", ORDINARY, policy.grace_months)
    else:
        yield Move(None, lapsed(tier.grace_left - 1))


def _close_special(tier: Tier, average: Average, policy: Policy) -> Iterator[Move]:
    reached = average.reached(policy)
    if reached is not None and average.above_entry(policy) and policy.rank(reached) >= policy.rank(tier.level or ""):
        yield Move("special_ended", vip(reached))


def end_special(average: Average | None, policy: Policy) -> Tier:
    """The tier after the close of a special's `until`; average: of the last closed month, None if there is none."""
    if average is not None and average.above_entry(policy):
        return vip(_level(average, policy))
    return ORDINARY


def grant(level: str, value_date: Day, open_day: Day, years: int, cause: Cause) -> SpecialAction:
    """A grant taken on an open day: effective from the later of value date and open day, until a year after the former."""
    return SpecialAction(open_day, max(value_date, open_day), level, years_after(value_date, years), cause)


def revocation(value_date: Day, open_day: Day, cause: Cause) -> SpecialAction:
    """A revocation taken on an open day."""
    ends = max(value_date, open_day)
    return SpecialAction(open_day, ends, None, ends, cause)


def act(tier: Tier, action: SpecialAction) -> Tier:
    """The tier after a grant or revocation; unchanged where it does not apply (DOMAIN §4, special)."""
    if action.level is not None:
        return tier if tier.state == "vip" else special(action.level, action.until)
    if tier.state == "special" and action.until < tier.until:
        return special(tier.level or "", action.until, (*tier.shortened_by, action.cause))
    return tier


TimelineEntry = tuple[Day, Tier]
"""A tier and the day on whose close, or as whose open day, it was decided."""


def replay(
    start: Tier,
    months: Sequence[Month],
    sums: Mapping[Month, int],
    actions: Sequence[SpecialAction],
    today: Day,
    policies: Policies,
) -> list[TimelineEntry]:
    """The machine run again over closed months: every tier from the 1st of months[0] to the open day `today`.

    start: the tier as the first of the months began; sums: of end-of-day balances by month, minor units, of the months
    and, where known, the one before; actions: grants and revocations from the first day on, in log order. Each month is
    decided by its own policy version. Source: DOMAIN §4, late and backdated records.
    """
    timeline: list[TimelineEntry] = []
    tier, tier_since = start, 0
    queue = list(actions)

    def step(day: Day, after: Tier) -> None:
        nonlocal tier, tier_since
        if after != tier:
            tier, tier_since = after, day
            timeline.append((day, tier))

    def expire(closed: Day) -> None:
        ends = max(tier.until, tier_since)
        if tier.state == "special" and ends <= closed:
            month = last_closed_month(ends)
            average = Average(sums[month], days_in(month)) if month in sums else None
            step(ends, end_special(average, policies.at(month)))

    def run_until(day: Day) -> None:
        while queue and queue[0].open_day <= day:
            action = queue.pop(0)
            expire(action.open_day - 1)
            step(action.open_day, act(tier, action))
        expire(day - 1)

    for month in months:
        end = last_day(month)
        run_until(end)
        for move in close_month(tier, Average(sums[month], days_in(month)), policies.at(month)):
            step(end, move.after)
        expire(end)
    run_until(today)
    return timeline


def last_closed_month(day: Day) -> Month:
    """The latest month whose days are all closed once `day` is closed."""
    month = month_of(day)
    return month if day == last_day(month) else month - 1
