"""Late and backdated records on a whole bank (DOMAIN §4)."""

from aggregates.dates import day_of
from aggregates.packing import pack
from aggregates.policy import Level, Policies, Policy
from aggregates.shard import Shard
from tests.aggregates.banks import LAKH, year
from tests.dsl.bank import given
from tests.dsl.expect import LAPSED, ORDINARY, at_month_close, core, month_restated, tier_changed, vip
from tests.dsl.records import (
    brought,
    close,
    closed_through,
    deposit,
    month,
    opened,
    purchase,
    withdrawal,
)


def test_a_late_record_of_the_open_month_restates_nothing() -> None:
    bank = year(through="2026-02-10").when(deposit("C1", "A1", "1.00", on="2026-02-01")).then()
    bank.when(close("2026-02-11")).then()


def test_a_restatement_that_changes_no_standing_is_no_tier_change() -> None:
    bank = year("300000.00", through="2026-03-10").given(deposit("C1", "A1", "1.00", on="2026-01-31"))
    bank.when(close("2026-03-11")).then()


def test_the_machine_runs_again_once_at_the_next_close_and_names_all_causes_in_log_order() -> None:
    bank = year(through="2026-03-10")
    bank.when(
        deposit("C1", "A1", "200000.00", on="2026-02-28", id="z"),
        deposit("C1", "A1", "300000.00", on="2026-02-01", id="a"),
        withdrawal("C1", "A1", "100.00", on="2026-03-01", id="open"),
        deposit("C1", "A1", "0.01", on="2026-01-31", id="m"),
    ).then(
        month_restated(core("z"), ("2026-02", 280_000_000, 300_000_000), from_month="2026-02"),
        month_restated(core("a"), ("2026-02", 300_000_000, 1_140_000_000), from_month="2026-02"),
        month_restated(
            core("m"),
            ("2026-01", 310_000_000, 310_000_001),
            ("2026-02", 1_140_000_000, 1_140_000_028),
            from_month="2026-01",
        ),
    )
    assert bank.tier().state == "ordinary"
    bank.when(close("2026-03-11")).then(
        tier_changed(
            1,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-03-11",
            effective="2026-03-12",
            closed_month="2026-02",
            months=[month("2026-01", LAKH, extra_minor=1), month("2026-02", "400000.00", extra_minor=20_000_000 + 28)],
            cause=[core("z"), core("a"), core("m")],
        )
    )
    bank.when(close("2026-03-12")).then()


def test_causes_of_one_close_are_forgotten_at_the_next() -> None:
    bank = year(through="2026-02-10").given(deposit("C1", "A1", "1.00", on="2026-01-05", id="first"))
    bank.given(close("2026-02-11"), deposit("C1", "A1", "300000.00", on="2026-01-01", id="second"))
    bank.when(close("2026-02-12")).then(
        tier_changed(
            1,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-02-12",
            effective="2026-02-13",
            closed_month="2026-01",
            months=[month("2026-01", "400000.00", extra_minor=27 * 100)],
            cause=[core("second")],
        )
    )


def test_the_months_begin_at_the_earliest_late_record_even_if_its_sum_stays() -> None:
    bank = year(through="2026-03-10").given(
        deposit("C1", "A1", "5.00", on="2026-01-31", id="in"),
        withdrawal("C1", "A1", "5.00", on="2026-01-31", id="out"),
        deposit("C1", "A1", "300000.00", on="2026-02-01", id="more"),
    )
    bank.when(close("2026-03-11")).then(
        tier_changed(
            1,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-03-11",
            effective="2026-03-12",
            closed_month="2026-02",
            months=[month("2026-01", LAKH), month("2026-02", "400000.00")],
            cause=[core("in"), core("out"), core("more")],
        )
    )


def test_a_transfer_between_own_accounts_restates_no_sum_but_is_a_cause() -> None:
    bank = year(through="2026-02-10").given(opened("C1", "F1", category="fund", on="2026-01-01"))
    bank.when(purchase("C1", "F1", "50.00", on="2026-01-10", funded_from="A1", id="p")).then(
        month_restated(core("p"), from_month="2026-01")
    )
    bank.when(close("2026-02-11")).then()


def test_watch_that_becomes_empty_is_restated_and_other_counters_are_not() -> None:
    bank = year("500000.00", through="2026-01-31").given(withdrawal("C1", "A1", "1.00", on="2026-02-01"))
    bank.given(closed_through("2026-03-10"))
    assert bank.tier().watch == ("gold",)
    bank.given(
        withdrawal("C1", "A1", "400000.00", on="2026-02-28", id="w"), deposit("C1", "A1", "400000.00", on="2026-03-01")
    )
    bank.when(close("2026-03-11")).then()
    bank.given(deposit("C1", "A1", "400001.00", on="2026-02-01", id="d"))
    bank.when(close("2026-03-12")).then(
        tier_changed(
            3,
            "restated",
            vip("platinum"),
            vip("platinum"),
            decided="2026-03-12",
            effective="2026-03-13",
            closed_month="2026-02",
            months=[month("2026-02", "900000.00", extra_minor=-40_000_000)],
            cause=[core("d")],
        )
    )


