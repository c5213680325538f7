"""The words in which a record is refused (CONTRACT §2). Fixed: publishers program against them."""

from typing import Final

import msgspec

REASONS: Final[dict[str, str]] = {
    "not_json": "the bytes are not one UTF-8 JSON object",
    "unknown_type": "no record type of this name",
    "unknown_field": "a field that this type does not have",
    "missing_field": "a field that this type must have",
    "bad_value": "a field has the wrong type, form or range",
    "version_unsupported": "a schema_version this release does not know",
    "currency_unsupported": "not the currency of the policy",
    "id_reused_with_other_content": "the same identity was taken with other content",
    "account_unknown": "no such account of this customer on the value date",
    "account_exists": "the customer has or had an account of this id",
    "account_closed": "the account was closed before the value date",
    "loan_unknown": "no such loan of this customer",
    "reversal_unknown": "the record to reverse was never taken for this customer",
    "already_reversed": "the record to reverse was reversed before",
    "value_date_too_old": "the value date lies before what may still be restated",
    "value_date_in_future": "the value date is later than the day after occurred_at",
    "day_already_closed": "this source closed this date with other content",
    "valuation_inconsistent": "units × price is not the market value",
    "customer_erased": "the customer was erased",
    "key_mismatch": "the Kafka key or partition is not the customer's",
    "type_not_active": "a type of the contract whose effect is not built yet",
    "too_large": "the record is larger than a record may be",
    "not_first_record": "must be the customer's first record",
    "loan_exists": "the customer has or had a loan of this id",
}
LATER: Final[frozenset[str]] = frozenset()
"""Reasons that cannot occur until what they are about is built."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a record was not taken: one of ``REASONS``, the field at fault and a sentence for the publisher."""

    reason: str
    detail: str
    field: str | None = None
    source: str | None = None
    event_id: str | None = None
