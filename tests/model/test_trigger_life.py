"""The life of a trigger on the model itself (DOMAIN §5): how often, claims and contacts, expiry, withdrawal, order."""

from datetime import date, timedelta
from typing import Any

from tests.model.trigger_core import Desk, desk


def names(one: Desk) -> list[tuple[str, str]]:
    """(code, step) of everything."""
    return [(step.code, step.step) for step in one.steps()]


def rated(one: Desk, on: str = "2025-01-02") -> str:
    """A bad rating, and the id of its trigger."""
    one.send("satisfaction_rated", on, score=1, event_id="r")
    return "C1:dissatisfied:r"


# --- what people do about it -----------------------------------------------------------------------------------------


def test_claimed_contacted_and_an_outcome() -> None:
    one = desk()
    trigger_id = rated(one)
    one.send("trigger_claimed", "2025-01-02", trigger_id=trigger_id, manager_id="M1")
    one.send("trigger_claimed", "2025-01-02", trigger_id=trigger_id, manager_id="M2")
    one.send("manager_contact", "2025-01-02", trigger_id=trigger_id, manager_id="M1")
    one.send("trigger_claimed", "2025-01-02", trigger_id=trigger_id, manager_id="M2")
    one.send("manager_contact", "2025-01-02", trigger_id=trigger_id, manager_id="M3", outcome="retained")
    one.send("manager_contact", "2025-01-02", trigger_id=trigger_id, manager_id="M1", outcome="lost")
    steps = one.steps("dissatisfied")
    told = [(step.step, step.manager_id) for step in steps]
    assert told == [("raised", None), ("claimed", "M1"), ("contacted", "M1"), ("retained", "M3")]
    assert [step.sequence for step in steps] == [1, 2, 3, 4]
    assert all(step.evidence == {"score": 1} for step in steps)


def test_an_unknown_trigger_or_none_changes_nothing() -> None:
    one = desk()
    rated(one)
    one.send("trigger_claimed", "2025-01-02", trigger_id="C2:dissatisfied:r", manager_id="M1")
    one.send("manager_contact", "2025-01-02", manager_id="M1", outcome="lost")
    one.send("manager_contact", "2025-01-02", manager_id="M1", outcome="lost", trigger_id="C1:dissatisfied:q")
    assert names(one) == [("dissatisfied", "raised")]


def test_an_outcome_needs_no_claim() -> None:
    one = desk()
    one.send("manager_contact", "2025-01-02", manager_id="M1", outcome="no_need", trigger_id=rated(one))
    assert names(one) == [("dissatisfied", "raised"), ("dissatisfied", "no_need")]


# --- expiry ----------------------------------------------------------------------------------------------------------


def test_whatever_has_no_outcome_expires_after_thirty_days() -> None:
    one = desk()
    trigger_id = rated(one)
    one.send("complaint_filed", "2025-01-02", complaint_id="k", severity=1)
    one.send("manager_contact", "2025-01-02", trigger_id="C1:complaint_open:k:filed", manager_id="M", outcome="lost")
    one.send("manager_contact", "2025-01-02", trigger_id=trigger_id, manager_id="M")
    one.send("complaint_resolved", "2025-01-02", complaint_id="k", outcome="o")
    one.close_through("2025-01-31")
    assert "expired" not in [step for _, step in names(one)]
    one.close("2025-02-01")
    assert one.told("dissatisfied")[-1] == ("expired", "r", "2025-02-01")
    assert one.told("complaint_open")[-1][0] == "lost"
    one.send("manager_contact", "2025-02-02", trigger_id=trigger_id, manager_id="M", outcome="lost")
    assert one.told("dissatisfied")[-1][0] == "expired"


# --- how often -------------------------------------------------------------------------------------------------------

DROP: dict[str, Any] = {"version": "v", "triggers": {"aum_drop": {"high_at_least": "10.00"}}}


def test_cooldown_and_an_open_one() -> None:
    calm = {"version": "v", "triggers": {"dormant": {"cooldown_days": 7, "days": 5, "aum_at_least": "0.01"}}}
    one = desk(500, calm)
    one.close_through("2025-01-20")
    assert one.raised("dormant") == ["2025-01-06"]  # still open
    named = {"trigger_id": "C1:dormant:2025-01-06", "manager_id": "M"}
    one.send("manager_contact", "2025-01-21", **named, outcome="no_need")
    one.close("2025-01-21")
    assert one.raised("dormant") == ["2025-01-06", "2025-01-21"]
    one.send("manager_contact", "2025-01-22", trigger_id="C1:dormant:2025-01-21", manager_id="M", outcome="no_need")
    one.close_through("2025-01-27")
    assert len(one.raised("dormant")) == 2
    one.close("2025-01-28")
    assert one.raised("dormant")[2:] == ["2025-01-28"]


