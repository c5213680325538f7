"""The demo: what it shows, what it leaves behind, and that what it suggests works."""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from aggregates.triggers.catalog import RULES
from guanxi.cli import demo, demo_triggers
from guanxi.cli.demo_answers import share, worth_showing
from guanxi.cli.demo_months import MOST_MONTHS, months_of, months_table
from guanxi.cli.words import KINDS
from tests.cli.conftest import run
from tests.cli.test_taking import berka_folder, counts


def change(customer: str, kind: str, decided: str) -> dict[str, Any]:
    return {"customer_id": customer, "kind": kind, "decided_at": decided}


# ---------------------------------------------------------------------------------------------- the whole


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A small demo, its folder and what it said."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    result = run("demo", "--customers", "60", "--keep", str(folder))
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return folder, result.stdout


def test_it_goes_from_records_to_everything_a_person_wants_to_see(kept: tuple[Path, str]) -> None:
    _, said = kept
    taken, duplicate, refused = counts(said)
    assert f"{taken + duplicate + refused:,} records" in said
    assert taken > 10_000
    assert duplicate > 0
    assert f"· {refused:,} of " in said
    headings = (
        "记录 Records", "入账 Into the log", "拒绝 Refused", "核对提示 Integrity alerts", "等级分布 Tiers now",
        "预警与商机 Whom to call, and why", "今日待办 The worklist of", "触发原因 Why", "认领 Taken on",
        "预警价值 What the rules are worth", "逐月变动 Tier changes month by month", "一位客户 One customer",
        "月日均 Month averages", "速度 Rates reached", "再入一遍 Taken again", "接下来 Try next",
    )  # fmt: skip
    places = [said.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "金卡 Gold        200,000 ┤" in said
    assert re.search(r"^account_unknown +15 .*\n.*records\.jsonl, line [\d,]+, \S+", said, re.M)
    assert re.search(r"Month end +[\d,]+ ms for [\d,]+ customers", said)
    assert "the first 10,000 records: 0 had an effect" in said
    assert "as of block" in said


def test_one_manager_takes_a_trigger_on_and_the_other_is_told_who_and_when(kept: tuple[Path, str]) -> None:
    folder, said = kept
    (trigger,) = re.findall(r"^认领 Taken on · guanxi trigger claim (\S+)$", said, re.M)
    found = re.search(
        r"^  (M\d+)  已认领 Claimed · (\S+)\n  (M\d+)  \1 has it since \2; nothing was changed$", said, re.M
    )
    assert found is not None
    assert f"今日待办 The worklist of manager {found[1]} · " in said
    assert found[3] != found[1]
    log = f"sqlite:///{folder / 'demo.db'}"
    steps = [
        json.loads(line)
        for line in run("triggers", "--customer", trigger.split(":")[0], "--log", log).stdout.splitlines()
    ]
    (claimed,) = [step for step in steps if step["id"] == trigger and step["step"] == "claimed"]
    assert (claimed["manager_id"], claimed["business_date"]) == (found[1], found[2])


def test_what_stands_and_a_managers_work_are_what_the_commands_say(kept: tuple[Path, str]) -> None:
    folder, said = kept
    log = f"sqlite:///{folder / 'demo.db'}"
    standing = [json.loads(line) for line in run("triggers", "--open", "--log", log).stdout.splitlines()]
    people = len({row["customer_id"] for row in standing})
    assert f"Whom to call, and why · {len(standing):,} triggers of {people:,} customers stand today" in said
    table = said.split("Whom to call, and why")[1].split("\n\n")[0]
    assert Counter(row["code"] for row in standing) == {
        rule.code: int(found[1])
        for rule in RULES
        if (found := re.search(rf"^{rule.zh} {rule.en} +(\d+) ", table, re.M))
    }
    (whose,) = re.findall(r"^今日待办 The worklist of manager (\S+)", said, re.M)
    work = [json.loads(line) for line in run("worklist", "--manager", whose, "--log", log).stdout.splitlines()]
    assert f"manager {whose} · {len(work):,} triggers of " in said
    shown = re.findall(r"^ +(\d+)  (C\d{6})  ", said, re.M)
    firsts = demo_triggers.by_customer(work)
    assert shown == [(str(row["place"]), row["customer_id"]) for row in firsts[: demo_triggers.FIRST_SHOWN]]


def test_what_it_shows_is_no_wider_than_a_page(kept: tuple[Path, str]) -> None:
    _, said = kept
    answers, page = said.split("一位客户 One customer")
    curve = page.split("本月 This month")[0]
    assert [line for line in (answers + curve).splitlines() if cell_len(line.rstrip()) > 100] == []
    assert "\x1b" not in said


def test_what_it_suggests_works(kept: tuple[Path, str]) -> None:
    folder, said = kept
    suggested = re.findall(r"^  guanxi (.*)$", said, re.M)
    assert len(suggested) == len(demo.NEXT) == 4
    for command in suggested:
        assert str(folder / "demo.db") in command
        assert run(*command.split()).exit_code == 0, command


def test_the_last_closes_stand_alone_and_nothing_is_lost(kept: tuple[Path, str]) -> None:
    folder, said = kept
    last = (folder / demo.LAST_CLOSE).read_bytes().splitlines()
    rest = (folder / demo.RECORDS).read_bytes().splitlines()
    assert [b'"business_day_closed"' in line for line in last] == [True, True]
    assert b'"business_day_closed"' not in rest[-1]
    assert f"{len(last) + len(rest):,} records" in said


def test_a_folder_with_a_demo_in_it_is_left_alone(kept: tuple[Path, str]) -> None:
    folder, _ = kept
    before = (folder / "demo.db").read_bytes()
    again = run("demo", "--keep", str(folder))
    assert (again.exit_code, again.stdout, again.stderr.count("\n")) == (2, "", 1)
    assert (folder / "demo.db").read_bytes() == before


def test_it_keeps_its_log_in_a_temporary_folder_and_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = run("demo", "--customers", "2")
    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.iterdir()
    assert (folder / "demo.db").exists()
    assert list(folder.glob("*.jsonl")) == []
    assert str(folder / "demo.db") in result.stdout


def test_stopped_it_leaves_nothing_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "take", stopped)
    result = run("demo", "--customers", "2")
    assert (result.exit_code, result.stderr) == (130, "guanxi: stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_it_takes_the_public_data(tmp_path: Path) -> None:
    result = run("demo", "--data", str(berka_folder(tmp_path / "data")), "--keep", str(tmp_path / "kept"))
    assert result.exit_code == 0, result.output
    assert "70,010.50 CZK" in result.stdout
    assert "Told in time" not in result.stdout  # nobody knows who left


def test_it_names_itself_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/guanxi", "demo"])
    assert demo.program() == ".venv/bin/guanxi"
    monkeypatch.setattr("shutil.which", lambda _: str(tmp_path / "guanxi"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "guanxi"), "demo"])
    assert demo.program() == "guanxi"
    monkeypatch.setattr(sys, "argv", ["pytest"])
    assert demo.program() == "guanxi"


