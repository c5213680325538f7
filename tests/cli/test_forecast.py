"""`guanxi tiers --forecast`: where the month is heading, of everyone at once, as the page of a customer says it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len

from guanxi.cli.render import SENTENCE_COLUMNS
from guanxi.cli.words import KINDS
from projections.forecast import FORETOLD
from tests.cli.conftest import Line, close, month_closes, opened, record, run, written
from tests.cli.foretold import as_the_page_says

Ask = Callable[..., Result]
Rows = Callable[..., list[dict[str, Any]]]
Row = dict[str, Any]


def test_where_the_month_of_the_small_bank_is_heading(rows: Rows) -> None:
    gold, nobody, platinum = rows("tiers", "--forecast")
    assert gold == {
        "customer_id": "C1", "state": "vip", "level": "gold", "until": None, "date": "2026-05-10", "days_left": 21,
        "projected": 200_000_00, "kind": None, "end_state": "vip", "end_level": "gold", "end_watch": 0,
        "end_below_entry": 0, "end_grace_left": 0, "hold": 0, "reach": 442_857_15, "reach_level": "platinum",
        "to_downgrade": None, "to_exit": None,
    }  # fmt: skip
    assert list(gold) == ["customer_id", "state", "level", "until", *FORETOLD]
    assert (nobody["state"], nobody["projected"], nobody["hold"]) == ("ordinary", 100_00, None)
    assert (nobody["reach"], nobody["reach_level"]) == (295_090_48, "gold")  # 199,900 × 31 ÷ 21, and more than that
    assert (platinum["hold"], platinum["reach_level"]) == (0, "diamond")


def test_the_day_asked_about_counts_and_what_was_not_known_then_does_not(rows: Rows) -> None:
    (one, *_) = rows("tiers", "--forecast", "--as-of", "2026-04-10")
    assert (one["state"], one["date"], one["projected"]) == ("ordinary", "2026-04-10", 300_000_00)
    assert (one["kind"], one["end_state"], one["end_level"]) == ("entered", "vip", "gold")
    (one, *_) = rows("tiers", "--forecast", "--as-of", "2026-04-11")
    assert (one["projected"], one["reach"]) == (233_333_33, 0)


def test_once_the_month_is_over_nothing_is_to_be_held_any_more(rows: Rows) -> None:
    (one, *_) = rows("tiers", "--forecast", "--as-of", "2026-04-30")
    assert (one["days_left"], one["projected"], one["kind"], one["hold"], one["reach"]) == (
        0,
        233_333_33,
        None,
        None,
        None,
    )


def test_the_screen_says_it_in_both_languages(ask: Ask) -> None:
    shown = ask("tiers", "--forecast", "--format", "table", "--as-of", "2026-04-10").stdout
    assert "预计月日均" in shown
    assert "Top-up to hold" in shown
    assert f"{KINDS['entered']} → 金卡 Gold" in shown
    assert "442,857.15 白金 Platinum" in ask("tiers", "--forecast", "--format", "table").stdout


# A bank with every standing


def brought(customer: str, state: str, **fields: Any) -> Line:
    return record(
        f"brought-{customer}", "customer_brought_forward", "2026-03-31", customer, value_date="2026-03-31", state=state,
        months=[], **fields,
    )  # fmt: skip


def every_standing() -> Iterator[Line]:
    """April to June 2026, July to the 15th."""
    yield brought("falling", "vip", level="diamond", watch=["platinum"], below_entry=0)
    yield brought("leaving", "vip", level="gold", below_entry=2)
    yield brought("gone", "lapsed", grace_left=2)
    yield brought("empty", "vip", level="private", watch=[], below_entry=0)
    yield brought("special", "special", level="platinum", until="2026-12-31")
    for customer, balance in (("falling", 700_000_00), ("leaving", 10_00), ("gone", 1_00), ("special", 600_000_00)):
        yield opened(customer, f"A-{customer}", balance)
    yield opened("rising", "A-rising", 1_00)
    yield opened("owing", "A-owing", 0)
    paid = {"account_id": "A-rising", "amount": 9_000_000_00, "currency": "CNY"}
    yield record("rise", "deposit", "2026-05-20", "rising", value_date="2026-05-21", **paid)
    yield record(
        "fee", "fee_charged", "2026-04-02", "owing", value_date="2026-04-02", **paid | {"account_id": "A-owing"}
    )
    for month, days in (("2026-04", 30), ("2026-05", 31), ("2026-06", 30)):
        yield from month_closes(month, days)
    for day in range(1, 16):
        yield close(f"2026-07-{day:02d}")


@pytest.fixture(scope="module")
def standings(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    folder: Path = tmp_path_factory.mktemp("standings")
    log = f"sqlite:///{folder / 'bank.db'}"
    assert (
        run("ingest", str(written(folder / "records.jsonl", every_standing())), "--log", log, "--strict").exit_code == 0
    )

    def asked(*args: str) -> Result:
        result = run("--log", log, *args)
        assert result.exit_code == 0, result.output
        return result

    return asked


@pytest.fixture(scope="module")
def bank(standings: Ask) -> Callable[..., list[Row]]:
    return lambda *args: [json.loads(line) for line in standings(*args).stdout.splitlines()]


@pytest.mark.parametrize(
    "of", [(), *(("--as-of", f"2026-{day}") for day in ("04-01", "04-30", "05-20", "05-21", "06-29", "07-01", "07-20"))]
)
def test_the_list_says_of_everyone_what_the_page_says(bank: Callable[..., list[Row]], of: tuple[str, ...]) -> None:
    found = bank("tiers", "--forecast", *of)
    assert [row["customer_id"] for row in found] == sorted(row["customer_id"] for row in bank("tiers"))
    for row in found:
        (page,) = bank("customer", row["customer_id"], *of)
        assert row == as_the_page_says(page)


@pytest.mark.parametrize("day", ["2026-04-20", "2026-06-29", "2026-07-15"])
def test_the_screen_is_as_wide_as_others_and_says_what_is_at_stake_below(standings: Ask, day: str) -> None:
    lines = standings("tiers", "--forecast", "--format", "table", "--as-of", day).stdout.splitlines()
    assert max(map(cell_len, lines)) <= SENTENCE_COLUMNS
    if day == "2026-04-20":
        at = next(number for number, line in enumerate(lines) if line.startswith("falling"))
        assert [line.split() for line in lines[at : at + 3]] == [
            ["falling", "钻石", "Diamond", "700,000.00", "3,900,000.00", "15,900,000.00", "私行", "Private"],
            ["如余额不变，月末", "At", "month", "end,", "if", "all", "stays：累计", "Counted，2", "个月", "months"],
            ["距降级", "To", "downgrade", "2", "个月", "months，距退出", "To", "exit", "6", "个月", "months"],
        ]
        (owing,) = (number for number, line in enumerate(lines) if line.startswith("owing"))
        assert lines[owing + 1].startswith("rising"), "nothing is at stake"


def test_who_misses_months_is_told_how_many_are_left(bank: Callable[..., list[Row]]) -> None:
    left = {
        row["customer_id"]: (row["kind"], row["to_downgrade"], row["to_exit"])
        for row in bank("tiers", "--forecast", "--as-of", "2026-04-20")
    }
    assert left == {
        "empty": ("watch_started", None, None),  # without any account a level is lost all the same
        "falling": (None, 2, 6),
        "gone": (None, None, None),
        "leaving": (None, None, 4),
        "owing": (None, None, None),
        "rising": (None, None, None),
        "special": ("special_ended", None, None),
    }


@pytest.mark.parametrize(
    ("day", "next_month", "kinds"),
    [
        ("2026-05-22", "2026-06-01", {"falling": "downgraded", "gone": "exited", "rising": "entered"}),
        ("2026-06-10", "2026-07-01", {"empty": "downgraded", "rising": "upgraded"}),
    ],
)
def test_what_was_foretold_came_true(bank: Callable[..., list[Row]], day: str, next_month: str, kinds: Row) -> None:
    told, came = bank("tiers", "--forecast", "--as-of", day), bank("tiers", "--as-of", next_month)
    keys = ("state", "level", "watch", "below_entry", "grace_left")
    assert [[row[f"end_{key}"] for key in keys] for row in told] == [[row[key] for key in keys] for row in came]
    assert {row["customer_id"]: row["kind"] for row in told if row["kind"]} == kinds


def test_the_page_says_how_many_months_are_left(bank: Callable[..., list[Row]]) -> None:
    (page,) = bank("customer", "falling", "--as-of", "2026-04-20")
    assert (page["outlook"]["to_downgrade"], page["outlook"]["to_exit"]) == (2, 6)
