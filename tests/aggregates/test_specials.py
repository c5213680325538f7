"""Special VIP from grant to end, on a whole bank (DOMAIN §4, special; CONTRACT §5)."""

import pytest

from aggregates.dates import day_of
from aggregates.policy import Policy
from events.fields import Record
from tests.dsl.bank import Bank, given
from tests.dsl.expect import LAPSED, ORDINARY, alert, at_month_close, core, crm, special, tier_changed, vip
from tests.dsl.records import (
    brought,
    close,
    closed_through,
    deposit,
    granted,
    month,
    opened,
    revoked,
    withdrawal,
)


def running(balance: str = "1000.00", through: str = "2026-01-15") -> Bank:
    """A customer with a balance from 1 January 2026, days closed from the 10th on."""
    bank = given(opened("C1", "A1", on="2026-01-01", balance=balance), close("2026-01-10"))
    return bank.given(closed_through(through)) if through > "2026-01-10" else bank


def special_granted(
    sequence: int = 1,
    before: dict[str, str | None] = ORDINARY,
    level: str = "diamond",
    until: str = "2027-01-16",
    effective: str = "2026-01-16",
    decided: str = "2026-01-16",
    cause: str = "g1",
) -> dict[str, object]:
    return tier_changed(
        sequence,
        "special_granted",
        before,
        special(level, until),
        decided=decided,
        effective=effective,
        cause=[crm(cause)],
    )


# Grants


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


@pytest.mark.xfail(strict=True, raises=ValueError, reason="a year after a day of the year 9999: the grant raises")
def test_a_grant_that_would_end_beyond_the_calendar_does_not_stop_the_rest() -> None:
    running().when(granted("C1", "gold", on="9999-06-01", id="g1")).then_refused("bad_value", "value_date")


# The end by date


def test_a_special_ends_by_date_to_ordinary() -> None:
    bank = running().given(granted("C1", "gold", on="2025-03-10", at="2026-01-16"), closed_through("2026-03-09"))
    bank.when(close("2026-03-10")).then(
        tier_changed(
            2,
            "special_ended",
            special("gold", "2026-03-10"),
            ORDINARY,
            decided="2026-03-10",
            effective="2026-03-11",
            months=[month("2026-02", "1000.00")],
        )
    )


def test_a_special_ends_by_date_to_vip_when_the_last_closed_month_was_above_entry() -> None:
    bank = running().given(
        granted("C1", "diamond", on="2025-03-10", at="2026-01-16"),
        deposit("C1", "A1", "599000.00", on="2026-02-01", at="2026-01-31"),
        closed_through("2026-03-09"),
    )
    bank.when(close("2026-03-10")).then(
        tier_changed(
            2,
            "special_ended",
            special("diamond", "2026-03-10"),
            vip("platinum"),
            decided="2026-03-10",
            effective="2026-03-11",
            months=[month("2026-02", "600000.00")],
        )
    )


def test_exactly_the_entry_threshold_ends_a_special_to_ordinary() -> None:
    bank = running("200000.00").given(granted("C1", "gold", on="2025-03-10", at="2026-01-16"))
    bank.when(closed_through("2026-03-10")).then(
        tier_changed(
            2,
            "special_ended",
            special("gold", "2026-03-10"),
            ORDINARY,
            decided="2026-03-10",
            effective="2026-03-11",
            months=[month("2026-02", "200000.00")],
        )
    )


def test_a_special_that_ends_with_a_month_is_judged_by_that_month() -> None:
    bank = running("300000.00").given(granted("C1", "diamond", on="2025-01-31", at="2026-01-16"))
    bank.when(closed_through("2026-01-31")).then(
        tier_changed(
            2,
            "special_ended",
            special("diamond", "2026-01-31"),
            vip("gold"),
            decided="2026-01-31",
            effective="2026-02-01",
            months=[month("2026-01", "300000.00")],
        )
    )


def test_a_month_close_that_converts_comes_before_the_end_by_date() -> None:
    bank = running("300000.00").given(granted("C1", "gold", on="2025-01-31", at="2026-01-16"))
    bank.when(closed_through("2026-01-31")).then(
        at_month_close(2, "special_ended", special("gold", "2026-01-31"), vip("gold"), [month("2026-01", "300000.00")])
    )
    bank.when(closed_through("2026-02-10")).then()


def test_a_special_that_ends_before_any_month_is_closed_ends_to_ordinary() -> None:
    bank = running("900000.00").given(granted("C1", "gold", on="2025-01-20", at="2026-01-16"))
    bank.when(closed_through("2026-01-20")).then(
        tier_changed(
            2, "special_ended", special("gold", "2026-01-20"), ORDINARY, decided="2026-01-20", effective="2026-01-21"
        )
    )


