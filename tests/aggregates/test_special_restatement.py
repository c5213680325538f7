"""Grants and revocations replayed in place when the machine runs again (DOMAIN §4)."""

from aggregates.dates import iso
from tests.aggregates.banks import running
from tests.dsl.bank import given
from tests.dsl.expect import ORDINARY, core, crm, special, tier_changed, vip
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


def test_a_special_that_was_over_when_it_was_decided_ends_again_on_the_day_of_its_grant() -> None:
    """Its `until` lies before the first close: no day before its grant is told of another tier than it had."""
    bank = given(
        brought("C1", "lapsed", on="2025-12-31", grace_left=2),
        opened("C1", "A1", on="2026-01-01", balance="1000.00"),
        granted("C1", "diamond", on="2025-01-08", at="2026-01-05"),
        closed_through("2026-01-10"),
    ).given(closed_through("2026-02-05"))
    story = bank.customer().story
    assert story is not None
    told = [(iso(day), tier.state) for day, tier in story.timeline if day]
    assert told == [("2026-01-10", "special"), ("2026-01-10", "ordinary")]
    bank.given(deposit("C1", "A1", "1.00", on="2026-01-01", at="2026-02-06"), closed_through("2026-02-06"))
    story = bank.customer().story
    assert story is not None
    assert [(iso(day), tier.state) for day, tier in story.timeline if day] == told
