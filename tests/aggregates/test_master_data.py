"""Who a customer is: registration, branch, customer manager, consents (CONTRACT §1, `bank.customers.v1`; DOMAIN §4)."""

import pytest

from aggregates.dates import day_of
from aggregates.profile import Consent, Managed, Placed, Profile, consented
from events.fields import Record
from tests.aggregates.banks import LAKH, running
from tests.dsl.bank import Bank, given
from tests.dsl.expect import ORDINARY, alert, erased, special, tier_changed
from tests.dsl.records import (
    assigned,
    brought,
    close,
    closed_through,
    consent,
    deposit,
    erasure,
    granted,
    met,
    month,
    opened,
    registered,
    revoked,
    updated,
    withdrawal,
)


def profile(bank: Bank, customer_id: str = "C1") -> Profile:
    found = bank.customer(customer_id).profile
    assert found is not None
    return found


def on(date: str) -> int:
    return day_of(date)


def test_a_customer_is_registered_without_any_account() -> None:
    bank = given().when(registered("C9", at="2026-01-12", branch="B3", born_on="1990-03-07", phone="138")).then()
    assert profile(bank, "C9") == Profile(on("2026-01-12"), [Placed(on("2026-01-12"), "B3")])
    assert bank.spot("C9") == 0


def test_nothing_personal_is_in_the_state() -> None:
    bank = given(registered("C1", at="2026-01-12", name="张小明", number="110101", phone="138", born_on="1990-03-07"))
    frame, customers = bank.state()
    assert not any(secret in f"{frame!r}{customers}" for secret in ("张小明", "110101", "138", "1990"))


def test_the_first_registration_stands_and_a_second_one_updates() -> None:
    bank = given(registered("C1", at="2026-01-12", branch="B1"))
    bank.when(registered("C1", at="2026-01-20", source="cards", branch="B2")).then()
    assert profile(bank) == Profile(on("2026-01-12"), [Placed(on("2026-01-12"), "B1"), Placed(on("2026-01-20"), "B2")])


def test_an_update_changes_what_it_names_alone() -> None:
    bank = (
        given(registered("C1", at="2026-01-12", branch="B1")).when(updated("C1", at="2026-01-20", phone="139")).then()
    )
    assert profile(bank).branch == "B1"
    bank.when(updated("C1", at="2026-01-21", branch="B2")).then()
    assert (profile(bank).registered_on, profile(bank).branch) == (on("2026-01-12"), "B2")


def test_every_branch_stays_known_with_its_day_in_the_order_of_the_log() -> None:
    said = [
        ("B1", "2026-01-12"),
        ("B1", "2026-01-13"),
        ("B2", "2026-01-15"),
        ("B1", "2026-01-14"),
        ("B1", "2026-01-11"),
    ]
    bank = given(*(updated("C1", at=day, branch=branch) for branch, day in said))
    assert profile(bank).branches == [Placed(on(day), branch) for branch, day in (said[0], *said[2:])]
    assert profile(bank).branch == "B1"


def test_an_update_of_somebody_unregistered_is_taken() -> None:
    bank = given().when(updated("C1", at="2026-01-20", branch="B2")).then()
    assert profile(bank) == Profile(0, [Placed(on("2026-01-20"), "B2")])


def test_a_manager_follows_another_and_both_are_remembered() -> None:
    bank = running().when(assigned("C1", "M7", at="2026-01-16", branch="B1")).then()
    assert profile(bank).managed == Managed(on("2026-01-16"), "M7", "B1")
    bank.when(assigned("C1", "M8", at="2026-01-18")).then()
    assert profile(bank).managers == [Managed(on("2026-01-16"), "M7", "B1"), Managed(on("2026-01-18"), "M8")]


def test_who_never_said_anything_did_not_consent() -> None:
    bank = running()
    assert not consented(bank.customer().profile)
    assert not consented(profile(bank.when(assigned("C1", "M7", at="2026-01-16")).then()))


def test_consent_is_given_and_withdrawn_by_purpose() -> None:
    bank = running().when(consent("C1", at="2026-01-16")).then()
    assert consented(profile(bank))
    assert not consented(profile(bank), "profiling")
    bank.when(consent("C1", at="2026-01-20", granted=False)).then()
    assert not consented(profile(bank))
    assert profile(bank).consents == {"marketing": Consent(False, on("2026-01-20"))}


def test_consent_repeated_stands_since_it_was_first_given() -> None:
    bank = running().given(consent("C1", at="2026-01-16")).when(consent("C1", at="2026-01-20")).then()
    assert profile(bank).consents == {"marketing": Consent(True, on("2026-01-16"))}


def contact(date: str = "2026-01-16") -> Record:
    return met("campaign_contact", at=date, campaign="spring", id="c1")


ALERT = alert(
    "contact_without_consent", customer_id="C1", source="crm", event_id="c1", date="2026-01-16", expected="marketing",
    actual="spring",
)  # fmt: skip


def test_a_campaign_that_reaches_out_to_who_consented_is_no_alert() -> None:
    running().given(consent("C1", at="2026-01-16")).when(contact()).then()


@pytest.mark.parametrize(
    "said",
    [
        [],
        [consent("C1", at="2026-01-16", purpose="profiling")],
        [consent("C1", at="2026-01-15"), consent("C1", at="2026-01-16", granted=False)],
    ],
)
def test_a_campaign_that_reaches_out_without_consent_is_an_alert(said: list[Record]) -> None:
    running().given(said).when(contact()).then(ALERT)


