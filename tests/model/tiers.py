"""The tier machine of DOMAIN §4: what month closes, grants, revocations and the end of a special do to a customer."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tests.model.months import days_in, last_day, month_of, plus_months
from tests.model.policy import Policy


@dataclass(frozen=True)
class Tier:
    """Where a customer stands. Counters are 0 and optional fields None where they do not belong to the state."""

    state: str = "ordinary"
    level: str | None = None
    watch: tuple[str | None, ...] = ()
    below_entry: int = 0
    grace_left: int = 0
    until: date | None = None
    shortened_by: tuple[tuple[str, str], ...] = ()  # (source, event_id) of the revocations that moved `until`

    def shown(self) -> dict[str, Any]:
        """The `before` and `after` of a tier change (CONTRACT §5)."""
        return {"state": self.state, "level": self.level, "until": None if self.until is None else str(self.until)}

    def seen(self) -> tuple[object, ...]:
        """What must differ for a `restated` to be issued (DOMAIN §4)."""
        return self.state, self.level, self.until, bool(self.watch)


@dataclass(frozen=True)
class Move:
    """One tier change of a month close, with the months it stands on."""

    kind: str
    before: Tier
    after: Tier
    months: list[str]


def last_months(month: str, count: int) -> list[str]:
    """The `count` months that end with `month`, ascending."""
    return [plus_months(month, -back) for back in range(count - 1, -1, -1)]


def close_month(tier: Tier, month: str, sum_minor: int, policy: Policy) -> list[Move]:
    """The moves of a customer when `month` closes with this sum of end-of-day balances, in order.

    A change of counters alone is a move of kind "" (no tier change, but a new state). Source: DOMAIN §4.
    """
    days = days_in(month)
    reached = policy.reached(sum_minor, days)
    above_entry = policy.above_entry(sum_minor, days)
    if tier.state == "ordinary":
        return [Move("entered", tier, Tier("vip", reached), [month])] if above_entry else []
    if tier.state == "lapsed":
        if above_entry:
            return [Move("reentered", tier, Tier("vip", reached), [month])]
        if tier.grace_left > 1:
            return [Move("", tier, replace(tier, grace_left=tier.grace_left - 1), [])]
        return [Move("exited", tier, Tier(), last_months(month, policy.grace_months))]
    if tier.state == "special":
        if above_entry and policy.rank(reached) >= policy.rank(tier.level):
            return [Move("special_ended", tier, Tier("vip", reached), [month])]
        return []
    return _close_vip(tier, month, sum_minor, policy)


def _close_vip(tier: Tier, month: str, sum_minor: int, policy: Policy) -> list[Move]:
    days = days_in(month)
    reached = policy.reached(sum_minor, days)
    assert tier.level is not None
    if sum_minor >= policy.threshold_minor(tier.level) * days:
        held = Tier("vip", tier.level)
        moves = [Move("watch_cleared" if tier.watch else "", tier, held, [month])]
        if policy.rank(reached) > policy.rank(tier.level):
            moves.append(Move("upgraded", held, Tier("vip", reached), [month]))
        return moves

    below_entry = tier.below_entry + 1 if sum_minor < policy.entry_minor * days else 0
    lowest = policy.codes[0]
    watch = () if tier.level == lowest else (*tier.watch, reached)
    if below_entry >= policy.exit_months:
        lapsed = Tier("lapsed", grace_left=policy.grace_months)
        return [Move("lapsed", tier, lapsed, last_months(month, below_entry))]
    if len(watch) >= policy.watch_months:
        best = max([lowest, *(one for one in watch if one is not None)], key=policy.rank)
        lower = Tier("vip", best, below_entry=below_entry)
        return [Move("downgraded", tier, lower, last_months(month, len(watch)))]
    kind = "watch_started" if watch and not tier.watch else ""
    return [Move(kind, tier, Tier("vip", tier.level, watch, below_entry), [month])]


def grant(tier: Tier, level: str, until: date) -> Tier:
    """A special VIP by decision: from ordinary or lapsed, anew on a special, no change on a vip."""
    return tier if tier.state == "vip" else Tier("special", level, until=until)


def revoke(tier: Tier, last: date, record_id: tuple[str, str]) -> Tier:
    """`until` becomes the earlier of itself and `last`; nothing happens to other states."""
    if tier.state != "special" or tier.until is None or tier.until <= last:
        return tier
    return replace(tier, until=last, shortened_by=(*tier.shortened_by, record_id))


def end_special(month: str | None, sum_minor: int, policy: Policy) -> Tier:
    """What a special becomes at the close of its `until`; `month` is the last closed month, None if there is none."""
    if month is None or not policy.above_entry(sum_minor, days_in(month)):
        return Tier()
    return Tier("vip", policy.reached(sum_minor, days_in(month)))


def brought_tier(record: dict[str, Any], policy: Policy) -> Tier | None:
    """The state that a customer_brought_forward says, or None if it is impossible (`bad_value`).

    Impossible: a day that does not end a month; a field that does not belong to the state; a level outside the ladder;
    a watch that would have been a downgrade already, or with a level that holds; counters beyond their windows; a
    special that has ended already; months that are later, doubled or of a wrong length.
    """
    value_date = date.fromisoformat(record["value_date"])
    month = month_of(value_date)
    said = {name: record[name] for name in _STATE_FIELDS if record.get(name) not in (None, [], 0)}
    state = record["state"]
    brought = [one["month"] for one in record["months"]]
    months_hold = all(one["month"] <= month and one["days"] == days_in(one["month"]) for one in record["months"])
    if value_date != last_day(month) or not months_hold or len(set(brought)) < len(brought):
        return None
    if state not in _ALLOWED or not set(said) <= _ALLOWED[state] or not _NEEDED[state] <= set(said):
        return None
    level = said.get("level")
    if level is not None and level not in policy.codes:
        return None
    until = date.fromisoformat(said["until"]) if "until" in said else None
    tier = Tier(
        state, level, tuple(said.get("watch", ())), said.get("below_entry", 0), said.get("grace_left", 0), until
    )
    if state == "vip" and not _vip_possible(tier, policy):
        return None
    if not 0 <= tier.grace_left <= policy.grace_months or (until is not None and until <= value_date):
        return None
    return tier


def _vip_possible(tier: Tier, policy: Policy) -> bool:
    own = policy.rank(tier.level)
    if any(one is not None and one not in policy.codes for one in tier.watch):
        return False
    if len(tier.watch) >= policy.watch_months or any(policy.rank(one) >= own for one in tier.watch):
        return False
    if (tier.watch and own == 0) or not 0 <= tier.below_entry < policy.exit_months:
        return False
    misses = 0  # months below entry that the watch itself shows at its end
    while misses < len(tier.watch) and tier.watch[-1 - misses] is None:
        misses += 1
    return tier.below_entry == misses if misses < len(tier.watch) else tier.below_entry >= misses


_STATE_FIELDS = ("level", "watch", "below_entry", "grace_left", "until")
_ALLOWED = {
    "ordinary": set[str](),
    "vip": {"level", "watch", "below_entry"},
    "lapsed": {"grace_left"},
    "special": {"level", "until"},
}
_NEEDED = {"ordinary": set[str](), "vip": {"level"}, "lapsed": {"grace_left"}, "special": {"level", "until"}}
