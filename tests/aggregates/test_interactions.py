"""Interactions: what the bank knows of a customer besides money (CONTRACT §1, DOMAIN §5)."""

import pytest

from aggregates.instants import instant
from aggregates.relations import CAMPAIGNS_KEPT, ENQUIRIES_KEPT, Campaign, Contact, Enquiry, Relations
from events.catalog import type_name
from events.fields import Record
from events.interactions import TYPES
from tests.dsl.bank import Bank, given
from tests.dsl.expect import crm
from tests.dsl.records import close, consent, deposit, met, opened


def relations(bank: Bank) -> Relations:
    found = bank.customer().relations
    assert found is not None
    return found


def filed(complaint_id: str = "K1", *, at: str = "2026-01-05", severity: int = 3, **more: str) -> Record:
    return met("complaint_filed", at=at, complaint_id=complaint_id, severity=severity, **more)


def resolved(complaint_id: str = "K1", *, at: str = "2026-01-07", outcome: str = "fee paid back") -> Record:
    return met("complaint_resolved", at=at, complaint_id=complaint_id, outcome=outcome)


# Contacts


@pytest.mark.parametrize(
    ("kind", "fields", "channel", "by"),
    [
        ("branch_visit", {"branch": "0371"}, "branch", "0371"),
        ("phone_call", {"direction": "in", "minutes": 3}, "phone", ""),
        ("app_session", {}, "app", ""),
        ("message", {"channel": "wechat", "direction": "in"}, "wechat", ""),
    ],
)
def test_the_customer_turns_to_the_bank(kind: str, fields: dict[str, object], channel: str, by: str) -> None:
    bank = given().when(met(kind, at="2026-01-05", **fields)).then()
    assert relations(bank) == Relations(
        last_in=Contact("2026-01-05T10:00:00+08:00", channel, by), channels={channel: [1, 0]}
    )


@pytest.mark.parametrize(
    ("kind", "fields", "channel"),
    [
        ("phone_call", {"direction": "out"}, "phone"),
        ("message", {"channel": "sms", "direction": "out"}, "sms"),
    ],
)
def test_the_bank_turns_to_the_customer(kind: str, fields: dict[str, object], channel: str) -> None:
    bank = given().when(met(kind, at="2026-01-05", **fields)).then()
    assert relations(bank) == Relations(
        last_out=Contact("2026-01-05T10:00:00+08:00", channel), channels={channel: [0, 1]}
    )


def test_a_manager_is_named_in_the_last_contact() -> None:
    bank = given().when(met("manager_contact", at="2026-01-05", manager_id="M7", note="will stay")).then()
    assert relations(bank) == Relations(last_out=Contact("2026-01-05T10:00:00+08:00", "manager", "M7"))


def test_habits_are_counted_by_channel_and_direction() -> None:
    bank = given(
        met("phone_call", at="2026-01-05", direction="in"),
        met("phone_call", at="2026-01-06", direction="in"),
        met("phone_call", at="2026-01-07", direction="out"),
        met("app_session", at="2026-01-08"),
    )
    assert relations(bank).channels == {"phone": [2, 1], "app": [1, 0]}


def test_the_last_contact_is_the_latest_to_happen_not_to_arrive() -> None:
    bank = given(
        met("branch_visit", at="2026-01-05T10:00:00+08:00", branch="b"),
        met("app_session", at="2026-01-05T01:59:59Z"),
        met("phone_call", at="2026-01-04", direction="out"),
        met("phone_call", at="2026-01-03", direction="out"),
    )
    assert relations(bank).last_in == Contact("2026-01-05T10:00:00+08:00", "branch", "b")
    assert relations(bank).last_out == Contact("2026-01-04T10:00:00+08:00", "phone")


def test_of_two_contacts_at_once_the_one_taken_last_counts() -> None:
    bank = given(met("app_session", at="2026-01-05"), met("branch_visit", at="2026-01-05T02:00:00Z", branch="b"))
    assert relations(bank).last_in == Contact("2026-01-05T02:00:00Z", "branch", "b")


def test_an_interaction_moves_no_money_and_needs_no_account() -> None:
    bank = given(met("app_session", at="2026-01-05"))
    assert (bank.spot(), bank.customer().accounts, bank.tier().state) == (0, {}, "ordinary")
    bank.when(opened("C1", "A1", on="2026-01-05", balance="5.00"), deposit("C1", "A1", "1.00", on="2026-01-05")).then()
    assert bank.spot() == 600


def test_a_claim_says_nothing_of_the_customer() -> None:
    bank = given().when(met("trigger_claimed", at="2026-01-05", trigger_id="C1:lapsed:2026-01", manager_id="M7")).then()
    assert relations(bank) == Relations()


# Signs of life (DOMAIN §5, dormant)


