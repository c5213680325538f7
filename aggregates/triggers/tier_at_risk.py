"""``tier_at_risk``: a VIP whose month is heading below the own level (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day
from aggregates.outlook import top_up_minor
from aggregates.triggers import month_ahead
from aggregates.triggers.month_ahead import MonthAhead, MonthAheadParameters
from aggregates.triggers.rule import STORY, UNBOUND, Found, Rest, Rule, Says, beside, money, yuan
from aggregates.triggers.view import View


class TierAtRiskParameters(MonthAheadParameters, frozen=True):
    """See ``MonthAheadParameters``."""


class TierAtRiskEvidence(MonthAhead, frozen=True, gc=False):
    """top_up: what holds the own level."""


def find(view: View, parameters: TierAtRiskParameters) -> Iterator[Found]:
    """The month, if its projected average is below the own threshold."""
    if view.tier.state != "vip":
        return
    so_far, threshold = view.month_so_far(), _own(view)
    top_up = top_up_minor(so_far, threshold)
    if top_up is None or so_far.day < parameters.from_day:
        return
    if so_far.projected_sum_minor < threshold * so_far.days:
        yield Found(
            month_ahead.key(view),
            TierAtRiskEvidence(projection=month_ahead.projected(so_far), top_up=top_up, records=()),
        )


def due(view: View, parameters: TierAtRiskParameters) -> Day:
    """When a month begins to be looked at, if what is known by then leads below the own threshold."""
    if view.tier.state != "vip":
        return 0
    threshold = _own(view)
    return month_ahead.due(view, parameters.from_day, lambda total, days: total < threshold * days)


def _own(view: View) -> int:
    return view.policy.threshold_minor(view.tier.level or "")


def rests(view: View, _parameters: TierAtRiskParameters, _last: None) -> Rest:
    """As long as a VIP's balance and month stay above the own threshold."""
    return UNBOUND if view.tier.state != "vip" else month_ahead.rests_above(view, _own(view))


def says(evidence: TierAtRiskEvidence, currency: str) -> Says:
    """Where the month is heading, and what holds the level."""
    projection, top_up = evidence.projection, evidence.top_up
    return Says(
        zh=f"本月预计月日均 {yuan(projection, currency)}，低于现有等级标准；"
        f"从明天起增加 {beside(yuan(top_up, currency), '并保持到月底即可保级')}",
        en=f"This month is heading for an average of {money(projection, currency)}, below the own level; "
        f"{money(top_up, currency)} more from tomorrow to month end holds it",
    )


RULE = Rule(
    code="tier_at_risk",
    zh="保级预警",
    en="Tier at risk",
    parameters=TierAtRiskParameters,
    evidence=TierAtRiskEvidence,
    says=says,
    find=find,
    due=due,
    rests=rests,
    needs=STORY,
)