def test_a_drop_that_gets_worse_is_told_again() -> None:
    one = desk(100_000, DROP)
    one.money("fee_charged", "2025-01-02", 30_000)
    one.close("2025-01-02")
    one.money("fee_charged", "2025-01-03", 20_999)
    one.close("2025-01-03")
    assert one.raised("aum_drop") == ["2025-01-02"]
    one.money("fee_charged", "2025-01-04", 1)  # 49,000: 70% of 70,000
    one.close("2025-01-04")
    assert one.raised("aum_drop") == ["2025-01-02", "2025-01-04"]
    one.money("fee_charged", "2025-01-05", 49_000)
    one.close_through("2025-01-09")
    assert one.raised("aum_drop") == ["2025-01-02", "2025-01-04", "2025-01-05"]  # nothing is 70% of nothing


def test_an_older_one_that_is_still_open_holds_the_next_back() -> None:
    one = desk(100_000, {"version": "v", "triggers": {"aum_drop": {"high_at_least": "10.00", "cooldown_days": 2}}})
    one.money("fee_charged", "2025-01-02", 30_000)
    one.close("2025-01-02")
    one.money("fee_charged", "2025-01-03", 21_000)
    one.close("2025-01-03")
    assert one.raised("aum_drop") == ["2025-01-02", "2025-01-03"]
    for on, key in (("2025-01-04", "2025-01-03"), ("2025-01-08", "2025-01-02")):
        one.close_through(str(date.fromisoformat(on) - timedelta(days=1)))
        one.send("manager_contact", on, trigger_id=f"C1:aum_drop:{key}", manager_id="M", outcome="no_need")
        one.close(on)
    assert one.raised("aum_drop") == ["2025-01-02", "2025-01-03", "2025-01-08"]


def test_an_outflow_twice_as_large_is_told_again() -> None:
    one = desk(100_000_000)
    one.sent_out("2025-01-02", 20_000_000)
    one.close("2025-01-02")
    one.sent_out("2025-01-03", 39_999_999)
    one.close("2025-01-03")
    one.money("deposit", "2025-01-04", 100_000_000)
    one.close("2025-01-04")
    assert one.raised("large_outflow") == ["2025-01-02"]
    one.sent_out("2025-01-05", 40_000_000)
    assert one.raised("large_outflow") == ["2025-01-02", "2025-01-05"]


def test_a_withdrawn_raise_begins_no_cooldown_but_its_day_is_used() -> None:
    one = desk(10_000_000)
    one.sent_out("2025-01-02", 6_000_000)
    one.money("deposit", "2025-01-02", 5_000_000)
    one.close("2025-01-02")
    one.sent_out("2025-01-03", 6_000_000)
    assert one.raised("large_outflow") == ["2025-01-02", "2025-01-03"]


def test_a_key_is_used_once_even_after_a_withdrawal() -> None:
    one = desk()
    one.opened("2025-01-02", 5, account_id="W1", matures_on="2025-01-09")
    one.close("2025-01-02")
    one.money("fee_charged", "2025-01-03", 5, account_id="W1", value_date="2025-01-02", event_id="f")
    one.close("2025-01-03")
    assert [step for _, step in names(one)] == ["raised", "withdrawn"]
    one.money("deposit", "2025-01-04", 5, account_id="W1")
    one.close("2025-01-04")
    assert one.raised("maturity_upcoming") == ["W1:2025-01-09"]


# --- late and reversing records --------------------------------------------------------------------------------------


def test_a_late_record_withdraws_what_is_no_longer_true() -> None:
    one = desk(10_000_000)
    one.money("fee_charged", "2025-01-02", 3_000_000, event_id="f")
    one.close("2025-01-02")
    assert one.raised("aum_drop") == ["2025-01-02"]
    one.money("deposit", "2025-01-03", 1, event_id="now")
    one.money("deposit", "2025-01-03", 1, value_date="2025-01-02", event_id="late")
    one.send("phone_call", "2025-01-02", direction="out", event_id="call")
    one.close("2025-01-03")
    withdrawn = one.steps("aum_drop")[1]
    assert (withdrawn.step, str(withdrawn.business_date)) == ("withdrawn", "2025-01-03")
    assert withdrawn.cause == (("core", "late"), ("core", "call"))


