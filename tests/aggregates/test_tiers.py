"""The tier machine (DOMAIN §4): every rule, every boundary, the worked table."""

import msgspec
import pytest

from aggregates.dates import day_of
from aggregates.policy import Level, Policy
from tests.dsl.tiers import (
    BECAUSE,
    ORDINARY,
    counted,
    given,
    granted,
    lapsed,
    month_closed,
    moved,
    revoked,
    special,
    until_closed,
    vip,
)

GOLD, PLATINUM, DIAMOND, PRIVATE = "gold", "platinum", "diamond", "private"
THRESHOLDS = {GOLD: "200000.00", PLATINUM: "500000.00", DIAMOND: "2000000.00", PRIVATE: "6000000.00"}


# Entering


def test_exactly_the_entry_threshold_does_not_enter() -> None:
    given(ORDINARY).when(month_closed("2026-04", average="200000.00")).then()


@pytest.mark.parametrize("month", ["2026-01", "2026-02", "2026-04", "2028-02"])
def test_one_minor_unit_of_the_sum_above_the_entry_threshold_enters(month: str) -> None:
    above = month_closed(month, average="200000.00", extra_minor=1)
    given(ORDINARY).when(above).then(moved("entered", vip(GOLD)))


@pytest.mark.parametrize("level", [PLATINUM, DIAMOND, PRIVATE])
def test_enters_straight_at_the_level_reached(level: str) -> None:
    given(ORDINARY).when(month_closed("2026-04", average=THRESHOLDS[level])).then(moved("entered", vip(level)))


def test_a_negative_average_leaves_an_ordinary_customer_alone() -> None:
    given(ORDINARY).when(month_closed("2026-04", average="-5.00")).then()


# Holding and rising


@pytest.mark.parametrize("level", THRESHOLDS)
def test_a_level_is_held_at_exactly_its_threshold(level: str) -> None:
    given(vip(level)).when(month_closed("2026-04", average=THRESHOLDS[level])).then()


@pytest.mark.parametrize("level", [PLATINUM, DIAMOND, PRIVATE])
def test_one_minor_unit_below_the_own_threshold_starts_the_watch(level: str) -> None:
    below = month_closed("2026-04", average=THRESHOLDS[level], extra_minor=-1)
    lower = {PLATINUM: GOLD, DIAMOND: PLATINUM, PRIVATE: DIAMOND}[level]
    given(vip(level)).when(below).then(moved("watch_started", vip(level, [lower])))


def test_upgrades_straight_to_the_level_reached() -> None:
    given(vip(GOLD)).when(month_closed("2026-04", average="6000000.00")).then(moved("upgraded", vip(PRIVATE)))


def test_one_minor_unit_below_the_next_threshold_does_not_upgrade() -> None:
    given(vip(GOLD)).when(month_closed("2026-04", average="500000.00", extra_minor=-1)).then()


def test_holding_clears_the_watch_and_the_months_below_entry() -> None:
    spec = given(vip(DIAMOND, [None, None], below=4)).when(month_closed("2026-04", average="2000000.00"))
    spec.then(moved("watch_cleared", vip(DIAMOND)))


def test_a_watch_is_cleared_before_the_upgrade() -> None:
    spec = given(vip(PLATINUM, [GOLD, None], below=1)).when(month_closed("2026-04", average="2000000.00"))
    spec.then(moved("watch_cleared", vip(PLATINUM)), moved("upgraded", vip(DIAMOND)))


def test_months_below_entry_alone_reset_without_a_tier_change() -> None:
    given(vip(GOLD, below=5)).when(month_closed("2026-04", average="200000.00")).then(counted(vip(GOLD)))


def test_an_upgrade_resets_the_months_below_entry_too() -> None:
    given(vip(GOLD, below=5)).when(month_closed("2026-04", average="500000.00")).then(moved("upgraded", vip(PLATINUM)))


# The watch


