"""``maturity_upcoming``: a product is about to come to its term (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day, iso
from aggregates.triggers.rule import AtLeastOne, Evidence, Found, Parameters, Rule, Says, money, yuan
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
    """The next day on which an account with money in it is that near its term."""
    return min((day for day in _days(view, parameters.days) if day), default=0)


def _days(view: View, days: int) -> Iterator[Day]:
    """Per account: when it is near, or, near without money in it, when balances move next."""
    for account_id, term in view.maturities().items():
        is_near = term.on - days <= view.day
        first = view.day + 1 if is_near else term.on - days
        if first >= term.on or (is_near and view.balance(account_id, view.day) > 0):
            continue
        if view.balance(account_id, first) > 0:
            yield first
        elif (change := view.next_change()) < term.on:
            yield change


def says(evidence: MaturityUpcomingEvidence, currency: str) -> Says:
    """What, how much, when."""
    amount, date = evidence.amount, evidence.date
    return Says(
        zh=f"{evidence.product or '产品'}将于 {date} 到期，金额 {yuan(amount, currency)}，请提前联系客户安排承接",
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
)
