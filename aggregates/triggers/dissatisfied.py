"""``dissatisfied``: a customer rated the bank badly (DOMAIN §5)."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from aggregates.triggers.rule import Evidence, Found, Parameters, Rule, Says
from aggregates.triggers.view import LAST, Rating, View
from events.decisions import Cause
from events.fields import Record


class DissatisfiedParameters(Parameters, frozen=True):
    """at_most: the best score, of 5, that still is bad."""

    at_most: Annotated[int, Meta(ge=1, le=5)] = 2


class DissatisfiedEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """score: 1 to 5; records: the rating."""

    score: int


def find(view: View, parameters: DissatisfiedParameters) -> Iterator[Found]:
    """Every bad rating that the view remembers: it is news with its record, not with its day."""
    return _bad(view.ratings(1, LAST), parameters)


def on_record(view: View, parameters: DissatisfiedParameters, record: Record) -> Iterator[Found]:
    """The rating of this record, unless its day is closed: then the next close sees it."""
    cause = Cause(record.source, record.event_id)
    return _bad((each for each in view.ratings(1, LAST) if each.cause == cause and each.day >= view.day), parameters)


def holds(_view: View, _parameters: DissatisfiedParameters, _key: str) -> bool:
    """Nothing takes a rating back."""
    return True


def _bad(ratings: Iterable[Rating], parameters: DissatisfiedParameters) -> Iterator[Found]:
    found: dict[str, DissatisfiedEvidence] = {}
    for each in ratings:
        if each.score <= parameters.at_most:
            found.setdefault(each.cause.event_id, DissatisfiedEvidence(score=each.score, records=(each.cause,)))
    yield from (Found(key, found[key]) for key in sorted(found))


def says(evidence: DissatisfiedEvidence, _currency: str) -> Says:
    """How bad."""
    return Says(
        zh=f"客户满意度评分 {evidence.score} 分（满分 5 分），请回访", en=f"Rated the bank {evidence.score} of 5"
    )


RULE = Rule(
    code="dissatisfied",
    zh="满意度低",
    en="Dissatisfied",
    parameters=DissatisfiedParameters,
    evidence=DissatisfiedEvidence,
    says=says,
    find=find,
    on_record=on_record,
    holds=holds,
)
