"""Loans: tracked, never part of AUM; what they move on accounts is money like any other (CONTRACT §1, DOMAIN §3-5)."""

from typing import Any

import pytest

from aggregates.dates import day_of
from aggregates.loans import Loan, Step
from events.fields import Record
from tests.dsl.bank import Bank, given
from tests.dsl.expect import core, month_restated, totals_counted
from tests.dsl.records import brought, classified, close, loan, met, opened, overdue, reversal

ACCOUNT = opened("C1", "A1", on="2026-01-01", balance="1000.00")


def lent(amount: str = "300.00", *, on: str = "2026-01-05", **more: Any) -> Record:
    return loan("loan_disbursed", on=on, amount=amount, **more)


def repaid(amount: str = "100.00", *, on: str = "2026-01-06", **more: Any) -> Record:
    return loan("loan_repaid", on=on, amount=amount, **more)


def begun(*, on: str = "2026-01-02", outstanding: str = "5000.00", **more: Any) -> Record:
    return loan("loan_opened", on=on, outstanding=outstanding, **more)


def loans(bank: Bank) -> dict[str, Loan]:
    found = bank.customer().loans
    assert found is not None
    return found


# What is outstanding


def test_a_loan_brought_forward() -> None:
    bank = given().when(begun(**{"class": "special_mention"})).then()
    day = day_of("2026-01-02")
    assert loans(bank) == {"L1": Loan(500_000, day, "special_mention", day)}


def test_a_loan_of_which_no_class_was_said_is_normal() -> None:
    bank = given(begun())
    assert (loans(bank)["L1"].loan_class, loans(bank)["L1"].classified_on) == ("normal", 0)


def test_a_loan_grows_and_falls() -> None:
    bank = given(begun(outstanding="0.00")).when(lent(), repaid()).then()
    assert loans(bank)["L1"].outstanding == 20_000


def test_a_new_loan_begins_with_the_first_money_lent() -> None:
    bank = given().when(lent()).then()
    assert loans(bank) == {"L1": Loan(30_000, day_of("2026-01-05"))}


def test_a_customer_with_loans_only_has_no_aum() -> None:
    bank = given(begun(), lent(), close("2026-01-31"))
    assert (bank.customer().accounts, bank.tier().state, bank.spot(), bank.sum("2026-01")) == ({}, "ordinary", 0, 0)


def test_the_account_that_is_named_moves_too() -> None:
    bank = given(ACCOUNT).when(lent(paid_to="A1"), repaid(paid_from="A1")).then()
    assert bank.spot() == 120_000
    assert loans(bank)["L1"].outstanding == 20_000


def test_a_loan_late_in_a_closed_month_restates_it() -> None:
    bank = given(ACCOUNT, close("2026-01-31"))
    bank.when(lent(on="2026-01-30", at="2026-02-01", paid_to="A1", id="late"))
    bank.then(
        month_restated(core("late"), ("2026-01", 3_100_000, 3_160_000), from_month="2026-01"),
    )


def test_a_loan_that_moves_no_account_restates_nothing_however_old() -> None:
    bank = given(ACCOUNT, close("2026-01-31"), close("2027-03-31"))
    bank.when(lent(on="2026-01-05", at="2027-04-01"), repaid(on="2026-01-06", at="2027-04-01")).then()


def test_control_totals_count_what_moves_an_account_and_nothing_else() -> None:
    bank = given(ACCOUNT, begun(on="2026-01-06"), lent(on="2026-01-06"))
    bank.given(lent(paid_to="A1", loan_id="L2", booked_on="2026-01-06"))
    bank.given(repaid(paid_from="A1"), repaid(paid_from="A1", id="r"), reversal("C1", "r", at="2026-01-06"))
    bank.when(close("2026-01-06", totals=(4, "100.00")))
    bank.then(totals_counted("2026-01-06", 4, 20_000, (4, 10_000)))


# Refusals


