"""``dissatisfied``: a customer rated the bank badly (DOMAIN §5)."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from aggregates.triggers.rule import RELATIONS, UNBOUND, Evidence, Found, Parameters, Rule, Says
from aggregates.triggers.view import View
from events.decisions import Cause
from events.fields import Record
from events.interactions import SatisfactionRated


class DissatisfiedParameters(Parameters, frozen=True):
    """at_most: the best score, of 5, that still is bad."""

    at_most: Annotated[int, Meta(ge=1, le=5)] = 2


class DissatisfiedEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """score: 1 to 5; records: the rating."""

    score: int


def find(_view: View, _parameters: DissatisfiedParameters) -> Iterable[Found]:
    """Nothing: a rating is said by its record alone, whenever it happened."""
    return ()


def on_record(_view: View, parameters: DissatisfiedParameters, record: Record) -> Iterator[Found]:
    """A bad rating."""
    if isinstance(record, SatisfactionRated) and record.score <= parameters.at_most:
        cause = Cause(record.source, record.event_id)
        yield Found(record.event_id, DissatisfiedEvidence(score=record.score, records=(cause,)))


def holds(_view: View, _parameters: DissatisfiedParameters, _key: str) -> bool:
    """Nothing takes a rating back."""
    return True


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
    records=(SatisfactionRated,),
    rests=UNBOUND,
    needs=RELATIONS,
)
