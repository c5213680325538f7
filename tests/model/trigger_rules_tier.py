"""Conditions of the triggers on tiers, each from scratch on one day (DOMAIN §5, the table): what is true there now."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.model.months import days_in, last_day, month_of, plus_months
from tests.model.trigger_settings import Settings
from tests.model.trigger_view import Found, View, half_even


def _in_the_month(view: View, day: date, settings: Settings) -> bool:
    return bool(settings["from_day"] <= day.day < days_in(month_of(day)))


def _missing(view: View, day: date, threshold_minor: int) -> Fraction:
    """x of DOMAIN §3: the extra amount to hold from tomorrow to month end, unrounded."""
    days = days_in(month_of(day))
    return Fraction(threshold_minor * days - view.bank.projected_sum(view.customer_id, day), days - day.day)


def tier_at_risk(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """A vip whose month ends below the own threshold if nothing moves."""
    tier = view.tier(day)
    if tier.state != "vip" or not _in_the_month(view, day, settings):
        return
    own = view.policy(day).threshold_minor(str(tier.level))
    days = days_in(month_of(day))
    projected = view.bank.projected_sum(view.customer_id, day)
    if projected < own * days:
        top_up = max(0, ceil(_missing(view, day, own)))
        yield Found(month_of(day), {"projection": half_even(projected, days), "top_up": top_up})


def near_upgrade(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """Nearly, or already, the next level if nothing moves; from outside the lowest."""
    tier, policy = view.tier(day), view.policy(day)
    if tier.state == "special" or not _in_the_month(view, day, settings):
        return
    following = policy.rank(tier.level) + 1 if tier.state == "vip" else 0
    if following == len(policy.levels):
        return
    _, threshold = policy.levels[following]
    days = days_in(month_of(day))
    projected = view.bank.projected_sum(view.customer_id, day)
    if projected >= settings["share"] * threshold * days:
        missing = _missing(view, day, threshold)
        top_up = max(0, ceil(missing) if following else floor(missing) + 1)
        yield Found(month_of(day), {"projection": half_even(projected, days), "top_up": top_up})


def downgrade_watch(view: View, day: date, _settings: Settings) -> Iterator[Found]:
    """A month close that leaves a vip with months missed; how many more it takes, the smaller of both counters."""
    tier, month = view.tier(day), month_of(day)
    if day != last_day(month) or tier.state != "vip":
        return
    policy = view.bank.policies.of_month(month)
    left = [policy.exit_months - tier.below_entry]
    if tier.level != policy.codes[0]:
        left.append(policy.watch_months - len(tier.watch))
    if tier.watch or tier.below_entry:
        yield Found(month, {"months_left": min(left)})


def lapsed(view: View, day: date, _settings: Settings) -> Iterator[Found]:
    """The exit, and the month close that leaves one month of grace."""
    before, after, month = view.tier_before(day), view.tier(day), month_of(day)
    if day != last_day(month) or after.state != "lapsed":
        return
    if before.state != "lapsed" or after.grace_left == 1:
        yield Found(month, {"months": _last_averages(view, month, before.below_entry + 1)})


def _last_averages(view: View, month: str, count: int) -> list[dict[str, Any]]:
    months = [plus_months(month, -back) for back in range(count - 1, -1, -1)]
    return [
        {"month": one, "sum": view.bank.month_sum(view.customer_id, one), "days": days_in(one)}
        for one in months
        if one >= str(view.bank.first_month)
    ]


def special_expiring(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """A special whose last days have come."""
    tier = view.tier(day)
    if tier.state == "special" and tier.until is not None and day >= tier.until - timedelta(days=settings["days"]):
        yield Found(str(tier.until), {"date": str(tier.until)})