@pytest.mark.parametrize("record", [repaid(), overdue(on="2026-01-05", days=1), classified(on="2026-01-05", to="loss")])
def test_a_loan_that_nobody_opened_is_unknown(record: Record) -> None:
    given(ACCOUNT).when(record).then_refused("loan_unknown", "loan_id")
    given(begun(loan_id="L2")).when(record).then_refused("loan_unknown", "loan_id")


def test_a_loan_is_opened_once() -> None:
    given(begun()).when(begun(on="2026-01-03")).then_refused("loan_exists", "loan_id")
    given(lent()).when(begun(on="2026-01-06")).then_refused("loan_exists", "loan_id")


def test_loans_of_two_customers_may_have_one_id() -> None:
    bank = given(begun()).when(loan("loan_opened", "C2", on="2026-01-03", outstanding="7.00")).then()
    assert bank.customer("C2").loans == {"L1": Loan(700, day_of("2026-01-03"))}


@pytest.mark.parametrize("record", [begun(currency="USD", loan_id="L2"), lent(currency="USD"), repaid(currency="USD")])
def test_another_currency_is_refused(record: Record) -> None:
    given(begun()).when(record).then_refused("currency_unsupported", "currency")


@pytest.mark.parametrize(
    "record",
    [
        begun(on="2026-01-09", at="2026-01-07", loan_id="L2"),
        lent(on="2026-01-09", at="2026-01-07"),
        repaid(on="2026-01-09", at="2026-01-07"),
        overdue(on="2026-01-09", days=1, at="2026-01-07"),
        classified(on="2026-01-09", to="loss", at="2026-01-07"),
    ],
)
def test_a_value_date_too_far_ahead_is_refused(record: Record) -> None:
    given(begun()).when(record).then_refused("value_date_in_future", "value_date")


def test_the_account_is_judged_as_for_any_other_money() -> None:
    bank = given(ACCOUNT, begun(on="2026-01-01"))
    bank.when(lent(paid_to="A9")).then_refused("account_unknown", "paid_to")
    bank.when(repaid(paid_from="A9")).then_refused("account_unknown", "paid_from")
    bank.when(repaid(paid_from="A1", on="2025-12-31")).then_refused("account_unknown", "paid_from")
    bank = given(ACCOUNT, close("2026-01-31"), close("2027-01-31"), begun(on="2027-02-01"))
    bank.when(lent(paid_to="A1", on="2026-01-31", at="2027-02-01")).then_refused("value_date_too_old", "value_date")


def test_a_customer_with_a_loan_is_no_longer_brought_forward() -> None:
    given(begun()).when(brought("C1", "ordinary", on="2025-12-31")).then_refused("not_first_record", "customer_id")


# Reversals


@pytest.mark.parametrize(
    ("record", "outstanding"), [(lent(paid_to="A1", id="x"), 500_000), (repaid(paid_from="A1", id="x"), 500_000)]
)
def test_a_reversal_undoes_both_legs_once(record: Record, outstanding: int) -> None:
    bank = given(ACCOUNT, begun(), record).when(reversal("C1", "x", at="2026-01-07")).then()
    assert (bank.spot(), loans(bank)["L1"].outstanding) == (100_000, outstanding)
    bank.when(reversal("C1", "x", at="2026-01-08")).then_refused("already_reversed", "reverses")


def test_a_reversal_without_an_account_is_never_too_old() -> None:
    bank = given(ACCOUNT, begun(), lent(id="x"))
    bank.given(lent(id="y", paid_to="A1"), close("2026-01-31"), close("2027-01-31"))
    bank.when(reversal("C1", "y", at="2027-02-01")).then_refused("value_date_too_old", "reverses")
    bank.when(reversal("C1", "x", at="2027-02-01")).then()
    assert loans(bank)["L1"].outstanding == 530_000


def test_a_reversal_in_a_closed_month_restates_it() -> None:
    bank = given(ACCOUNT, lent(on="2026-01-30", paid_to="A1", id="x"), close("2026-01-31"))
    bank.when(reversal("C1", "x", at="2026-02-01", id="undo"))
    bank.then(month_restated(core("undo"), ("2026-01", 3_160_000, 3_100_000), from_month="2026-01"))