def test_the_second_month_of_a_watch_is_no_tier_change() -> None:
    spec = given(vip(DIAMOND, [PLATINUM])).when(month_closed("2026-03", average="550000.00"))
    spec.then(counted(vip(DIAMOND, [PLATINUM, PLATINUM])))


@pytest.mark.parametrize(
    ("watch", "average", "level"),
    [
        ([PLATINUM, GOLD], "100.00", PLATINUM),
        ([GOLD, None], "500000.00", PLATINUM),
        ([None, GOLD], "199999.99", GOLD),
        ([GOLD, GOLD], "1999999.99", PLATINUM),
    ],
)
def test_three_months_of_watch_downgrade_to_the_best_of_them(watch: list[str | None], average: str, level: str) -> None:
    below = 1 if average in ("100.00", "199999.99") else 0
    spec = given(vip(DIAMOND, watch)).when(month_closed("2026-04", average=average))
    spec.then(moved("downgraded", vip(level, below=below), 3))


def test_nothing_reached_in_three_months_downgrades_to_the_lowest_level_and_goes_on_counting() -> None:
    spec = given(vip(PRIVATE, [None, None], below=2)).when(month_closed("2026-04", average="0.00"))
    spec.then(moved("downgraded", vip(GOLD, below=3), 3))


def test_after_a_downgrade_the_watch_starts_anew() -> None:
    spec = given(vip(PRIVATE, [DIAMOND, DIAMOND])).when(month_closed("2026-04", average="2000000.00"))
    spec.then(moved("downgraded", vip(DIAMOND), 3))
    spec.when(month_closed("2026-05", average="600000.00")).then(moved("watch_started", vip(DIAMOND, [PLATINUM])))


def test_the_lowest_level_has_no_watch() -> None:
    given(vip(GOLD)).when(month_closed("2026-04", average="199999.99")).then(counted(vip(GOLD, below=1)))


def test_a_month_at_entry_resets_the_months_below_entry_within_the_watch() -> None:
    spec = given(vip(DIAMOND, [None], below=3)).when(month_closed("2026-04", average="200000.00"))
    spec.then(counted(vip(DIAMOND, [None, GOLD], below=0)))


# Leaving


def test_six_months_below_entry_lapse() -> None:
    spec = given(vip(GOLD, below=5)).when(month_closed("2026-04", average="199999.99"))
    spec.then(moved("lapsed", lapsed(2), 6))


def test_one_minor_unit_below_entry_counts_as_below() -> None:
    spec = given(vip(GOLD, below=5)).when(month_closed("2026-04", average="200000.00", extra_minor=-1))
    spec.then(moved("lapsed", lapsed(2), 6))


def test_lapsing_goes_before_a_downgrade_that_is_due_in_the_same_month() -> None:
    spec = given(vip(DIAMOND, [None, None], below=5)).when(month_closed("2026-04", average="0.00"))
    spec.then(moved("lapsed", lapsed(2), 6))


def test_lapsing_goes_before_a_watch_that_would_start() -> None:
    given(vip(DIAMOND, below=5)).when(month_closed("2026-04", average="0.00")).then(moved("lapsed", lapsed(2), 6))


def test_grace_runs_down_to_ordinary() -> None:
    spec = given(lapsed(2)).when(month_closed("2026-04", average="200000.00")).then(counted(lapsed(1)))
    spec.when(month_closed("2026-05", average="0.00")).then(moved("exited", ORDINARY, 2))


@pytest.mark.parametrize("grace_left", [1, 2])
def test_a_lapsed_customer_reenters_straight_at_the_level_reached(grace_left: int) -> None:
    spec = given(lapsed(grace_left)).when(month_closed("2026-04", average="2000000.00"))
    spec.then(moved("reentered", vip(DIAMOND)))


def test_exactly_the_entry_threshold_does_not_reenter() -> None:
    given(lapsed(1)).when(month_closed("2026-04", average="200000.00")).then(moved("exited", ORDINARY, 2))


# The worked table


