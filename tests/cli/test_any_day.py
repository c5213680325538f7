"""Questions about the past on the command line, on the small log whose numbers are known by hand."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import Small, close, opened, record, run, small_bank, written

Ask = Callable[..., Result]
Rows = Callable[..., list[dict[str, Any]]]


def late(small: Small) -> None:
    """A deposit of April that comes in May: another block, and C1 is platinum from the 1st of May on."""
    path = small.records.with_name("late.jsonl")
    lines = [
        record(
            "late", "deposit", "2026-05-11", "C1", account_id="A1", amount=400_000_00, currency="CNY",
            value_date="2026-04-10",
        ),
        opened("C9", "A9", 5_00, on="2026-05-11"),
        close("2026-05-11"),
    ]  # fmt: skip
    assert run("ingest", str(written(path, iter(lines))), "--log", small.log).exit_code == 0


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small log and, in later blocks, a late record."""
    folder = tmp_path_factory.mktemp("grown")
    records = written(folder / "records.jsonl", small_bank())
    log = f"sqlite:///{folder / 'bank.db'}"
    made = Small(log, records, run("ingest", str(records), "--log", log))
    (status,) = _rows(made, "status")
    late(made)
    return Small(log, records, status["blocks"])


def _rows(small: Small, *args: str) -> list[dict[str, Any]]:
    result = run("--log", small.log, *args)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_balance_is_that_of_the_end_of_the_day(rows: Rows) -> None:
    spots = [rows("aum", "--as-of", f"2026-04-{day:02d}")[0]["spot"] for day in (1, 10, 11, 30)]
    assert spots == [300_000_00, 300_000_00, 200_000_00, 200_000_00]
    (one,) = rows("aum", "--customer", "C1", "--as-of", "2026-04-10")
    assert one == {"customer_id": "C1", "spot": 300_000_00}
    (month,) = rows("aum", "--customer", "C1", "--as-of", "2026-04-10", "--month", "2026-04")
    assert (month["sum"], month["average"]) == (30 * 300_000_00, 300_000_00)


def test_a_tier_is_the_one_in_effect(rows: Rows) -> None:
    assert [rows("tiers", "--as-of", f"2026-0{day}")[0]["level"] for day in ("4-30", "5-01", "5-09")] == [
        None, "gold", "gold",
    ]  # fmt: skip
    assert rows("tier-changes", "--as-of", "2026-04-30") == []
    assert [change["id"] for change in rows("tier-changes", "--as-of", "2026-05-01")] == ["C1:1", "客户三:1"]


def test_a_page_of_a_day(rows: Rows) -> None:
    (page,) = rows("customer", "C1", "--as-of", "2026-04-10")
    assert page["as_of"] == "2026-04-10"
    assert page["aum"]["spot"] == page["accounts"][0]["balance"] == 300_000_00
    assert (page["tier"]["state"], page["months"], page["tier_changes"], page["alerts"]) == ("ordinary", [], [], [])
    assert page["outlook"]["projected"] == 300_000_00
    assert [move["kind"] for move in page["outlook"]["month_end"]] == ["entered"]


def test_what_was_known_before_a_late_record_is_still_known(grown: Small) -> None:
    """April: 10 days of 300,000 and 20 of 200,000; by the late record of the 10th 21 days with 400,000 more."""
    before = str(grown.said)
    assert [
        row["sum"] for row in _rows(grown, "aum", "--month", "2026-04", "--customer", "C1", "--known-at", before)
    ] == [700_000_000]
    assert [row["sum"] for row in _rows(grown, "aum", "--month", "2026-04", "--customer", "C1")] == [
        700_000_000 + 21 * 400_000_00
    ]
    assert [row["level"] for row in _rows(grown, "tiers", "--known-at", before)] == ["gold", None, "platinum"]
    now = [(row["customer_id"], row["level"]) for row in _rows(grown, "tiers")]
    assert now == [("C1", "platinum"), ("C2", None), ("C9", None), ("客户三", "platinum")]
    (known, *_) = _rows(grown, "tiers", "--as-of", "2026-05-05")
    assert (known["level"], known["since"]) == ("platinum", "2026-05-01")
    (then, *_) = _rows(grown, "tiers", "--as-of", "2026-05-05", "--known-at", before)
    assert (then["level"], then["since"]) == ("gold", "2026-05-01")
    (page,) = _rows(grown, "customer", "C1")
    assert page["restatements"] == [
        {
            "month": "2026-04", "before": 700_000_000, "after": 700_000_000 + 21 * 400_000_00,
            "cause": {"source": "core", "event_id": "late"},
        }
    ]  # fmt: skip
    (page,) = _rows(grown, "customer", "C1", "--known-at", before)
    assert (page["restatements"], len(page["tier_changes"])) == ([], 1)


