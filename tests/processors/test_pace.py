"""How soon little may be read behind little."""

import pytest

from processors.pace import AT_MOST_S, SHARE, Pace

LITTLE = 1_000


def after_a_round(took_s: float) -> Pace:
    pace = Pace(LITTLE)
    pace.begins(10.0)
    pace.ends(10.0 + took_s)
    return pace


def test_behind_a_little_it_is_waited_as_the_last_round_took() -> None:
    pace = after_a_round(0.004)
    pace.has_read(10, 20.0)
    assert pace.left_s(20.0) == pytest.approx(0.004 * SHARE)
    assert pace.left_s(20.002) == pytest.approx(0.004 * SHARE - 0.002)
    assert pace.left_s(21.0) == 0  # what comes after a pause is read at once


def test_behind_a_close_of_a_month_it_is_not_waited_for_long() -> None:
    pace = after_a_round(30.0)
    pace.has_read(10, 50.0)
    assert pace.left_s(50.0) == pytest.approx(AT_MOST_S)


@pytest.mark.parametrize("size", [0, LITTLE])
def test_behind_nothing_and_behind_much_it_is_not_waited(size: int) -> None:
    pace = after_a_round(0.004)
    pace.has_read(size, 20.0)
    assert pace.left_s(20.0) == 0
