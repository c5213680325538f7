"""Month to date, projection and top-ups (DOMAIN §3)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.account import Account, month_sum, opened, post, roll
from aggregates.dates import day_of, month_from
from aggregates.outlook import (
    MonthsLeft,
    MonthSoFar,
    TopUp,
    month_end,
    month_so_far,
    months_left,
    outlook,
    top_up_minor,
)
from aggregates.policy import Policy
from aggregates.tiers import ORDINARY, Average, close_month, lapsed, special, vip
from events.decisions import Tier

APRIL = month_from("2026-04")  # 30 days
POLICY = Policy()
GOLD_MINOR = 200_000_00


def account(*movements: tuple[str, int]) -> Account:
    made = opened(0, "deposit", day_of(movements[0][0]), 0)
    for date, delta_minor in movements:
        post(made, day_of(date), delta_minor, APRIL, [])
    return made


WORKED = account(("2026-04-01", 300_000_00), ("2026-04-11", -100_000_00))


@pytest.mark.parametrize(
    ("date", "sum_minor", "balance_minor", "to_date", "projected"),
    [
        ("2026-04-01", 300_000_00, 300_000_00, 300_000_00, 300_000_00),
        ("2026-04-10", 3_000_000_00, 300_000_00, 300_000_00, 300_000_00),
        ("2026-04-11", 3_200_000_00, 200_000_00, 290_909_09, 233_333_33),
        ("2026-04-20", 5_000_000_00, 200_000_00, 250_000_00, 233_333_33),
        ("2026-04-29", 6_800_000_00, 200_000_00, 234_482_76, 233_333_33),
    ],
)
def test_the_worked_month_day_by_day(
    date: str, sum_minor: int, balance_minor: int, to_date: int, projected: int
) -> None:
    so_far = month_so_far([WORKED], day_of(date))
    assert (so_far.sum_minor, so_far.balance_minor) == (sum_minor, balance_minor)
    assert (so_far.to_date_minor, so_far.projected_minor) == (to_date, projected)


@pytest.mark.parametrize("rolled", [False, True])
def test_at_month_end_all_is_said_and_no_top_up_helps(rolled: bool) -> None:
    done = account(("2026-04-01", 300_000_00), ("2026-04-11", -100_000_00), ("2026-05-02", 5))
    if rolled:
        roll(done, APRIL, APRIL, 13)
    so_far = month_so_far([done], day_of("2026-04-30"))
    assert (so_far.sum_minor, so_far.days_left) == (7_000_000_00, 0)
    assert so_far.to_date_minor == so_far.projected_minor == 233_333_33
    assert top_up_minor(so_far, 900_000_00) is None


def test_accounts_are_added_up_and_what_is_dated_later_does_not_count_yet() -> None:
    other = account(("2026-04-05", 10_000_00), ("2026-04-21", 7_000_00))
    so_far = month_so_far([WORKED, other], day_of("2026-04-20"))
    assert (so_far.sum_minor, so_far.balance_minor) == (5_160_000_00, 210_000_00)


def test_the_top_up_that_holds_gold() -> None:
    # (200,000 × 30 − 5,000,000 − 80,000 × 10) ÷ 10
    so_far = MonthSoFar(5_000_000_00, 80_000_00, 20, 30)
    assert top_up_minor(so_far, GOLD_MINOR) == 20_000_00


@pytest.mark.parametrize(
    ("missing", "reaches", "exceeds"),
    [(-31, 0, 0), (-30, 0, 0), (-1, 0, 0), (0, 0, 1), (1, 1, 1), (10, 1, 2), (11, 2, 2)],
)
def test_a_top_up_is_rounded_up_and_never_below_zero(missing: int, reaches: int, exceeds: int) -> None:
    so_far = MonthSoFar(GOLD_MINOR * 30 - missing, 0, 20, 30)
    assert top_up_minor(so_far, GOLD_MINOR) == reaches
    assert top_up_minor(so_far, GOLD_MINOR, above=True) == exceeds


@given(st.integers(0, 10**12), st.integers(-(10**10), 10**10), st.integers(1, 29), st.integers(1, 10**9), st.booleans())
def test_a_top_up_is_just_enough(total: int, balance: int, day: int, threshold: int, above: bool) -> None:
    so_far = MonthSoFar(total, balance, day, 30)
    amount = top_up_minor(so_far, threshold, above=above)
    assert amount is not None

    def met(extra: int) -> bool:
        ends_with = so_far.projected_sum_minor + extra * so_far.days_left
        return ends_with > threshold * 30 if above else ends_with >= threshold * 30

    assert met(amount)
    assert amount == 0 or not met(amount - 1)


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(-(10**9), 10**9)), min_size=1), st.integers(0, 29))
def test_the_month_so_far_is_the_month_of_a_balance_that_stays(moves: Sequence[tuple[int, int]], at: int) -> None:
    first, day = day_of("2026-04-01"), day_of("2026-04-01") + at
    whole, until = opened(0, "deposit", first, 0), opened(0, "deposit", first, 0)
    for offset, delta in moves:
        post(whole, first + offset, delta, APRIL, [])
        if offset <= at:
            post(until, first + offset, delta, APRIL, [])
    so_far = month_so_far([whole], day)
    if so_far.days_left:
        assert so_far.projected_sum_minor == month_sum(until, APRIL)
    else:
        assert so_far.sum_minor == month_sum(whole, APRIL)


NEXT_TO_NOTHING = MonthSoFar(0, 0, 20, 30)


def test_a_vip_holds_the_own_level_and_reaches_the_next() -> None:
    found = outlook(vip("gold"), NEXT_TO_NOTHING, POLICY)
    assert found.hold == TopUp("gold", GOLD_MINOR * 3)
    assert found.reach == TopUp("platinum", 500_000_00 * 3)


def test_nothing_is_above_the_highest_level() -> None:
    found = outlook(vip("private"), NEXT_TO_NOTHING, POLICY)
    assert found.hold == TopUp("private", 6_000_000_00 * 3)
    assert found.reach is None


@pytest.mark.parametrize("tier", [ORDINARY, lapsed(2), special("gold", 1)])
def test_the_entry_level_is_entered_from_outside_by_more_than_its_threshold(tier: object) -> None:
    found = outlook(tier, NEXT_TO_NOTHING, POLICY)  # type: ignore[arg-type]
    assert found.hold is None
    assert found.reach == TopUp("gold", GOLD_MINOR * 3 + 1)


def test_a_special_reaches_its_own_level() -> None:
    assert outlook(special("diamond", 1), NEXT_TO_NOTHING, POLICY).reach == TopUp("diamond", 2_000_000_00 * 3)


@pytest.mark.parametrize("tier", [ORDINARY, lapsed(1), vip("gold"), vip("platinum"), special("platinum", 1)])
def test_the_tier_machine_agrees(tier: object) -> None:
    so_far = MonthSoFar(1_234_567_89, 98_765_43, 17, 30)
    reach = outlook(tier, so_far, POLICY).reach  # type: ignore[arg-type]
    assert reach is not None
    assert reach.amount_minor is not None
    for extra, expected in ((reach.amount_minor, True), (reach.amount_minor - 1, False)):
        average = Average(so_far.projected_sum_minor + extra * so_far.days_left, 30)
        kinds = [move.kind for move in close_month(tier, average, POLICY)]  # type: ignore[arg-type]
        assert bool({"entered", "reentered", "upgraded", "special_ended"} & set(kinds)) is expected


@pytest.mark.parametrize(
    "tier", [ORDINARY, vip("gold"), vip("platinum"), lapsed(1), special("gold", day_of("2026-12-31"))]
)
@pytest.mark.parametrize("balance_minor", [0, 200_000_00, 200_000_01, 700_000_00])
def test_the_month_end_foretold_is_what_the_close_does_if_every_balance_stays(tier: Tier, balance_minor: int) -> None:
    so_far = MonthSoFar(20 * balance_minor, balance_minor, 20, 30)
    assert month_end(tier, so_far, POLICY) == tuple(close_month(tier, Average(30 * balance_minor, 30), POLICY))


def test_the_sixth_month_below_entry_foretells_the_exit() -> None:
    so_far = MonthSoFar(20 * 1_00, 1_00, 20, 30)
    sixth = vip("gold", below_entry=5)
    assert [move.after.state for move in month_end(sixth, so_far, POLICY)] == ["lapsed"]


@pytest.mark.parametrize(
    ("tier", "left"),
    [
        (vip("platinum"), MonthsLeft(3, 6)),
        (vip("platinum", ("gold", None), 1), MonthsLeft(1, 5)),
        (vip("gold", (), 4), MonthsLeft(None, 2)),
    ],
)
def test_the_months_a_vip_has_left(tier: Tier, left: MonthsLeft) -> None:
    assert months_left(tier, POLICY) == left


@pytest.mark.parametrize(
    "tier",
    [
        vip("gold"),
        vip("gold", (), 4),
        vip("platinum"),
        vip("platinum", ("gold", None), 1),
        vip("platinum", (), 2),
        vip("diamond", (None,), 4),
        vip("diamond", (None,), 5),
    ],
)
def test_with_nothing_at_all_a_vip_falls_when_the_months_left_have_passed(tier: Tier) -> None:
    now = tier
    for _ in range(months_left(tier, POLICY).least):
        assert (now.state, now.level) == ("vip", tier.level)
        now = [*close_month(now, Average(0, 30), POLICY)][-1].after
    assert (now.state, now.level) != ("vip", tier.level)