# ---------------------------------------------------------------------------------------------- its parts


def test_changes_are_counted_by_month_and_kind_with_no_month_left_out() -> None:
    months = months_of(
        [change("C1", "entered", "2025-11-30"), change("C2", "entered", "2025-11-30"),
         change("C1", "upgraded", "2026-01-31")]
    )  # fmt: skip
    assert months == {"2025-11": Counter(entered=2), "2025-12": Counter(), "2026-01": Counter(upgraded=1)}


def test_the_table_adds_up_what_went_up_and_what_went_down() -> None:
    months = {
        "2025-12": Counter(entered=2, lapsed=1, restated=1),
        "2026-01": Counter(upgraded=1, downgraded=123, watch_started=4),
    }
    assert months_table(months) == [
        "                        2025",
        "                        12   1  合计 Total",
        "升 Up                    2   1           3",
        "  达标 Entered           2   ·           2",
        "  升级 Upgraded          ·   1           1",
        "降 Down                  1 123         124",
        "  降级 Downgraded        · 123         123",
        "  退出 Lapsed            1   ·           1",
        "进入关注 Watch started   ·   4           4",
        "追溯更正 Restated        1   ·           1",
    ]


def test_the_table_of_a_long_log_shows_the_last_months() -> None:
    months = months_of([change("C1", "entered", "2024-01-31"), change("C1", "lapsed", "2025-12-31")])
    years, numbers, up, down, *_ = months_table(months)
    assert years.split() == ["2024", "2025"]
    assert len(numbers.split()) - 2 == MOST_MONTHS
    assert (up.split()[-1], down.split()[-1]) == ("0", "1")


def test_every_kind_has_a_row() -> None:
    lines = months_table({"2025-01": Counter(dict.fromkeys(KINDS, 1))})
    assert [words for words in KINDS.values() if sum(str(words) in line for line in lines) != 1] == []


def story(customer: str, *kinds: str) -> list[dict[str, Any]]:
    return [change(customer, kind, "") for kind in kinds]


def test_the_story_shown_turns_most_often_and_then_in_the_most_ways() -> None:
    one_way = story("C1", "watch_started", "downgraded", "restated", "lapsed", "exited")
    there_and_back = story("C3", "entered", "lapsed")
    of_more_kinds = [*story("C5", "entered", "watch_started", "lapsed"), *story("C4", "entered", "restated", "lapsed")]
    twice = story("C6", "lapsed", "special_granted", "reentered", "lapsed")
    assert worth_showing([]) is None
    assert worth_showing(one_way) == "C1"
    assert worth_showing(one_way + there_and_back) == "C3"
    assert worth_showing(one_way + there_and_back + of_more_kinds) == "C4"
    assert worth_showing(one_way + there_and_back + of_more_kinds + twice) == "C6"


def test_the_trigger_told_of_is_of_money_that_moved_of_a_customer_with_a_manager() -> None:
    lacks, nobodys, own = ({"stake": stake, "manager_id": who} for stake, who in
                           (("lacks", "M1"), ("left", None), ("fell", "M2")))  # fmt: skip
    assert demo_triggers.case_of([lacks, nobodys, own]) is own
    assert demo_triggers.case_of([lacks, nobodys]) is nobodys
    assert demo_triggers.case_of([lacks]) is lacks


def test_of_each_customer_the_first_trigger_is_shown_and_how_many_more_there_are() -> None:
    rows = demo_triggers.by_customer([{"customer_id": who} for who in ("C1", "C2", "C1", "C1")])
    assert [(row["place"], row["customer_id"], row["more"]) for row in rows] == [(1, "C1", 2), (2, "C2", 0)]


def test_a_share_is_rounded_to_a_tenth_of_a_per_cent() -> None:
    assert (share(1, 8), share(1, 3), share(2, 3), share(5, 5), share(0, 5)) == (
        "12.5%",
        "33.3%",
        "66.7%",
        "100.0%",
        "0.0%",
    )
    assert share(1, 0) == share(-1, 5) == "-"