@pytest.mark.parametrize(
    "record",
    [
        begun(loan_id="L2", id="x"),
        overdue(on="2026-01-05", days=1, id="x"),
        classified(on="2026-01-05", to="loss", id="x"),
    ],
)
def test_openings_and_what_the_bank_says_are_corrected_not_reversed(record: Record) -> None:
    given(begun(), record).when(reversal("C1", "x", at="2026-01-07")).then_refused("bad_value", "reverses")


def test_paying_back_is_a_sign_of_life_unless_it_is_reversed() -> None:
    bank = given(begun(), met("app_session", at="2026-01-03", id="a"), lent())
    bank.given(repaid(on="2026-01-06", at="2026-01-07", id="x"))
    conduct = bank.customer().conduct
    assert conduct is not None
    app = [day_of("2026-01-03"), 1, "crm", "a"]
    assert conduct.acts == [*app, day_of("2026-01-07"), 1, "core", "x"]
    bank.when(reversal("C1", "x", at="2026-01-08")).then()
    conduct = bank.customer().conduct
    assert conduct is not None
    assert conduct.acts == app


# Steps


def test_a_class_that_changes_is_a_step_and_the_same_again_is_none() -> None:
    bank = given(begun(), close("2026-01-04")).when(classified(on="2026-01-05", to="substandard", id="k"))
    bank.then()
    step = Step("normal", "substandard", day_of("2026-01-05"), core("k"), day_of("2026-01-05"))
    assert (loans(bank)["L1"].steps, step.kind) == ([step], "class")
    bank.when(classified(on="2026-01-06", to="substandard")).then()
    assert loans(bank)["L1"].steps == [step]
    assert loans(bank)["L1"].classified_on == day_of("2026-01-06")


def test_what_was_said_last_stands_whatever_its_value_date() -> None:
    bank = given(begun(), classified(on="2026-01-06", to="loss"), classified(on="2026-01-05", to="doubtful"))
    assert loans(bank)["L1"].loan_class == "doubtful"
    assert [(each.before, each.after) for each in loans(bank)["L1"].steps] == [("normal", "loss"), ("loss", "doubtful")]


def test_longer_overdue_than_ever_is_a_step() -> None:
    bank = given(begun())
    for day, days in ((5, 1), (6, 2), (7, 0), (8, 1), (9, 3)):
        bank.given(overdue(on=f"2026-01-{day:02d}", days=days, amount=f"{day}.00", id=f"o{day}"))
    found = loans(bank)["L1"]
    assert [(each.kind, each.before, each.after, each.cause.event_id) for each in found.steps] == [
        ("overdue", 0, 1, "o5"),
        ("overdue", 1, 2, "o6"),
        ("overdue", 2, 3, "o9"),
    ]
    assert (found.days_overdue, found.overdue_minor, found.overdue_on) == (3, 900, day_of("2026-01-09"))
    assert found.is_overdue


def test_what_is_paid_back_or_due_no_more_is_not_overdue() -> None:
    assert not loans(given(begun(), overdue(on="2026-01-05", days=1), overdue(on="2026-01-06", days=0)))[
        "L1"
    ].is_overdue
    assert not loans(given(lent(), overdue(on="2026-01-05", days=1), repaid("300.00")))["L1"].is_overdue


@pytest.mark.parametrize(("closed", "kept"), [("2026-04-14", 2), ("2026-04-15", 1)])
def test_a_step_is_kept_for_a_hundred_days_after_it_was_taken(closed: str, kept: int) -> None:
    bank = given(begun(on="2026-01-01"), close("2026-01-04"), classified(on="2025-12-01", to="loss", at="2026-01-05"))
    bank.given(close(closed), classified(on="2026-04-16", to="normal"))
    assert len(loans(bank)["L1"].steps) == kept