def test_the_worked_table_of_a_year() -> None:
    spec = given(ORDINARY)
    spec.when(month_closed("2026-01", average="2100000.00")).then(moved("entered", vip(DIAMOND)))
    spec.when(month_closed("2026-02", average="600000.00")).then(moved("watch_started", vip(DIAMOND, [PLATINUM])))
    spec.when(month_closed("2026-03", average="550000.00")).then(counted(vip(DIAMOND, [PLATINUM, PLATINUM])))
    spec.when(month_closed("2026-04", average="580000.00")).then(moved("downgraded", vip(PLATINUM), 3))
    spec.when(month_closed("2026-05", average="580000.00")).then()
    spec.when(month_closed("2026-06", average="100000.00")).then(moved("watch_started", vip(PLATINUM, [None], below=1)))
    spec.when(month_closed("2026-07", average="100000.00")).then(counted(vip(PLATINUM, [None, None], below=2)))
    spec.when(month_closed("2026-08", average="100000.00")).then(moved("downgraded", vip(GOLD, below=3), 3))
    spec.when(month_closed("2026-09", average="100000.00")).then(counted(vip(GOLD, below=4)))
    spec.when(month_closed("2026-10", average="100000.00")).then(counted(vip(GOLD, below=5)))
    spec.when(month_closed("2026-11", average="100000.00")).then(moved("lapsed", lapsed(2), 6))
    spec.when(month_closed("2026-12", average="300000.00")).then(moved("reentered", vip(GOLD)))


# Special VIP


@pytest.mark.parametrize("before", [ORDINARY, lapsed(1), special(GOLD, "2026-03-01", [BECAUSE])])
def test_a_grant_replaces_what_is_no_vip(before: object) -> None:
    spec = given(before).when(granted(DIAMOND, "2026-01-10", open_day="2026-01-10"))  # type: ignore[arg-type]
    spec.then(moved("special_granted", special(DIAMOND, "2027-01-10")))


def test_a_grant_on_a_vip_changes_nothing() -> None:
    given(vip(GOLD, below=3)).when(granted(DIAMOND, "2026-01-10", open_day="2026-01-10")).then()


def test_a_grant_counts_its_year_from_its_value_date_also_when_it_comes_later() -> None:
    spec = given(ORDINARY).when(granted(GOLD, "2026-01-10", open_day="2026-03-05"))
    spec.then(moved("special_granted", special(GOLD, "2027-01-10")))


def test_a_grant_on_29_february_ends_on_the_28th() -> None:
    spec = given(ORDINARY).when(granted(GOLD, "2028-02-29", open_day="2028-02-29"))
    spec.then(moved("special_granted", special(GOLD, "2029-02-28")))


def test_a_grant_of_four_years_from_29_february_ends_on_the_29th() -> None:
    four = Policy(special_years=4)
    spec = given(ORDINARY, four).when(granted(GOLD, "2028-02-29", open_day="2028-02-29"))
    spec.then(moved("special_granted", special(GOLD, "2032-02-29")))


@pytest.mark.parametrize(("value_date", "until"), [("2026-03-01", "2026-03-05"), ("2026-03-09", "2026-03-09")])
def test_a_revocation_ends_a_special_on_the_later_of_value_date_and_open_day(value_date: str, until: str) -> None:
    spec = given(special(GOLD, "2027-01-10")).when(revoked(value_date, open_day="2026-03-05"))
    spec.then(counted(special(GOLD, until, [BECAUSE])))


@pytest.mark.parametrize("value_date", ["2027-01-10", "2027-02-01"])
def test_a_revocation_that_shortens_nothing_is_no_cause(value_date: str) -> None:
    given(special(GOLD, "2027-01-10")).when(revoked(value_date, open_day="2026-03-05")).then()


@pytest.mark.parametrize("before", [ORDINARY, vip(GOLD), lapsed(2)])
def test_a_revocation_of_no_special_changes_nothing(before: object) -> None:
    given(before).when(revoked("2026-03-05", open_day="2026-03-05")).then()  # type: ignore[arg-type]


def test_a_month_that_reaches_the_special_level_converts_to_vip() -> None:
    spec = given(special(PLATINUM, "2027-01-10")).when(month_closed("2026-04", average="500000.00"))
    spec.then(moved("special_ended", vip(PLATINUM)))


