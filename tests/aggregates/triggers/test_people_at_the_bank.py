"""Triggers on tiers, complaints and loans, from records to what is raised: given, when, then through a whole bank (DOMAIN §5)."""

from collections.abc import Iterable
from typing import Any

import pytest

from aggregates.triggers.catalog import RULES
from events.decisions import TriggerMoved, TriggersActivated
from tests.dsl.bank import Bank, Said
from tests.dsl.records import (
    brought,
    classified,
    close,
    closed_through,
    deposit,
    granted,
    loan,
    met,
    month,
    opened,
    overdue,
    revoked,
    withdrawal,
)

ALL = TriggersActivated(tuple(rule.code for rule in RULES))


def given(*said: Said | Iterable[Said]) -> Bank:
    """A bank whose triggers are active from its first line on."""
    bank = Bank()
    bank.evolve(ALL)
    return bank.given(*said)


def moved(bank: Bank, code: str) -> list[TriggerMoved]:
    """Steps of triggers of a code by the last `when`."""
    bank.check_rebuild()
    return [line for line in bank.decisions if isinstance(line, TriggerMoved) and line.code == code]


def raised(bank: Bank, code: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Business date, key and evidence of what was raised by the last `when`, its records by event_id."""
    return [
        (
            line.business_date,
            line.key,
            {**line.evidence, "records": [each["event_id"] for each in line.evidence["records"]]},
        )
        for line in moved(bank, code)
        if line.step == "raised"
    ]


def steps(bank: Bank, code: str) -> list[str]:
    """What happened by the last `when`, expiries left out."""
    return [f"{line.step} {line.business_date} {line.key}" for line in moved(bank, code) if line.step != "expired"]


def vip(level: str, balance: str, **fields: Any) -> Iterable[Said]:
    """A VIP brought forward with an account, the 1st of January closed."""
    since = brought("C1", on="2025-12-31", state="vip", level=level, months=[month("2025-12", "500000.00")], **fields)
    return (since, opened("C1", "A1", on="2026-01-01", balance=balance), closed_through("2026-01-01"))


# ---------------------------------------------------------------------------------------------------- tier_at_risk


def test_a_quiet_vip_at_the_threshold_is_not_at_risk() -> None:
    assert steps(given(vip("gold", "200000.00")).when(closed_through("2026-03-31")), "tier_at_risk") == []


def test_a_quiet_vip_below_the_threshold_is_at_risk_every_month() -> None:
    bank = given(vip("gold", "199999.99")).when(closed_through("2026-01-09"))
    assert steps(bank, "tier_at_risk") == []
    bank.when(closed_through("2026-03-31"))
    assert raised(bank, "tier_at_risk") == [
        ("2026-01-10", "2026-01", {"projection": 19_999_999, "top_up": 2, "records": []}),
        ("2026-02-10", "2026-02", {"projection": 19_999_999, "top_up": 2, "records": []}),
        ("2026-03-10", "2026-03", {"projection": 19_999_999, "top_up": 2, "records": []}),
    ]


def test_a_withdrawal_dated_ahead_is_seen_on_its_day() -> None:
    bank = given(vip("gold", "200000.00"), closed_through("2026-01-19"))
    bank.when(withdrawal("C1", "A1", "0.01", on="2026-01-21", at="2026-01-20"), closed_through("2026-01-20"))
    assert steps(bank, "tier_at_risk") == []
    bank.when(closed_through("2026-01-21"))
    assert steps(bank, "tier_at_risk") == ["raised 2026-01-21 2026-01"]


def test_who_entered_at_the_month_end_is_looked_at_as_a_vip_from_then_on() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="700000.00"), closed_through("2026-01-01"))
    bank.when(withdrawal("C1", "A1", "501000.00", on="2026-01-31"), closed_through("2026-02-28"))
    assert steps(bank, "near_upgrade") == ["raised 2026-01-10 2026-01"]
    assert steps(bank, "tier_at_risk") == ["raised 2026-02-10 2026-02"]


def test_a_late_deposit_takes_the_risk_back() -> None:
    bank = given(vip("gold", "199999.99"), closed_through("2026-01-15"))
    late = deposit("C1", "A1", "0.01", on="2026-01-01", at="2026-01-16", id="late")
    bank.when(late, closed_through("2026-01-16"))
    assert steps(bank, "tier_at_risk") == ["withdrawn 2026-01-16 2026-01"]
    bank.when(withdrawal("C1", "A1", "1000.00", on="2026-01-17"), closed_through("2026-01-31"))
    assert steps(bank, "tier_at_risk") == [], "a month is raised once"


# ---------------------------------------------------------------------------------------------------- near_upgrade


@pytest.mark.parametrize(("balance", "months"), [("179999.99", []), ("180000.00", ["2026-01", "2026-02"])])
def test_a_quiet_ordinary_customer_near_the_entry(balance: str, months: list[str]) -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance=balance), closed_through("2026-01-01"))
    bank.when(closed_through("2026-02-28"))
    assert [key for _, key, _ in raised(bank, "near_upgrade")] == months


# ---------------------------------------------------------------------------------------------------- month closes


def test_a_platinum_customer_falls_leaves_and_goes_out_of_sight() -> None:
    bank = given(vip("platinum", "100.00")).when(closed_through("2026-09-30"))
    left = [(key, evidence["months_left"]) for _, key, evidence in raised(bank, "downgrade_watch")]
    assert left == [("2026-01", 2), ("2026-02", 1), ("2026-03", 3), ("2026-04", 2), ("2026-05", 1)]
    lapsed = raised(bank, "lapsed")
    assert [(day, key) for day, key, _ in lapsed] == [("2026-06-30", "2026-06"), ("2026-07-31", "2026-07")]
    assert [[each["month"] for each in evidence["months"]] for _, _, evidence in lapsed] == [
        [f"2026-0{number}" for number in range(1, 7)],
        [f"2026-0{number}" for number in range(2, 8)],
    ]
    said = [line.says["en"].split(";")[0] for line in moved(bank, "lapsed") if line.step == "raised"]
    assert said == ["Has left the ladder and is lapsed", "Lapsed, with one month left in sight"]


def test_a_late_deposit_takes_the_watch_back() -> None:
    bank = given(vip("platinum", "499999.99"), closed_through("2026-02-05"))
    bank.when(deposit("C1", "A1", "0.01", on="2026-01-01", at="2026-02-06"), closed_through("2026-02-06"))
    assert steps(bank, "downgrade_watch") == ["withdrawn 2026-02-06 2026-01"]


# ---------------------------------------------------------------------------------------------------- special_expiring


def test_a_special_is_told_of_its_end_and_again_when_it_comes_sooner() -> None:
    special = brought("C1", on="2025-12-31", state="special", level="gold", until="2026-03-10", months=[])
    bank = given(special, closed_through("2026-01-01")).when(closed_through("2026-02-07"))
    assert steps(bank, "special_expiring") == []
    bank.when(closed_through("2026-02-08"))
    assert raised(bank, "special_expiring") == [("2026-02-08", "2026-03-10", {"date": "2026-03-10", "records": []})]
    bank.when(revoked("C1", on="2026-02-10", at="2026-02-09", id="r1"), closed_through("2026-03-31"))
    assert raised(bank, "special_expiring") == [("2026-02-09", "2026-02-10", {"date": "2026-02-10", "records": ["r1"]})]


def test_a_special_that_a_revocation_ends_on_the_day_is_not_told_of() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="1.00"), closed_through("2026-01-01"))
    bank.when(granted("C1", "gold", on="2026-01-02"), revoked("C1", on="2026-01-02"), closed_through("2026-01-05"))
    assert steps(bank, "special_expiring") == []


# ---------------------------------------------------------------------------------------------------- what people say

HERE = (opened("C1", "A1", on="2026-01-01", balance="1.00"), closed_through("2026-01-07"))  # the 8th is a Thursday


def test_a_complaint_is_raised_at_once_and_again_when_it_is_overdue() -> None:
    bank = given(HERE).when(met("complaint_filed", at="2026-01-08", complaint_id="P1", severity=2, id="c1"))
    assert raised(bank, "complaint_open") == [("2026-01-08", "P1:filed", {"complaint_id": "P1", "records": ["c1"]})]
    bank.when(closed_through("2026-01-11"))
    assert steps(bank, "complaint_open") == []
    bank.when(closed_through("2026-01-31"))
    assert raised(bank, "complaint_open") == [("2026-01-12", "P1:overdue", {"complaint_id": "P1", "records": ["c1"]})]


def test_a_saturday_that_was_worked_counts() -> None:
    bank = given(HERE, met("complaint_filed", at="2026-01-08", complaint_id="P1", severity=2))
    bank.when(closed_through("2026-01-09"), close("2026-01-10", working_day=True))
    assert steps(bank, "complaint_open") == ["raised 2026-01-10 P1:overdue"]


def test_a_complaint_resolved_in_time_is_not_overdue_even_if_that_is_known_late() -> None:
    filed = met("complaint_filed", at="2026-01-08", complaint_id="P1", severity=2)
    resolved = met("complaint_resolved", at="2026-01-12", complaint_id="P1", outcome="apology")
    bank = given(HERE, filed, closed_through("2026-01-11"), resolved).when(closed_through("2026-01-31"))
    assert steps(bank, "complaint_open") == []
    bank = given(HERE, filed, closed_through("2026-01-13")).when(resolved, closed_through("2026-01-14"))
    assert steps(bank, "complaint_open") == ["withdrawn 2026-01-14 P1:overdue"]


@pytest.mark.parametrize("at", ["2026-01-08", "2026-01-02"])
def test_a_bad_rating_is_raised_at_once_also_a_late_one(at: str) -> None:
    bank = given(HERE).when(
        met("satisfaction_rated", at=at, score=2, id="r1"), met("satisfaction_rated", at=at, score=3)
    )
    assert raised(bank, "dissatisfied") == [("2026-01-08", "r1", {"score": 2, "records": ["r1"]})]
    bank.when(closed_through("2026-01-31"))
    assert steps(bank, "dissatisfied") == []


def test_a_manager_s_sign_is_raised_at_once_a_late_one_at_the_close() -> None:
    bank = given(HERE).when(met("manager_contact", at="2026-01-08", manager_id="M1", credit_sign="sells_shop", id="s1"))
    assert raised(bank, "credit_warning") == [("2026-01-08", "sign:s1", {"records": ["s1"]})]
    bank.when(met("manager_contact", at="2026-01-07", manager_id="M1", credit_sign="sells_shop", id="s2"))
    assert steps(bank, "credit_warning") == []
    bank.when(closed_through("2026-01-31"))
    assert raised(bank, "credit_warning") == [("2026-01-08", "sign:s2", {"records": ["s2"]})]


LENT = loan("loan_opened", on="2026-01-02", outstanding="1000.00")


def test_a_loan_that_gets_worse_is_told_of_at_once_and_each_step_once() -> None:
    bank = given(HERE, LENT).when(overdue(on="2026-01-08", days=31, id="o1"))
    assert raised(bank, "credit_warning") == [
        ("2026-01-08", "L1:overdue-1", {"days_overdue": 31, "records": ["o1"]}),
        ("2026-01-08", "L1:overdue-30", {"days_overdue": 31, "records": ["o1"]}),
    ]
    bank.when(classified(on="2026-01-08", to="substandard", id="k1"))
    assert raised(bank, "credit_warning") == [
        ("2026-01-08", "L1:substandard", {"before": "normal", "after": "substandard", "records": ["k1"]})
    ]
    bank.when(
        overdue(on="2026-01-08", days=5, id="o2"),
        overdue(on="2026-01-08", days=40, id="o3"),
        classified(on="2026-01-08", to="special_mention", id="k2"),
        classified(on="2026-01-08", to="substandard", id="k3"),
        closed_through("2026-01-31"),
    )
    assert steps(bank, "credit_warning") == []


def test_a_late_word_about_a_loan_waits_for_the_close() -> None:
    bank = given(HERE, LENT).when(
        overdue(on="2026-01-07", at="2026-01-08", days=1, id="o1"),
        classified(on="2026-01-07", to="loss", id="k1", at="2026-01-08"),
    )
    assert steps(bank, "credit_warning") == []
    bank.when(closed_through("2026-01-31"))
    assert steps(bank, "credit_warning") == ["raised 2026-01-08 L1:loss", "raised 2026-01-08 L1:overdue-1"]


def test_what_was_said_before_the_first_close_is_raised_with_it_in_the_order_of_the_log() -> None:
    sign = met("manager_contact", at="2026-01-05", manager_id="M1", credit_sign="sells_shop", id="s1")
    complaint = met("complaint_filed", at="2026-01-03", complaint_id="P1", severity=2)
    bank = given(sign, met("satisfaction_rated", at="2026-01-04", score=1, id="r1"), complaint)
    bank.when(closed_through("2026-01-07"))
    found = [(line.sequence, line.code, line.key) for line in bank.decisions if isinstance(line, TriggerMoved)]
    assert found == [
        (1, "credit_warning", "sign:s1"),
        (2, "dissatisfied", "r1"),
        (3, "complaint_open", "P1:filed"),
        (4, "complaint_open", "P1:overdue"),
    ]
