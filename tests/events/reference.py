"""A slow and strict reading of CONTRACT §1, by the standard library and by hand: what is a record and what is none.

Written from the contract alone, to be compared with ``events.codec``.
"""

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

LARGEST = 2**53 - 1
LARGEST_SUM = 2**63 - 1
"""Of control totals: the contract gives no bound for the sum of a whole source; the published schema gives this one."""
LONGEST = 1 << 20
DEEPEST = 64
FIRST_DAY, LAST_DAY = "1900-01-01", "2999-12-31"
LARGEST_FLOAT, LONGEST_INTEGER = 1.7976931348623157e308, 4300  # in characters, the sign counted


class No(Exception):
    """Not a record."""


class _Fraction(str):
    """A number with a fraction or an exponent, within the range of a double."""

    def __new__(cls, text: str) -> "_Fraction":
        if not -LARGEST_FLOAT <= float(text) <= LARGEST_FLOAT:
            raise No("a number out of range")
        return super().__new__(cls, text)


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise No("a number out of range")
    return int(digits)


def _depth(text: str) -> int:
    """How deep lists and objects are nested, character by character."""
    depth = deepest = 0
    is_text = is_escaped = False
    for each in text:
        if is_text:
            is_text = is_escaped or each != '"'
            is_escaped = each == "\\" and not is_escaped
        elif each == '"':
            is_text = True
        elif each in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif each in "}]":
            depth -= 1
    return deepest


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in items:
        content.setdefault("\0twice", []).append(key) if key in content else None
        content[key] = value
    return content


def _constant(text: str) -> None:
    raise No(text)


def read(line: bytes) -> dict[str, Any]:
    """The content of a record. Raises No."""
    if len(line) > LONGEST:
        raise No("too large")
    try:
        text = line.decode("utf-8", "strict")
        if _depth(text) > DEEPEST:
            raise No("too deep")
        content = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_constant,
            parse_float=_Fraction,
            parse_int=_integer,
        )
        json.dumps(content, ensure_ascii=False).encode("utf-8", "strict")  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise No(str(error)) from None
    if not isinstance(content, dict):
        raise No("no object")
    _no_key_twice({name: value for name, value in content.items() if name != "ext"})
    _object(content, FIELDS.get(str(content.get("type"))) or _unknown())
    return content


def _unknown() -> Any:
    raise No("unknown type")


def _no_key_twice(value: Any) -> None:
    if isinstance(value, dict):
        if "\0twice" in value:
            raise No("a key twice")
        for below in value.values():
            _no_key_twice(below)
    elif isinstance(value, list):
        for below in value:
            _no_key_twice(below)


def _object(content: Any, fields: "dict[str, Rule]") -> None:
    if not isinstance(content, dict):
        raise No("wants an object")
    for name in content:
        if name not in fields and name + "?" not in fields:
            raise No(f"unknown field {name}")
    for name, rule in fields.items():
        if name.rstrip("?") in content:
            rule(content[name.rstrip("?")])
        elif not name.endswith("?"):
            raise No(f"missing {name}")


Rule = Callable[[Any], None]


def _when(is_right: Callable[[Any], bool]) -> Rule:
    def rule(value: Any) -> None:
        if not is_right(value):
            raise No(f"bad value {value!r}")

    return rule


def text(longest: int, pattern: str = r"[\s\S]*") -> Rule:
    return _when(
        lambda v: (
            isinstance(v, str)
            and not isinstance(v, _Fraction)
            and 1 <= len(v) <= longest
            and bool(re.fullmatch(pattern, v))
        )
    )


def whole(low: int | None, high: int | None) -> Rule:
    return _when(
        lambda v: (
            isinstance(v, int) and not isinstance(v, bool) and (low is None or v >= low) and (high is None or v <= high)
        )
    )


def one_of(*words: str) -> Rule:
    return _when(lambda v: isinstance(v, str) and not isinstance(v, _Fraction) and v in words)


def listed(rule: Rule) -> Rule:
    def each(value: Any) -> None:
        if not isinstance(value, list):
            raise No("wants a list")
        for one in value:
            rule(one)

    return each


def part(**fields: Rule) -> Rule:
    named = {name.replace("_maybe", "?"): rule for name, rule in fields.items()}
    return lambda value: _object(value, named)


def _is_date(value: Any) -> bool:
    if (
        not isinstance(value, str)
        or isinstance(value, _Fraction)
        or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
    ):
        return False
    try:
        date(*map(int, value.split("-")))
    except ValueError:
        return False
    return FIRST_DAY <= value <= LAST_DAY


def _is_time(value: Any) -> bool:
    found = isinstance(value, str) and re.fullmatch(
        r"([0-9-]{10})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|[+-]([0-9]{2}):([0-9]{2}))", value
    )
    if not found or not _is_date(found[1]):
        return False
    hour, minute, second, off_hour, off_minute = (int(each or 0) for each in found.groups()[1:])
    return hour < 24 and minute < 60 and second <= 60 and off_hour < 24 and off_minute < 60


