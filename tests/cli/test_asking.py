"""What the commands answer about a small log whose numbers are known by hand."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import Small, close, opened, run, written

Ask = Callable[..., Result]
Rows = Callable[..., list[dict[str, Any]]]
FOOTER = re.compile(r"as of block \d+, business days closed through 2026-05-10\Z")


def test_tiers_are_listed_by_customer_with_the_contracts_keys(rows: Rows) -> None:
    found = rows("tiers")
    assert [(row["customer_id"], row["state"], row["level"]) for row in found] == [
        ("C1", "vip", "gold"),
        ("C2", "ordinary", None),
        ("客户三", "vip", "platinum"),
    ]
    assert found[0] == {
        "customer_id": "C1", "state": "vip", "level": "gold", "watch": 0, "below_entry": 0, "grace_left": 0,
        "until": None, "since": "2026-05-01", "policy_version": "default-1",
    }  # fmt: skip


def test_tier_changes_come_as_published(rows: Rows) -> None:
    found = rows("tier-changes", "--customer", "C1")
    assert found == [
        {
            "id": "C1:1", "sequence": 1, "customer_id": "C1", "kind": "entered", "closed_month": "2026-04",
            "effective_date": "2026-05-01", "before": {"state": "ordinary", "level": None, "until": None},
            "after": {"state": "vip", "level": "gold", "until": None}, "watch": 0, "below_entry": 0,
            "months": [{"month": "2026-04", "sum": 7_000_000_00, "days": 30}], "policy_version": "default-1",
            "decided_at": "2026-04-30", "cause": None,
        }
    ]  # fmt: skip
    assert rows("tier-changes", "--after", "1") == []
    assert [row["id"] for row in rows("tier-changes")] == ["C1:1", "客户三:1"]


def test_spot_aum_by_total_category_and_account(rows: Rows) -> None:
    assert rows("aum") == [
        {"customer_id": "C1", "spot": 200_000_00},
        {"customer_id": "C2", "spot": 100_00},
        {"customer_id": "客户三", "spot": 650_000_00},
    ]
    assert rows("aum", "--customer", "客户三", "--by", "category") == [
        {"customer_id": "客户三", "category": "deposit", "spot": 50_000_00},
        {"customer_id": "客户三", "category": "fund", "spot": 600_000_00},
    ]
    assert [row["account_id"] for row in rows("aum", "--by", "account")] == ["A1", "A2", "A3", "A4"]


def test_the_worked_month_average(rows: Rows) -> None:
    assert rows("aum", "--month", "2026-04", "--customer", "C1") == [
        {"customer_id": "C1", "month": "2026-04", "sum": 7_000_000_00, "days": 30, "average": 233_333_33}
    ]
    assert rows("aum", "--month", "2026-03") == []


def test_refusals_name_reason_field_and_place(rows: Rows, small: Small) -> None:
    (found,) = rows("rejected")
    assert (found["reason"], found["field"], found["event_id"]) == ("account_unknown", "account_id", "bad")
    assert (found["file"], found["line"]) == (str(small.records), 6)
    assert "original" not in found


def test_a_customers_page_as_one_object(rows: Rows) -> None:
    (page,) = rows("customer", "C1")
    assert page["currency"] == "CNY"
    assert page["aum"] == {"spot": 200_000_00, "by_category": {"deposit": 200_000_00}}
    assert page["accounts"] == [
        {"account_id": "A1", "category": "deposit", "opened": "2026-04-01", "closed": None, "balance": 200_000_00}
    ]
    assert page["months"] == [
        {"month": "2026-04", "sum": 7_000_000_00, "days": 30, "average": 233_333_33, "reached": "gold"}
    ]
    # Platinum: (500,000 × 31 − 200,000 × 31) ÷ 21 days left, rounded up to the minor unit.
    assert page["outlook"] == {
        "date": "2026-05-10", "days_left": 21, "month_to_date": 200_000_00, "projected": 200_000_00,
        "hold": {"level": "gold", "amount": 0}, "reach": {"level": "platinum", "amount": 442_857_15},
        "month_end": [], "to_downgrade": None, "to_exit": None,
    }  # fmt: skip
    assert [change["id"] for change in page["tier_changes"]] == ["C1:1"]
    assert page["restatements"] == []
    (alert,) = page["alerts"]
    assert (alert["kind"], alert["expected"], alert["actual"]) == ("balance_differs", 7, 200_000_00)
    assert page["closed_through"] == "2026-05-10"


def test_accounts_of_a_page_are_in_order_of_their_ids(rows: Rows) -> None:
    (page,) = rows("customer", "客户三")
    assert [account["account_id"] for account in page["accounts"]] == ["A3", "A4"]


def test_a_customers_page_on_the_screen(ask: Ask) -> None:
    shown = ask("customer", "客户三", "--format", "table").stdout
    for text in (
        "客户 Customer 客户三", "白金 Platinum", "650,000.00 CNY", "基金 Fund", "月日均 Month averages",
        "2026-04  650,000.00", "升级需增 Top-up to reach", "达标 Entered",
    ):  # fmt: skip
        assert text in shown
    assert "Integrity alerts" not in shown
    assert FOOTER.search(shown.rstrip().splitlines()[-1])


def test_what_went_wrong_with_a_customer_is_on_the_page(ask: Ask) -> None:
    shown = ask("customer", "C1", "--format", "table").stdout
    assert "余额不符 Balance differs" in shown
    assert "已够 nothing more" in shown


@pytest.mark.parametrize(
    ("command", "heads"),
    [
        (("tiers",), ("Customer", "降级关注期")),
        (("tiers", "--forecast"), ("Customer", "预计月日均")),
        (("tier-changes",), ("Effective", "月日均")),
        (("aum",), ("金融资产", "AUM")),
        (("aum", "--month", "2026-04"), ("月日均", "Month average")),
        (("aum", "--by", "account"), ("资产类别", "Account")),
        (("rejected",), ("拒绝原因", "Reason")),
    ],
)
def test_a_table_has_headings_in_both_languages_and_says_how_fresh_it_is(
    ask: Ask, command: tuple[str, ...], heads: tuple[str, ...]
) -> None:
    lines = ask(*command, "--format", "table").stdout.rstrip().splitlines()
    assert all(head in "".join(lines[:2]) for head in heads)
    assert FOOTER.match(lines[-1])


@pytest.mark.parametrize(
    "command",
    [
        ("tiers",), ("tiers", "--forecast"), ("tier-changes",), ("aum",), ("aum", "--by", "category"),
        ("aum", "--month", "2026-04"), ("aum", "--month", "2026-04", "--by", "account"), ("rejected",),
    ],
)  # fmt: skip
def test_csv_has_the_keys_of_the_json_lines_in_their_order(ask: Ask, rows: Rows, command: tuple[str, ...]) -> None:
    objects = rows(*command)
    table = list(csv.DictReader(io.StringIO(ask(*command, "--format", "csv").stdout)))
    assert [list(row) for row in table] == [list(row) for row in objects]
    for row, wanted in zip(table, objects, strict=True):
        for key, value in wanted.items():
            match value:
                case None:
                    assert row[key] == ""
                case dict() | list():
                    assert json.loads(row[key]) == value
                case _:
                    assert row[key] == str(value)


def test_status_says_how_far_everything_is(rows: Rows, ask: Ask) -> None:
    (status,) = rows("status")
    assert (status["customers"], status["closed_through"], status["first_month"]) == (3, "2026-05-10", "2026-04")
    assert status["policies"] == ["default-1"]
    assert status["views_block"] == status["blocks"] > 0
    shown = ask("status", "--format", "table").stdout
    assert "closed through            2026-05-10" in shown
    assert FOOTER.search(shown.rstrip())


def test_the_views_are_what_the_log_says_before_and_after_a_rebuild(ask: Ask) -> None:
    before = ask("tiers").stdout
    assert ask("rebuild", "--check").stdout.startswith("no differences")
    assert ask("rebuild").stdout.startswith("rebuilt: ")
    assert ask("rebuild", "--check").stdout.startswith("no differences")
    assert ask("tiers").stdout == before


@pytest.mark.parametrize(
    "command", [("customer", "C9"), ("aum", "--customer", "C9"), ("tier-changes", "--customer", "C9")]
)
def test_a_customer_never_heard_of(small: Small, command: tuple[str, ...]) -> None:
    result = run("--log", small.log, *command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "guanxi: C9: no such customer; guanxi tiers lists them all\n"


@pytest.mark.parametrize("month", ["2026-13", "2026", "april", "2026-04-01", "0000-1"])
def test_what_is_no_month_is_a_wrong_call(small: Small, month: str) -> None:
    result = run("--log", small.log, "aum", "--month", month)
    assert result.exit_code == 2
    assert "is not a month; write YYYY-MM" in result.stderr


def test_a_page_has_no_csv(small: Small) -> None:
    result = run("--log", small.log, "customer", "C1", "--format", "csv")
    assert result.exit_code == 2
    assert "no CSV form" in result.stderr


def test_alerts_are_listed_of_all_or_of_one_customer(rows: Rows, ask: Ask) -> None:
    (found,) = rows("alerts")
    assert found.pop("alerted_at")
    assert found == {
        "kind": "balance_differs", "customer_id": "C1", "account_id": "A1", "source": "core", "event_id": "stated",
        "date": "2026-04-20", "expected": 7, "actual": 200_000_00,
    }  # fmt: skip
    assert [row["kind"] for row in rows("alerts", "--customer", "C1")] == ["balance_differs"]
    assert rows("alerts", "--customer", "C2") == []
    assert "余额不符 Balance differs" in ask("alerts", "--format", "table").stdout


def test_alerts_about_control_totals_name_both_counts_and_sums(tmp_path: Path) -> None:
    totals = {"count": 1_234, "signed_sum": -5}
    lines = iter([opened("C1", "A1", 700), dict(close("2026-04-01"), totals=totals)])
    log = f"sqlite:///{tmp_path / 'bank.db'}"
    assert run("ingest", str(written(tmp_path / "r.jsonl", lines)), "--log", log).exit_code == 0
    (found,) = [json.loads(line) for line in run("alerts", "--log", log).stdout.splitlines()]
    assert (found["kind"], found["expected"]) == ("totals_differ", totals)
    assert found["actual"] == {"count": 1, "signed_sum": 700}
    shown = run("alerts", "--log", log, "--format", "table", env={"COLUMNS": "120"}).stdout
    for text in ("总数不符 Control totals differ", "count 1,234", "signed_sum -5", "signed_sum 700"):
        assert text in shown


def test_alerts_about_a_customer_never_heard_of(small: Small) -> None:
    result = run("alerts", "--customer", "C9", "--log", small.log)
    assert (result.exit_code, result.stdout) == (1, "")