def test_a_time_is_the_last_block_there_was(grown: Small) -> None:
    blocks = {row["block"]: row["recorded_at"] for row in _rows(grown, "replay", "--customer", "C1")}
    last = max(blocks)
    assert _rows(grown, "tiers", "--known-at", blocks[last])[0]["level"] == "platinum"
    assert _rows(grown, "tiers", "--known-at", "2199-01-01T00:00:00Z") == _rows(grown, "tiers")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--as-of", "2026-4-1"), "'2026-4-1' is not a date; write YYYY-MM-DD"),
        (("--as-of", "2026-02-30"), "is not a date"),
        (("--as-of", "2026-03-31"), "2026-03-31: the first month that this log knows is 2026-04"),
        (("--known-at", "2026-04-01T10:00:00"), "is not a time with offset"),
        (("--known-at", "yesterday"), "or the number of a block"),
        (("--known-at", "9999-12-31T23:59:59-12:00"), "is not a time with offset"),
        (("--known-at", "2001-01-01T00:00:00Z"), "2001-01-01T00:00:00.000Z: this log begins with 20"),
        (("--known-at", "0"), "block 0: the blocks of this log are 1 to"),
        (("--known-at", "99"), "block 99: the blocks of this log are 1 to"),
    ],
)
def test_what_cannot_be_asked_is_said(small: Small, args: tuple[str, ...], said: str) -> None:
    result = run("--log", small.log, "tiers", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_answer_of_another_day_says_so(ask: Ask) -> None:
    last = ask("tiers", "--as-of", "2026-05-01", "--format", "table").stdout.rstrip().splitlines()[-1]
    assert last.startswith("on 2026-05-01 as of block ")


# ---------------------------------------------------------------------------------------------- replay, diff


def test_events_follow_one_another(grown: Small) -> None:
    everything = _rows(grown, "replay", "--customer", "C1")
    found = [row for row in everything if row["type"] != "trigger_moved"]
    assert [(row["type"], row["kind"]) for row in found] == [
        ("account_opened", None), ("transfer_out", None), ("balance_stated", None),
        ("integrity_alerted", "balance_differs"), ("tier_changed", "entered"),
        ("deposit", None), ("month_restated", None), ("tier_rerun", None), ("tier_changed", "restated"),
    ]  # fmt: skip
    for earlier, later in pairwise(everything):
        assert earlier["line"] < later["line"]
        assert earlier["after"]["spot"] == later["before"]["spot"]
        assert earlier["after"]["level"] == later["before"]["level"]
    assert found[0]["before"]["balances"] == {"A1": None}
    assert found[0]["after"]["balances"] == {"A1": 300_000_00}
    assert found[1]["moved"] == [{"account_id": "A1", "value_date": "2026-04-11", "amount": -100_000_00}]
    assert (found[5]["source"], found[5]["event_id"]) == ("core", "late")
    assert (found[6]["source"], found[6]["event_id"]) == ("core", "late")
    assert found[-1]["after"]["spot"] == 600_000_00
    assert _rows(grown, "replay", "--customer", "C1", "--known-at", str(grown.said)) == [
        row for row in everything if row["line"] < found[5]["line"]
    ]


def test_the_events_on_the_screen(ask: Ask) -> None:
    shown = ask("replay", "--customer", "C1", "--format", "table").stdout
    for text in ("开户 Account opened", "转出 Transfer out", "-100,000.00", "等级变动 Tier change · 达标 Entered",
                 "核对提示 Integrity alert · 余额不符 Balance differs", "普通 Ordinary → 金卡 Gold"):  # fmt: skip
        assert text in shown


def test_movements_add_up_to_what_changed(grown: Small) -> None:
    (found,) = _rows(grown, "diff", "C1", "2026-04-01", "2026-05-05")
    assert found["aum"] == {"before": 300_000_00, "after": 600_000_00, "change": 300_000_00}
    assert sum(move["amount"] for move in found["movements"]) == 300_000_00
    assert [move["event_id"] for move in found["movements"]] == ["out", "late"]
    assert found["accounts"] == [{"account_id": "A1", "category": "deposit", **found["aum"]}]
    assert (found["tier"]["before"]["level"], found["tier"]["after"]["level"]) == (None, "platinum")
    assert [change["kind"] for change in found["tier_changes"]] == ["entered"]
    (then,) = _rows(grown, "diff", "C1", "2026-04-01", "2026-05-05", "--known-at", str(grown.said))
    assert then["aum"]["after"] == 200_000_00


def test_a_comparison_on_the_screen(ask: Ask) -> None:
    shown = ask("diff", "C1", "2026-04-10", "2026-05-01", "--format", "table").stdout
    for text in ("普通 Ordinary → 金卡 Gold", "300,000.00 → 200,000.00  (-100,000.00)", "Largest of 1 movements"):
        assert text in shown
    assert "达标 Entered" in shown


def test_days_in_the_wrong_order_are_a_wrong_call(small: Small) -> None:
    result = run("--log", small.log, "diff", "C1", "2026-05-01", "2026-04-01")
    assert result.exit_code == 2
    assert "name the earlier day first" in result.stderr
    assert run("--log", small.log, "diff", "C1", "2026-04-01", "2026-05-01", "--format", "csv").exit_code == 2


@pytest.mark.parametrize("args", [("replay", "--customer", "C8"), ("diff", "C8", "2026-04-01", "2026-04-02")])
def test_a_customer_never_heard_of(small: Small, args: tuple[str, ...]) -> None:
    result = run("--log", small.log, *args)
    assert result.exit_code == 1
    assert "no such customer" in result.stderr
