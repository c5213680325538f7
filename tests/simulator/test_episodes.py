"""People in episodes: every story is lived, the records do not give it away, and the truth stands aside."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from guanxi.simulator import blocks
from guanxi.simulator.person import Truth
from guanxi.simulator.stories import STORIES
from tests.cli.conftest import run

CUSTOMERS, DAYS = 120, 400


@pytest.fixture(scope="module")
def lived() -> tuple[list[dict[str, Any]], list[Truth]]:
    truth: list[Truth] = []
    lines = b"".join(blocks(CUSTOMERS, DAYS, seed=11, truth=truth)).splitlines()
    return [json.loads(line) for line in lines], truth


def test_every_story_is_lived_and_begins_within_the_days(lived: tuple[list[dict[str, Any]], list[Truth]]) -> None:
    _, truth = lived
    assert {each.behaviour for each in truth} == {story.name for story in STORIES}
    for each in truth:
        assert date(2025, 1, 1) < each.begins_on < date(2026, 2, 5)
        assert (each.lost_on is not None) == each.leaves
        if each.lost_on is not None:
            assert each.begins_on <= each.lost_on


def test_the_records_do_not_say_who_is_in_an_episode(lived: tuple[list[dict[str, Any]], list[Truth]]) -> None:
    records, truth = lived
    told = {each.customer_id for each in truth}
    of_told = Counter(r["type"] for r in records if r.get("customer_id") in told)
    assert of_told["withdrawal"] > 20 * len(told)  # they live as everybody does
    assert of_told["payroll_credited"] > 3 * len(told)
    assert all(set(r) & {"behaviour", "episode", "truth"} == set() for r in records)


def test_the_new_types_are_used(lived: tuple[list[dict[str, Any]], list[Truth]]) -> None:
    types = {r["type"] for r in lived[0]}
    assert types >= {
        "customer_registered", "manager_assigned", "complaint_filed", "complaint_resolved", "satisfaction_rated",
        "loan_opened", "loan_overdue", "loan_classified",
    }  # fmt: skip


def test_without_a_truth_the_bank_is_the_same_as_ever() -> None:
    plain = b"".join(blocks(10, 40, seed=3))
    assert b"crm-" not in plain
    assert plain != b"".join(blocks(10, 40, seed=3, truth=[]))


def test_who_drifts_to_a_platform_ends_with_less_than_a_third(lived: tuple[list[dict[str, Any]], list[Truth]]) -> None:
    records, truth = lived
    for each in truth:
        if each.behaviour != "drifts to a platform":
            continue
        moved = [
            r
            for r in records
            if r.get("customer_id") == each.customer_id
            and r["type"] == "transfer_out"
            and r["counterparty"]["kind"] == "payment_platform"
            and f"{each.begins_on}" <= r["value_date"] <= f"{each.lost_on}"
        ]
        assert len(moved) >= 5


def test_the_truth_goes_into_a_file_of_its_own(tmp_path: Path) -> None:
    out, truth = tmp_path / "bank.jsonl", tmp_path / "truth.jsonl"
    said = run("simulate", "--customers", "5", "--days", "200", "--out", str(out), "--truth", str(truth))
    assert said.exit_code == 0, said.output
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert rows
    assert list(rows[0]) == ["customer_id", "behaviour", "leaves", "begins_on", "lost_on", "triggers"]
