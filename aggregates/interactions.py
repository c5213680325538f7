"""Interactions: what each adds to what is known of a customer, and which are refused (CONTRACT §1, DOMAIN §5).

They have no value date and change no balance. A complaint is filed once and resolved once: an id that is open, or was
settled a short while ago, is not filed anew, and nothing is resolved that is not open.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from aggregates.conduct import note_activity
from aggregates.customer import Customer
from aggregates.dates import Day, iso
from aggregates.instants import instant
from aggregates.postings import cause_of
from aggregates.profile import MARKETING, consented
from aggregates.relations import (
    CAMPAIGNS_KEPT,
    ENQUIRIES_KEPT,
    Campaign,
    Complaint,
    Contact,
    CreditSign,
    Enquiry,
    Identity,
    Rating,
    Relations,
    is_past,
)
from aggregates.triggers.judging import claimed, contacted
from aggregates.verdict import NOTHING, Outcome
from events.codec import DAYS
from events.decisions import IntegrityAlerted
from events.fields import CustomerRecord, Record
from events.interactions import (
    AppSession,
    BranchVisit,
    CampaignContact,
    CampaignResponse,
    ComplaintFiled,
    ComplaintResolved,
    IdentityVerified,
    ManagerContact,
    Message,
    PhoneCall,
    ProductEnquiry,
    SatisfactionRated,
    TriggerClaimed,
)
from events.refusals import Refusal

if TYPE_CHECKING:  # the shard evolves by what stands here
    from aggregates.shard import Shard

# ------------------------------------------------------------------------------------------------------ take


def take_interaction(shard: "Shard", r: CustomerRecord, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take an interaction that nothing speaks against."""
    shard.evolve(r)
    return NOTHING