def test_a_conversion_starts_without_counters_and_without_a_cause() -> None:
    bank = running("500000.00").given(
        granted("C1", "platinum", on="2026-01-16"), revoked("C1", on="2026-01-17", at="2026-01-16", id="r0")
    )
    bank.given(granted("C1", "platinum", on="2026-01-16"))
    bank.given(revoked("C1", on="2026-01-31", at="2026-01-31", id="r1"))
    bank.when(closed_through("2026-01-31")).then(
        at_month_close(
            3, "special_ended", special("platinum", "2026-01-31"), vip("platinum"), [month("2026-01", "500000.00")]
        )
    )


def test_a_special_whose_month_stays_below_its_level_goes_on() -> None:
    bank = running("400000.00").given(granted("C1", "platinum", on="2026-01-16"))
    bank.when(closed_through("2026-03-31")).then()
    assert bank.tier().watch == ()


# Revocations


def ended_by(*causes: str, until: str, effective: str) -> dict[str, object]:
    return tier_changed(
        2,
        "special_ended",
        special("gold", until),
        ORDINARY,
        decided=until,
        effective=effective,
        cause=[crm(each) for each in causes],
    )


def test_a_revocation_ends_the_special_with_the_open_day_and_is_its_cause() -> None:
    bank = running().given(granted("C1", "gold", on="2026-01-16"))
    bank.when(revoked("C1", on="2026-01-05", at="2026-01-16", id="r1")).then()
    assert bank.tier().until == day_of("2026-01-16")
    bank.when(close("2026-01-16")).then(ended_by("r1", until="2026-01-16", effective="2026-01-17"))


def test_two_revocations_that_both_shorten_are_both_the_cause() -> None:
    bank = running().given(granted("C1", "gold", on="2026-01-16"))
    bank.given(revoked("C1", on="2026-01-17", at="2026-01-16", id="r1"), revoked("C1", on="2026-01-16", id="r2"))
    bank.when(close("2026-01-16")).then(ended_by("r1", "r2", until="2026-01-16", effective="2026-01-17"))


def test_a_revocation_later_than_the_end_is_no_cause() -> None:
    bank = running().given(granted("C1", "gold", on="2025-01-17", at="2026-01-16"))
    bank.given(closed_through("2026-01-16"), revoked("C1", on="2026-01-18", at="2026-01-17"))
    bank.when(close("2026-01-17")).then(
        tier_changed(
            2, "special_ended", special("gold", "2026-01-17"), ORDINARY, decided="2026-01-17", effective="2026-01-18"
        )
    )


@pytest.mark.parametrize("balance", ["10.00", "900000.00"])
def test_a_revocation_of_no_special_is_taken_and_changes_nothing(balance: str) -> None:
    bank = running(balance, through="2026-02-03")
    bank.when(revoked("C1", on="2026-02-04")).then()
    bank.when(closed_through("2026-02-10")).then()


def test_a_revocation_for_somebody_unknown_is_taken() -> None:
    running().when(revoked("C9", on="2026-01-16")).then()


def test_a_special_brought_forward_ends_by_date() -> None:
    bank = given(
        brought("C1", "special", on="2025-12-31", level="gold", until="2026-02-10"),
        opened("C1", "A1", on="2026-01-01"),
        close("2026-01-10"),
    )
    bank.when(closed_through("2026-02-10")).then(
        tier_changed(
            1,
            "special_ended",
            special("gold", "2026-02-10"),
            ORDINARY,
            decided="2026-02-10",
            effective="2026-02-11",
            months=[month("2026-01", "0.00")],
        )
    )


def test_a_special_brought_forward_can_be_revoked() -> None:
    bank = given(
        brought("C1", "special", on="2025-12-31", level="gold", until="2026-12-10"),
        revoked("C1", on="2026-01-02", id="r1"),
    )
    bank.when(close("2026-01-10")).then(
        tier_changed(
            1,
            "special_ended",
            special("gold", "2026-01-10"),
            ORDINARY,
            decided="2026-01-10",
            effective="2026-01-11",
            cause=[crm("r1")],
        )
    )


# Late records and specials


def test_a_late_record_that_makes_the_customer_a_vip_undoes_a_grant_decided_since() -> None:
    bank = running("100000.00", through="2026-02-05").given(granted("C1", "diamond", on="2026-02-06", id="g1"))
    bank.given(closed_through("2026-02-10"), deposit("C1", "A1", "150000.00", on="2026-01-01", id="late"))
    bank.when(close("2026-02-11")).then(
        tier_changed(
            2,
            "restated",
            special("diamond", "2027-02-06"),
            vip("gold"),
            decided="2026-02-11",
            effective="2026-02-12",
            closed_month="2026-01",
            months=[month("2026-01", "250000.00")],
            cause=[core("late")],
        )
    )


