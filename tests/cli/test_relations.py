"""`guanxi complaints`, `guanxi loans`, and what a customer's page says of loans and of what happened with the customer."""

import json
from pathlib import Path
from typing import Any

import pytest

from guanxi.cli.relations_page import loans_and_relations
from tests.cli.conftest import Line, close, opened, record, run, written
from tests.dsl.bank import given
from tests.dsl.records import met


def loan(number: int, kind: str, customer: str, name: str, on: str = "2026-04-02", **fields: Any) -> Line:
    return record(f"l{number}", kind, on, customer, loan_id=name, value_date=on, **fields)


@pytest.fixture
def log(tmp_path: Path) -> str:
    lines = [
        opened("C1", "A1", 100_000),
        loan(1, "loan_opened", "C1", "L1", outstanding=9_000_000, currency="CNY"),
        loan(2, "loan_repaid", "C1", "L1", amount=40_000, currency="CNY", paid_from="A1"),
        loan(3, "loan_overdue", "C1", "L1", amount=5_000, days_overdue=3),
        loan(4, "loan_opened", "C2", "L2", outstanding=100, currency="CNY"),
        loan(5, "loan_overdue", "C2", "L2", amount=100, days_overdue=95),
        loan(6, "loan_classified", "C1", "L1", on="2026-04-09", **{"class": "special_mention"}),
        record("k1", "complaint_filed", "2026-04-03", "C1", complaint_id="K1", severity=2, text="等候两小时"),
        record("k2", "complaint_filed", "2026-04-06", "C2", complaint_id="K2", severity=3),
        record("k3", "complaint_filed", "2026-04-02", "C2", complaint_id="K3", severity=2),
        record("k4", "complaint_filed", "2026-04-02", "C2", complaint_id="K4", severity=2),
        record("k5", "complaint_resolved", "2026-04-03", "C2", complaint_id="K4", outcome="fee paid back"),
        record("m1", "phone_call", "2026-04-04", "C1", direction="in"),
        record("m2", "manager_contact", "2026-04-05", "C1", manager_id="M7", note="愿意留下"),
        record("m3", "satisfaction_rated", "2026-04-05", "C1", score=4, about="counter"),
        record("m4", "identity_verified", "2026-04-06", "C1", operator="T1", method="id_card", valid_minutes=30),
        record("m5", "product_enquiry", "2026-04-07", "C1", category="fund", product="F-110"),
        record("m6", "campaign_response", "2026-04-08", "C1", campaign="spring", response="interested"),
        close("2026-04-09"),
    ]
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    said = run("--log", url, "ingest", "--strict", str(written(tmp_path / "records.jsonl", iter(lines))))
    assert said.exit_code == 0, said.output
    return url


def asked(log: str, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("--log", log, *args).stdout.splitlines()]


def test_the_gravest_complaint_comes_first_then_the_oldest(log: str) -> None:
    found = asked(log, "complaints")
    assert [(row["complaint_id"], row["severity"], row["days"], row["working_days"]) for row in found] == [
        ("K2", 3, 3, 3),
        ("K3", 2, 7, 5),
        ("K1", 2, 6, 4),
    ]
    assert list(found[0]) == [
        "customer_id", "complaint_id", "severity", "filed_on", "days", "working_days", "source", "event_id",
    ]  # fmt: skip
    table = run("--log", log, "complaints", "--format", "table").stdout
    assert "严重程度" in table
    assert "等候两小时" not in table


def test_loans_and_the_list_of_warnings(log: str) -> None:
    assert [(row["customer_id"], row["loan_id"], row["outstanding"]) for row in asked(log, "loans")] == [
        ("C1", "L1", 8_960_000),
        ("C2", "L2", 100),
    ]
    assert [row["loan_id"] for row in asked(log, "loans", "--overdue")] == ["L2", "L1"]
    assert [row["loan_id"] for row in asked(log, "loans", "--overdue", "--customer", "C1")] == ["L1"]
    table = run("--log", log, "loans", "--format", "table").stdout
    assert "关注 Special mention" in table
    assert "89,600.00" in table


def test_the_page_of_a_customer(log: str) -> None:
    (found,) = asked(log, "customer", "C1")
    (kept,) = found["loans"]
    assert (kept["loan_id"], kept["class"], kept["outstanding"], kept["days_overdue"]) == (
        "L1", "special_mention", 8_960_000, 3,
    )  # fmt: skip
    assert found["relations"] == {
        "last_in": {"at": "2026-04-08T10:00:00+08:00", "how": "campaign", "by": "spring"},
        "last_out": {"at": "2026-04-05T10:00:00+08:00", "how": "manager", "by": "M7"},
        "channels": {"phone": {"in": 1, "out": 0}},
        "complaints": [{"complaint_id": "K1", "severity": 2, "filed_on": "2026-04-03"}],
        "rating": {"score": 4, "on": "2026-04-05", "about": "counter"},
        "identity": {
            "operator": "T1", "method": "id_card", "at": "2026-04-06T10:00:00+08:00", "valid_minutes": 30, "is_valid": False,
        },
        "enquiries": [{"on": "2026-04-07", "category": "fund", "product": "F-110"}],
        "campaigns": {"spring": {"contacted_on": None, "responded_on": "2026-04-08", "response": "interested"}},
    }  # fmt: skip
    assert found["aum"]["spot"] == 60_000


def test_the_page_in_words(log: str) -> None:
    page = run("--log", log, "customer", "C1", "--format", "table").stdout
    for said in (
        "贷款 Loans",
        "往来 Relations",
        "客户经理 manager · M7",
        "K1 · 2 级",
        "4/5",
        "已过期 expired",
        "F-110",
        "interested",
    ):
        assert said in page
    assert "愿意留下" not in page


def test_the_page_of_an_earlier_day_knows_nothing_of_what_came_later(log: str) -> None:
    (found,) = asked(log, "customer", "C1", "--as-of", "2026-04-05")
    assert found["loans"][0]["class"] == "normal"
    assert found["relations"]["last_in"] == {"at": "2026-04-05T10:00:00+08:00", "how": "rating", "by": None}
    assert found["relations"]["identity"] is None
    (found,) = asked(log, "customer", "C2", "--as-of", "2026-04-02")
    assert [each["complaint_id"] for each in found["relations"]["complaints"]] == ["K3", "K4"]
    (found,) = asked(log, "customer", "C1", "--as-of", "2026-04-01")
    assert (found["loans"], found["relations"]) == ([], None)


@pytest.mark.parametrize(
    ("as_of", "now", "is_valid"),
    [
        (0, "2026-04-06T02:29:59+00:00", True),
        (0, "2026-04-06T02:30:00+00:00", False),
        (739_712, "2026-04-07T00:00:00+00:00", False),
    ],
)
def test_an_identity_is_valid_at_the_moment_asked_about(as_of: int, now: str, is_valid: bool) -> None:
    check = met("identity_verified", at="2026-04-06", operator="T1", method="id_card", valid_minutes=30)
    found = loans_and_relations(given(check).customer(), as_of, now)
    assert found["relations"]["identity"]["is_valid"] == is_valid


def test_an_identity_that_holds_into_the_next_day_is_valid_at_the_end_of_this_one() -> None:
    check = met("identity_verified", at="2026-04-06", operator="T1", method="id_card", valid_minutes=24 * 60)
    found = loans_and_relations(given(check).customer(), 739_712, "2027-01-01T00:00:00+00:00")
    assert found["relations"]["identity"]["is_valid"]