def take_claim(shard: "Shard", r: TriggerClaimed, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take that a manager takes a trigger on."""
    shard.evolve(r)
    return claimed(shard, shard.customers.ensure(r.customer_id), r.trigger_id, r.manager_id, cause_of(r))


def take_contact(shard: "Shard", r: ManagerContact, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take that a manager spoke with the customer, perhaps because of a trigger."""
    shard.evolve(r)
    if isinstance(r.trigger_id, UnsetType):
        return NOTHING
    outcome = None if isinstance(r.outcome, UnsetType) else r.outcome
    return contacted(shard, shard.customers.ensure(r.customer_id), r.trigger_id, r.manager_id, outcome, cause_of(r))


def take_campaign_contact(shard: "Shard", r: CampaignContact, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a contact by a campaign; of a customer whose last word on marketing, as the log knows it, is no yes: an alert."""
    customer = shard.customers.get(r.customer_id)
    shard.evolve(r)
    if customer is not None and consented(customer.profile):
        return NOTHING
    return [
        IntegrityAlerted(
            kind="contact_without_consent",
            customer_id=r.customer_id,
            source=r.source,
            event_id=r.event_id,
            date=r.occurred_at[:10],
            expected=MARKETING,
            actual=r.campaign,
        )
    ]


def take_complaint(shard: "Shard", r: ComplaintFiled, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a complaint, or refuse an id that the customer has: `bad_value`."""
    known = _complaint(shard, r)
    if known is not None:
        return _refused(f"the customer filed a complaint {r.complaint_id!r} on {iso(known.filed_on)}")
    shard.evolve(r)
    return NOTHING


def take_resolution(shard: "Shard", r: ComplaintResolved, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take the end of a complaint, or refuse it where none of this id is open: `bad_value`."""
    known = _complaint(shard, r)
    if known is None:
        return _refused(f"the customer has no open complaint {r.complaint_id!r}")
    if known.resolved_on:
        return _refused(f"the complaint {r.complaint_id!r} was resolved on {iso(known.resolved_on)}")
    shard.evolve(r)
    return NOTHING


def _refused(detail: str) -> Refusal:
    return Refusal("bad_value", detail, "complaint_id")


def _complaint(shard: "Shard", r: ComplaintFiled | ComplaintResolved) -> Complaint | None:
    customer = shard.customers.get(r.customer_id)
    if customer is None or customer.relations is None:
        return None
    return customer.relations.complaint(r.complaint_id, shard.closed_through)


# ------------------------------------------------------------------------------------------------------ evolve

_SIGNS_OF_LIFE = (
    BranchVisit,
    AppSession,
    CampaignResponse,
    ProductEnquiry,
    ComplaintFiled,
    SatisfactionRated,
    IdentityVerified,
)
"""What a customer does besides turning to the bank by telephone or message (DOMAIN §5, dormant)."""


def evolve_interaction(shard: "Shard", r: CustomerRecord) -> None:
    """What an interaction adds to what is known of its customer."""
    customer = shard.customers.ensure(r.customer_id)
    relations = customer.relations
    if relations is None:
        relations = customer.relations = Relations()
    if isinstance(r, _SIGNS_OF_LIFE) or (isinstance(r, PhoneCall | Message) and r.direction == "in"):
        note_activity(customer, DAYS[r.occurred_at[:10]], cause_of(r))
    _forget(relations, shard.closed_through)
    ADDS[type(r)](relations, r, shard.open_day or DAYS[r.occurred_at[:10]])


def _forget(relations: Relations, closed_through: Day) -> None:
    """Drop what no trigger can rest on any more; the latest rating stays for the screens."""
    if relations.complaints:
        relations.complaints = [each for each in relations.complaints if not is_past(each.settled, closed_through)]
    if relations.ratings:
        last = relations.last_rating()
        relations.ratings = [
            each for each in relations.ratings if each is last or not is_past(each.taken, closed_through)
        ]
    if relations.signs:
        relations.signs = [each for each in relations.signs if not is_past(each.taken, closed_through)]


def _word(text: str | UnsetType) -> str:
    return "" if isinstance(text, UnsetType) else text


def _came(relations: Relations, r: CustomerRecord, how: str, by: str = "") -> None:
    """The customer turned to the bank."""
    if relations.last_in is None or instant(r.occurred_at) >= instant(relations.last_in.at):
        relations.last_in = Contact(r.occurred_at, how, by)


def _went(relations: Relations, r: CustomerRecord, how: str, by: str = "") -> None:
    """The bank turned to the customer."""
    if relations.last_out is None or instant(r.occurred_at) >= instant(relations.last_out.at):
        relations.last_out = Contact(r.occurred_at, how, by)


def _by(relations: Relations, r: CustomerRecord, channel: str, direction: str, by: str = "") -> None:
    """A contact by a channel, which is counted."""
    counts = relations.channels.setdefault(channel, [0, 0])
    if direction == "in":
        counts[0] += 1
        _came(relations, r, channel, by)
    else:
        counts[1] += 1
        _went(relations, r, channel, by)


def _visited(relations: Relations, r: BranchVisit, _taken: Day) -> None:
    _by(relations, r, "branch", "in", r.branch)


def _called(relations: Relations, r: PhoneCall, _taken: Day) -> None:
    _by(relations, r, "phone", r.direction)


def _used_app(relations: Relations, r: AppSession, _taken: Day) -> None:
    _by(relations, r, "app", "in")


def _wrote(relations: Relations, r: Message, _taken: Day) -> None:
    _by(relations, r, r.channel, r.direction)


def _addressed(relations: Relations, r: CampaignContact, _taken: Day) -> None:
    _went(relations, r, "campaign", r.campaign)
    known = _campaign(relations, r.campaign)
    known.contacted_on = max(known.contacted_on, DAYS[r.occurred_at[:10]])


def _responded(relations: Relations, r: CampaignResponse, _taken: Day) -> None:
    _came(relations, r, "campaign", r.campaign)
    known, day = _campaign(relations, r.campaign), DAYS[r.occurred_at[:10]]
    if day >= known.responded_on:
        known.responded_on, known.response = day, r.response


def _campaign(relations: Relations, name: str) -> Campaign:
    """A campaign by name, now the last one; the one that stood still for longest makes room."""
    known = relations.campaigns.pop(name, None) or Campaign()
    relations.campaigns[name] = known
    if len(relations.campaigns) > CAMPAIGNS_KEPT:
        del relations.campaigns[next(iter(relations.campaigns))]
    return known


def _enquired(relations: Relations, r: ProductEnquiry, _taken: Day) -> None:
    _came(relations, r, "enquiry")
    relations.enquiries.append(Enquiry(DAYS[r.occurred_at[:10]], r.category, _word(r.product)))
    del relations.enquiries[:-ENQUIRIES_KEPT]


def _complained(relations: Relations, r: ComplaintFiled, _taken: Day) -> None:
    _came(relations, r, "complaint")
    relations.filed += 1
    relations.complaints.append(Complaint(r.complaint_id, r.severity, DAYS[r.occurred_at[:10]], cause_of(r)))


def _resolved(relations: Relations, r: ComplaintResolved, taken: Day) -> None:
    found = next((each for each in relations.open_complaints() if each.complaint_id == r.complaint_id), None)
    if found is None:  # folded without its complaint, for a day before that
        return
    found.resolved_on, found.outcome, found.settled = DAYS[r.occurred_at[:10]], r.outcome, taken


def _rated(relations: Relations, r: SatisfactionRated, taken: Day) -> None:
    _came(relations, r, "rating")
    relations.ratings.append(Rating(r.occurred_at, r.score, _word(r.about), cause_of(r), taken))


def _verified(relations: Relations, r: IdentityVerified, _taken: Day) -> None:
    _came(relations, r, "identity", r.operator)
    found = Identity(r.operator, r.method, r.occurred_at, r.valid_minutes)
    if relations.identity is None or found.until >= relations.identity.until:
        relations.identity = found


def _contacted(relations: Relations, r: ManagerContact, taken: Day) -> None:
    _went(relations, r, "manager", r.manager_id)
    if r.credit_sign is not UNSET:
        day = DAYS[r.occurred_at[:10]]
        relations.signs.append(CreditSign(day, r.credit_sign, r.manager_id, cause_of(r), taken))


def _claimed(_relations: Relations, _r: TriggerClaimed, _taken: Day) -> None:
    """A claim says nothing of the customer."""


ADDS: dict[type[Record], Callable[[Relations, Any, Day], None]] = {
    BranchVisit: _visited,
    PhoneCall: _called,
    AppSession: _used_app,
    Message: _wrote,
    CampaignContact: _addressed,
    CampaignResponse: _responded,
    ProductEnquiry: _enquired,
    ComplaintFiled: _complained,
    ComplaintResolved: _resolved,
    SatisfactionRated: _rated,
    IdentityVerified: _verified,
    TriggerClaimed: _claimed,
    ManagerContact: _contacted,
}
"""Every interaction and what it adds."""