def test_a_late_record_brings_a_grant_into_force_that_met_a_vip() -> None:
    bank = running("250000.00", through="2026-02-05").given(
        granted("C1", "diamond", on="2026-02-06", id="g1"),
        closed_through("2026-02-10"),
        withdrawal("C1", "A1", "150000.00", on="2026-01-01", id="late"),
    )
    bank.when(close("2026-02-11")).then(
        tier_changed(
            2,
            "restated",
            vip("gold"),
            special("diamond", "2027-02-06"),
            decided="2026-02-11",
            effective="2026-02-12",
            closed_month="2026-01",
            months=[month("2026-01", "100000.00")],
            cause=[core("late")],
        )
    )


def test_a_revocation_is_replayed_in_place() -> None:
    bank = running("250000.00", through="2026-02-05").given(
        granted("C1", "diamond", on="2026-02-06"),
        closed_through("2026-02-08"),
        revoked("C1", on="2026-02-20", at="2026-02-19", id="r1"),
        closed_through("2026-02-10"),
        withdrawal("C1", "A1", "150000.00", on="2026-01-01", id="late"),
    )
    bank.when(close("2026-02-11")).then(
        tier_changed(
            2,
            "restated",
            vip("gold"),
            special("diamond", "2026-02-20"),
            decided="2026-02-11",
            effective="2026-02-12",
            closed_month="2026-01",
            months=[month("2026-01", "100000.00")],
            cause=[core("late")],
        )
    )
    bank.when(closed_through("2026-02-20")).then(
        tier_changed(
            3,
            "special_ended",
            special("diamond", "2026-02-20"),
            ORDINARY,
            decided="2026-02-20",
            effective="2026-02-21",
            months=[month("2026-01", "100000.00")],
            cause=[crm("r1")],
        )
    )


def test_a_special_that_ended_is_judged_again_by_the_restated_month() -> None:
    bank = running("100000.00").given(
        granted("C1", "diamond", on="2025-02-05", at="2026-01-16"),
        closed_through("2026-02-10"),
        deposit("C1", "A1", "150000.00", on="2026-01-01", id="late"),
    )
    assert bank.tier().state == "ordinary"
    bank.when(close("2026-02-11")).then(
        tier_changed(
            3,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-02-11",
            effective="2026-02-12",
            closed_month="2026-01",
            months=[month("2026-01", "250000.00")],
            cause=[core("late")],
        )
    )


def test_what_no_late_record_can_reach_is_forgotten_and_the_rest_is_not() -> None:
    bank = running().given(granted("C1", "gold", on="2026-01-16", id="g1"), closed_through("2027-03-31"))
    bank.given(deposit("C1", "A1", "299000.00", on="2027-04-01", at="2027-03-31"), closed_through("2027-05-15"))
    story = bank.customer().story
    assert story is not None
    assert (bank.tier().state, story.actions) == ("vip", [])
    bank.given(deposit("C1", "A1", "1.00", on="2026-05-10"))
    bank.when(close("2027-05-16")).then()
    bank.given(
        deposit("C1", "A1", "250000.00", on="2026-12-01", id="d"), withdrawal("C1", "A1", "250000.00", on="2027-04-01")
    )
    bank.when(close("2027-05-17")).then()
    bank.given(withdrawal("C1", "A1", "299000.00", on="2027-04-01", id="w"))
    bank.when(close("2027-05-18")).then()
    assert bank.tier().below_entry == 1  # in December 2026 the month average above entry made the special a vip


def test_a_special_that_ended_in_the_first_restated_month_is_judged_by_the_month_before() -> None:
    bank = running("300000.00").given(
        granted("C1", "diamond", on="2025-03-10", at="2026-01-16"), closed_through("2026-03-10")
    )
    assert bank.tier().level == "gold"
    bank.given(withdrawal("C1", "A1", "299999.00", on="2026-03-11"), closed_through("2026-04-10"))
    bank.given(withdrawal("C1", "A1", "0.01", on="2026-03-20"))
    bank.when(close("2026-04-11")).then()
    assert (bank.tier().state, bank.tier().below_entry) == ("vip", 1)


def test_a_special_ends_before_a_later_grant_is_judged_again() -> None:
    bank = running("300000.00").given(
        granted("C1", "diamond", on="2025-03-10", at="2026-01-16"), closed_through("2026-03-20")
    )
    bank.given(granted("C1", "private", on="2026-03-21"))  # on a vip: recorded
    bank.given(closed_through("2026-04-10"), deposit("C1", "A1", "0.01", on="2026-03-05"))
    bank.when(close("2026-04-11")).then()
    assert (bank.tier().state, bank.tier().level) == ("vip", "gold")
