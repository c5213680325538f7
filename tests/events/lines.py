"""Lines for the codec: records of every type, whole and broken, written in every way JSON allows and some more."""

import json
from datetime import date
from typing import Any

from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_WORD = st.one_of(st.sampled_from(["C1", "A1", "e-1", "客户"]), _TEXT)
_DATE = st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(lambda each: each.isoformat())
_MINOR = st.one_of(st.sampled_from([1, 100, 2**53 - 1]), st.integers(1, 2**53 - 1))
_CLASS = st.sampled_from(["normal", "special_mention", "loss"])
_DIRECTION = st.sampled_from(["in", "out"])
_DECIMAL = st.sampled_from(["1", "-1.5", "0.000000000000000001", "123456789012345678.1"])
_CURRENCY = st.sampled_from(["CNY", "USD"])
_TIME = st.builds(
    lambda day, time: day + time,
    _DATE,
    st.sampled_from(["T10:00:00+08:00", "t23:59:60z", "T00:00:00.123456789-23:59", "T00:00:00Z"]),
)
_COUNTERPARTY = st.fixed_dictionaries(
    {"kind": st.sampled_from(["own", "cash"])}, optional={"bank": _WORD, "account": _WORD, "name": _WORD}
)
_EXT = st.dictionaries(
    _WORD,
    st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), _WORD), lambda x: st.lists(x, max_size=2)),
    max_size=3,
)
_ENVELOPE = {
    "event_id": _WORD,
    "source": st.sampled_from(["core", "a-0"]),
    "schema_version": st.just(1),
    "occurred_at": _TIME,
}
_CUSTOMER = {**_ENVELOPE, "customer_id": _WORD}
_MONEY = {**_CUSTOMER, "account_id": _WORD, "amount": _MINOR, "currency": _CURRENCY, "value_date": _DATE}
_LOAN = {("loan_id" if name == "account_id" else name): each for name, each in _MONEY.items()}
_MAYBE: dict[str, Any] = {"ext": _EXT}
_MONEY_MAYBE = {
    **_MAYBE,
    "booked_on": _DATE,
    "channel": _WORD,
    "counterparty": _COUNTERPARTY,
    "memo": _WORD,
    "transfer_id": _WORD,
}
_DOCUMENT = st.fixed_dictionaries({"kind": st.sampled_from(["id_card", "passport"]), "number": _WORD})
_WHO_MAYBE = {**_MAYBE, "phone": _WORD, "branch": _WORD, "born_on": _DATE}
_OUT_MAYBE = {**_MONEY_MAYBE, "book": _MINOR, "paid_to": _WORD, "units": _DECIMAL}
_SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "deposit": (_MONEY, _MONEY_MAYBE),
    "fee_charged": (_MONEY, _MONEY_MAYBE),
    "product_purchased": (_MONEY, {**_MONEY_MAYBE, "funded_from": _WORD, "product": _WORD, "matures_on": _DATE}),
    "product_redeemed": (_MONEY, _OUT_MAYBE),
    "product_matured": (_MONEY, _OUT_MAYBE),
    "account_opened": (
        {
            **_CUSTOMER,
            "account_id": _WORD,
            "category": st.sampled_from(["deposit", "gold"]),
            "currency": _CURRENCY,
            "value_date": _DATE,
        },
        {**_MAYBE, "opening_balance": st.integers(-(2**53) + 1, 2**53 - 1), "product": _WORD},
    ),
    "account_closed": ({**_CUSTOMER, "account_id": _WORD, "value_date": _DATE}, _MAYBE),
    "valuation_updated": (
        {
            **_CUSTOMER,
            "account_id": _WORD,
            "market_value": st.integers(0, 2**53 - 1),
            "currency": _CURRENCY,
            "value_date": _DATE,
        },
        {**_MAYBE, "units": _DECIMAL, "price": _DECIMAL},
    ),
    "balance_stated": (
        {**_CUSTOMER, "account_id": _WORD, "balance": st.integers(-5, 5), "currency": _CURRENCY, "value_date": _DATE},
        _MAYBE,
    ),
    "customer_brought_forward": (
        {
            **_CUSTOMER,
            "value_date": _DATE,
            "state": st.sampled_from(["vip", "ordinary"]),
            "months": st.lists(
                st.fixed_dictionaries(
                    {
                        "month": st.sampled_from(["2025-12", "0001-01"]),
                        "sum": st.integers(),
                        "days": st.integers(28, 31),
                    }
                ),
                max_size=2,
            ),
        },
        {
            **_MAYBE,
            "level": _WORD,
            "watch": st.lists(st.one_of(st.none(), _WORD), max_size=2),
            "below_entry": st.integers(0, 9),
            "grace_left": st.integers(1, 9),
            "until": _DATE,
            "last_activity_on": _DATE,
            "payrolls": st.lists(_DATE, max_size=2),
        },
    ),
    "loan_opened": (
        {
            **_CUSTOMER,
            "loan_id": _WORD,
            "outstanding": st.integers(0, 2**53 - 1),
            "currency": _CURRENCY,
            "value_date": _DATE,
        },
        {**_MAYBE, "class": _CLASS},
    ),
    "loan_disbursed": (_LOAN, {**_MONEY_MAYBE, "paid_to": _WORD}),
    "loan_repaid": (_LOAN, {**_MONEY_MAYBE, "paid_from": _WORD}),
    "loan_overdue": (
        {
            **_CUSTOMER,
            "loan_id": _WORD,
            "amount": _MINOR,
            "days_overdue": st.integers(0, 2**53 - 1),
            "value_date": _DATE,
        },
        _MAYBE,
    ),
    "loan_classified": ({**_CUSTOMER, "loan_id": _WORD, "class": _CLASS, "value_date": _DATE}, _MAYBE),
    "reversal": (
        {**_CUSTOMER, "reverses": st.fixed_dictionaries({"event_id": _WORD}, optional={"source": st.just("core")})},
        _MAYBE,
    ),
    "customer_registered": ({**_CUSTOMER, "name": _WORD, "document": _DOCUMENT}, _WHO_MAYBE),
    "customer_updated": (_CUSTOMER, {**_WHO_MAYBE, "name": _WORD, "document": _DOCUMENT}),
    "manager_assigned": ({**_CUSTOMER, "manager_id": _WORD}, {**_MAYBE, "branch": _WORD}),
    "erasure_requested": (_CUSTOMER, _MAYBE),
    "consent_changed": (
        {**_CUSTOMER, "purpose": st.sampled_from(["marketing", "profiling"]), "granted": st.booleans()},
        _MAYBE,
    ),
    "special_vip_granted": (
        {**_CUSTOMER, "level": _WORD, "reason": _WORD, "granted_by": _WORD, "value_date": _DATE},
        _MAYBE,
    ),
    "special_vip_revoked": ({**_CUSTOMER, "reason": _WORD, "value_date": _DATE}, _MAYBE),
    "branch_visit": ({**_CUSTOMER, "branch": _WORD}, _MAYBE),
    "phone_call": ({**_CUSTOMER, "direction": _DIRECTION}, {**_MAYBE, "minutes": st.integers(0, 2**53 - 1)}),
    "app_session": (_CUSTOMER, {**_MAYBE, "minutes": st.integers(0, 600)}),
    "message": ({**_CUSTOMER, "channel": _WORD, "direction": _DIRECTION}, _MAYBE),
    "campaign_contact": ({**_CUSTOMER, "campaign": _WORD}, _MAYBE),
    "campaign_response": ({**_CUSTOMER, "campaign": _WORD, "response": _WORD}, _MAYBE),
    "product_enquiry": (
        {**_CUSTOMER, "category": st.sampled_from(["fund", "cts_margin"])},
        {**_MAYBE, "product": _WORD},
    ),
    "complaint_filed": (
        {**_CUSTOMER, "complaint_id": _WORD, "severity": st.integers(1, 3)},
        {**_MAYBE, "text": _WORD},
    ),
    "complaint_resolved": ({**_CUSTOMER, "complaint_id": _WORD, "outcome": _WORD}, _MAYBE),
    "satisfaction_rated": ({**_CUSTOMER, "score": st.integers(1, 5)}, {**_MAYBE, "about": _WORD}),
    "identity_verified": (
        {**_CUSTOMER, "operator": _WORD, "method": _WORD, "valid_minutes": st.sampled_from([1, 30, 5_256_000])},
        _MAYBE,
    ),
    "trigger_claimed": ({**_CUSTOMER, "trigger_id": _WORD, "manager_id": _WORD}, _MAYBE),
    "manager_contact": (
        {**_CUSTOMER, "manager_id": _WORD},
        {
            **_MAYBE,
            "trigger_id": _WORD,
            "outcome": st.sampled_from(["retained", "lost", "no_need"]),
            "credit_sign": _WORD,
            "note": _WORD,
        },
    ),
    "business_day_closed": (
        {**_ENVELOPE, "date": _DATE},
        {
            **_MAYBE,
            "working_day": st.booleans(),
            "totals": st.fixed_dictionaries(
                {"count": st.integers(0, 2**53 - 1), "signed_sum": st.integers(-(2**60), 2**60)}
            ),
        },
    ),
}


