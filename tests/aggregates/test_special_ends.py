"""How special VIPs end: by date, by conversion, by revocation (DOMAIN §4, special; CONTRACT §5)."""

import pytest

from aggregates.dates import day_of, iso
from tests.aggregates.banks import running
from tests.dsl.bank import given
from tests.dsl.expect import ORDINARY, at_month_close, crm, special, tier_changed, vip
from tests.dsl.records import (
    brought,
    close,
    closed_through,
    deposit,
    granted,
    month,
    opened,
    revoked,
)

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


@pytest.mark.parametrize(("on", "cause"), [("2026-03-10", None), ("2026-03-09", [crm("r1")])])
def test_a_revocation_for_the_very_day_on_which_a_special_ends_anyway_is_not_its_cause(
    on: str, cause: list[dict[str, str]] | None
) -> None:
    bank = running().given(granted("C1", "gold", on="2025-03-10", at="2026-01-16"), closed_through("2026-03-07"))
    bank.when(revoked("C1", on=on, at=iso(day_of(on) - 1), id="r1"), closed_through("2026-03-10")).then(
        tier_changed(
            2, "special_ended", special("gold", on), ORDINARY, months=[month("2026-02", "1000.00")],
            decided=on, effective=iso(day_of(on) + 1), cause=cause,
        )
    )  # fmt: skip
