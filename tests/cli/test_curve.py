"""The curve of the month averages against the ladder."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from aggregates.policy import Policies, Policy
from guanxi.cli.curve import LEGEND, POINT, SIGN_WORDS, SIGNS, THRESHOLD, Month, Rung, curve, curve_of
from guanxi.cli.render import Look
from guanxi.cli.words import KINDS

LADDER = (Rung("金卡 Gold", "20", 20), Rung("白金 Platinum", "100", 100))
WORKED = [Month("2025-11", 120), Month("2025-12", 30), Month("2026-01", 19), Month("2026-02", 19)]


def test_the_chart_of_three_levels() -> None:
    signs = {"2025-12": "▼", "2027-01": "▲"}
    assert curve(WORKED, LADDER, 50, signs) == [
        "                   │",
        "                   │",
        "白金 Platinum  100 ┤┄●──╮┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄",
        "                   │    │",
        "                   │    │",
        "金卡 Gold       20 ┤┄┄┄┄╰──●──╮┄┄┄┄┄┄┄┄┄┄",
        "                   │          ╰──●─────●",
        "                   │",
        "                 0 ┤",
        "                           ▼",
        "                    11    12     1     2",
        "                     2025        2026",
    ]  # fmt: skip


def test_a_band_where_nothing_happens_is_one_row() -> None:
    assert curve([Month("2025-03", 5)], LADDER, 50) == [
        "白金 Platinum  100 ┤┄┄┄",
        "金卡 Gold       20 ┤┄┄┄",
        "                   │",
        "                   │",
        "                 0 ┤ ●",
        "                     3",
        "                     2025",
    ]  # fmt: skip


def test_it_goes_up_and_a_missing_month_leaves_a_gap() -> None:
    drawn = curve([Month("2025-03", 5), Month("2025-04", 25), Month("2025-06", 25)], LADDER, 50)
    assert drawn[3:7] == [
        "金卡 Gold       20 ┤┄┄┄┄╭──●┄┄┄┄┄┄┄┄┄┄┄●┄",
        "                   │    │",
        "                   │    │",
        "                 0 ┤ ●──╯",
    ]


def test_without_months_there_is_none_and_without_a_ladder_only_amounts() -> None:
    assert curve([], LADDER, 80) == []
    assert curve([Month("2025-03", 0)], [], 80)[2] == "0 ┤ ●"


amounts = st.lists(st.integers(-50, 400), min_size=1, max_size=12)


@given(amounts)
def test_a_point_stands_on_its_threshold_or_above_exactly_if_the_month_reached_it(averages: list[int]) -> None:
    months = [Month(f"2025-{at + 1:02}", average) for at, average in enumerate(averages)]
    drawn = curve(months, LADDER, 100)
    lines = {rung.name: next(at for at, line in enumerate(drawn) if line.startswith(rung.name)) for rung in LADDER}
    points = sorted((line.index(POINT, at), row) for row, line in enumerate(drawn) for at in _all(line))
    assert len(points) == len(averages)
    columns = sorted((cell_len(drawn[row][:at]), row) for row, line in enumerate(drawn) for at in _all(line))
    for (_, row), average in zip(columns, averages, strict=True):
        for rung in LADDER:
            assert (row <= lines[rung.name]) == (average >= rung.threshold_minor)


def _all(line: str) -> list[int]:
    return [at for at, mark in enumerate(line) if mark == POINT]


@given(amounts, st.integers(60, 120))
def test_it_is_no_wider_than_asked_for(averages: list[int], width: int) -> None:
    months = [Month(f"2025-{at + 1:02}", average) for at, average in enumerate(averages)]
    assert max(map(cell_len, curve(months, LADDER, width))) <= width


def test_a_page_is_drawn_with_the_names_of_its_policy_and_what_followed() -> None:
    changes = [
        {"kind": "watch_started", "closed_month": "2026-01"},
        {"kind": "downgraded", "closed_month": "2026-01"},
        {"kind": "special_granted", "closed_month": None},
    ]
    page = {"months": [{"month": "2026-01", "average": 200_000_00}], "tier_changes": changes}
    shown = curve_of(page, Policies([Policy()]), Look(), 10_000).splitlines()
    assert [line for line in shown[:-2] if POINT in line] == ["金卡 Gold        200,000 ┤┄●┄"]
    assert [line for line in shown[:-2] if "▼" in line] == [" " * 27 + "▼"]
    assert shown[-2:] == [LEGEND, "▼ 降 down"]
    assert [line.split(" ")[0] for line in shown[:-2] if THRESHOLD in line] == ["私行", "钻石", "白金", "金卡"]


def test_every_sign_has_words_and_is_of_a_known_kind() -> None:
    assert SIGNS.keys() <= KINDS.keys()
    assert set(SIGNS.values()) == SIGN_WORDS.keys()
    assert max(map(cell_len, (LEGEND, "  ".join(f"{sign} {words}" for sign, words in SIGN_WORDS.items())))) <= 80
