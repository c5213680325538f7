"""Records as they are stored: nothing personal readable, nothing lost (DOMAIN §7, laws of the log 1)."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from events import codec
from events.catalog import RECORDS, type_name
from events.fields import CustomerRecord, Record
from processors.stored import PERSONAL, content, decode_line, decode_lines, is_at, opened, same, seal, split
from tests.dsl.door import MemorySeal
from tests.dsl.records import close, deposit, granted, money, record, registered, revoked
from tests.events.lines import contents

SECRET = "绝密"
"""Every personal text of these tests begins with it; no other does."""

SOME = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def with_secrets(content_: dict[str, Any]) -> dict[str, Any]:
    """The content of a record, its personal texts marked."""
    marked = dict(content_)
    for field in ("memo", "reason", "name", "phone", "text", "note"):
        if field in marked:
            marked[field] = SECRET + marked[field]
    if "document" in marked:
        marked["document"] = {**marked["document"], "number": SECRET + marked["document"]["number"]}
    if "counterparty" in marked:
        kind = marked["counterparty"]["kind"]
        marked["counterparty"] = {key: SECRET + value for key, value in marked["counterparty"].items()} | {"kind": kind}
    if "ext" in marked:
        marked["ext"] = {SECRET + key: [SECRET, value] for key, value in marked["ext"].items()}
    return marked


def convert(content_: dict[str, Any]) -> Record:
    found = codec.decode(msgspec.json.encode(content_))
    assert isinstance(found, Record), found
    return found


def through_the_log(stored: Record) -> Record:
    """Written as a line and read back."""
    line = codec.encode(stored)
    assert b"\n" not in line
    found = decode_line(line)
    assert isinstance(found, Record)
    assert decode_lines(line + b"\n" + line) == [found, found]
    return found


@SOME
@given(contents())
def test_nothing_personal_is_readable_and_nothing_is_lost(told: dict[str, Any]) -> None:
    assume(SECRET not in json.dumps(told, ensure_ascii=False))
    original, vault = convert(with_secrets(told)), MemorySeal()
    stored = through_the_log(seal(original, vault))
    line = codec.encode(stored)
    assert SECRET not in line.decode()
    assert json.dumps(SECRET)[1:-1].encode() not in line
    assert content(stored, opened(stored, vault)) == content(original)
    for field in type(original).__struct_fields__:
        if field not in {"sealed", *(name for name, _, _ in PERSONAL[type(original)])}:
            assert getattr(stored, field) == getattr(original, field)


@SOME
@given(contents())
def test_what_is_public_is_stored_as_it_came(told: dict[str, Any]) -> None:
    for field in ("memo", "ext", "counterparty", "reason", "phone", "born_on", "text", "note"):
        told.pop(field, None)
    if told["type"] == "customer_updated":
        told = {field: value for field, value in told.items() if field not in ("name", "document")}
    assume(not told["type"].startswith("special_vip") and told["type"] != "customer_registered")
    original = convert(told)
    assert seal(original, MemorySeal()) is original
    assert opened(original, MemorySeal()) == {}


@SOME
@given(contents(), contents())
def test_contents_are_equal_when_the_records_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    vault = MemorySeal()
    left, right = convert(one), convert(other)
    is_same = normal(one) == normal(other)
    assert same(through_the_log(seal(left, vault)), right, vault) == is_same
    assert same(through_the_log(seal(right, vault)), left, vault) == is_same


@SOME
@given(contents())
def test_a_record_is_the_same_as_it_was_stored(told: dict[str, Any]) -> None:
    original, again, vault = convert(told), convert(dict(reversed(told.items()))), MemorySeal()
    stored = seal(original, vault)
    assert same(through_the_log(stored), again, vault)
    assert is_at(codec.encode(stored), again, vault)


def normal(told: dict[str, Any]) -> str:
    """The content with its defaults filled in (CONTRACT §1: the fields with `=`), as JSON."""
    filled = dict(told)
    if told["type"] == "account_opened":
        filled.setdefault("opening_balance", 0)
    if "amount" in told:
        filled.setdefault("booked_on", told["value_date"])
    if told["type"] in ("product_redeemed", "product_matured"):
        filled.setdefault("book", told["amount"])
    if told["type"] == "reversal":
        filled["reverses"] = {"source": told["source"], **told["reverses"]}
    return json.dumps(filled, sort_keys=True)


@SOME
@given(contents(), st.data())
def test_any_changed_field_is_other_content(told: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([each for each in told if each not in ("type", "schema_version")]))
    changed = {**told, field: data.draw(contents(told["type"], field))[field]}
    vault = MemorySeal()
    stored = seal(convert(told), vault)
    assert same(stored, convert(changed), vault) == (normal(changed) == normal(told))
    assert not is_at(codec.encode(stored), convert(changed), vault) or normal(changed) == normal(told)


@pytest.mark.parametrize(
    ("mine", "its"),
    [({"a": True}, {"a": 1}), ({"a": 1}, {"a": 1.0}), ({"a": False}, {"a": 0}), ({"a": [0.0]}, {"a": [0]})],
)
def test_ext_is_compared_as_json(mine: dict[str, Any], its: dict[str, Any]) -> None:
    one, other = (
        deposit("C1", "A1", "1.00", on="2026-01-02", id="d1", ext=msgspec.Raw(json.dumps(each).encode()))
        for each in (mine, its)
    )
    vault = MemorySeal()
    assert not same(through_the_log(seal(one, vault)), other, vault)
    assert same(through_the_log(seal(one, vault)), one, vault)


@pytest.mark.parametrize(
    ("mine", "its"),
    [
        (b'{"a":1,"b":[{"c":2,"d":3}]}', b'{ "b":[{"d":3,"c":2}], "a":1}'),
        (b'{"a":"\\u5ba2"}', '{"a":"客"}'.encode()),
        (b'{"a":1e1}', b'{"a":10.0}'),
        (b'{"a":' + b"9" * 40 + b"}", b'{"a": ' + b"9" * 40 + b"}"),
    ],
)
def test_how_ext_is_written_is_no_content(mine: bytes, its: bytes) -> None:
    one, other = (deposit("C1", "A1", "1.00", on="2026-01-02", id="d1", ext=msgspec.Raw(each)) for each in (mine, its))
    vault = MemorySeal()
    assert same(seal(one, vault), other, vault)


def test_the_personal_fields_of_every_type() -> None:
    """The list of DOMAIN §7, to be changed with it."""
    money = {"counterparty": ("bank", "account", "name"), "memo": (), "ext": ()}
    who = {"name": (), "document": ("number",), "phone": (), "born_on": (), "ext": ()}
    wanted = {
        "customer_registered": who,
        "customer_updated": who,
        "special_vip_granted": {"reason": (), "ext": ()},
        "special_vip_revoked": {"reason": (), "ext": ()},
        "complaint_filed": {"text": (), "ext": ()},
        "manager_contact": {"note": (), "ext": ()},
        **{
            name: {"ext": ()}
            for name in (
                "loan_opened",
                "loan_overdue",
                "loan_classified",
                "branch_visit",
                "phone_call",
                "app_session",
                "message",
                "campaign_contact",
                "campaign_response",
                "product_enquiry",
                "complaint_resolved",
                "satisfaction_rated",
                "identity_verified",
                "trigger_claimed",
                "account_opened",
                "account_closed",
                "valuation_updated",
                "balance_stated",
                "customer_brought_forward",
                "reversal",
                "manager_assigned",
                "consent_changed",
                "erasure_requested",
                "business_day_closed",
            )
        },
    }
    found = {type_name(each): {field: tuple(inner) for field, inner, _ in fields} for each, fields in PERSONAL.items()}
    assert set(found) == set(RECORDS)
    assert found == {name: wanted.get(name, money) for name in RECORDS}


def test_the_kind_of_a_counterparty_stays_readable() -> None:
    told = deposit(
        "C1", "A1", "1.00", on="2026-01-02", counterparty={"kind": "other_bank", "name": "李四", "bank": "工行"}
    )
    public, hidden = split(told)
    assert msgspec.to_builtins(public)["counterparty"] == {"kind": "other_bank"}
    assert hidden == {"counterparty": {"name": "李四", "bank": "工行"}}


def test_a_counterparty_of_a_kind_alone_hides_nothing() -> None:
    told = deposit("C1", "A1", "1.00", on="2026-01-02", counterparty={"kind": "cash"})
    assert split(told) == (told, {})


@pytest.mark.parametrize("told", [granted("C1", "gold", on="2026-01-02"), revoked("C1", on="2026-01-02")])
def test_a_field_that_must_be_there_leaves_a_star(told: Record) -> None:
    stored = through_the_log(seal(told, MemorySeal()))
    assert stored.reason == "*"  # type: ignore[attr-defined]


def test_the_kind_of_a_document_stays_readable() -> None:
    told = registered("C1", at="2026-01-02", name="张小明", number="110101199003070011", born_on="1990-03-07")
    vault = MemorySeal()
    stored = seal(told, vault)
    assert b"1990" not in codec.encode(stored)
    assert msgspec.to_builtins(through_the_log(stored))["document"] == {"kind": "id_card", "number": "*"}
    assert content(stored, opened(stored, vault)) == content(told)


def test_what_is_sealed_belongs_to_its_customer_and_record() -> None:
    vault = MemorySeal()
    stored = seal(deposit("C1", "A1", "1.00", on="2026-01-02", id="d1", memo="rent"), vault)
    assert opened(stored, vault) == {"memo": "rent"}
    assert isinstance(stored, CustomerRecord)
    for other in ({"customer_id": "C2"}, {"event_id": "d2"}, {"source": "cards"}):
        with pytest.raises(AssertionError, match="somebody or something else"):
            opened(msgspec.structs.replace(stored, **other), vault)


def test_the_ext_of_a_close_is_sealed_for_nobody_in_particular() -> None:
    vault = MemorySeal()
    told = msgspec.structs.replace(close("2026-01-31"), ext=msgspec.Raw(b'{"who":"x"}'))
    stored = through_the_log(seal(told, vault))
    assert stored.ext is UNSET
    assert opened(stored, vault) == {"ext": {"who": "x"}}


def test_no_record_is_the_same_as_one_of_another_type() -> None:
    one = deposit("C1", "A1", "1.00", on="2026-01-02", id="d1")
    other = money("transfer_in", "C1", "A1", "1.00", on="2026-01-02", id="d1")
    assert not same(one, other, MemorySeal())


def test_a_record_by_its_wire_name_alone() -> None:
    assert content(
        record("account_closed", "C1", at="2026-01-02", id="x", account_id="A1", value_date="2026-01-02")
    ) == {
        "type": "account_closed",
        "customer_id": "C1",
        "event_id": "x",
        "source": "core",
        "schema_version": 1,
        "occurred_at": "2026-01-02T10:00:00+08:00",
        "account_id": "A1",
        "value_date": "2026-01-02",
    }
