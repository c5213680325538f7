"""``downgrade_watch``: a month closed, and a VIP missed the own level once more (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import iso_month, month_of
from aggregates.outlook import months_left
from aggregates.triggers.rule import STORY, UNBOUND, Evidence, Found, Parameters, Rule, Says
from aggregates.triggers.view import View


class DowngradeWatchParameters(Parameters, frozen=True):
    """Nothing of its own: watch and exit are windows of the policy."""


class DowngradeWatchEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """months_left: until the downgrade or the exit, whichever comes first, if every month from here on is missed."""

    months_left: int


def find(view: View, _parameters: DowngradeWatchParameters) -> Iterator[Found]:
    """The month that closed, if it leaves a VIP with a watch or with months below entry.

    It needs no day of its own: such a close always moves the tier, and that is a line about the customer.
    """
    tier = view.tier
    if view.is_month_end and tier.state == "vip" and (tier.watch or tier.below_entry):
        least = months_left(tier, view.policy).least
        yield Found(iso_month(month_of(view.day)), DowngradeWatchEvidence(months_left=least, records=()))


def says(evidence: DowngradeWatchEvidence, _currency: str) -> Says:
    """How long the level still stands."""
    left = evidence.months_left
    return Says(
        zh=f"月日均未达等级标准，如不回升，{left} 个月后降级或退出",
        en=f"Missed the own level: falls or leaves in {left} {'month' if left == 1 else 'months'} if nothing changes",
    )


RULE = Rule(
    code="downgrade_watch",
    zh="降级关注",
    en="Downgrade watch",
    parameters=DowngradeWatchParameters,
    evidence=DowngradeWatchEvidence,
    says=says,
    find=find,
    rests=UNBOUND,
    needs=STORY,
)
