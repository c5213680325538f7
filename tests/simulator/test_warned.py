"""Scores of warnings, on a truth written by hand."""

from datetime import date, timedelta

import pytest

from guanxi.simulator.person import Truth
from guanxi.simulator.warned import ECHO_DAYS, Raised, Score, raised_of, scores

BEGAN, LOST = date(2025, 6, 1), date(2025, 6, 21)
LEAVES = Truth("C1", "salary moves", True, BEGAN, LOST, ("payroll_stopped",))
STAYS = Truth("C2", "changes jobs", False, BEGAN, None, ("payroll_stopped",))


def score(*raised: tuple[str, date]) -> Score:
    return scores([LEAVES, STAYS], [Raised(who, "payroll_stopped", on) for who, on in raised])["payroll_stopped"]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (BEGAN - timedelta(days=1), Score(1, 0, 0, 1, [])),
        (BEGAN, Score(1, 1, 1, 0, [20])),
        (LOST, Score(1, 1, 1, 0, [0])),
        (LOST + timedelta(days=1), Score(1, 0, 0, 0, [])),
    ],
)
def test_who_leaves_is_told_of_from_the_first_day_to_the_last(on: date, expected: Score) -> None:
    assert score(("C1", on)) == expected


def test_of_several_the_first_counts_as_the_warning() -> None:
    assert score(("C1", BEGAN + timedelta(days=2)), ("C1", LOST)) == Score(1, 1, 2, 0, [18])


def test_who_only_looks_so_counts_against_a_rule_until_it_is_long_ago() -> None:
    echo = BEGAN + timedelta(days=ECHO_DAYS)
    assert score(("C2", BEGAN - timedelta(days=9)), ("C2", echo)) == Score(1, 0, 0, 2, [])
    assert score(("C2", echo + timedelta(days=1))) == score() == Score(1, 0, 0, 0, [])


def test_another_rule_that_speaks_of_who_leaves_is_right_but_it_was_not_its_story() -> None:
    found = scores([LEAVES], [Raised("C1", "dormant", BEGAN)])
    assert found["dormant"] == Score(0, 0, 1, 0, [])
    assert found["payroll_stopped"] == Score(1, 0, 0, 0, [])


def test_only_a_raise_is_a_warning_and_a_complaint_only_when_it_is_overdue() -> None:
    step = {"customer_id": "C1", "business_date": "2025-06-01"}
    steps = [
        {**step, "code": "dormant", "key": "2025-06-01", "step": "raised"},
        {**step, "code": "dormant", "key": "2025-06-01", "step": "expired"},
        {**step, "code": "complaint_open", "key": "K1:filed", "step": "raised"},
        {**step, "code": "complaint_open", "key": "K1:overdue", "step": "raised"},
    ]
    assert [each.code for each in raised_of(steps)] == ["dormant", "complaint_open"]
