"""``maturity_upcoming``: a product is about to come to its term (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day, iso
from aggregates.triggers.rule import (
    MORE,
    NEVER_RESTS,
    UNBOUND,
    AtLeastOne,
    Evidence,
    Found,
    Parameters,
    Rest,
    Rule,
    Says,
    beside,
    money,
    yuan,
)
from aggregates.triggers.view import View


class MaturityUpcomingParameters(Parameters, frozen=True):
    """days: left, at most."""

    days: AtLeastOne = 7


class MaturityUpcomingEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """amount: balance of the account; date: the last one said of its maturity; records: what said it."""

    amount: int
    date: str
    product: str | None = None


def find(view: View, parameters: MaturityUpcomingParameters) -> Iterator[Found]:
    """Each account with money in it and few days left, from the day before its term on back."""
    day = view.day
    found = {}
    for account_id, term in view.maturities().items():
        if 0 < term.on - day <= parameters.days and (amount := view.balance(account_id, day)) > 0:
            on = iso(term.on)
            evidence = MaturityUpcomingEvidence(amount=amount, date=on, product=term.product, records=(term.cause,))
            found[f"{account_id}:{on}"] = evidence
    yield from (Found(key, found[key]) for key in sorted(found))


def due(view: View, parameters: MaturityUpcomingParameters) -> Day:
    """When the next account with money in it is that near its term."""
    near = ((account_id, term.on - parameters.days) for account_id, term in view.maturities().items())
    return min((day for account_id, day in near if day > view.day and view.balance(account_id, day) > 0), default=0)


def rests(view: View, _parameters: MaturityUpcomingParameters, _last: None) -> Rest:
    """As long as there is money in each account that has a term: in an empty one it may come to be."""
    day = view.day
    is_empty = any(term.on > day and view.balance(name, day) <= 0 for name, term in view.maturities().items())
    return NEVER_RESTS if is_empty else UNBOUND


def says(evidence: MaturityUpcomingEvidence, currency: str) -> Says:
    """What, how much, when."""
    amount, date = evidence.amount, evidence.date
    return Says(
        zh=f"{beside(evidence.product or '产品', '将于')} {date} 到期，金额 {yuan(amount, currency)}，请提前联系客户安排承接",
        en=f"{evidence.product or 'A product'} of {money(amount, currency)} matures on {date}",
    )


RULE = Rule(
    code="maturity_upcoming",
    zh="产品即将到期",
    en="Maturity upcoming",
    parameters=MaturityUpcomingParameters,
    evidence=MaturityUpcomingEvidence,
    says=says,
    find=find,
    due=due,
    rests=rests,
    needs=MORE,
)