ALIVE: list[tuple[str, dict[str, object]]] = [
    ("branch_visit", {"branch": "0371"}),
    ("phone_call", {"direction": "in"}),
    ("message", {"channel": "sms", "direction": "in"}),
    ("app_session", {}),
    ("campaign_response", {"campaign": "spring", "response": "no"}),
    ("product_enquiry", {"category": "fund"}),
    ("complaint_filed", {"complaint_id": "K9", "severity": 1}),
    ("satisfaction_rated", {"score": 3}),
    ("identity_verified", {"operator": "T1", "method": "id_card", "valid_minutes": 5}),
]
BY_THE_BANK: list[tuple[str, dict[str, object]]] = [
    ("phone_call", {"direction": "out"}),
    ("message", {"channel": "sms", "direction": "out"}),
    ("campaign_contact", {"campaign": "spring"}),
    ("complaint_resolved", {"complaint_id": "K1", "outcome": "o"}),
    ("trigger_claimed", {"trigger_id": "C1:lapsed:2026-01", "manager_id": "M7"}),
    ("manager_contact", {"manager_id": "M7"}),
]


def test_every_interaction_is_a_sign_of_life_or_done_by_the_bank() -> None:
    assert {kind for kind, _ in ALIVE + BY_THE_BANK} == {type_name(each) for each in TYPES}


@pytest.mark.parametrize(("kind", "fields"), ALIVE)
def test_what_the_customer_does_is_a_sign_of_life(kind: str, fields: dict[str, object]) -> None:
    bank = given().when(met(kind, at="2026-01-05T23:00:00-11:00", id="x", **fields)).then()
    conduct = bank.customer().conduct
    assert conduct is not None
    assert conduct.acts == [*_days("2026-01-05"), 1, "crm", "x"]


@pytest.mark.parametrize(("kind", "fields"), BY_THE_BANK)
def test_what_the_bank_does_is_none(kind: str, fields: dict[str, object]) -> None:
    bank = given(filed(id="k1"), consent("C1", at="2026-01-05")).when(met(kind, at="2026-01-06", **fields)).then()
    conduct = bank.customer().conduct
    assert conduct is not None
    assert conduct.acts == [*_days("2026-01-05"), 1, "crm", "k1"]


# Campaigns and enquiries


def test_a_campaign_keeps_its_last_contact_and_its_last_response() -> None:
    bank = given(
        met("campaign_contact", at="2026-01-05", campaign="spring"),
        met("campaign_contact", at="2026-01-03", campaign="spring"),
        met("campaign_response", at="2026-01-06", campaign="spring", response="interested"),
        met("campaign_response", at="2026-01-04", campaign="spring", response="later"),
        met("campaign_response", at="2026-01-05", campaign="gold", response="no"),
    )
    assert relations(bank).campaigns == {
        "spring": Campaign(*_days("2026-01-05", "2026-01-06"), "interested"),
        "gold": Campaign(0, *_days("2026-01-05"), "no"),
    }
    assert relations(bank).last_in == Contact("2026-01-06T10:00:00+08:00", "campaign", "spring")
    assert relations(bank).last_out == Contact("2026-01-05T10:00:00+08:00", "campaign", "spring")


def test_the_campaign_that_stood_still_for_longest_is_forgotten() -> None:
    bank = given(met("campaign_contact", at="2026-01-05", campaign=f"c{n}") for n in range(CAMPAIGNS_KEPT))
    bank.given(met("campaign_response", at="2026-01-06", campaign="c0", response="yes"))
    bank.given(met("campaign_contact", at="2026-01-07", campaign="new"))
    assert list(relations(bank).campaigns) == [*(f"c{n}" for n in range(2, CAMPAIGNS_KEPT)), "c0", "new"]


def test_the_last_enquiries_are_kept() -> None:
    bank = given(met("product_enquiry", at="2026-01-05", category="gold") for _ in range(ENQUIRIES_KEPT))
    bank.when(met("product_enquiry", at="2026-01-06", category="fund", product="F-110")).then()
    assert len(relations(bank).enquiries) == ENQUIRIES_KEPT
    assert relations(bank).enquiries[-1] == Enquiry(*_days("2026-01-06"), "fund", "F-110")


# Complaints


def test_a_complaint_is_open_until_it_is_resolved() -> None:
    bank = given().when(filed(id="k1", text="waited for two hours")).then()
    (complaint,) = relations(bank).open_complaints()
    assert (complaint.complaint_id, complaint.severity, complaint.filed_on) == ("K1", 3, *_days("2026-01-05"))
    assert complaint.cause == crm("k1")
    bank.when(resolved()).then()
    assert relations(bank).open_complaints() == []
    (complaint,) = relations(bank).complaints
    assert (complaint.resolved_on, complaint.outcome) == (*_days("2026-01-07"), "fee paid back")


def test_a_complaint_that_was_never_filed_is_not_resolved() -> None:
    given().when(resolved()).then_refused("bad_value", "complaint_id")
    given(filed("K2")).when(resolved("K1")).then_refused("bad_value", "complaint_id")
    given(met("app_session", at="2026-01-05")).when(resolved()).then_refused("bad_value", "complaint_id")


