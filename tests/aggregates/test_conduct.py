"""Signs of life: in order whatever order they come in, counted so that a reversal can take one back. Money out: what is kept."""

from itertools import product

import pytest

from aggregates.conduct import (
    ACTIVITY_DAYS_KEPT,
    DRIFTS,
    OUT,
    OUTS,
    conduct_of,
    drop_activity,
    forget_activity,
    forget_outs,
    note_activity,
)
from aggregates.customer import Customer
from aggregates.triggers.memory import Conduct
from tests.dsl.expect import core


def customer(*days: int) -> Customer:
    found = Customer("C1", 0, {})
    for at, day in enumerate(days):
        note_activity(found, day, core(f"e{at}"))
    return found


def test_a_day_names_its_first_record_and_counts_the_others() -> None:
    assert conduct_of(customer(7, 9, 7, 8, 9)).acts == [7, 2, "core", "e0", 8, 1, "core", "e3", 9, 2, "core", "e1"]


def test_a_day_is_gone_with_its_last_record() -> None:
    conduct = conduct_of(customer(7, 9, 7))
    drop_activity(conduct, 7, core("e2"))
    assert conduct.acts == [7, 1, "core", "e0", 9, 1, "core", "e1"]
    drop_activity(conduct, 9, core("e1"))
    assert conduct.acts == [7, 1, "core", "e0"]


def test_of_a_day_whose_named_record_was_reversed_none_is_named() -> None:
    conduct = conduct_of(customer(7, 7))
    drop_activity(conduct, 7, core("e0"))
    assert conduct.acts == [7, 1, "", ""]


def test_what_was_forgotten_is_reversed_without_effect() -> None:
    conduct = conduct_of(customer(7))
    drop_activity(conduct, 6, core("e0"))
    drop_activity(conduct, 8, core("e0"))
    assert conduct.acts == [7, 1, "core", "e0"]


def test_all_days_behind_the_one_asked_for_are_kept_and_some_before() -> None:
    conduct = conduct_of(customer(*range(100, 200)))
    forget_activity(conduct, 180)
    assert conduct.acts[::4] == list(range(180 - ACTIVITY_DAYS_KEPT + 1, 200))


CLOSED, WORTH = 100, 1_000
DRIFT, SMALL = sorted(DRIFTS)[0], next(what for what in range(len(OUTS)) if what not in DRIFTS)
_DAYS = (CLOSED - 80, CLOSED - 40, CLOSED - 1, CLOSED, CLOSED + 1)
_ENTRIES = [(day, amount, what) for day in _DAYS for amount, what in ((1, SMALL), (WORTH, SMALL), (1, DRIFT))]


@pytest.mark.parametrize("kept_all_from", [CLOSED - 50, CLOSED, CLOSED + 1])
@pytest.mark.parametrize("told", [[], [(CLOSED - 2, WORTH, SMALL)]])
def test_of_money_out_a_closed_day_leaves_what_is_worth_naming(
    told: list[tuple[int, int, int]], kept_all_from: int
) -> None:
    for new in [each for count in (0, 1, 2) for each in product(_ENTRIES, repeat=count)]:
        keep_from = min(kept_all_from, CLOSED + 1) - 30
        flat = [part for day, amount, what in (*told, *new) for part in (day, amount, what, "core", "e")]
        conduct = Conduct([], flat, told=len(told) * OUT, out=sum(amount for _, amount, _ in new))
        forget_outs(conduct, CLOSED, kept_all_from, keep_from, WORTH)
        ahead = [entry for entry in new if entry[0] > CLOSED]
        kept = [
            (day, amount, what)
            for day, amount, what in new
            if day <= CLOSED and (day >= kept_all_from or (day >= keep_from and (amount >= WORTH or what == DRIFT)))
        ]
        found = [tuple(conduct.outs[at : at + 3]) for at in range(0, len(conduct.outs), OUT)]
        assert found == [*told, *kept, *ahead]
        assert conduct.told == len(told + kept) * OUT
        assert conduct.out == sum(amount for _, amount, _ in ahead)
