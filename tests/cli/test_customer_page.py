"""The page of a customer: its bars."""

import pytest

from aggregates.policy import Policy
from guanxi.cli.customer_page import bar, bar_whole


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(-5, "    "), (0, "    "), (12, "    "), (13, "▌   "), (25, "█   "), (99, "███▌"), (100, "████"), (900, "████")],
)
def test_a_bar_is_as_long_as_its_share(amount: int, shown: str) -> None:
    assert bar(amount, 100, 4) == shown


def test_thresholds_are_ticks_where_the_bar_does_not_reach() -> None:
    assert bar(25, 100, 8, [0, 50, 75, 100]) == "██  ╎ ╎ "


def test_a_bar_of_nothing_is_none() -> None:
    assert bar(0, 0, 8) == ""


def test_the_longest_bar_ends_at_the_next_threshold_in_sight() -> None:
    policy = Policy()
    assert bar_whole([1, 2], policy) == bar_whole([150_000_00], policy) == 200_000_00
    assert bar_whole([333_333_33], policy) == 333_333_33
    assert bar_whole([333_333_34, 5], policy) == 500_000_00
    assert bar_whole([9_000_000_00], policy) == 9_000_000_00
    assert bar_whole([7], None) == 7
