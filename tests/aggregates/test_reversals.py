"""Reversals on a whole bank: what they undo, once, on the original's value date (DOMAIN §4)."""

import pytest

from events.fields import Record
from tests.aggregates.banks import LAKH, year
from tests.dsl.bank import given
from tests.dsl.expect import ORDINARY, core, month_restated, tier_changed, vip
from tests.dsl.records import (
    brought,
    close,
    closed,
    closed_through,
    deposit,
    matured,
    money,
    month,
    opened,
    purchase,
    redeemed,
    reversal,
    stated,
)


def test_a_reversed_deposit_never_happened() -> None:
    bank = year("50000.00", through="2026-02-10").given(deposit("C1", "A1", "300000.00", on="2026-01-01", id="d"))
    bank.given(close("2026-02-11"))
    assert bank.tier().state == "vip"
    bank.when(reversal("C1", "d", at="2026-02-12", id="r")).then(
        month_restated(core("r"), ("2026-01", 31 * 35_000_000, 31 * 5_000_000), from_month="2026-01")
    )
    bank.when(close("2026-02-12")).then(
        tier_changed(
            2,
            "restated",
            vip("gold"),
            ORDINARY,
            decided="2026-02-12",
            effective="2026-02-13",
            closed_month="2026-01",
            months=[month("2026-01", "50000.00")],
            cause=[core("r")],
        )
    )


@pytest.mark.parametrize(
    "kind",
    ["deposit", "transfer_in", "interest_credited", "payroll_credited", "withdrawal", "transfer_out", "fee_charged"],
)
def test_every_movement_of_one_account_and_its_reversal(kind: str) -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="10.00"), close("2026-01-05"))
    sign = 1 if kind in ("deposit", "transfer_in", "interest_credited", "payroll_credited") else -1
    bank.when(money(kind, "C1", "A1", "4.00", on="2026-01-05", id="m")).then()
    assert bank.spot() == 1000 + sign * 400
    assert bank.sum("2026-01") == 31 * 1000 + 27 * sign * 400
    bank.when(reversal("C1", "m", at="2026-01-06")).then()
    assert (bank.spot(), bank.sum("2026-01")) == (1000, 31 * 1000)


@pytest.mark.parametrize(
    ("record", "moved"),
    [
        (purchase("C1", "F1", "4.00", on="2026-01-05", id="m", funded_from="A1"), (-400, 400)),
        (purchase("C1", "F1", "4.00", on="2026-01-05", id="m"), (0, 400)),
        (redeemed("C1", "F1", "5.00", on="2026-01-05", id="m", book="3.00", paid_to="A1"), (500, -300)),
        (redeemed("C1", "F1", "5.00", on="2026-01-05", id="m", paid_to="A1"), (500, -500)),
        (redeemed("C1", "F1", "5.00", on="2026-01-05", id="m"), (0, -500)),
        (matured("C1", "F1", "5.00", on="2026-01-05", id="m", book="0.00", paid_to="A1"), (500, 0)),
        (matured("C1", "F1", "5.00", on="2026-01-05", id="m", paid_to="A1"), (500, -500)),
    ],
)
@pytest.mark.parametrize("through", ["2026-01-05", "2026-03-31"])
def test_both_legs_of_a_product_move_and_both_come_back(record: Record, moved: tuple[int, int], through: str) -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="10.00"),
        opened("C1", "F1", category="fund", on="2026-01-01", balance="20.00"),
        close("2026-01-05"),
        closed_through(through),
        record,
    )
    accounts = bank.customer().accounts
    assert (accounts["A1"].balance, accounts["F1"].balance) == (1000 + moved[0], 2000 + moved[1])
    assert bank.sum("2026-01") == 31 * 3000 + 27 * sum(moved)
    bank.given(reversal("C1", "m", at=through))
    assert (accounts["A1"].balance, accounts["F1"].balance) == (1000, 2000)
    assert bank.sum("2026-01") == 31 * 3000
    bank.check_rebuild()


def test_a_reversal_counts_once() -> None:
    bank = year(through="2026-02-10").given(deposit("C1", "A1", "1.00", on="2026-02-01", id="d"))
    bank.given(reversal("C1", "d", at="2026-02-11"))
    bank.when(reversal("C1", "d", at="2026-02-11")).then_refused("already_reversed", "reverses")


@pytest.mark.parametrize("of", ["nothing", "other", "c2", "r1"])
def test_only_records_of_the_customer_and_the_source_can_be_reversed(of: str) -> None:
    bank = year(through="2026-02-10").given(
        opened("C2", "A1", on="2026-01-01"),
        deposit("C2", "A1", "1.00", on="2026-02-01", id="c2"),
        deposit("C1", "A1", "1.00", on="2026-02-01", id="other", source="cards"),
    )
    bank.when(reversal("C1", of, at="2026-02-11")).then_refused("reversal_unknown", "reverses")


def test_a_reversal_may_name_another_source() -> None:
    bank = year(through="2026-02-10").given(deposit("C1", "A1", "1.00", on="2026-02-01", id="d", source="cards"))
    bank.when(reversal("C1", "d", at="2026-02-11", of_source="cards")).then()
    assert bank.spot() == 10_000_000


def test_of_several_records_with_that_id_the_one_taken_last_is_reversed() -> None:
    bank = year(through="2026-03-10").given(
        deposit("C1", "A1", "2.00", on="2026-03-01", id="d"),
        deposit("C1", "A1", "5.00", on="2026-03-01", at="2026-02-28", id="d"),
    )
    bank.when(reversal("C1", "d", at="2026-03-11")).then()
    assert bank.spot() == 10_000_200
    bank.when(reversal("C1", "d", at="2026-03-11")).then_refused("already_reversed", "reverses")


@pytest.mark.parametrize(
    "record",
    [
        opened("C1", "A9", on="2026-02-01", id="x", balance="5.00"),
        closed("C1", "A1", on="2026-02-01", id="x"),
        stated("C1", "A1", LAKH, on="2026-02-01", id="x"),
        reversal("C1", "d", at="2026-02-01", id="x"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_moves_no_money_is_not_reversed(record: Record) -> None:
    bank = year(through="2026-02-10").given(deposit("C1", "A1", "1.00", on="2026-02-01", id="d"), record)
    bank.when(reversal("C1", "x", at="2026-02-11")).then_refused("bad_value", "reverses")


def test_a_state_brought_forward_is_not_reversed() -> None:
    bank = given(brought("C1", "ordinary", on="2025-12-31", id="b"))
    bank.when(reversal("C1", "b", at="2026-01-01")).then_refused("bad_value", "reverses")


def test_a_reversal_is_judged_by_the_date_of_its_original() -> None:
    bank = given(opened("C1", "A1", on="2025-10-01"), deposit("C1", "A1", "1.00", on="2025-12-31", id="d"))
    bank.given(deposit("C1", "A1", "1.00", on="2026-01-01", id="e"), close("2025-10-31"), closed_through("2026-12-31"))
    bank.when(reversal("C1", "d", at="2026-12-31")).then_refused("value_date_too_old", "reverses")
    bank.given(reversal("C1", "e", at="2026-12-31"))
    assert bank.spot() == 100


def test_a_posting_of_a_closed_account_can_be_reversed() -> None:
    bank = year(through="2026-02-10").given(
        deposit("C1", "A1", "1.00", on="2026-02-01", id="d"), closed("C1", "A1", on="2026-02-09")
    )
    bank.when(reversal("C1", "d", at="2026-02-11")).then()
    assert bank.spot() == 10_000_000
