"""What one field of a record may hold: the building blocks of every record definition.

Each alias is one msgspec type with its limits and its sentence for the reference page. Limits that msgspec checks while
decoding (length, range) stand in ``Meta``; those it cannot check at speed (a date that exists, an offset, an upper-case
currency) are named by ``x-check`` and done once per distinct value by ``events.codec``. ``x-personal`` marks personal
data (DOMAIN §7): sealed before a record is stored.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_MINOR = 2**53 - 1
"""Largest amount a record may carry, in minor units (CONTRACT §1)."""


def _text(longest: int, description: str, *, check: str | None = None, personal: bool = False) -> Meta:
    extra: dict[str, object] = {}
    if check:
        extra["x-check"] = check
    if personal:
        extra["x-personal"] = True
    return Meta(min_length=1, max_length=longest, description=description, extra_json_schema=extra or None)


def _form(description: str, check: str) -> Meta:
    return Meta(description=description, extra_json_schema={"x-check": check})


EventId = Annotated[str, _text(64, "1-64 characters, unique within `source`")]
Source = Annotated[str, _text(32, "the publishing system: 1-32 of a-z 0-9 -", check="source")]
OccurredAt = Annotated[str, _form("when it happened: RFC 3339 with offset", "timestamp")]
CustomerId = Annotated[str, _text(64, "1-64 characters, one per person in the whole bank")]
AccountId = Annotated[str, _text(64, "the account or holding, looked up within the customer")]
LoanId = Annotated[str, _text(64, "the loan, looked up within the customer")]
Currency = Annotated[str, _form("ISO 4217; today the policy's one currency", "currency")]
Date = Annotated[str, _form("YYYY-MM-DD", "date")]
Month = Annotated[str, _form("YYYY-MM", "month")]
Amount = Annotated[int, Meta(ge=1, le=MAX_MINOR, description="minor units, above 0")]
NotNegative = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="minor units, 0 or more")]
Signed = Annotated[int, Meta(ge=-MAX_MINOR, le=MAX_MINOR, description="minor units, may be negative")]
Count = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="how many")]
DecimalText = Annotated[str, _form("decimal number as a string", "decimal")]
Word = Annotated[str, _text(64, "a short word of the publisher's")]
Phrase = Annotated[str, _text(200, "a few words of the publisher's, nothing personal")]
TriggerId = Annotated[str, _text(200, "the `id` of a retention trigger")]
Name = Annotated[str, _text(200, "a name", personal=True)]
Memo = Annotated[str, _text(2000, "free text", personal=True)]
Ext = Annotated[
    msgspec.Raw,
    Meta(
        description="object for the publisher's own use: kept, encrypted, never interpreted",
        extra_json_schema={"type": "object", "x-check": "object", "x-personal": True},
    ),
]

Sealed = Annotated[str, Meta(description="personal fields of a stored record", extra_json_schema={"x-internal": True})]
"""The log's own: the ciphertext of a stored record's personal fields. A publisher that sends it is refused."""

Category = Literal["deposit", "wealth_product", "fund", "certificate_bond", "treasury_bond", "gold", "cts_margin"]
"""Asset categories whose balances make up AUM (DOMAIN §1)."""

LoanClass = Literal["normal", "special_mention", "substandard", "doubtful", "loss"]
"""Classes of credit risk, from good to bad."""

CounterpartyKind = Literal["own", "same_bank", "other_bank", "payment_platform", "cash", "unknown"]
TierStateName = Literal["ordinary", "vip", "lapsed", "special"]


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An object inside a record."""


class Counterparty(Part, frozen=True):
    """The other side of a payment. Its kind stays readable; bank, account and name are personal data."""

    kind: CounterpartyKind
    bank: Name | UnsetType = UNSET
    account: Name | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class Reference(Part, frozen=True):
    """Names another record by its source (absent: the record's own) and its event_id."""

    event_id: EventId
    source: Source | UnsetType = UNSET


class MonthSum(Part, frozen=True):
    """One month of a customer: the sum of its end-of-day balances in minor units and its number of days."""

    month: Month
    sum: int
    days: Annotated[int, Meta(ge=28, le=31, description="calendar days of the month")]


class Totals(Part, frozen=True):
    """Control totals of a close: how many AUM-moving postings were booked that day and their signed sum."""

    count: Count
    signed_sum: Annotated[int, Meta(ge=-(2**63) + 1, le=2**63 - 1, description="minor units, may be negative")]


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"):
    """The envelope on every record (CONTRACT §1)."""

    event_id: EventId
    source: Source
    schema_version: Literal[1]
    occurred_at: OccurredAt
    ext: Ext | UnsetType = UNSET
    sealed: Sealed | UnsetType = UNSET


class CustomerRecord(Record, frozen=True):
    """A record about one customer: every record but those of the calendar."""

    customer_id: CustomerId
