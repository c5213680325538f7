"""The generated schemas take and refuse what the codec does, and the page names what is registered (CONTRACT §1)."""

import json
import re
from typing import Any

import pytest

from events import codec, decisions
from events.catalog import INACTIVE, RECORDS, TOPIC_OF
from events.fields import Record
from events.refusals import LATER, REASONS
from guanxi import schemas

# ---------------------------------------------------------------------------------------------- a small validator

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "array": list,
    "object": dict,
    "boolean": bool,
}
KNOWN = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "format", "type", "enum", "anyOf", "pattern", "required",
    "additionalProperties", "properties", "items", "minLength", "maxLength", "minimum", "maximum",
    "x-topic", "x-personal",
}  # fmt: skip


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Whether a value is valid; knows every keyword that occurs, and says so of one that it does not know."""
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return accepts(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root)
    if "anyOf" in schema:
        return any(accepts(each, value, root) for each in schema["anyOf"])
    if "enum" in schema:
        return any(value == each and type(value) is type(each) for each in schema["enum"])
    wanted = schema.get("type")
    if wanted == "null":
        return value is None
    if not isinstance(value, TYPES[wanted]) or (wanted == "integer" and isinstance(value, bool)):
        return False
    if isinstance(value, str):
        length = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return length and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, list):
        return all(accepts(schema["items"], each, root) for each in value)
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        if not schema.get("additionalProperties", True) and not value.keys() <= fields.keys():
            return False
        known = all(accepts(fields[name], each, root) for name, each in value.items() if name in fields)
        return known and set(schema.get("required", ())) <= value.keys()
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


# ---------------------------------------------------------------------------------------------- samples

FULL: dict[str, Any] = {
    "account_id": "A1", "category": "fund", "currency": "CNY", "value_date": "2026-01-02", "opening_balance": -5,
    "product": "p", "matures_on": "2026-02-03", "amount": 5, "booked_on": "2026-01-03", "channel": "app",
    "counterparty": {"kind": "cash", "bank": "b", "account": "1", "name": "n"}, "memo": "m", "transfer_id": "t",
    "funded_from": "A2", "units": "1.50", "book": 0, "paid_to": "A3", "market_value": 0, "price": "-2.25", "balance": 0,
    "state": "vip", "months": [{"month": "2025-12", "sum": 5, "days": 31}], "level": "gold", "watch": ["gold", None],
    "below_entry": 0, "grace_left": 1, "until": "2026-12-31", "last_activity_on": "2025-12-31",
    "payrolls": ["2025-12-15"],
    "reverses": {"event_id": "e0", "source": "core"}, "date": "2026-01-02", "working_day": True,
    "totals": {"count": 1, "signed_sum": -5}, "reason": "r", "granted_by": "g",
    "name": "n", "document": {"kind": "id_card", "number": "1"}, "phone": "1", "born_on": "1990-03-07",
    "purpose": "marketing", "granted": True,
    "loan_id": "L1", "outstanding": 0, "class": "doubtful", "days_overdue": 31, "paid_from": "A1",
    "branch": "b", "direction": "in", "minutes": 0, "campaign": "c", "response": "r", "complaint_id": "k", "severity": 3,
    "text": "t", "outcome": "lost", "score": 5, "about": "a", "operator": "o", "method": "m", "valid_minutes": 30,
    "trigger_id": "C1:lapsed:2026-01", "manager_id": "M7", "credit_sign": "s", "note": "n",
    "event_id": "e1", "source": "core-1", "schema_version": 1, "occurred_at": "2026-01-02T10:00:00+08:00",
    "ext": {"a": [1.5, None]}, "customer_id": "C1",
}  # fmt: skip


def full(name: str) -> dict[str, Any]:
    """A record of a type with every field that it may have."""
    fields = [f for f in RECORDS[name].__struct_encode_fields__ if f != "sealed"]
    return {"type": name, **{field: FULL[field] for field in fields}}


ODD: dict[str, list[Any]] = {
    "date": ["2026-1-02", "2026-01-02 ", "20260102", "", "2026-01-02T00:00:00Z", 20260102],
    "date-time": [
        "2026-01-02T10:00:00",
        "2026-01-02 10:00:00Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T10:00:00+0800",
        "",
    ],
    "string": ["", 5, None, "x" * 2001, ["x"]],
    "integer": ["5", None, 1.5, True, 2**53],
    "boolean": [1, "true", None],
    "object": [[], "x", {"unknown": 1}, {}],
    "array": ["x", {}, [{}], [5]],
}
FINE: dict[str, list[Any]] = {
    "date-time": ["2026-01-02T10:00:00Z", "2026-01-02t10:00:00.123456789-12:30", "2026-12-31T23:59:60Z"],
    "string": ["客" * 3],
    "integer": [1],
    "boolean": [False],
}
PATTERNED: dict[str, list[Any]] = {
    "source": ["Core", "a_b", "x" * 33, "a-1"],
    "currency": ["cny", "CNYX", "USD"],
    "units": ["1,5", "1.", ".5", "1e3", "+1", "-0.5", "1" * 19, "٣"],
    "price": ["1,5", "007"],
    "event_id": ["x" * 64, "x" * 65],
}


def samples(name: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    record = full(name)
    found = [record, {k: v for k, v in record.items() if k in schema["required"]}, record | {"unknown": 1}]
    found.append(record | {"sealed": "x"})
    for field in record:
        found.append({k: v for k, v in record.items() if k != field})
        said = schema["properties"][field]
        if field == "type":
            continue
        kind = said.get("format") or said.get("type") or ("object" if "$ref" in said else "string")
        odd = [*ODD[kind], *FINE.get(kind, ()), *PATTERNED.get(field, ())]
        if field == "ext":
            odd = ["x", 5, [], None, {}, {"anything": {"at": "all"}}]
        if field == "schema_version":
            odd = [2, "1", True, None]
        found += [record | {field: value} for value in odd]
    return found


@pytest.mark.parametrize("name", RECORDS)
def test_a_schema_takes_and_refuses_what_the_codec_does(name: str) -> None:
    schema = schemas.schema_of(RECORDS[name])
    taken = refused = 0
    for sample in samples(name, schema):
        if "sealed" in sample:  # the log's own field: the intake refuses a publisher's
            assert not accepts(schema, sample, schema)
            continue
        found = codec.decode(json.dumps(sample).encode())
        assert accepts(schema, sample, schema) == isinstance(found, Record), (sample, found)
        taken += isinstance(found, Record)
        refused += not isinstance(found, Record)
    assert taken > 5
    assert refused > 30


def test_what_only_a_calendar_knows_is_left_to_the_codec() -> None:
    """A pattern cannot tell a day that does not exist: `format` says so to validators that look at it."""
    sample = full("deposit") | {"value_date": "2026-02-30"}
    schema = schemas.schema_of(RECORDS["deposit"])
    assert accepts(schema, sample, schema)
    assert schema["properties"]["value_date"]["format"] == "date"
    assert not isinstance(codec.decode(json.dumps(sample).encode()), Record)


# ---------------------------------------------------------------------------------------------- the page


def test_the_page_names_everything_that_is_registered() -> None:
    page = schemas.page()
    for name, record_type in RECORDS.items():
        section = page.split(f"### `{name}`\n", 1)[1].split("\n### ", 1)[0]
        assert f"(schemas/{name}.json)" in section
        envelope = {*Record.__struct_fields__, "customer_id"}
        assert {f for f in record_type.__struct_encode_fields__ if f not in envelope} <= set(
            re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
        )
    for name in INACTIVE:
        assert f"`{name}`" in page
    for topic in set(TOPIC_OF.values()):
        assert f"## Topic `{topic}`" in page
    for word, meaning in REASONS.items():
        later = "cannot occur yet" if word in LATER else ""
        assert f"| `{word}` | {meaning} | {later} |" in page
    for decision in decisions.TYPES:
        assert f"### `{decision.__struct_config__.tag}`" in page
    assert "sealed`" not in page
    assert "| `memo` | string |  | free text | yes |" in page
    assert "| `name` | string |  | a name | yes |" in page


def test_personal_fields_are_marked_in_the_schema() -> None:
    schema = schemas.schema_of(RECORDS["deposit"])
    marked = {name for name, field in schema["properties"].items() if field.get("x-personal")}
    assert marked == {"memo", "ext"}
    parts = schema["$defs"]["Counterparty"]["properties"]
    assert {name for name, field in parts.items() if field.get("x-personal")} == {"bank", "account", "name"}