@st.composite
def contents(draw: st.DrawFn, kind: str | None = None, field: str | None = None) -> dict[str, Any]:
    """The content of a whole record; of this type and with this field, if they are given."""
    name = kind or draw(st.sampled_from(list(_SHAPES)))
    required, optional = _SHAPES[name]
    if field in optional:
        required, optional = {**required, field: optional[field]}, {k: v for k, v in optional.items() if k != field}
    content = {"type": name, **draw(st.fixed_dictionaries(required, optional=optional))}
    order = draw(st.permutations(list(content))) if draw(st.booleans()) else list(content)
    return {field: content[field] for field in order}


JUNK = [
    "0",
    "-0",
    "-1",
    "1.0",
    "1e2",
    "1E400",
    "0.5",
    "01",
    "+1",
    "1.",
    ".5",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740992",
    "9" * 30,
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "[]",
    "{}",
    '""',
    '"x"',
    "[[[]]]",
    '{"a":1,"a":2}',
    '"2026-02-30"',
    '"2026-02-28"',
    '"1899-12-31"',
    '"1900-01-01"',
    '"2999-12-31"',
    '"3000-01-01"',
    '"20260228"',
    '"2026-W01-1"',
    '"2026-01-01T00:00:00"',
    '"2026-01-01T00:00:00+24:00"',
    '"2026-01-01T25:00:00Z"',
    '"２０２６-01-01"',
    '"1_0"',
    '"1e5"',
    '"-"',
    '"٣"',
    '"cny"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\u0000"',
    '"\\x41"',
    '"\x01"',
    '"\t"',
    '"\\/"',
    "'x'",
    "tru",
    '"' + "长" * 64 + '"',
    '"' + "长" * 65 + '"',
    '"' + "m" * 2001 + '"',
    "[null]",
    '["2026-01-01"]',
    "2",
    '"1"',
    "\ufeff1",
    "9" * 4300,
    "9" * 4301,
    "-1e309",
    "1e-999",
    "[" * 62 + "]" * 62,
    "[" * 63 + "]" * 63,
    '{"a":' * 62 + "1" + "}" * 62,
    '{"a":' * 63 + "1" + "}" * 63,
]
"""Values as JSON texts, or nearly: at the edges of what a field may hold, and beyond them."""
_JUNK = st.sampled_from(JUNK)
_SPACE = st.sampled_from(["", "", "", " ", "\t", "\r", "  ", "\x0b", "\xa0", "\ufeff"])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line: a record, perhaps with something wrong or odd about it."""
    content = draw(contents())
    fields = [
        (key, json.dumps(value, ensure_ascii=draw(st.booleans()), separators=(",", ":")))
        for key, value in content.items()
    ]
    kind = draw(
        st.sampled_from(["plain", "plain", "junk", "less", "more", "twice", "escaped", "inside", "own", "cut", "bytes"])
    )
    at = draw(st.integers(0, len(fields) - 1))
    key, value = fields[at]
    if kind == "junk":
        fields[at] = (key, draw(_JUNK))
    elif kind == "less":
        del fields[at]
    elif kind == "more":
        fields.insert(
            at,
            (
                draw(st.sampled_from(["x", "", "Type", "amount", "ext", "memo", "totals", "book", "sealed"])),
                draw(_JUNK),
            ),
        )
    elif kind == "twice":
        fields.insert(draw(st.integers(0, len(fields))), (key, draw(st.one_of(st.just(value), _JUNK))))
    elif kind == "escaped":
        fields[at] = ("".join(f"\\u{ord(each):04x}" for each in key), value)
    elif kind == "inside" and value.startswith("{") and len(value) > 2:
        fields[at] = (
            key,
            value[:-1] + "," + draw(st.sampled_from([value[1:-1], '"x":1', '"kind":"own"', '"count":1'])) + "}",
        )
    elif kind == "own":
        own = ("ext", f'{{"{draw(st.sampled_from(["a", "ext", "客"]))}":{draw(_JUNK)}}}')
        fields = [own, *(each for each in fields if each[0] != "ext")]
    space = draw(_SPACE) if draw(st.booleans()) else ""
    body = f",{space}".join(f'"{key}"{space}:{value}' for key, value in fields)
    line = (space + "{" + body + "}" + space).encode("utf-8", "surrogatepass")
    if kind == "cut":
        line = line[: draw(st.integers(0, len(line)))]
    elif kind == "bytes":
        place = draw(st.integers(0, len(line)))
        line = line[:place] + draw(st.binary(max_size=2)) + line[place:]
    return line.replace(b"\n", b" ")
