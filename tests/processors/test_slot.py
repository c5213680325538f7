"""How often the views of a shard are written, by what that took."""

import pytest

from processors.slot import SHOW_BEHIND_S, SHOW_S, SHOW_SHARE, ShowCost


def cost(made_s: float, written_s: float) -> ShowCost:
    found = ShowCost()
    found.made_s, found.written_s = made_s, written_s
    return found


@pytest.mark.parametrize(
    ("made_s", "written_s", "shards", "behind", "expected"),
    [
        (0, 0, 4, False, SHOW_S),
        (0.01, 5, 4, False, SHOW_S),
        (0.3, 5, 4, False, 0.3 * SHOW_SHARE * 4),
        (0, 0, 4, True, SHOW_BEHIND_S),
        (0.01, 0.02, 4, True, SHOW_BEHIND_S),
        (0.3, 0.4, 4, True, 0.7 * SHOW_SHARE * 4),
    ],
)
def test_showing_takes_a_tenth_of_the_time_at_most(
    made_s: float, written_s: float, shards: int, behind: bool, expected: float
) -> None:
    assert cost(made_s, written_s).every_s(shards, behind=behind, quiet=False) == pytest.approx(expected)


@pytest.mark.parametrize("behind", [False, True])
def test_where_nothing_is_to_be_done_it_may_take_what_it_takes(behind: bool) -> None:
    assert cost(30, 30).every_s(64, behind=behind, quiet=True) == SHOW_S
