"""``lapsed``: a VIP has left the ladder, and again before the last month in sight (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import iso_month, month_of
from aggregates.money import average
from aggregates.triggers.rule import STORY, UNBOUND, Evidence, Found, Parameters, Rule, Says, money, yuan
from aggregates.triggers.view import View
from events.fields import MonthSum


class LapsedParameters(Parameters, frozen=True):
    """Nothing of its own: exit and grace are windows of the policy."""


class LapsedEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """months: the last closed months that are known, ascending, as many as the policy's exit takes."""

    months: tuple[MonthSum, ...]


class _LastMonth(LapsedEvidence, frozen=True, gc=False):
    """Of a customer who has one month of grace left: only the sentence is another."""


def find(view: View, _parameters: LapsedParameters) -> Iterator[Found]:
    """The month that closed, if it made the customer leave or leaves one month of grace.

    It needs no day of its own: such a close always moves the tier, and that is a line about the customer.
    """
    if not view.is_month_end or view.tier.state != "lapsed":
        return
    if view.tier_before.state != "lapsed":
        kind: type[LapsedEvidence] = LapsedEvidence
    elif view.tier.grace_left == 1:
        kind = _LastMonth
    else:
        return
    months = view.month_sums(view.policy.exit_months)
    yield Found(iso_month(month_of(view.day)), kind(months=months, records=()))


def says(evidence: LapsedEvidence, currency: str) -> Says:
    """That the customer left, or is about to go out of sight, and with what averages."""
    last_month = isinstance(evidence, _LastMonth)
    zh = "退出后保留期只剩一个月" if last_month else "已退出等级，转为已退未评级"
    en = "Lapsed, with one month left in sight" if last_month else "Has left the ladder and is lapsed"
    if not evidence.months:
        return Says(zh, en)
    averages = [average(each.sum, each.days) for each in evidence.months]
    last, best, count = averages[-1], max(averages), len(averages)
    return Says(
        zh=f"{zh}；上月月日均 {yuan(last, currency)}，近 {count} 个月最高 {yuan(best, currency)}",
        en=f"{en}; averaged {money(last, currency)} last month, {money(best, currency)} in the best of the last {count}",
    )


RULE = Rule(
    code="lapsed",
    zh="退出等级",
    en="Lapsed",
    parameters=LapsedParameters,
    evidence=LapsedEvidence,
    says=says,
    find=find,
    rests=UNBOUND,
    needs=STORY,
)