def test_somebody_never_heard_of_did_not_consent() -> None:
    given().when(contact()).then(ALERT)


# ---------------------------------------------------------------------------------------- the end of a relation


def lapsed(**more: int) -> Bank:
    """A customer with a manager whose months of grace run out with January, or later with `grace_left`."""
    fields = {"grace_left": 1, **more}
    months = [month("2025-12", "100.00")]
    bank = given(brought("C1", "lapsed", on="2025-12-31", months=months, **fields))
    return bank.given(assigned("C1", "M7", at="2026-01-05", branch="B1"), opened("C1", "A1", on="2026-01-05"))


def test_the_manager_stays_while_grace_lasts() -> None:
    bank = lapsed(grace_left=2).given(close("2026-01-31"))
    assert bank.tier().state == "lapsed"
    assert profile(bank).managed == Managed(on("2026-01-05"), "M7", "B1")


def test_the_relation_ends_with_the_grace() -> None:
    bank = lapsed().given(close("2026-01-31"))
    assert bank.tier().state == "ordinary"
    assert profile(bank).managed is None
    assert profile(bank).managers == [Managed(on("2026-01-05"), "M7", "B1"), Managed(on("2026-02-01"), None)]
    bank.check_rebuild()


def test_who_enters_again_keeps_the_manager() -> None:
    bank = lapsed().given(deposit("C1", "A1", "9000000.00", on="2026-01-05"), close("2026-01-31"))
    assert bank.tier().state == "vip"
    assert profile(bank).managed is not None


def test_a_relation_ends_too_where_the_end_of_grace_is_found_later() -> None:
    """January looked like an entry until a late withdrawal: run again, the grace ended with it."""
    bank = lapsed().given(deposit("C1", "A1", "9000000.00", on="2026-01-05"), close("2026-01-31"))
    late = withdrawal("C1", "A1", "9000000.00", on="2026-01-05", at="2026-02-01")
    bank.given(late, close("2026-02-01"))
    assert bank.tier().state == "ordinary"
    assert profile(bank).managers[-1] == Managed(on("2026-02-02"), None)


def test_a_manager_after_the_end_is_not_sent_away_by_a_late_record() -> None:
    bank = lapsed().given(close("2026-01-31"), assigned("C1", "M8", at="2026-02-01"))
    bank.given(deposit("C1", "A1", "1.00", on="2026-01-05", at="2026-02-01"), close("2026-02-01"))
    assert profile(bank).managed == Managed(on("2026-02-01"), "M8")


def test_an_ordinary_customer_may_have_a_manager() -> None:
    bank = running(LAKH).given(assigned("C1", "M7", at="2026-01-16"), closed_through("2026-03-31"))
    assert profile(bank).managed == Managed(on("2026-01-16"), "M7")


# ---------------------------------------------------------------------------------------------------- erasure


def test_a_customer_is_erased_and_balances_stay() -> None:
    bank = running().given(registered("C1", at="2026-01-16", branch="B1"), assigned("C1", "M7", at="2026-01-16"))
    bank.when(erasure("C1", at="2026-01-18", id="x1")).then(erased("x1", "2026-01-18"))
    assert profile(bank).erased_on == on("2026-01-18")
    assert (profile(bank).branch, profile(bank).managed) == ("B1", Managed(on("2026-01-16"), "M7"))
    assert bank.spot() == 1000_00


def test_a_second_erasure_is_taken_and_decides_nothing() -> None:
    bank = running().given(erasure("C1", at="2026-01-18", id="x1"))
    bank.when(erasure("C1", at="2026-01-20", id="x2")).then()
    assert profile(bank).erased_on == on("2026-01-18")


def test_somebody_never_heard_of_may_be_erased_before_the_first_record() -> None:
    bank = given().when(erasure("C9", at="2026-01-18", id="x1")).then(erased("x1", "2026-01-18", "C9"))
    bank.when(registered("C9", at="2026-01-19")).then_refused("customer_erased", "customer_id")


def test_money_of_an_erased_customer_is_taken_and_its_tier_goes_on() -> None:
    bank = running().given(erasure("C1", at="2026-01-18", id="x1"))
    bank.when(deposit("C1", "A1", "90000000.00", on="2026-01-19"), opened("C1", "A2", on="2026-01-19")).then()
    bank.given(closed_through("2026-01-31"))
    assert bank.tier().state == "vip"


def test_a_grant_of_an_erased_customer_is_refused_and_an_earlier_one_is_revoked_and_ends() -> None:
    bank = running().given(granted("C1", "gold", on="2026-01-16", id="g1"), erasure("C1", at="2026-01-18", id="x1"))
    bank.when(granted("C1", "diamond", on="2026-01-18")).then_refused("customer_erased", "customer_id")
    bank.given(revoked("C1", on="2026-01-16", id="r1"))
    bank.when(close("2026-01-16")).then(
        tier_changed(
            2, "special_ended", special("gold", "2026-01-16"), ORDINARY, decided="2026-01-16", effective="2026-01-17",
            cause=[{"source": "crm", "event_id": "r1"}],
        )
    )  # fmt: skip


def test_one_erased_customer_is_not_another() -> None:
    bank = running().given(erasure("C1", at="2026-01-18", id="x1"))
    bank.when(registered("C2", at="2026-01-19")).then()
