"""``special_expiring``: a special VIP treatment comes to its end (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day, iso
from aggregates.triggers.rule import STORY, UNBOUND, AtLeastOne, Evidence, Found, Parameters, Rule, Says
from aggregates.triggers.view import View


class SpecialExpiringParameters(Parameters, frozen=True):
    """days: before `until` it is said."""

    days: AtLeastOne = 30


class SpecialExpiringEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """date: the last day of the treatment; records: the revocations that brought it forward, if any did."""

    date: str


def find(view: View, parameters: SpecialExpiringParameters) -> Iterator[Found]:
    """The treatment's last day, once it is near."""
    tier = view.tier
    if tier.state == "special" and view.day >= tier.until - parameters.days:
        until = iso(tier.until)
        yield Found(until, SpecialExpiringEvidence(date=until, records=tier.shortened_by))


def due(view: View, parameters: SpecialExpiringParameters) -> Day:
    """The day on which the end has come near."""
    tier = view.tier
    near = tier.until - parameters.days
    return near if tier.state == "special" and near > view.day else 0


def says(evidence: SpecialExpiringEvidence, _currency: str) -> Says:
    """When it ends."""
    return Says(
        zh=f"特殊VIP待遇将于 {evidence.date} 到期，请提前联系客户",
        en=f"Special VIP treatment ends on {evidence.date}",
    )


RULE = Rule(
    code="special_expiring",
    zh="特殊VIP到期",
    en="Special VIP expiring",
    parameters=SpecialExpiringParameters,
    evidence=SpecialExpiringEvidence,
    says=says,
    find=find,
    due=due,
    rests=UNBOUND,
    needs=STORY,
)
