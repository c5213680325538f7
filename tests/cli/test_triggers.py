"""`guanxi triggers`, `guanxi worklist`: steps as published, what stands, how it reads; steps are told to the views by hand."""

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from events.codec import to_json
from guanxi.cli.render import Look, put_table
from guanxi.cli.worklist import LISTING
from guanxi.cli.worth import money_kept
from projections.feed import Feed
from projections.trigger_steps import SHOWN, TriggerSteps
from projections.worth import Told, worth_rows
from tests.cli.conftest import close, opened, record, run, written
from tests.projections.steps import a_life, decided
from tests.projections.world import World
from tests.projections.world import opened as an_account


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A log of two customers, whose views were told of triggers."""
    folder = tmp_path_factory.mktemp("triggers")
    lines = [opened("C1", "A1", 7_000_000), opened("C2", "A2", 5), opened("C3", "A3", 5)]
    lines += [record(f"m{c}", "manager_assigned", "2026-04-02", c, manager_id="M1", branch="B1") for c in ("C1", "C2")]
    records = written(folder / "r.jsonl", iter([*lines, close("2026-04-30")]))
    found = f"sqlite:///{folder / 'bank.db'}"
    assert run("ingest", str(records), "--log", found).exit_code == 0
    world = World(folder)
    world.take(an_account("C1", "A1", "2026-01-01"))
    decided(world, *a_life())
    tell(folder / "bank.db-views", world.feed())
    world.views.close()
    world.log.close()
    return found


def tell(views: Path, feed: Feed) -> None:
    with sqlite3.connect(views) as connection:
        places = ", ".join("?" * len(TriggerSteps.table.columns))
        connection.executemany(f"INSERT INTO trigger_steps VALUES ({places})", TriggerSteps().rows(feed))
    connection.close()


def asked(log: str, *args: str) -> list[dict[str, Any]]:
    result = run("triggers", "--log", log, *args)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_rows_are_the_published_bytes(log: str) -> None:
    lines = sorted(a_life(), key=lambda each: (each.customer_id, each.sequence))
    expected = b"".join(to_json(line.published()) + b"\n" for line in lines)
    assert run("triggers", "--log", log).stdout_bytes == expected


def test_what_stands_of_whom_and_of_which_rule(log: str) -> None:
    assert [(row["id"], row["step"]) for row in asked(log, "--open")] == [
        ("C1:near_upgrade:2026-01", "claimed"), ("C1:aum_drop:2026-01-12", "raised"), ("C2:dormant:2026-01-12", "raised"),
    ]  # fmt: skip
    assert [row["sequence"] for row in asked(log, "--customer", "C2")] == [1, 2, 3]
    assert [row["sequence"] for row in asked(log, "--code", "aum_drop", "--customer", "C1")] == [1, 4, 5]
    assert asked(log, "--customer", "C3") == []
    nobody = run("triggers", "--customer", "C9", "--log", log)
    assert (nobody.exit_code, nobody.stderr) == (1, "guanxi: C9: no such customer; guanxi tiers lists them all\n")


def test_a_table_says_why_in_both_languages(log: str) -> None:
    shown = run("triggers", "--customer", "C1", "--format", "table", "--log", log).stdout
    for text in (
        "已触发 Raised",
        "已认领 Claimed",
        "已撤回 Withdrawn",
        "M1",
        "2026-01-11",
        "资产下降",
        "AUM fell",
        "会计日期",
    ):
        assert text in shown
    assert "as of block" in shown.splitlines()[-1]
    assert shown.count("AUM fell") == 3  # with each raise, not with what came of it
    assert (
        run("triggers", "--open", "--customer", "C1", "--format", "table", "--log", log).stdout.count("AUM fell") == 2
    )
    ended = run("triggers", "--customer", "C2", "--format", "table", "--log", log).stdout
    assert "已过期 Expired" in ended


def test_what_stands_of_a_customer_is_on_the_page(log: str) -> None:
    (page,) = [json.loads(line) for line in run("customer", "C1", "--log", log).stdout.splitlines()]
    assert [(row["id"], row["step"]) for row in page["triggers"]] == [
        ("C1:near_upgrade:2026-01", "claimed"), ("C1:aum_drop:2026-01-12", "raised"),
    ]  # fmt: skip
    shown = run("customer", "C1", "--format", "table", "--log", log).stdout
    for text in ("待办预警 Triggers that stand", "已认领 Claimed", "AUM fell"):
        assert text in shown
    assert "Triggers that stand" not in run("customer", "C3", "--format", "table", "--log", log).stdout


def test_csv_leaves_empty_what_a_step_does_not_have(log: str) -> None:
    table = list(csv.DictReader(io.StringIO(run("triggers", "--format", "csv", "--log", log).stdout)))
    assert list(table[0]) == list(SHOWN)
    found = {(row["customer_id"], row["sequence"]): row for row in table}
    assert [found["C1", str(n)]["manager_id"] for n in (2, 3)] == ["", "M1"]
    assert json.loads(found["C1", "4"]["cause"]) == [
        {"source": "core", "event_id": "e7"}, {"source": "funds", "event_id": "e8"}
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------- worklist


def work(log: str, *args: str) -> list[dict[str, Any]]:
    result = run("worklist", "--log", log, *args)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_most_money_comes_first(log: str) -> None:
    found = work(log, "--manager", "M1")
    assert [(row["place"], row["id"], row["at_stake"], row["days"]) for row in found] == [
        (1, "C1:near_upgrade:2026-01", 6_999_997, 110), (2, "C1:aum_drop:2026-01-12", 6_999_997, 108),
        (3, "C2:dormant:2026-01-12", 6_999_997, 108),
    ]  # fmt: skip
    assert [row["place"] for row in work(log, "--branch", "B1", "--limit", "2")] == [1, 2]
    assert work(log, "--unassigned") == work(log, "--manager", "M2") == []


SCREEN = """\
序号  客户      预警             排序依据                触发日      进展     客户经理
 No.  Customer  Trigger          Why in this place       Raised      Step     Manager
