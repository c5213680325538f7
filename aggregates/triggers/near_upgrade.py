"""``near_upgrade``: a customer whose month comes near to the next level, or goes beyond it (DOMAIN §5)."""

from collections.abc import Iterator
from typing import NamedTuple

from aggregates.dates import Day
from aggregates.outlook import top_up_minor
from aggregates.triggers import month_ahead
from aggregates.triggers.month_ahead import MonthAhead, MonthAheadParameters
from aggregates.triggers.rule import UNBOUND, Found, Rest, Rule, Says, Share, beside, money, yuan
from aggregates.triggers.view import View


class NearUpgradeParameters(MonthAheadParameters, frozen=True):
    """share: of the next threshold, from which on a projected average is near to it."""

    share: Share = Share(90, 100)


class NearUpgradeEvidence(MonthAhead, frozen=True, gc=False):
    """top_up: what reaches the next level."""


class _Next(NamedTuple):
    """What comes next. above: it must be exceeded, as the entry level from outside."""

    threshold: int
    above: bool


def find(view: View, parameters: NearUpgradeParameters) -> Iterator[Found]:
    """The month, if its projected average is at least the share of the next threshold."""
    following = _next(view)
    if following is None:
        return
    so_far = view.month_so_far()
    top_up = top_up_minor(so_far, following.threshold, above=following.above)
    if top_up is None or so_far.day < parameters.from_day:
        return
    if parameters.share.at_least(so_far.projected_sum_minor, following.threshold * so_far.days):
        yield Found(
            month_ahead.key(view),
            NearUpgradeEvidence(projection=month_ahead.projected(so_far), top_up=top_up, records=()),
        )


def due(view: View, parameters: NearUpgradeParameters) -> Day:
    """When a month begins to be looked at, if what is known by then leads near to the next threshold."""
    following = _next(view)
    if following is None:
        return 0
    threshold, share = following.threshold, parameters.share
    return month_ahead.due(view, parameters.from_day, lambda total, days: share.at_least(total, threshold * days))


def _next(view: View) -> _Next | None:
    """The level above a VIP, else the entry level; none above the highest, none for a special."""
    policy, tier = view.policy, view.tier
    if tier.state == "special":
        return None
    if tier.state != "vip":
        return _Next(policy.entry_minor, above=True)
    above = policy.ladder[policy.rank(tier.level or "") + 1 :]
    return _Next(above[0].threshold_minor, above=False) if above else None


def rests(view: View, parameters: NearUpgradeParameters, _last: None) -> Rest:
    """As long as balance and month stay below the share of the next threshold."""
    following = _next(view)
    return UNBOUND if following is None else month_ahead.rests_below(view, following.threshold, parameters.share)


def says(evidence: NearUpgradeEvidence, currency: str) -> Says:
    """Where the month is heading, and what is missing for the next level."""
    projection, top_up = evidence.projection, evidence.top_up
    zh = f"本月预计月日均 {yuan(projection, currency)}"
    en = f"This month is heading for an average of {money(projection, currency)}"
    if not top_up:
        return Says(
            zh=f"{zh}，已达到上一级标准；资金保持到月底即可升级",
            en=f"{en}, enough for the next level if it stays to month end",
        )
    return Says(
        zh=f"{zh}，接近上一级标准；从明天起增加 {beside(yuan(top_up, currency), '并保持到月底即可升级')}",
        en=f"{en}, near the next level; {money(top_up, currency)} more from tomorrow to month end reaches it",
    )


RULE = Rule(
    code="near_upgrade",
    zh="升级商机",
    en="Near an upgrade",
    parameters=NearUpgradeParameters,
    evidence=NearUpgradeEvidence,
    says=says,
    find=find,
    due=due,
    rests=rests,
)
