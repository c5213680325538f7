"""``relationship_end``: the last money left, or the last account was closed (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import iso
from aggregates.triggers.rule import Cooling, Evidence, Found, Rest, Rule, Says
from aggregates.triggers.view import View

CODE = "relationship_end"


class RelationshipEndParameters(Cooling, frozen=True):
    """Nothing of its own."""


class RelationshipEndEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """accounts: those that are open still, or were closed on the day; records: money out of the day, closings."""

    accounts: tuple[str, ...]


class LastAccountEvidence(RelationshipEndEvidence, frozen=True, gc=False):
    """The same where no account is left; only the sentence is another."""


def find(view: View, _parameters: RelationshipEndParameters) -> Iterator[Found]:
    """The end, unless it was said before and no money came since: the rule is armed again by AUM above 0 alone."""
    if view.is_armed(CODE):
        yield from _ends(view)


def holds(view: View, _parameters: RelationshipEndParameters, _key: str) -> bool:
    """Whether it is an end as known now; that the rule was armed is behind us."""
    return any(_ends(view))


def _ends(view: View) -> Iterator[Found]:
    day, closings = view.day, view.closings()
    if not closings and not view.aum(day - 1) > 0 >= view.aum(day):
        return
    kind = LastAccountEvidence if closings else RelationshipEndEvidence
    accounts = tuple(sorted({*view.open_accounts(), *(each.account_id for each in closings)}))
    records = (*(each.cause for each in view.outs(day, day)), *(each.cause for each in closings))
    yield Found(iso(day), kind(accounts=accounts, records=records))


def rests(view: View, _parameters: RelationshipEndParameters, _last: RelationshipEndEvidence | None) -> Rest:
    """As long as there is AUM, or as there is none."""
    return Rest(low=1) if view.aum(view.day) > 0 else Rest(high=0)


def says(evidence: RelationshipEndEvidence, _currency: str) -> Says:
    """Which of the two, and the accounts."""
    zh, en = "客户金融资产已清零", "No AUM is left"
    if isinstance(evidence, LastAccountEvidence):
        zh, en = "客户已销最后一个账户", "The last account is closed"
    if not evidence.accounts:
        return Says(zh, en)
    return Says(
        zh=f"{zh}（账户 {'、'.join(evidence.accounts)}）",
        en=f"{en}: {', '.join(evidence.accounts)}",
    )


RULE = Rule(
    code=CODE,
    zh="关系终止",
    en="Relationship end",
    parameters=RelationshipEndParameters,
    evidence=RelationshipEndEvidence,
    says=says,
    find=find,
    holds=holds,
    cools=True,
    arms=True,
    rests=rests,
)