def test_a_month_above_the_special_level_converts_to_the_level_reached() -> None:
    spec = given(special(PLATINUM, "2027-01-10")).when(month_closed("2026-04", average="6000000.00"))
    spec.then(moved("special_ended", vip(PRIVATE)))


def test_a_month_below_the_special_level_changes_nothing() -> None:
    given(special(PLATINUM, "2027-01-10")).when(month_closed("2026-04", average="499999.99")).then()


def test_exactly_the_entry_threshold_does_not_convert() -> None:
    given(special(GOLD, "2027-01-10")).when(month_closed("2026-04", average="200000.00")).then()
    spec = given(special(GOLD, "2027-01-10")).when(month_closed("2026-04", average="200000.00", extra_minor=1))
    spec.then(moved("special_ended", vip(GOLD)))


@pytest.mark.parametrize(
    ("last_month", "average", "after"),
    [
        ("2026-04", "200000.01", vip(GOLD)),
        ("2026-04", "200000.00", ORDINARY),
        ("2026-04", "2000000.00", vip(DIAMOND)),
        (None, "0.00", ORDINARY),
    ],
)
def test_the_end_by_date_looks_at_the_last_closed_month(last_month: str | None, average: str, after: object) -> None:
    spec = given(special(PRIVATE, "2026-05-10")).when(until_closed(last_month=last_month, average=average))
    spec.then(moved("special_ended", after))  # type: ignore[arg-type]


# Other policies


TWO_LEVELS = (Level("silver", 1_000_00), Level("jade", 3_000_00))


def test_windows_of_one_month_never_watch() -> None:
    strict = Policy(ladder=TWO_LEVELS, watch_months=1, exit_months=2, grace_months=1)
    spec = given(vip("jade"), strict).when(month_closed("2026-01", average="2999.99"))
    spec.then(moved("downgraded", vip("silver"), 1))
    spec.when(month_closed("2026-02", average="10.00")).then(counted(vip("silver", below=1)))
    spec.when(month_closed("2026-03", average="10.00")).then(moved("lapsed", lapsed(1), 2))
    spec.when(month_closed("2026-04", average="10.00")).then(moved("exited", ORDINARY, 1))


def test_a_shorter_exit_window_of_a_new_policy_lapses_whoever_is_beyond_it() -> None:
    spec = given(vip(GOLD, below=4), Policy(exit_months=3)).when(month_closed("2026-01", average="10.00"))
    spec.then(moved("lapsed", lapsed(2), 5))


def test_a_shorter_watch_of_a_new_policy_downgrades_whoever_is_beyond_it() -> None:
    spec = given(vip(DIAMOND, [GOLD, GOLD, GOLD]), Policy(watch_months=2))
    spec.when(month_closed("2026-01", average="500000.00")).then(moved("downgraded", vip(PLATINUM), 4))


def test_a_ladder_of_one_level_only_counts_months_below() -> None:
    one = Policy(ladder=TWO_LEVELS[:1])
    given(vip("silver"), one).when(month_closed("2026-01", average="999.99")).then(counted(vip("silver", below=1)))


def test_the_level_of_a_special_is_judged_by_the_policy_of_the_month() -> None:
    raised = Policy(ladder=(Level(GOLD, 200_000_00), Level(PLATINUM, 900_000_00)))
    given(special(PLATINUM, "2027-01-10"), raised).when(month_closed("2026-01", average="899999.99")).then()


def test_a_tier_is_a_value() -> None:
    assert vip(GOLD, [None], 1) == vip(GOLD, [None], 1) != vip(GOLD, [GOLD], 1)
    assert msgspec.json.decode(
        msgspec.json.encode(special(GOLD, "2026-01-01", [BECAUSE])), type=type(ORDINARY)
    ) == special(GOLD, "2026-01-01", [BECAUSE])
    assert special(GOLD, "2026-01-01").until == day_of("2026-01-01")
