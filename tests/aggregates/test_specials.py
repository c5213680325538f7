"""Special VIPs by grant, on a whole bank (DOMAIN §4, special; CONTRACT §5)."""

import pytest

from aggregates.policy import Policy
from events.fields import Record
from tests.aggregates.banks import running, special_granted
from tests.dsl.bank import given
from tests.dsl.expect import LAPSED, ORDINARY, alert, crm, special, tier_changed
from tests.dsl.records import (
    close,
    closed_through,
    granted,
    opened,
    revoked,
    withdrawal,
)


def test_a_grant_takes_effect_when_taken() -> None:
    running().when(granted("C1", "diamond", on="2026-01-16", id="g1")).then(special_granted())


def test_a_grant_for_an_earlier_day_takes_effect_on_the_open_day_and_counts_its_year_from_the_value_date() -> None:
    running().when(granted("C1", "diamond", on="2025-06-30", at="2026-01-16", id="g1")).then(
        special_granted(until="2026-06-30")
    )


def test_a_grant_for_tomorrow_takes_effect_tomorrow() -> None:
    running().when(granted("C1", "diamond", on="2026-01-17", at="2026-01-16", id="g1")).then(
        special_granted(until="2027-01-17", effective="2026-01-17")
    )


def test_a_grant_for_somebody_new() -> None:
    running().when(granted("C9", "gold", on="2026-01-16", id="g1")).then(
        {**special_granted(level="gold"), "customer_id": "C9", "id": "C9:1"}
    )


def test_a_grant_before_the_first_close_is_decided_with_it() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="10.00"))
    bank.when(granted("C1", "diamond", on="2026-01-05", id="g1")).then()
    assert bank.tier().state == "ordinary"
    bank.when(close("2026-01-10")).then(
        special_granted(until="2027-01-05", effective="2026-01-10", decided="2026-01-10")
    )


def test_grants_and_revocations_before_the_first_close_are_decided_in_log_order_ahead_of_it() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="10.00"),
        granted("C2", "gold", on="2026-01-05", id="g2"),
        granted("C1", "gold", on="2026-01-06", id="g1"),
        revoked("C2", on="2026-01-07", id="r2"),
        granted("C1", "diamond", on="2026-01-08", id="g3"),
    )
    second = tier_changed(
        1,
        "special_granted",
        ORDINARY,
        special("gold", "2027-01-05"),
        decided="2026-01-10",
        effective="2026-01-10",
        cause=[crm("g2")],
        customer_id="C2",
    )
    ended = tier_changed(
        2,
        "special_ended",
        special("gold", "2026-01-10"),
        ORDINARY,
        decided="2026-01-10",
        effective="2026-01-11",
        cause=[crm("r2")],
        customer_id="C2",
    )
    bank.when(close("2026-01-10")).then(
        second,
        special_granted(level="gold", until="2027-01-06", effective="2026-01-10", decided="2026-01-10"),
        special_granted(2, special("gold", "2027-01-06"), "diamond", "2027-01-08", "2026-01-10", "2026-01-10", "g3"),
        ended,
    )


def test_a_grant_from_29_february_lasts_until_the_28th() -> None:
    bank = given(close("2028-02-28"))
    bank.when(granted("C1", "gold", on="2028-02-29", id="g1")).then(
        special_granted(level="gold", until="2029-02-28", effective="2028-02-29", decided="2028-02-29")
    )


def test_a_grant_on_a_special_replaces_level_and_until() -> None:
    bank = running().given(granted("C1", "gold", on="2026-01-16", id="g1"), closed_through("2026-01-20"))
    bank.when(granted("C1", "diamond", on="2026-01-21", id="g2")).then(
        special_granted(2, special("gold", "2027-01-16"), "diamond", "2027-01-21", "2026-01-21", "2026-01-21", "g2")
    )


def test_a_grant_on_a_special_forgets_an_earlier_revocation() -> None:
    bank = running().given(
        granted("C1", "gold", on="2026-01-16", id="g1"),
        revoked("C1", on="2026-01-17", at="2026-01-16", id="r1"),
        granted("C1", "gold", on="2026-01-16", id="g2"),
    )
    assert bank.tier().shortened_by == ()
    bank.when(closed_through("2026-01-20")).then()


def test_a_grant_on_a_vip_is_recorded_with_an_alert() -> None:
    bank = running("300000.00", through="2026-02-05")
    bank.when(granted("C1", "diamond", on="2026-02-06", id="g1")).then(
        alert("special_for_vip", customer_id="C1", source="crm", event_id="g1", date="2026-02-06")
    )
    assert bank.tier().state == "vip"


def test_a_grant_on_a_lapsed_customer() -> None:
    brief = Policy(exit_months=1)
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="300000.00"),
        close("2026-01-31"),
        withdrawal("C1", "A1", "300000.00", on="2026-02-01"),
        closed_through("2026-02-28"),
        policies=[brief],
    )
    bank.when(granted("C1", "gold", on="2026-03-01", id="g1")).then(
        special_granted(3, LAPSED, "gold", "2027-03-01", "2026-03-01", "2026-03-01")
    )


@pytest.mark.parametrize("on", ["2025-01-15", "2024-02-29", "2020-01-01"])
def test_a_grant_whose_year_is_closed_already_is_refused(on: str) -> None:
    running().when(granted("C1", "gold", on=on, at="2026-01-16")).then_refused("value_date_too_old", "value_date")


def test_a_grant_that_ends_on_the_open_day_is_taken_and_ends_with_it() -> None:
    bank = running()
    bank.when(granted("C1", "gold", on="2025-01-16", at="2026-01-16", id="g1")).then(
        special_granted(level="gold", until="2026-01-16")
    )
    bank.when(close("2026-01-16")).then(
        tier_changed(
            2, "special_ended", special("gold", "2026-01-16"), ORDINARY, decided="2026-01-16", effective="2026-01-17"
        )
    )


@pytest.mark.parametrize("level", ["bronze", "GOLD"])
def test_a_grant_of_no_level_of_the_ladder_is_refused(level: str) -> None:
    running().when(granted("C1", level, on="2026-01-16")).then_refused("bad_value", "level")


@pytest.mark.parametrize(
    "record", [granted("C1", "gold", on="2026-01-18", at="2026-01-16"), revoked("C1", on="2026-01-18", at="2026-01-16")]
)
def test_grants_and_revocations_may_lie_one_day_ahead_and_no_more(record: Record) -> None:
    running().when(record).then_refused("value_date_in_future", "value_date")


def test_a_grant_on_the_last_day_that_a_record_may_name_lasts_its_year() -> None:
    bank = given(close("2999-12-30"))
    bank.when(granted("C1", "gold", on="2999-12-31", id="g1")).then(
        special_granted(level="gold", until="3000-12-31", effective="2999-12-31", decided="2999-12-31")
    )
    bank.when(close("2999-12-31")).then()
