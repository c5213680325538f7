"""``maturity_unrenewed``: what a product paid at its term did not stay with the bank (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day
from aggregates.triggers.rule import (
    MORE,
    UNBOUND,
    AtLeastOne,
    Evidence,
    Found,
    Parameters,
    Rule,
    Says,
    Share,
    beside,
    money,
    yuan,
)
from aggregates.triggers.view import LAST, View


class MaturityUnrenewedParameters(Parameters, frozen=True):
    """days: after the maturity one looks; share: of the amount paid that should have stayed."""

    days: AtLeastOne = 3
    share: Share = Share(80, 100)


class MaturityUnrenewedEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """amount: paid; kept: of it, by what AUM fell from the day before; below 0 where it fell by more."""

    amount: int
    kept: int


def find(view: View, parameters: MaturityUnrenewedParameters) -> Iterator[Found]:
    """What matured just so many days ago, each product by itself."""
    matured_on = view.day - parameters.days
    found: dict[str, MaturityUnrenewedEvidence] = {}
    for each in view.matured(matured_on, matured_on):
        kept = each.amount - max(0, view.aum(matured_on - 1) - view.aum(view.day))
        if not parameters.share.at_least(kept, each.amount):
            evidence = MaturityUnrenewedEvidence(amount=each.amount, kept=kept, records=(each.cause,))
            found.setdefault(each.cause.event_id, evidence)
    yield from (Found(key, found[key]) for key in sorted(found))


def due(view: View, parameters: MaturityUnrenewedParameters) -> Day:
    """When the next of what matured is looked at."""
    matured = view.matured(view.day - parameters.days + 1, LAST)
    return min((each.day + parameters.days for each in matured), default=0)


def says(evidence: MaturityUnrenewedEvidence, currency: str) -> Says:
    """How much came due, and how much of it is still here."""
    amount, kept = evidence.amount, max(0, evidence.kept)
    return Says(
        zh=f"产品到期 {yuan(amount, currency)}，仅 {beside(yuan(kept, currency), '留在本行')}",
        en=f"{money(amount, currency)} came due, {money(kept, currency)} of it stayed",
    )


RULE = Rule(
    code="maturity_unrenewed",
    zh="到期未承接",
    en="Maturity not renewed",
    parameters=MaturityUnrenewedParameters,
    evidence=MaturityUnrenewedEvidence,
    says=says,
    find=find,
    due=due,
    looks_back=lambda parameters: parameters.days + 1,
    rests=UNBOUND,
    needs=MORE,
)
