"""Records of topic ``bank.customers.v1`` whose effect is built: who a customer is, the manager, consents, special VIP.

Source: CONTRACT §1; DOMAIN §4 (special), §7 (personal data).
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from events.fields import CustomerRecord, Date, Memo, Name, Part, Word

BirthDate = Annotated[str, Meta(description="YYYY-MM-DD", extra_json_schema={"x-check": "date", "x-personal": True})]
DocumentNumber = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="the number on the document", extra_json_schema={"x-personal": True}),
]
PhoneNumber = Annotated[
    str, Meta(min_length=1, max_length=64, description="a phone number", extra_json_schema={"x-personal": True})
]


class Document(Part, frozen=True):
    """A paper that proves who somebody is. Its kind stays readable; its number is personal data."""

    kind: Word
    number: DocumentNumber


class CustomerRegistered(CustomerRecord, frozen=True, tag="customer_registered"):
    """The bank knows who the customer is. A second one counts as an update: the first day stands."""

    name: Name
    document: Document
    phone: PhoneNumber | UnsetType = UNSET
    branch: Word | UnsetType = UNSET
    born_on: BirthDate | UnsetType = UNSET


class CustomerUpdated(CustomerRecord, frozen=True, tag="customer_updated"):
    """What the bank knows of the customer changed; a field that is absent stays as it was."""

    name: Name | UnsetType = UNSET
    document: Document | UnsetType = UNSET
    phone: PhoneNumber | UnsetType = UNSET
    branch: Word | UnsetType = UNSET
    born_on: BirthDate | UnsetType = UNSET


class ManagerAssigned(CustomerRecord, frozen=True, tag="manager_assigned"):
    """From the date of `occurred_at` on this customer manager looks after the customer, in place of any other."""

    manager_id: Word
    branch: Word | UnsetType = UNSET


class ConsentChanged(CustomerRecord, frozen=True, tag="consent_changed"):
    """The customer gave or withdrew consent to a purpose; `marketing` is what a campaign needs."""

    purpose: Word
    granted: bool


class ErasureRequested(CustomerRecord, frozen=True, tag="erasure_requested"):
    """The customer's key is destroyed: names, numbers and texts of theirs cannot be read again, by anyone.

    Balances, levels and proofs stay, and money is still taken; everything else about the customer is refused.
    """


class SpecialVipGranted(CustomerRecord, frozen=True, tag="special_vip_granted"):
    """VIP treatment by decision, for one year from `value_date`."""

    level: Word
    reason: Memo
    granted_by: Word
    value_date: Date


class SpecialVipRevoked(CustomerRecord, frozen=True, tag="special_vip_revoked"):
    """The special treatment ends on the later of `value_date` and the open day."""

    reason: Memo
    value_date: Date


TYPES = (
    CustomerRegistered,
    CustomerUpdated,
    ManagerAssigned,
    ConsentChanged,
    ErasureRequested,
    SpecialVipGranted,
    SpecialVipRevoked,
)
INACTIVE = ("account_linked", "customers_merged")