def test_a_reversal_is_late_even_of_a_record_of_the_day() -> None:
    one = desk(10_000_000)
    one.opened("2025-01-02", 7_000_000, account_id="A2")
    one.close("2025-01-02")
    one.sent_out("2025-01-03", 10_000_000, event_id="t")
    one.send("reversal", "2025-01-03", reverses={"event_id": "t"}, event_id="v")
    one.close("2025-01-03")
    assert [step for _, step in names(one)] == ["raised", "withdrawn"]
    assert one.steps()[1].cause is None  # of its own day


def test_what_is_still_true_stays_and_without_late_records_nothing_is_tested() -> None:
    one = desk(10_000_000)
    one.money("fee_charged", "2025-01-02", 3_000_001)
    one.close("2025-01-02")
    one.money("deposit", "2025-01-03", 1, value_date="2025-01-02")
    one.close("2025-01-03")
    one.money("deposit", "2025-01-04", 9_000_000)
    one.close_through("2025-01-10")
    assert names(one) == [("aum_drop", "raised")]


def test_a_tier_trigger_is_tested_on_the_tier_as_known_now() -> None:
    small = {"version": "s", "levels": [{"code": "gold", "threshold": "1000.00"}]}
    one = desk(100_100, small)
    one.close_through("2025-01-31")
    one.money("withdrawal", "2025-02-01", 50_000)
    one.close_through("2025-02-10")
    assert one.raised("tier_at_risk") == ["2025-02"]
    one.money("fee_charged", "2025-02-11", 100, value_date="2025-01-01")
    one.close("2025-02-11")
    assert one.bank.tier_row("C1")["state"] == "ordinary"
    assert one.told("tier_at_risk")[-1][0] == "withdrawn"


def test_a_complaint_turns_out_to_be_resolved() -> None:
    one = desk()
    one.send("complaint_filed", "2025-01-02", complaint_id="k", severity=1)
    one.close_through("2025-01-06")
    assert one.raised("complaint_open") == ["k:filed", "k:overdue"]
    one.send("complaint_resolved", "2025-01-06", complaint_id="k", outcome="o")
    one.close("2025-01-07")
    assert [(step.key, step.step) for step in one.steps("complaint_open")][2:] == [("k:overdue", "withdrawn")]


# --- order -----------------------------------------------------------------------------------------------------------


def test_before_the_first_close_records_wait_and_are_judged_in_order() -> None:
    one = Desk()
    one.opened("2025-01-01", 10_000_000)
    one.send("complaint_filed", "2025-01-03", complaint_id="k", severity=1)
    one.send("trigger_claimed", "2025-01-03", trigger_id="C1:complaint_open:k:filed", manager_id="M")
    one.sent_out("2025-01-05", 6_000_000)
    assert one.steps() == []
    one.close("2025-01-05")
    assert [(step.code, step.step, str(step.business_date)) for step in one.steps()][:4] == [
        ("complaint_open", "raised", "2025-01-05"),
        ("complaint_open", "claimed", "2025-01-05"),
        ("large_outflow", "raised", "2025-01-05"),
        ("aum_drop", "raised", "2025-01-05"),
    ]


def test_the_order_inside_a_close() -> None:
    one = desk(10_000_000)
    for account_id in ("W2", "W10"):
        one.opened("2025-01-02", 5, account_id=account_id, matures_on="2025-02-07")
    one.send("satisfaction_rated", "2025-01-02", score=1)
    one.close_through("2025-01-30")
    one.opened("2025-01-31", 5, account_id="W3", matures_on="2025-02-01")
    one.close("2025-01-31")
    one.money("fee_charged", "2025-02-01", 5, account_id="W3", value_date="2025-01-31")
    one.money("fee_charged", "2025-02-01", 9_000_000)
    one.close("2025-02-01")
    told = [(step.code, step.key, step.step) for step in one.steps() if str(step.business_date) == "2025-02-01"]
    assert told == [
        ("maturity_upcoming", "W3:2025-02-01", "withdrawn"),
        ("dissatisfied", "e5", "expired"),
        ("aum_drop", "2025-02-01", "raised"),
    ]
    keys = [step.key for step in one.steps("maturity_upcoming") if str(step.business_date) == "2025-01-31"]
    assert keys == ["W10:2025-02-07", "W2:2025-02-07", "W3:2025-02-01"]


def test_days_that_close_at_once_are_judged_one_by_one() -> None:
    one = desk(10_000_000)
    one.money("fee_charged", "2025-01-03", 3_000_000)
    one.close("2025-01-20")
    assert one.told("aum_drop") == [("raised", "2025-01-03", "2025-01-03")]
