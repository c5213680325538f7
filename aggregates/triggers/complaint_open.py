"""``complaint_open``: a complaint was filed, and is still open after some working days (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import Day
from aggregates.triggers.rule import RELATIONS, UNBOUND, AtLeastOne, Evidence, Found, Parameters, Rule, Says
from aggregates.triggers.view import Complaint, View
from events.decisions import Cause
from events.fields import Record
from events.interactions import ComplaintFiled


class ComplaintOpenParameters(Parameters, frozen=True):
    """working_days: after the day of the complaint, at the end of which it has to be resolved."""

    working_days: AtLeastOne = 2


class ComplaintOpenEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """complaint_id: the publisher's; records: the complaint."""

    complaint_id: str


class _Overdue(ComplaintOpenEvidence, frozen=True, gc=False):
    """Of a complaint that is overdue: only the sentence is another."""


def find(view: View, parameters: ComplaintOpenParameters) -> Iterator[Found]:
    """Complaints that are overdue. That one was filed is said by its record alone, whenever it happened."""
    found = [
        Found(f"{each.complaint_id}:overdue", _Overdue(complaint_id=each.complaint_id, records=(each.cause,)))
        for each in view.complaints()
        if _is_open(each, view.day) and not _working_days_left(view, parameters, each)
    ]
    yield from sorted(found, key=lambda each: each.key)


def on_record(_view: View, _parameters: ComplaintOpenParameters, record: Record) -> Iterator[Found]:
    """A complaint."""
    if isinstance(record, ComplaintFiled):
        cause = Cause(record.source, record.event_id)
        evidence = ComplaintOpenEvidence(complaint_id=record.complaint_id, records=(cause,))
        yield Found(f"{record.complaint_id}:filed", evidence)


def due(view: View, parameters: ComplaintOpenParameters) -> Day:
    """The first day that can be the last working day of an open complaint: a close may make a Saturday one."""
    days = []
    for each in view.complaints():
        left = _working_days_left(view, parameters, each)
        day = max(view.day, each.filed_on) + left
        if left and _is_open(each, day):
            days.append(day)
    return min(days, default=0)


def holds(view: View, _parameters: ComplaintOpenParameters, key: str) -> bool:
    """A complaint stays filed; it was overdue unless it turned out since that it was resolved by then.

    One that the view no longer knows was resolved later, and long ago.
    """
    complaint_id, _, step = key.rpartition(":")
    of_it = [each for each in view.complaints() if each.complaint_id == complaint_id]
    return step == "filed" or not of_it or any(_is_open(each, view.day) for each in of_it)


def _is_open(complaint: Complaint, day: Day) -> bool:
    """Whether it is not resolved by the end of the day."""
    return not complaint.resolved_on or complaint.resolved_on > day


def _working_days_left(view: View, parameters: ComplaintOpenParameters, complaint: Complaint) -> int:
    """Working days until it is overdue; 0: their number has passed."""
    left = parameters.working_days
    for day in range(complaint.filed_on + 1, view.day + 1):
        left -= view.is_working(day)
        if not left:
            break
    return left


def says(evidence: ComplaintOpenEvidence, _currency: str) -> Says:
    """Which complaint, and whether it is late."""
    complaint = evidence.complaint_id
    if isinstance(evidence, _Overdue):
        return Says(
            zh=f"投诉 {complaint} 逾期未结，请尽快处理", en=f"Complaint {complaint} is overdue and not resolved"
        )
    return Says(zh=f"客户提出投诉 {complaint}，请跟进处理", en=f"Filed complaint {complaint}")


RULE = Rule(
    code="complaint_open",
    zh="投诉未结",
    en="Open complaint",
    parameters=ComplaintOpenParameters,
    evidence=ComplaintOpenEvidence,
    says=says,
    find=find,
    due=due,
    on_record=on_record,
    holds=holds,
    records=(ComplaintFiled,),
    rests=UNBOUND,
    needs=RELATIONS,
)