day, word, flag = _when(_is_date), text(64), _when(lambda v: isinstance(v, bool))
month = text(7, r"[0-9]{4}-(0[1-9]|1[0-2])")
decimal = text(38, r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
currency, positive, not_negative, signed = (
    text(3, "[A-Z]{3}"),
    whole(1, LARGEST),
    whole(0, LARGEST),
    whole(-LARGEST, LARGEST),
)
source = text(32, "[a-z0-9-]+")
direction = one_of("in", "out")
loan_class = one_of("normal", "special_mention", "substandard", "doubtful", "loss")
state = one_of("ordinary", "vip", "lapsed", "special")
category = one_of("deposit", "wealth_product", "fund", "certificate_bond", "treasury_bond", "gold", "cts_margin")
counterparty = part(
    kind=one_of("own", "same_bank", "other_bank", "payment_platform", "cash", "unknown"),
    bank_maybe=text(200),
    account_maybe=text(200),
    name_maybe=text(200),
)

ENVELOPE: dict[str, Rule] = {
    "event_id": word,
    "source": source,
    "type": word,
    "schema_version": _when(lambda v: v == 1 and whole(1, 1)(v) is None),
    "occurred_at": _when(_is_time),
    "ext?": _when(lambda v: isinstance(v, dict)),
}
CUSTOMER = {**ENVELOPE, "customer_id": word}
MONEY = {
    **CUSTOMER,
    "account_id": word,
    "amount": positive,
    "currency": currency,
    "value_date": day,
    "booked_on?": day,
    "channel?": word,
    "counterparty?": counterparty,
    "memo?": text(2000),
    "transfer_id?": word,
}
document = part(kind=word, number=word)
PERSON = {"phone?": word, "branch?": word, "born_on?": day}
OUT = {**MONEY, "book?": not_negative, "paid_to?": word, "units?": decimal}
LOAN = {("loan_id" if name == "account_id" else name): rule for name, rule in MONEY.items()}
MONTH = part(month=month, sum=whole(None, None), days=whole(28, 31))
FIELDS: dict[str, dict[str, Rule]] = {
    "account_opened": {
        **CUSTOMER,
        "account_id": word,
        "category": category,
        "currency": currency,
        "value_date": day,
        "opening_balance?": signed,
        "product?": word,
        "matures_on?": day,
    },
    "account_closed": {**CUSTOMER, "account_id": word, "value_date": day},
    **dict.fromkeys(
        (
            "deposit",
            "transfer_in",
            "interest_credited",
            "payroll_credited",
            "withdrawal",
            "transfer_out",
            "fee_charged",
        ),
        MONEY,
    ),
    "product_purchased": {**MONEY, "funded_from?": word, "product?": word, "units?": decimal, "matures_on?": day},
    "product_redeemed": OUT,
    "product_matured": OUT,
    "valuation_updated": {
        **CUSTOMER,
        "account_id": word,
        "market_value": not_negative,
        "currency": currency,
        "value_date": day,
        "units?": decimal,
        "price?": decimal,
    },
    "balance_stated": {**CUSTOMER, "account_id": word, "balance": signed, "currency": currency, "value_date": day},
    "customer_brought_forward": {
        **CUSTOMER,
        "value_date": day,
        "state": state,
        "months": listed(MONTH),
        "level?": word,
        "watch?": listed(_when(lambda v: v is None or word(v) is None)),
        "below_entry?": whole(0, None),
        "grace_left?": whole(1, None),
        "until?": day,
        "last_activity_on?": day,
        "payrolls?": listed(day),
    },
    "loan_opened": {
        **CUSTOMER,
        "loan_id": word,
        "outstanding": not_negative,
        "currency": currency,
        "class?": loan_class,
        "value_date": day,
    },
    "loan_disbursed": {**LOAN, "paid_to?": word},
    "loan_repaid": {**LOAN, "paid_from?": word},
    "loan_overdue": {
        **CUSTOMER,
        "loan_id": word,
        "amount": positive,
        "days_overdue": not_negative,
        "value_date": day,
    },
    "loan_classified": {**CUSTOMER, "loan_id": word, "class": loan_class, "value_date": day},
    "reversal": {**CUSTOMER, "reverses": part(event_id=word, source_maybe=source)},
    "customer_registered": {**CUSTOMER, **PERSON, "name": text(200), "document": document},
    "customer_updated": {**CUSTOMER, **PERSON, "name?": text(200), "document?": document},
    "manager_assigned": {**CUSTOMER, "manager_id": word, "branch?": word},
    "erasure_requested": CUSTOMER,
    "consent_changed": {**CUSTOMER, "purpose": word, "granted": flag},
    "special_vip_granted": {**CUSTOMER, "level": word, "reason": text(2000), "granted_by": word, "value_date": day},
    "special_vip_revoked": {**CUSTOMER, "reason": text(2000), "value_date": day},
    "branch_visit": {**CUSTOMER, "branch": word},
    "phone_call": {**CUSTOMER, "direction": direction, "minutes?": not_negative},
    "app_session": {**CUSTOMER, "minutes?": not_negative},
    "message": {**CUSTOMER, "channel": word, "direction": direction},
    "campaign_contact": {**CUSTOMER, "campaign": word},
    "campaign_response": {**CUSTOMER, "campaign": word, "response": word},
    "product_enquiry": {**CUSTOMER, "category": category, "product?": word},
    "complaint_filed": {**CUSTOMER, "complaint_id": word, "severity": whole(1, 3), "text?": text(2000)},
    "complaint_resolved": {**CUSTOMER, "complaint_id": word, "outcome": text(200)},
    "satisfaction_rated": {**CUSTOMER, "score": whole(1, 5), "about?": text(200)},
    "identity_verified": {**CUSTOMER, "operator": word, "method": word, "valid_minutes": whole(1, 10 * 365 * 24 * 60)},
    "trigger_claimed": {**CUSTOMER, "trigger_id": text(200), "manager_id": word},
    "manager_contact": {
        **CUSTOMER,
        "manager_id": word,
        "trigger_id?": text(200),
        "outcome?": one_of("retained", "lost", "no_need"),
        "credit_sign?": text(200),
        "note?": text(2000),
    },
    "business_day_closed": {
        **ENVELOPE,
        "date": day,
        "working_day?": flag,
        "totals?": part(count=not_negative, signed_sum=whole(-LARGEST_SUM, LARGEST_SUM)),
    },
}
