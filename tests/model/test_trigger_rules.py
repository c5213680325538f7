"""The conditions of DOMAIN §5 on tiers, people and loans, on the model itself: true at a threshold, not just beside it."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.model.trigger_core import Desk, desk
from tests.model.trigger_settings import CODES


def day(first: str, after: int) -> str:
    """The day so many days after another."""
    return str(date.fromisoformat(first) + timedelta(days=after))


# --- tiers -----------------------------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {
    "version": "small",
    "levels": [{"code": "gold", "threshold": "1000.00"}, {"code": "platinum", "threshold": "2500.00"}],
    "windows": {"watch_months": 3, "exit_months": 4, "grace_months": 2, "restatement_months": 3},
}


def vip(level: int = 100_000) -> Desk:
    """A customer who has just entered with January 2025."""
    one = desk(level + 100, SMALL)
    one.close_through("2025-01-31")
    return one


def test_tier_at_risk_from_the_tenth_day_on() -> None:
    one = vip()
    one.money("withdrawal", "2025-02-05", 140)  # four days of 100,100 and 24 of 99,960
    one.close_through("2025-02-09")
    assert one.raised("tier_at_risk") == []
    one.close("2025-02-10")
    assert one.told("tier_at_risk") == [("raised", "2025-02", "2025-02-10")]
    top_up = -(-(40 * 24 - 400) // 18)
    assert one.steps("tier_at_risk")[0].evidence == {"projection": 99_980, "top_up": top_up}


@pytest.mark.parametrize(("on", "raised"), [("2025-02-27", True), ("2025-02-28", False)])
def test_tier_at_risk_until_the_day_before_the_last(on: str, raised: bool) -> None:
    one = vip()
    one.close_through(day(on, -1))
    one.money("withdrawal", on, 100_000)
    one.close_through("2025-02-28")
    assert bool(one.raised("tier_at_risk")) == raised


@pytest.mark.parametrize(("average", "raised"), [(100_000, False), (99_999, True)])
def test_exactly_the_own_threshold_is_no_risk(average: int, raised: bool) -> None:
    one = vip()
    one.average("2025-02", average, closing=False)
    one.close_through("2025-02-10")
    assert bool(one.raised("tier_at_risk")) == raised


@pytest.mark.parametrize(("worth", "raised"), [(90_000, True), (89_999, False)])
def test_near_upgrade_from_outside(worth: int, raised: bool) -> None:
    one = desk(worth, SMALL)
    one.close_through("2025-01-09")
    assert one.raised("near_upgrade") == []
    one.close("2025-01-10")
    assert one.raised("near_upgrade") == (["2025-01"] if raised else [])
    if raised:
        top_up = 10_000 * 31 // 21 + 1
        assert one.steps("near_upgrade")[0].evidence == {"projection": 90_000, "top_up": top_up}


@pytest.mark.parametrize(("worth", "keys"), [(225_000, ["2025-01", "2025-02"]), (224_999, ["2025-01"])])
def test_near_upgrade_of_a_vip(worth: int, keys: list[str]) -> None:
    one = desk(worth, SMALL)
    one.close_through("2025-02-10")
    assert one.raised("near_upgrade") == keys


def test_no_near_upgrade_on_the_highest_level_or_of_a_special() -> None:
    one = desk(0, SMALL)
    one.send("special_vip_granted", "2025-01-02", level="gold", reason="r", granted_by="E", value_date="2025-01-02")
    one.money("deposit", "2025-01-02", 900_000)
    one.close_through("2025-01-31")
    assert one.raised("near_upgrade") == []
    one.close_through("2025-02-20")
    assert one.bank.tier_row("C1")["level"] == "platinum"
    assert one.raised("near_upgrade") == []


def test_downgrade_watch_and_lapsed() -> None:
    one = desk(300_000, SMALL)
    one.close_through("2025-01-31")
    one.money("withdrawal", "2025-02-01", 300_000)
    one.close_through("2025-09-30")
    assert [
        (step.key, step.evidence["months_left"]) for step in one.steps("downgrade_watch") if step.step == "raised"
    ] == [
        ("2025-02", 2),
        ("2025-03", 1),
        ("2025-04", 1),  # downgraded to gold: no watch, three of four months below entry
    ]
    assert one.raised("lapsed") == ["2025-05", "2025-06"]
    assert one.steps("lapsed")[0].evidence["months"][-1] == {"month": "2025-05", "sum": 0, "days": 31}


def test_special_expiring_thirty_days_ahead() -> None:
    one = desk(0)
    one.send("special_vip_granted", "2025-01-02", level="gold", reason="r", granted_by="E", value_date="2024-03-10")
    one.close_through("2025-02-07")
    assert one.raised("special_expiring") == []
    one.close("2025-02-08")
    assert one.told("special_expiring") == [("raised", "2025-03-10", "2025-02-08")]
    one.send("special_vip_revoked", "2025-02-09", reason="r", value_date="2025-02-10")
    one.close("2025-02-09")
    assert one.raised("special_expiring") == ["2025-03-10", "2025-02-10"]


# --- people ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("worth", "raised"), [(1_000_000, True), (999_999, False)])
def test_dormant_after_ninety_days(worth: int, raised: bool) -> None:
    one = desk(worth)
    one.money("interest_credited", "2025-02-01", 1, value_date="2025-02-01")
    one.money("fee_charged", "2025-02-01", 1, value_date="2025-02-01")
    one.close_through("2025-03-31")
    assert one.raised("dormant") == []
    one.close("2025-04-01")
    assert one.told("dormant") == ([("raised", "2025-04-01", "2025-04-01")] if raised else [])
    if raised:
        assert one.steps("dormant")[0].evidence == {"last_activity_on": "2025-01-01", "aum": worth}
    one.close_through("2025-05-01")
    assert one.raised("dormant") == (["2025-04-01", "2025-05-01"] if raised else [])


@pytest.mark.parametrize(
    ("kind", "content", "activity"),
    [
        ("branch_visit", {"branch": "B1"}, True),
        ("phone_call", {"direction": "in"}, True),
        ("phone_call", {"direction": "out"}, False),
        ("message", {"channel": "sms", "direction": "in"}, True),
        ("message", {"channel": "sms", "direction": "out"}, False),
        ("app_session", {}, True),
        ("campaign_contact", {"campaign": "c"}, False),
        ("campaign_response", {"campaign": "c", "response": "yes"}, True),
        ("product_enquiry", {"category": "fund"}, True),
        ("complaint_filed", {"complaint_id": "k", "severity": 1}, True),
        ("complaint_resolved", {"complaint_id": "k", "outcome": "o"}, False),
        ("satisfaction_rated", {"score": 5}, True),
        ("identity_verified", {"operator": "o", "method": "m", "valid_minutes": 9}, True),
        ("manager_contact", {"manager_id": "M"}, False),
    ],
)
def test_what_is_activity(kind: str, content: dict[str, Any], activity: bool) -> None:
    one = desk(1_000_000)
    one.send(kind, "2025-01-02", **content)
    one.close_through("2025-04-01")
    assert bool(one.raised("dormant")) != activity


def test_a_reversed_record_is_no_activity_and_one_brought_forward_is() -> None:
    one = Desk()
    said: dict[str, Any] = {
        "value_date": "2024-12-31",
        "state": "ordinary",
        "months": [],
        "last_activity_on": "2024-12-15",
    }
    one.send("customer_brought_forward", "2025-01-01", **said)
    one.opened("2025-01-01", 2_000_000)
    one.money("withdrawal", "2025-01-05", 5, event_id="w")
    one.close("2025-01-05")
    one.send("reversal", "2025-01-06", reverses={"event_id": "w"})
    one.close_through("2025-04-01")
    assert one.raised("dormant") == ["2025-04-01"]


def test_a_complaint_is_told_when_filed_and_after_two_working_days() -> None:
    one = desk()
    one.close_through("2025-01-09")
    one.send("complaint_filed", "2025-01-10", complaint_id="k", severity=2)  # a Friday
    assert one.told("complaint_open") == [("raised", "k:filed", "2025-01-10")]
    one.close_through("2025-01-13")
    assert one.raised("complaint_open") == ["k:filed"]
    one.close("2025-01-14")
    assert one.told("complaint_open")[1:] == [("raised", "k:overdue", "2025-01-14")]


def test_a_close_may_say_that_a_day_was_or_was_not_worked() -> None:
    one = desk()
    one.close_through("2025-01-09")
    one.send("complaint_filed", "2025-01-10", complaint_id="k", severity=2)
    one.close("2025-01-10")
    one.close("2025-01-11", working_day=True)
    one.close("2025-01-12")
    one.close("2025-01-13", working_day=False)
    assert one.raised("complaint_open") == ["k:filed"]
    one.close("2025-01-14")
    assert one.raised("complaint_open") == ["k:filed", "k:overdue"]


def test_a_complaint_resolved_in_time_is_not_overdue() -> None:
    one = desk()
    one.send("complaint_filed", "2025-01-02", complaint_id="k", severity=2)
    one.close_through("2025-01-05")
    one.send("complaint_resolved", "2025-01-06", complaint_id="k", outcome="o")
    one.close_through("2025-01-20")
    assert one.raised("complaint_open") == ["k:filed"]


@pytest.mark.parametrize(("score", "raised"), [(2, True), (3, False)])
def test_dissatisfied(score: int, raised: bool) -> None:
    one = desk()
    one.send("satisfaction_rated", "2025-01-02", score=score, event_id="r")
    assert one.told("dissatisfied") == ([("raised", "r", "2025-01-02")] if raised else [])


def test_what_a_person_says_late_is_raised_at_once() -> None:
    one = desk()
    one.close_through("2025-01-03")
    one.send("satisfaction_rated", "2025-01-03", score=1, event_id="r")
    one.send("complaint_filed", "2025-01-03", complaint_id="k", severity=1)
    told = [(step.code, step.key, str(step.business_date)) for step in one.steps()]
    assert told == [("dissatisfied", "r", "2025-01-04"), ("complaint_open", "k:filed", "2025-01-04")]


def test_only_required_sources_say_what_is_a_working_day() -> None:
    one = desk(0, {"version": "v", "calendar": {"sources": ["core"]}})
    one.close_through("2025-01-05")
    one.send("complaint_filed", "2025-01-06", complaint_id="k", severity=2)
    one.close("2025-01-07", source="cards", working_day=False)
    one.close_through("2025-01-08")
    assert one.told("complaint_open")[1:] == [("raised", "k:overdue", "2025-01-08")]


def test_a_relationship_ends_with_the_money_or_the_last_account() -> None:
    one = desk(500)
    one.opened("2025-01-02", account_id="A2")
    one.money("withdrawal", "2025-01-02", 499)
    one.close("2025-01-02")
    assert one.raised("relationship_end") == []
    one.money("withdrawal", "2025-01-03", 1)
    one.close("2025-01-03")
    assert one.told("relationship_end") == [("raised", "2025-01-03", "2025-01-03")]
    one.close_through("2025-02-20")
    for account_id in ("A1", "A2"):
        one.send("account_closed", "2025-02-21", account_id=account_id, value_date="2025-02-21")
    one.close("2025-02-21")
    assert len(one.raised("relationship_end")) == 1  # not armed again


def test_money_at_a_close_arms_again_and_what_is_learnt_later_does_not_disarm() -> None:
    one = desk(500)
    one.money("withdrawal", "2025-01-02", 500)
    one.close("2025-01-02")
    one.money("deposit", "2025-01-03", 700)
    one.close("2025-01-03")
    one.money("withdrawal", "2025-01-04", 700, value_date="2025-01-03")
    one.close_through("2025-02-20")
    one.send("account_closed", "2025-02-21", account_id="A1", value_date="2025-02-21")
    one.close("2025-02-21")
    assert one.raised("relationship_end") == ["2025-01-02", "2025-02-21"]


def test_the_last_account_closed_ends_a_relationship_without_money() -> None:
    one = desk()
    one.opened("2025-01-02", account_id="A2")
    one.send("account_closed", "2025-01-02", account_id="A1", value_date="2025-01-02")
    one.close("2025-01-02")
    assert one.raised("relationship_end") == []
    one.send("account_closed", "2025-01-03", account_id="A2", value_date="2025-01-03")
    one.close("2025-01-03")
    assert one.raised("relationship_end") == ["2025-01-03"]


# --- loans -----------------------------------------------------------------------------------------------------------


def borrower() -> Desk:
    """A customer with a loan of class special_mention."""
    one = desk()
    loan: dict[str, Any] = {"loan_id": "L", "outstanding": 900, "currency": "CNY", "value_date": "2025-01-02"}
    one.send("loan_opened", "2025-01-02", **loan, **{"class": "special_mention"})
    return one


def test_a_class_warns_when_it_is_worse_than_before() -> None:
    one = borrower()
    for on, said in enumerate(["special_mention", "doubtful", "substandard", "loss", "normal", "doubtful"]):
        one.send(
            "loan_classified", "2025-01-02", loan_id="L", value_date="2025-01-02", **{"class": said}, event_id=f"c{on}"
        )
    assert one.raised("credit_warning") == ["L:doubtful", "L:loss"]
    assert one.steps("credit_warning")[0].evidence == {"before": "special_mention", "after": "doubtful"}


def test_days_overdue_warn_at_each_step_once() -> None:
    one = borrower()
    for days in (29, 30, 20, 181):
        one.send("loan_overdue", "2025-01-02", loan_id="L", amount=5, days_overdue=days, value_date="2025-01-02")
    keys = ["L:overdue-1", "L:overdue-30", "L:overdue-180", "L:overdue-60", "L:overdue-90"]
    assert one.raised("credit_warning") == keys


def test_a_sign_and_late_news_of_a_loan() -> None:
    one = borrower()
    one.close_through("2025-01-04")
    one.send("manager_contact", "2025-01-05", manager_id="M", credit_sign="late rent", event_id="s")
    assert one.raised("credit_warning") == ["sign:s"]
    one.send("loan_overdue", "2025-01-05", loan_id="L", amount=5, days_overdue=3, value_date="2025-01-04")
    assert one.raised("credit_warning") == ["sign:s"]
    one.close("2025-01-05")
    assert one.told("credit_warning")[-1] == ("raised", "L:overdue-1", "2025-01-05")


# --- all of them -----------------------------------------------------------------------------------------------------


def test_a_code_that_is_switched_off_is_not_raised() -> None:
    off = {"version": "v", "triggers": {code: {"enabled": False} for code in CODES if code != "dissatisfied"}}
    one = desk(10_000_000, off)
    one.sent_out("2025-01-02", 10_000_000)
    one.send("complaint_filed", "2025-01-02", complaint_id="k", severity=1)
    one.send("satisfaction_rated", "2025-01-02", score=1)
    one.close_through("2025-01-09")
    assert {step.code for step in one.steps()} == {"dissatisfied"}