def test_a_restatement_shows_its_counters() -> None:
    bank = year("500000.00", through="2026-02-10").given(withdrawal("C1", "A1", "400000.00", on="2026-01-01", id="w"))
    bank.when(close("2026-02-11")).then(
        tier_changed(
            2,
            "restated",
            vip("platinum"),
            ORDINARY,
            decided="2026-02-11",
            effective="2026-02-12",
            closed_month="2026-01",
            months=[month("2026-01", LAKH)],
            cause=[core("w")],
        )
    )


def test_the_restated_counters_are_the_state_from_which_the_next_month_goes_on() -> None:
    bank = year("600000.00", through="2026-03-10").given(withdrawal("C1", "A1", "450000.00", on="2026-02-01", id="w"))
    bank.when(close("2026-03-11")).then(
        tier_changed(
            2,
            "restated",
            vip("platinum"),
            vip("platinum"),
            decided="2026-03-11",
            effective="2026-03-12",
            closed_month="2026-02",
            months=[month("2026-02", "150000.00")],
            watch=1,
            below_entry=1,
            cause=[core("w")],
        )
    )
    bank.when(closed_through("2026-03-31")).then()
    assert (bank.tier().watch, bank.tier().below_entry) == ((None, None), 2)


def test_on_the_last_day_of_a_month_the_restatement_comes_before_the_month_close() -> None:
    bank = year(through="2026-02-27").given(deposit("C1", "A1", "500000.00", on="2026-01-01", id="d"))
    bank.when(close("2026-02-28")).then(
        tier_changed(
            1,
            "restated",
            ORDINARY,
            vip("platinum"),
            decided="2026-02-28",
            effective="2026-03-01",
            closed_month="2026-01",
            months=[month("2026-01", "600000.00")],
            cause=[core("d")],
        )
    )
    bank.given(withdrawal("C1", "A1", "500000.00", on="2026-01-01", id="w"), closed_through("2026-03-30"))
    bank.given(deposit("C1", "A1", "300000.00", on="2026-02-01", id="e"))
    bank.when(close("2026-03-31")).then(
        tier_changed(
            3,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-03-31",
            effective="2026-04-01",
            closed_month="2026-02",
            months=[month("2026-02", "400000.00")],
            cause=[core("e")],
        )
    )


def test_several_days_closed_at_once_run_the_machine_again_on_the_first_of_them() -> None:
    bank = year(through="2026-02-10").given(deposit("C1", "A1", "300000.00", on="2026-01-01", id="d"))
    decided = [each for each in bank.when(close("2026-03-05")).decisions if getattr(each, "kind", "") == "restated"]
    assert [(each.decided_at, each.effective_date) for each in decided] == [("2026-02-11", "2026-02-12")]  # type: ignore[attr-defined]


def test_each_month_is_run_again_under_its_own_policy() -> None:
    old = Policy(version="old", ladder=(Level("gold", 1_000_00),))
    new = Policy(version="new", valid_from=day_of("2026-02-01"), ladder=(Level("gold", 1_000_000_00),))
    bank = given(opened("C1", "A1", on="2026-01-01", balance="10.00"), close("2026-01-31"), policies=[old, new])
    bank.given(closed_through("2026-02-28"), deposit("C1", "A1", "1000.00", on="2026-01-01", id="d"))
    bank.when(close("2026-03-01")).then(
        tier_changed(
            1,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-03-01",
            effective="2026-03-02",
            closed_month="2026-02",
            months=[month("2026-01", "1010.00"), month("2026-02", "1010.00")],
            below_entry=1,
            cause=[core("d")],
            policy="new",
        )
    )


def test_a_customer_who_left_long_ago_can_come_back_by_a_late_record() -> None:
    bank = given(brought("C1", "lapsed", grace_left=1, on="2025-12-31"), opened("C1", "A1", on="2026-01-01"))
    bank.when(close("2026-01-31")).then(at_month_close(1, "exited", LAPSED, ORDINARY, [month("2026-01", "0.00")]))
    bank.given(closed_through("2026-06-15"), deposit("C1", "A1", "300000.00", on="2026-01-01", id="d"))
    bank.when(close("2026-06-16")).then(
        tier_changed(
            2,
            "restated",
            ORDINARY,
            vip("gold"),
            decided="2026-06-16",
            effective="2026-06-17",
            closed_month="2026-05",
            months=[month(f"2026-0{n}", "300000.00") for n in range(1, 6)],
            cause=[core("d")],
        )
    )


def test_the_state_of_a_rebuilt_bank_is_the_same_to_the_byte() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="1.00"), opened("C1", "A2", on="2026-01-01", balance="2.00")
    )
    bank.given(close("2026-01-31"), deposit("C1", "A2", "1.00", on="2026-01-15"))
    rebuilt = Shard(Policies([Policy()]))
    for line in bank.lines:
        rebuilt.evolve(line)
    assert pack(rebuilt.customers.ensure("C1")) == pack(bank.customer())
