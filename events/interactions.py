"""Records of topic ``bank.interactions.v1``: contacts, complaints, ratings, and what managers did (CONTRACT §1)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from events.fields import MAX_MINOR, Category, CustomerRecord, Memo, Phrase, TriggerId, Word

Direction = Annotated[
    Literal["in", "out"], Meta(description="`in`: the customer turned to the bank; `out`: the bank to the customer")
]
Minutes = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="how many minutes it took")]
MAX_VALID_MINUTES = 5_256_000
"""Longest time for which an identity may be taken as verified: ten years."""


class BranchVisit(CustomerRecord, frozen=True, tag="branch_visit"):
    """The customer came to a branch."""

    branch: Word


class PhoneCall(CustomerRecord, frozen=True, tag="phone_call"):
    """A telephone call with the customer."""

    direction: Direction
    minutes: Minutes | UnsetType = UNSET


class AppSession(CustomerRecord, frozen=True, tag="app_session"):
    """The customer used the bank's app or website."""

    minutes: Minutes | UnsetType = UNSET


class Message(CustomerRecord, frozen=True, tag="message"):
    """A message from or to the customer, by whatever channel: SMS, mail, chat. What it said is not sent."""

    channel: Word
    direction: Direction


class CampaignContact(CustomerRecord, frozen=True, tag="campaign_contact"):
    """The customer was addressed in a campaign."""

    campaign: Word


class CampaignResponse(CustomerRecord, frozen=True, tag="campaign_response"):
    """How the customer answered a campaign."""

    campaign: Word
    response: Word


class ProductEnquiry(CustomerRecord, frozen=True, tag="product_enquiry"):
    """The customer asked about a product: an opportunity."""

    category: Category
    product: Word | UnsetType = UNSET


class ComplaintFiled(CustomerRecord, frozen=True, tag="complaint_filed"):
    """A complaint; it is open until `complaint_resolved` names it."""

    complaint_id: Word
    severity: Annotated[int, Meta(ge=1, le=3, description="1 to 3, 3 is the gravest")]
    text: Memo | UnsetType = UNSET


class ComplaintResolved(CustomerRecord, frozen=True, tag="complaint_resolved"):
    """An open complaint of the customer is settled."""

    complaint_id: Word
    outcome: Phrase


class SatisfactionRated(CustomerRecord, frozen=True, tag="satisfaction_rated"):
    """The customer said how satisfied he or she is."""

    score: Annotated[int, Meta(ge=1, le=5, description="1 to 5, 5 is the best")]
    about: Phrase | UnsetType = UNSET


class IdentityVerified(CustomerRecord, frozen=True, tag="identity_verified"):
    """The customer's identity was checked; that holds for so many minutes from `occurred_at`, for the whole bank."""

    operator: Word
    method: Word
    valid_minutes: Annotated[int, Meta(ge=1, le=MAX_VALID_MINUTES, description="how many minutes it holds, 1 or more")]


class TriggerClaimed(CustomerRecord, frozen=True, tag="trigger_claimed"):
    """A manager takes a retention trigger on; of one that is not in `raised`, it changes nothing."""

    trigger_id: TriggerId
    manager_id: Word


class ManagerContact(CustomerRecord, frozen=True, tag="manager_contact"):
    """A manager spoke with the customer, perhaps because of a trigger, perhaps with an outcome."""

    manager_id: Word
    trigger_id: TriggerId | UnsetType = UNSET
    outcome: Literal["retained", "lost", "no_need"] | UnsetType = UNSET
    credit_sign: Phrase | UnsetType = UNSET
    note: Memo | UnsetType = UNSET


TYPES = (
    BranchVisit,
    PhoneCall,
    AppSession,
    Message,
    CampaignContact,
    CampaignResponse,
    ProductEnquiry,
    ComplaintFiled,
    ComplaintResolved,
    SatisfactionRated,
    IdentityVerified,
    TriggerClaimed,
    ManagerContact,
)
INACTIVE: tuple[str, ...] = ()
