"""``dormant``: money is here, but the customer has not stirred for long (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day, iso
from aggregates.triggers.rule import (
    NEVER_RESTS,
    UNBOUND,
    AtLeastOne,
    Cooling,
    Evidence,
    Found,
    Minor,
    Rest,
    Rule,
    Says,
    money,
    yuan,
)
from aggregates.triggers.view import View


class DormantParameters(Cooling, frozen=True):
    """days: since the last activity; aum_at_least: whoever has less is left in peace."""

    days: AtLeastOne = 90
    aum_at_least: Minor = 10_000_00


class DormantEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """last_activity_on: its date; records: one of that day, if it is not brought forward."""

    last_activity_on: str
    aum: int


def find(view: View, parameters: DormantParameters) -> Iterator[Found]:
    """The last activity, if it is long ago and there is money."""
    last = view.last_activity()
    if last is None or view.day - last.day < parameters.days:
        return
    aum = view.aum(view.day)
    if aum >= parameters.aum_at_least:
        records = () if last.cause is None else (last.cause,)
        yield Found(iso(view.day), DormantEvidence(last_activity_on=iso(last.day), aum=aum, records=records))


def due(view: View, parameters: DormantParameters) -> Day:
    """When the last activity is long ago; of who sleeps already, when a sleep after this one may begin."""
    last = view.last_activity()
    if last is not None and view.day - last.day < parameters.days:
        return last.day + parameters.days
    woken = view.next_activity()
    return woken + parameters.days if woken else 0


def rests(view: View, parameters: DormantParameters, _last: DormantEvidence | None) -> Rest:
    """Of who sleeps already, as long as AUM does not come to what counts. The first sign of life ever plans a day."""
    last = view.last_activity()
    if last is None:
        return NEVER_RESTS
    if view.day - last.day < parameters.days:
        return UNBOUND
    return Rest(high=parameters.aum_at_least - 1) if view.aum(view.day) < parameters.aum_at_least else UNBOUND


def says(evidence: DormantEvidence, currency: str) -> Says:
    """Since when, and how much is here."""
    since, aum = evidence.last_activity_on, evidence.aum
    return Says(
        zh=f"客户自 {since} 以来无主动交易或联系，金融资产 {yuan(aum, currency)}",
        en=f"Nothing from the customer since {since}; AUM {money(aum, currency)}",
    )


RULE = Rule(
    code="dormant",
    zh="长期未动户",
    en="Dormant",
    parameters=DormantParameters,
    evidence=DormantEvidence,
    says=says,
    find=find,
    due=due,
    cools=True,
    rests=rests,
)