──────────────────────────────────────────────────────────────────────────────────────
   1  C1        升级商机         下降 down by 69,999.97  2026-01-10  已认领   M1
                Near an upgrade  110 天 days                         Claimed
      C1:near_upgrade:2026-01
      资产下降
      AUM fell
   2  C1        资产下滑         下降 down by 69,999.97  2026-01-12  已触发   M1
                AUM drop         108 天 days                         Raised
      C1:aum_drop:2026-01-12
      资产下降
      AUM fell
   3  C2        长期未动户       下降 down by 69,999.97  2026-01-12  已触发   M1
                Dormant          108 天 days                         Raised
      C2:dormant:2026-01-12
      资产下降
      AUM fell
"""


def test_a_worklist_on_the_screen(log: str) -> None:
    shown = run("worklist", "--manager", "M1", "--format", "table", "--log", log).stdout
    assert [line.rstrip() for line in shown.splitlines()[:-1]] == SCREEN.splitlines()
    assert shown.splitlines()[-1].startswith("as of block")


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_worklist_fits_a_terminal_and_loses_nothing(width: int) -> None:
    """The longest of everything: names of rules and of stakes, an amount of ten digits, ids, sentences."""
    row = {
        "place": 1234, "customer_id": "C000228", "id": "C000228:outside_platform_drift:2026-01-12",
        "code": "outside_platform_drift", "step": "contacted", "at_stake": 12_345_678_90, "stake": "moved_out",
        "level": "platinum", "raised_on": "2026-01-12", "days": 29, "aum": 1, "manager_id": "M01", "branch": None,
        "says": {"zh": "近期向他行及第三方支付平台转出 3 笔，共 483,512.20 元，" * 3, "en": "three transfers out " * 12},
    }  # fmt: skip
    out = io.StringIO()
    to = Console(file=out, width=width, highlight=False)
    put_table([row, row], LISTING.columns, Look(), to, below=LISTING.below)
    lines = out.getvalue().splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= min(width, 120)
    said = "".join(out.getvalue().split())
    for text in (row["id"], row["says"]["zh"], row["says"]["en"], "12,345,678.90", "白金", "已联系"):  # type: ignore[index]
        assert said.count("".join(str(text).split())) == 2
    at_zh = next(at for at, line in enumerate(lines) if "近期" in line)
    assert {line[:6] for line in lines[at_zh - 1 : at_zh + 3]} == {" " * 6}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "whose work? give --manager ID, --branch ID or --unassigned"),
        (("--manager", "M1", "--unassigned"), "is not unassigned"),
        (("--manager", "M1", "--limit", "0"), "--limit"),
    ],
)
def test_whose_work_has_to_be_said(log: str, args: tuple[str, ...], said: str) -> None:
    result = run("worklist", "--log", log, *args)
    assert result.exit_code == 2
    assert said in result.stderr


# ---------------------------------------------------------------------------------------------- worth


def test_what_rules_are_worth_in_rows_and_on_the_screen(log: str) -> None:
    rows = [json.loads(line) for line in run("worth", "--log", log).stdout.splitlines()]
    assert [(row["code"], row["raised"], row["withdrawn"]) for row in rows] == [
        ("aum_drop", 2, 1), ("dormant", 1, 0), ("maturity_upcoming", 1, 0), ("near_upgrade", 1, 0),
    ]  # fmt: skip
    assert rows[3]["claimed_in_time"] == {"count": 1, "of": 1, "share": 1.0, "low": 0.2065, "high": 1.0}
    (one,) = (
        json.loads(line)
        for line in run("worth", "--by", "manager", "--code", "dormant", "--log", log).stdout.splitlines()
    )
    assert (one["manager"], one["raised"]) == (None, 1)  # M1 came in April
    shown = run("worth", "--format", "table", "--log", log).stdout
    for text in ("2日内认领", "100.0% (20.", "1/1"):
        assert text in shown
    assert "days on" not in shown  # no money was there when these were raised
    assert run("worth", "--by", "day", "--log", log).exit_code == 2


def test_money_kept_is_told_of_whom_it_is_known() -> None:
    def triggers(reached: int, *aum: tuple[int | None, ...]) -> list[Told]:
        return [Told("C1", "dormant", 740_000, reached_on=reached, aum=each) for each in aum]

    both = [*triggers(740_001, (100_00, 50_00, None), (300_00, 270_00, None)), *triggers(0, (100_00, 30_00, 10_00))]
    (row,) = worth_rows(both, "code")
    assert list(money_kept(row, Look())) == [
        "30天后留存 30 days on  已联系 reached 80.0% (50.6 to 109.4) of 400.00 · 2 次",
        "30天后留存 30 days on  未联系 not reached 30.0% of 100.00 · 1 次",
        "30天后留存 30 days on  差 difference 50.0%",
        "90天后留存 90 days on  未联系 not reached 10.0% of 100.00 · 1 次",
    ]


def test_what_colleagues_did_is_said(tmp_path: Path) -> None:
    """Both complaints are of M1's customers; M2 speaks with the one before C1 is handed over, M1 with the other."""
    lines = [opened("C1", "A1", 5), opened("C2", "A2", 5), close("2026-04-01")]
    lines += [record(f"m{c}", "manager_assigned", "2026-04-01", c, manager_id="M1") for c in ("C1", "C2")]
    lines += [record(f"k{c}", "complaint_filed", "2026-04-02", c, complaint_id="k", severity=1) for c in ("C1", "C2")]
    lines += [
        record(f"s{c}", "manager_contact", "2026-04-02", c, manager_id=m, trigger_id=f"{c}:complaint_open:k:filed")
        for c, m in (("C1", "M2"), ("C2", "M1"))
    ]
    lines += [record("h", "manager_assigned", "2026-04-03", "C1", manager_id="M2"), close("2026-04-03")]
    log = f"sqlite:///{tmp_path / 'bank.db'}"
    assert run("ingest", str(written(tmp_path / "r.jsonl", iter(lines))), "--log", log).exit_code == 0
    shown = run("worth", "--by", "manager", "--format", "table", "--log", log).stdout
    assert [line.split()[0] for line in shown.splitlines() if "2/2" in line] == ["M1"]
    assert shown.count("他人 by others 1") == 1
    assert "M2" not in shown


@pytest.mark.parametrize("command", ["triggers", "worth"])
def test_a_rule_that_there_is_not_is_a_wrong_call(log: str, command: str) -> None:
    result = run(command, "--code", "aum_fall", "--log", log)
    assert result.exit_code == 2
    assert "there is no rule aum_fall; there are aum_drop, " in result.stderr
