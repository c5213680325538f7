"""How often the views of a shard are written, by what that takes."""

import pytest

from processors.slot import A_CUSTOMER_S, SHOW_BEHIND_S, SHOW_S, SHOW_SHARE_BEHIND, SHOWN_MANY, ShowCost


def cost(made_s: float, written_s: float) -> ShowCost:
    """Of a thousand customers, seconds."""
    found = ShowCost()
    found.made(1_000, made_s)
    found.written(1_000, written_s)
    return found


@pytest.mark.parametrize(
    ("made_s", "written_s", "shards", "behind", "expected"),
    [
        (0, 0, 4, False, SHOW_S),
        (0.01, 5, 4, False, SHOW_S),
        (0.3, 5, 4, False, 0.3 * 10 * 4),
        (0, 0, 4, True, SHOW_BEHIND_S),
        (0.01, 0.02, 4, True, SHOW_BEHIND_S),
        (0.3, 0.4, 4, True, 0.7 * 20 * 4),
    ],
)
def test_showing_takes_a_tenth_of_the_time_at_most_and_behind_half_as_much(
    made_s: float, written_s: float, shards: int, behind: bool, expected: float
) -> None:
    for thousands in (1, 3):
        every_s = cost(made_s / thousands, written_s / thousands).every_s(
            thousands * 1_000, shards, behind=behind, quiet=False, full=False
        )
        assert every_s == pytest.approx(expected)


@pytest.mark.parametrize("behind", [False, True])
def test_where_nothing_is_to_be_done_it_may_take_what_it_takes(behind: bool) -> None:
    assert cost(30, 30).every_s(5_000, 64, behind=behind, quiet=True, full=False) == SHOW_S


def test_the_first_time_it_takes_what_it_takes_elsewhere() -> None:
    first = ShowCost().every_s(100_000, 2, behind=True, quiet=False, full=False)
    assert first == pytest.approx(sum(A_CUSTOMER_S) * 100_000 * SHOW_SHARE_BEHIND * 2)


@pytest.mark.parametrize("behind", [False, True])
def test_where_no_more_may_be_held_it_is_time_whatever_it_takes(behind: bool) -> None:
    assert cost(30, 30).every_s(5_000, 64, behind=behind, quiet=False, full=True) == 0


def test_what_a_few_took_says_nothing_of_many() -> None:
    found = ShowCost()
    found.made(SHOWN_MANY - 1, 100)
    found.written(SHOWN_MANY - 1, 100)
    assert (found.made_s, found.written_s) == A_CUSTOMER_S
