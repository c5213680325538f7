"""``outside_platform_drift``: money moves bit by bit to other banks and payment platforms (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day, iso
from aggregates.triggers.memory import DRIFTED
from aggregates.triggers.rule import (
    OUTS,
    UNBOUND,
    AtLeastOne,
    Cooling,
    Evidence,
    Found,
    Rule,
    Says,
    Share,
    beside,
    money,
    yuan,
)
from aggregates.triggers.view import LAST, OUTSIDE, Out, View


class OutsidePlatformDriftParameters(Cooling, frozen=True):
    """count: transfers in the window; share: of AUM when it began, together; window_days: to look back."""

    count: AtLeastOne = 3
    share: Share = Share(20, 100)
    window_days: AtLeastOne = 30


class OutsidePlatformDriftEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """sum: of `count` transfers; base: AUM on the day before the window; records: the transfers."""

    count: int
    sum: int
    base: int


def find(view: View, parameters: OutsidePlatformDriftParameters) -> Iterator[Found]:
    """The transfers of the window against AUM before it."""
    day = view.day
    transfers = [each for each in _outside(view, parameters) if each.day <= day]
    if len(transfers) < parameters.count:
        return
    total, base = sum(each.amount for each in transfers), view.aum(day - parameters.window_days)
    if base > 0 and parameters.share.at_least(total, base):
        records = tuple(each.cause for each in transfers)
        yield Found(iso(day), OutsidePlatformDriftEvidence(count=len(transfers), sum=total, base=base, records=records))


def due(view: View, parameters: OutsidePlatformDriftParameters) -> Day:
    """The next day on which a lower base may make it true, while enough transfers stay; or the next transfer's own day.

    Without a transfer the window only empties, so a base that stays cannot make true what it did not the day before.
    """
    day, window = view.day, parameters.window_days
    known = sorted((each.day, each.amount) for each in _outside(view, parameters))
    past = [each for each in known if each[0] <= day]
    coming = known[len(past)][0] if len(past) < len(known) else 0
    total, left = sum(amount for _, amount in past), len(past)
    if left < parameters.count:
        return coming
    before = 0
    for since, _, base in reversed([*view.levels(day - window, day - 1)]):
        ahead = since + window
        while left and past[-left][0] <= since:
            total -= past[-left][1]
            left -= 1
        if left < parameters.count:
            break
        is_lower = day < ahead and (base < before or before <= 0)
        if is_lower and base > 0 and parameters.share.at_least(total, base):
            return min(ahead, coming or ahead)
        before = base
    return coming


def _outside(view: View, parameters: OutsidePlatformDriftParameters) -> list[Out]:
    """Since the window began, those dated ahead included."""
    known = view.outs(view.day - parameters.window_days + 1, LAST)
    return [each for each in known if each.is_transfer and each.kind in OUTSIDE]


def says(evidence: OutsidePlatformDriftEvidence, currency: str) -> Says:
    """How often, how much, and how many whole per cent of what there was."""
    total, base = evidence.sum, evidence.base
    share = total * 100 // base
    return Says(
        zh=f"近期向他行及第三方支付平台转出 {evidence.count} 笔，共 {yuan(total, currency)}，"
        f"占期初金融资产 {beside(yuan(base, currency), '的')} {share}%",
        en=f"{evidence.count} transfers to other banks and payment platforms lately, {money(total, currency)} together: "
        f"{share}% of the AUM of {money(base, currency)} before",
    )


RULE = Rule(
    code="outside_platform_drift",
    zh="外部平台分流",
    en="Drift to outside platforms",
    parameters=OutsidePlatformDriftParameters,
    evidence=OutsidePlatformDriftEvidence,
    says=says,
    find=find,
    due=due,
    cools=True,
    looks_back=lambda parameters: parameters.window_days,
    rests=UNBOUND,
    stirred=DRIFTED,
    least=lambda parameters: parameters.count,
    needs=OUTS,
)
