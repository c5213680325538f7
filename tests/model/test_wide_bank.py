"""Loans in the model itself: what they do to accounts, totals and tiers, and what they are refused for."""

from typing import Any

from tests.model.trigger_core import Desk, desk


def lent(one: Desk, kind: str, on: str, amount: int, **fields: Any) -> str | None:
    """A payment of loan L."""
    content: dict[str, Any] = {"loan_id": "L", "amount": amount, "currency": "CNY", "value_date": on}
    return one.send(kind, on, **(content | fields))


def test_a_loan_moves_the_account_it_names_and_is_no_aum_itself() -> None:
    one = desk(100)
    assert lent(one, "loan_disbursed", "2025-01-02", 700, paid_to="A1", event_id="d") is None
    assert lent(one, "loan_disbursed", "2025-01-02", 50) is None
    assert lent(one, "loan_repaid", "2025-01-02", 30, paid_from="A1") is None
    assert one.bank.spot("C1") == 770
    assert one.bank.totals("core", "2025-01-02") == {"count": 2, "signed_sum": 670}
    assert one.send("reversal", "2025-01-02", reverses={"event_id": "d"}) is None
    assert one.bank.spot("C1") == 70


def test_a_loan_without_account_can_be_reversed_once_and_at_any_distance() -> None:
    one = desk(0, {"version": "v", "windows": {"restatement_months": 1}})
    lent(one, "loan_disbursed", "2025-01-02", 50, event_id="d")
    lent(one, "loan_disbursed", "2025-01-02", 50, event_id="p", paid_to="A1")
    one.close_through("2025-03-31")
    assert one.send("reversal", "2025-04-01", reverses={"event_id": "p"}) == "value_date_too_old"
    assert one.send("reversal", "2025-04-01", reverses={"event_id": "d"}) is None
    assert one.send("reversal", "2025-04-01", reverses={"event_id": "d"}) == "already_reversed"
    assert one.bank.restatements == []


def test_what_loans_are_refused_for() -> None:
    one = desk()
    loan: dict[str, Any] = {"loan_id": "M", "outstanding": 5, "currency": "CNY", "value_date": "2025-01-02"}
    assert lent(one, "loan_repaid", "2025-01-02", 5) == "loan_unknown"
    assert lent(one, "loan_disbursed", "2025-01-02", 5, paid_to="A9") == "account_unknown"
    assert one.send("loan_opened", "2025-01-02", **loan, event_id="o") is None
    assert one.send("loan_opened", "2025-01-02", **loan) == "loan_exists"
    assert one.send("reversal", "2025-01-02", reverses={"event_id": "o"}) == "bad_value"
    assert one.send("loan_classified", "2025-01-02", loan_id="L", value_date="2025-01-02", **{"class": "loss"}) == (
        "loan_unknown"
    )
