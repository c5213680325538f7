"""The tier machine alone: ``given(vip("diamond")).when(month_closed(…)).then(watch_started(…))``."""

from collections.abc import Callable, Sequence

from aggregates.dates import day_of, days_in, month_from
from aggregates.money import scaled
from aggregates.policy import Policy
from aggregates.tiers import Average, Move, act, close_month, end_special, grant, revocation
from events.decisions import Cause, Kind, Tier

Command = Callable[[Tier, Policy], Sequence[Move]]

ORDINARY = Tier()
BECAUSE = Cause("crm", "decision-1")


def vip(level: str, watch: Sequence[str | None] = (), below: int = 0) -> Tier:
    return Tier("vip", level, tuple(watch), below)


def lapsed(grace_left: int) -> Tier:
    return Tier("lapsed", grace_left=grace_left)


def special(level: str, until: str, shortened_by: Sequence[Cause] = ()) -> Tier:
    return Tier("special", level, until=day_of(until), shortened_by=tuple(shortened_by))


def month_closed(month: str, *, average: str, extra_minor: int = 0) -> Command:
    """The close of a month with this average in whole currency; extra_minor: added to the sum of its days."""
    days = days_in(month_from(month))

    def run(tier: Tier, policy: Policy) -> Sequence[Move]:
        return tuple(close_month(tier, Average(scaled(average, 2) * days + extra_minor, days), policy))

    return run


def granted(level: str, value_date: str, *, open_day: str) -> Command:
    def run(tier: Tier, policy: Policy) -> Sequence[Move]:
        after = act(tier, grant(level, day_of(value_date), day_of(open_day), policy.special_years, BECAUSE))
        return () if after == tier else (Move("special_granted", after),)

    return run


def revoked(value_date: str, *, open_day: str) -> Command:
    def run(tier: Tier, policy: Policy) -> Sequence[Move]:
        after = act(tier, revocation(day_of(value_date), day_of(open_day), BECAUSE))
        return () if after == tier else (Move(None, after),)

    return run


def until_closed(*, last_month: str | None, average: str = "0.00") -> Command:
    """The close of a special's last day; last_month: the last closed month, None if there is none."""

    def run(tier: Tier, policy: Policy) -> Sequence[Move]:
        days = days_in(month_from(last_month)) if last_month else 0
        known = Average(scaled(average, 2) * days, days) if last_month else None
        return (Move("special_ended", end_special(known, policy)),)

    return run


def moved(kind: Kind, after: Tier, months: int = 1) -> Move:
    """A tier change; months: how many it rests on."""
    return Move(kind, after, months)


def counted(after: Tier) -> Move:
    """A counter moved: no tier change."""
    return Move(None, after)


class Spec:
    """A tier, a policy and commands that follow one another."""

    def __init__(self, tier: Tier, policy: Policy) -> None:
        self.tier, self.policy = tier, policy
        self._moves: list[Move] = []

    def when(self, *commands: Command) -> "Spec":
        self._moves = []
        for command in commands:
            before = self.tier
            moves = command(before, self.policy)
            assert tuple(command(before, self.policy)) == tuple(moves), "the same command gave something else"
            self._moves += moves
            self.tier = moves[-1].after if moves else before
        return self

    def then(self, *expected: Move) -> "Spec":
        """Exactly these moves, in this order; the spec may go on from here."""
        assert self._moves == list(expected)
        return self


def given(tier: Tier, policy: Policy | None = None) -> Spec:
    return Spec(tier, policy or Policy())