def test_a_complaint_of_another_customer_is_not_resolved() -> None:
    other = met("complaint_resolved", "C2", at="2026-01-07", complaint_id="K1", outcome="o")
    given(filed()).when(other).then_refused("bad_value", "complaint_id")


def test_a_complaint_is_resolved_once() -> None:
    given(filed(), resolved()).when(resolved(at="2026-01-08")).then_refused("bad_value", "complaint_id")


def test_an_id_is_not_filed_again_while_it_is_remembered() -> None:
    given(filed()).when(filed(at="2026-01-06")).then_refused("bad_value", "complaint_id")
    given(filed(), resolved()).when(filed(at="2026-01-08")).then_refused("bad_value", "complaint_id")


@pytest.mark.parametrize(("closed", "is_kept"), [("2026-04-18", True), ("2026-04-19", False)])
def test_a_settled_complaint_is_remembered_for_a_hundred_days(closed: str, is_kept: bool) -> None:
    bank = given(close("2026-01-08"), filed(), resolved(), close(closed))  # settled on the open day, the 9th
    if is_kept:
        bank.when(filed(at="2026-04-20")).then_refused("bad_value", "complaint_id")
    else:
        bank.when(filed(at="2026-04-20")).then()
        assert [each.filed_on for each in relations(bank).complaints] == [*_days("2026-04-20")]


def test_an_open_complaint_is_never_forgotten() -> None:
    bank = given(filed(), close("2026-01-08"), close("2027-01-08"), met("app_session", at="2027-01-08"))
    assert [each.complaint_id for each in relations(bank).open_complaints()] == ["K1"]


# Ratings and signs


def test_ratings_are_kept_for_a_hundred_days_and_the_latest_for_ever() -> None:
    bank = given(
        close("2026-01-04"),
        met("satisfaction_rated", at="2026-01-05", score=2, about="waiting time", id="r1"),
        met("satisfaction_rated", at="2026-01-03", score=5),
    )
    assert [(each.score, each.about) for each in relations(bank).ratings] == [(2, "waiting time"), (5, "")]
    bank.given(close("2026-04-14"), met("app_session", at="2026-04-14"))
    assert len(relations(bank).ratings) == 2
    bank.given(close("2026-04-15"), met("app_session", at="2026-04-15"))
    (last,) = relations(bank).ratings
    assert (last.score, last.day, last.cause) == (2, *_days("2026-01-05"), crm("r1"))
    assert relations(bank).last_rating() == last


def test_a_rating_that_comes_late_is_kept_from_the_day_it_was_taken() -> None:
    bank = given(
        close("2026-06-01"),
        met("satisfaction_rated", at="2026-06-01", score=4),
        met("satisfaction_rated", at="2026-01-05", score=1),
        met("app_session", at="2026-06-02"),
    )
    assert [each.score for each in relations(bank).ratings] == [4, 1]


def test_a_credit_sign_is_kept_with_the_manager_who_saw_it() -> None:
    bank = given(close("2026-01-04")).when(
        met("manager_contact", at="2026-01-05", manager_id="M7", credit_sign="lost the job", id="s1")
    )
    bank.then()
    (sign,) = relations(bank).signs
    assert (sign.day, sign.sign, sign.manager_id, sign.cause) == (*_days("2026-01-05"), "lost the job", "M7", crm("s1"))
    bank.given(close("2026-04-15"), met("app_session", at="2026-04-15"))
    assert relations(bank).signs == []


# Identity


def verified(at: str, minutes: int, operator: str = "T1") -> Record:
    return met("identity_verified", at=at, operator=operator, method="id_card", valid_minutes=minutes)


@pytest.mark.parametrize(
    ("moment", "is_valid"),
    [
        ("2026-01-05T09:59:59+08:00", False),
        ("2026-01-05T10:00:00+08:00", True),
        ("2026-01-05T02:29:59Z", True),
        ("2026-01-05T10:30:00+08:00", False),
    ],
)
def test_an_identity_holds_for_its_minutes_and_then_expires_by_itself(moment: str, is_valid: bool) -> None:
    identity = relations(given().when(verified("2026-01-05", 30)).then()).identity
    assert identity is not None
    assert identity.is_valid(instant(moment)) == is_valid


def test_of_two_checks_the_one_that_holds_longer_counts() -> None:
    for second, counts in ((verified("2026-01-05T10:10:00+08:00", 19, "T2"), "T1"),
                           (verified("2026-01-05T10:10:00+08:00", 20, "T2"), "T2")):  # fmt: skip
        identity = relations(given(verified("2026-01-05", 30), second)).identity
        assert identity is not None
        assert identity.operator == counts


def _days(*dates: str) -> list[int]:
    return [instant(f"{date}T00:00:00Z") // 86_400 for date in dates]
