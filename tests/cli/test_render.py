"""Rows as table, JSON lines and CSV; money, terms and widths."""

import io
import json

import pytest
from rich.cells import cell_len
from rich.console import Console

from aggregates.policy import Level, Policy
from guanxi.cli.render import (
    AT_ONCE,
    Column,
    Look,
    amount,
    freshness_line,
    level,
    look_of,
    money,
    pairs,
    put_csv,
    put_json_lines,
    put_table,
    term,
    text,
)
from guanxi.cli.words import STATES, Words


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (0, "CNY", "0.00"),
        (5, "CNY", "0.05"),
        (-5, "CNY", "-0.05"),
        (123456789, "CNY", "1,234,567.89"),
        (-100_000_00, "CNY", "-100,000.00"),
        (1_234_567, "JPY", "1,234,567"),
        (1_234_567, "KWD", "1,234.567"),
        (2**70 * 100, "CNY", "1,180,591,620,717,411,303,424.00"),
    ],
)
def test_money_has_separators_and_the_currencys_digits(minor: int, currency: str, shown: str) -> None:
    assert money(minor, currency) == shown


def test_the_look_of_a_log_knows_the_levels_of_every_version() -> None:
    old = Policy(version="1", ladder=(Level("gold", 1, "金卡", "Gold"), Level("jade", 2, "玉卡", "Jade")))
    new = Policy(version="2", valid_from=9, currency="JPY", ladder=(Level("gold", 1, "黄金卡", "Gold card"),))
    look = look_of([new, old])
    assert look.money(1_000) == "1,000"
    assert look.level("gold") == "黄金卡 Gold card"
    assert look.level("jade") == "玉卡 Jade"
    assert look.level("unheard-of") == "unheard-of"
    assert look.level(None) == "-"


def test_a_level_without_names_is_shown_by_its_code() -> None:
    assert look_of([Policy(ladder=(Level("a", 1),))]).level("a") == "a"


def test_without_any_policy_the_built_in_one_gives_the_look() -> None:
    assert look_of([]).level("diamond") == "钻石 Diamond"


def test_json_lines_keep_nulls_and_integers_of_any_size(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = [{"a": None, "b": "客户", "c": 1}, {"a": 2**80, "b": {"x": [-(2**70)]}, "c": True}]
    put_json_lines(rows)
    lines = capsysbinary.readouterr().out.splitlines()
    assert lines[0] == '{"a":null,"b":"客户","c":1}'.encode()
    assert [json.loads(line) for line in lines] == rows


def test_csv_has_a_header_empty_nulls_and_json_inside(capsys: pytest.CaptureFixture[str]) -> None:
    put_csv([{"a": None, "b": 'x,"y"', "c": [{"d": 1}]}, {"a": 0, "b": "", "c": None}], ["a", "b", "c"])
    assert capsys.readouterr().out == 'a,b,c\n,"x,""y""","[{""d"":1}]"\n0,,\n'


def test_csv_of_nothing_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    put_csv([], ["a", "b"])
    assert capsys.readouterr().out == "a,b\n"


COLUMNS = (
    Column(Words("客户", "Customer"), text("id")),
    Column(Words("状态", "State"), term("state", STATES)),
    Column(Words("等级", "Level"), level("level")),
    Column(Words("余额", "Balance"), amount("balance"), right=True),
)


def table(rows: list[dict[str, object]], width: int = 200) -> list[str]:
    out = io.StringIO()
    put_table(rows, COLUMNS, Look(), Console(file=out, width=width, highlight=False))
    return [line for line in out.getvalue().splitlines() if line.strip()]


def test_a_table_lines_up_chinese_and_english() -> None:
    lines = table(
        [
            {"id": "C1", "state": "vip", "level": "gold", "balance": 1},
            {"id": "客户二", "state": "lapsed", "level": None, "balance": -123_456_789},
        ]
    )
    assert len({cell_len(line.rstrip()) for line in lines[-2:]}) == 1
    zh, en, rule, first, second = lines
    assert zh.split() == ["客户", "状态", "等级", "余额"]
    assert en.split() == ["Customer", "State", "Level", "Balance"]
    assert set(rule.strip()) == {"─"}
    assert first.split() == ["C1", "VIP", "金卡", "Gold", "0.01"]
    assert second.split() == ["客户二", "已退未评级", "Lapsed", "-", "-1,234,567.89"]
    start = cell_len(first[: first.index("VIP")])
    assert cell_len(second[: second.index("已退")]) == start == cell_len(zh[: zh.index("状态")])


def test_later_rows_of_a_long_table_stand_under_the_same_columns() -> None:
    rows = [{"id": f"C{n}", "state": "vip", "level": "gold", "balance": n} for n in range(AT_ONCE * 2 + 3)]
    lines = table(rows)
    assert len(lines) == 3 + len(rows)
    assert len({cell_len(line[: line.index("VIP")]) for line in lines[3:]}) == 1
    assert len({cell_len(line.rstrip()) for line in lines[3:]}) == 1


def test_markup_in_data_is_shown_as_it_is() -> None:
    assert "[red]x[/red]" in table([{"id": "[red]x[/red]", "state": "vip", "level": None, "balance": 0}])[-1]


def test_a_table_without_rows_says_so() -> None:
    assert table([]) == ["无记录 none"]


def test_terms_of_a_page_line_up() -> None:
    shown = list(pairs([(Words("自", "Since"), "x"), (Words("降级关注期", "Watch"), "y")]))
    assert [value for _, value in shown] == ["x", "y"]
    assert len({cell_len(words) for words, _ in shown}) == 1


def test_a_footer_says_how_fresh() -> None:
    assert freshness_line(1234, "2026-04-30") == "as of block 1,234, business days closed through 2026-04-30"
    assert freshness_line(0, None) == "as of block 0, no business day closed yet"
    assert freshness_line(1234, None, 64) == "as of 1,234 blocks in 64 shards, no business day closed yet"
